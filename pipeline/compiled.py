"""Functions that work value by value, compiled when they are first called, and kept on disk for later processes."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.compiler_lock import global_compiler_lock

F = TypeVar("F", bound=Callable[..., object])
_HERE = Path(__file__)
_held: set[Path] = set()


def compiled(function: F) -> F:
    """The function as machine code; kept where numba finds a folder for it, or made anew in each process."""
    return _compile(function, set())


def added(function: F) -> F:
    """The same of a sum, whose terms may be added in any order: several at a time."""
    return _compile(function, {"reassoc", "contract", "nsz"})


@cache
def hash_sources(folder: Path) -> str:
    """Of what the functions of a folder may be compiled from: its files, the catalogue of features, and how it is done."""
    files = [*sorted(folder.glob("*.py")), _HERE.parent / "tables" / "catalogue.py", _HERE]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _compile(function: F, fastmath: set[str]) -> F:
    try:
        made: Any = numba.njit(function, cache=True, error_model="numpy", fastmath=fastmath)
    except RuntimeError:  # neither beside the source nor at home may anything be written
        return cast(F, numba.njit(function, error_model="numpy", fastmath=fastmath))
    # By itself numba looks at the function's own file alone, but what it calls and the constants that it takes are compiled in.
    made._cache._cache_file._source_stamp = hash_sources(Path(inspect.getfile(function)).parent)
    lock, compile_now = Path(made._cache.cache_path, f"{made._cache._impl.filename_base}.lock"), made.compile

    def compile_once(signature: Any) -> Any:
        with global_compiler_lock, _alone(lock):
            # It looks on disk first.
            return compile_now(signature)

    made.compile = compile_once
    return cast(F, made)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process compiles the same: a step's shards begin at once, and each would compile for many seconds.

    Who cannot write there keeps nothing and waits for nobody. Only one thread at a time comes here.
    """
    import fcntl

    try:
        file = None if lock in _held else lock.open("w")
    except OSError:
        file = None
    if file is None:
        yield
        return
    with file:
        # Not every network drive has locks.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(lock)
        try:
            yield
        finally:
            _held.discard(lock)
            # A process that was forked meanwhile has the open file, too: closed here alone, it would stay locked.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)
