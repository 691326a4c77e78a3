"""Errors of this machine's disk, in Headroom's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from pipeline.errors import ResourceError

# As the operating system, Arrow and SQLite say it.
_FULL = re.compile(r"no space left|disk is full|quota exceeded|file too large|disk I/O error", re.IGNORECASE)
# SQLite does not say why it could not open its journal.
_UNOPENED = re.compile(r"unable to open database file", re.IGNORECASE)
_REFUSED = re.compile(r"read-only file system|readonly database|permission denied|operation not permitted", re.IGNORECASE)


@contextmanager
def explain_errors(what: str) -> Iterator[None]:
    """Say what the disk refused, and about what.

    Raises:
        ResourceError: it is full, or may not be written, or one of both.
    """
    try:
        yield
    except (OSError, DBAPIError) as error:
        said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        if _FULL.search(said):
            raise ResourceError(f"{what}: the disk is full or fails; nothing was published: {said}") from error
        if _REFUSED.search(said):
            raise ResourceError(f"{what}: this process may not write here: {said}") from error
        if _UNOPENED.search(said):
            raise ResourceError(f"{what}: the disk is full, or this process may not write here: {said}") from error
        raise
