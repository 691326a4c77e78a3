"""Opening the files that sources read; what is in them, `pipeline.reading` tells."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import SourceError
from pipeline.reading.sheet import SUFFIXES, Sheet, read_sheet


def read(path: Path) -> Sheet:
    """The whole file.

    Raises:
        SourceError: the file is missing, unreadable or of another kind.
        DataError: it is not what its name says, or its header or a row is malformed; the message names the line.
    """
    if not path.name.endswith(SUFFIXES):
        raise SourceError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        return read_sheet(str(path), lambda: path.open("rb"))
    except (OSError, EOFError) as error:
        raise SourceError(f"{path}: {error}") from error


def version(path: Path) -> tuple[int, int] | None:
    """What changes when the file does: modification time and size, or None where there is no file."""
    if not path.exists():
        return None
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
