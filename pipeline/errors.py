"""What can go wrong, by what the reader can do about it."""

import difflib
from collections.abc import Iterable


class HeadroomError(Exception):
    """Base of every error that Headroom raises on purpose; its text is meant for people."""


class ConfigError(HeadroomError):
    """A setting, option or argument is unknown or out of bounds. Fix it and start again."""


class DataError(HeadroomError):
    """The data is not what its table declares. Retrying cannot help; nothing was published."""


class ResourceError(HeadroomError):
    """This machine has not enough memory or disk, or may not write. Nothing was published; make room and run it again."""


class DamagedError(DataError):
    """A stored file is missing or is not what was written. Nothing is read from it; write it again.

    Attributes:
        location: the file.
    """

    def __init__(self, location: str, trouble: str) -> None:
        super().__init__(f"{location} {trouble}: the file is damaged")
        self.location = location


class PartialError(HeadroomError):
    """Some parts of a step's work failed; all others are published, and of these the last good rows. No retry is needed for them.

    Attributes:
        rows: that the step stands for all the same.
    """

    def __init__(self, message: str, rows: int) -> None:
        super().__init__(message)
        self.rows = rows


class ConflictError(HeadroomError):
    """Another writer published the same scope meanwhile. Run the step again on what it published."""


class SourceError(HeadroomError):
    """A source is down or answered in part. Retrying later may help; nothing was landed."""


def suggestion(given: str, known: Iterable[str], rest: str = "") -> str:
    """The end of a message about a name that is not known: what may have been meant, and `rest`, which tells what there is."""
    close = difflib.get_close_matches(given, list(known), n=1)
    if not close:
        return f"; {rest}" if rest else ""
    return f"; did you mean {close[0]!r}? {rest[:1].upper()}{rest[1:]}".rstrip()
