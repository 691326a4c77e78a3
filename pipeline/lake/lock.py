"""One process at a time, on this machine."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until no other process is inside with the same file; it is made where it is missing, and stays.

    A process that dies lets go of it. Who may not write there waits for nobody: it cannot make anything either.
    """
    import fcntl

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("w")
    except PermissionError:
        yield
        return
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
