"""The files that sources read, on disk and in S3: finding them, opening them; what is in them, `pipeline.reading` tells.

A place is a file, a folder (of S3 a prefix, of which all below is meant), or a pattern as a shell has it: `*` ends at a slash,
`**` does not. It means the same on disk and after `s3://bucket/`.
"""

from __future__ import annotations

import fnmatch
import glob
import io
import logging
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from pipeline.errors import SourceError
from pipeline.interval import Interval
from pipeline.reading import sheet
from pipeline.reading.sheet import Choice, Sheet, read_pieces, read_sheet
from pipeline.sources import _aws

log = logging.getLogger(__name__)
T = TypeVar("T")

S3 = "s3://"
# How AWS and Azure call the folder of one execution: a UUID, or a moment that one may follow.
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_EXECUTION = re.compile(rf"{_UUID}|\d{{4}}-?\d\d-?\d\dT[\d:.-]+Z?(-{_UUID})?", re.IGNORECASE)
# Bytes of an object that are asked for at once.
_RANGE = 1 << 18
_CODES = ("%Y", "%m", "%d", "%H")


def _as_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


#: A path, or an address as s3://bucket/key: of a file, a folder, or a pattern of files.
Location = Annotated[str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=1000)]
WHERE = "a path or s3://bucket/key, of a file, a folder or a pattern"
DATED = "%Y, %m, %d and %H stand for the hours of the interval and the one after it"


class Stored(BaseModel):
    """Options of every source that reads files: how S3 is asked, where they lie there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    s3_region: _aws.Region = Field(default="us-east-1", description="Region of the S3 buckets.")
    s3_role: _aws.Role | None = Field(default=None, description="Role to assume for reading S3; unset: one's own credentials.")
    endpoint_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="Another address for S3 and STS, for emulators; empty means AWS."
    )
    timeout_s: int = Field(default=30, ge=1, le=600, description="Seconds to wait for AWS's answer.")
    attempts: int = Field(default=6, ge=1, le=15, description="Attempts per AWS call.")


@dataclass(frozen=True, order=True)
class File:
    """One file as it was found.

    Attributes:
        name: its path, or its address in S3.
        version: what changes when the file does: modification time and size, or the object's ETag and size.
        written_at: when it was, in UTC, by the clock of the disk or of S3.
    """

    name: str
    version: tuple[str, int]
    written_at: datetime = field(default=datetime.min, compare=False)


def find(
    source: str, place: str, stored: Stored, suffixes: tuple[str, ...] = (), interval: Interval | None = None
) -> tuple[File, ...]:
    """The files of a place, in the order of their names.

    Args:
        suffixes: how their names may end; empty means that all are read.
        interval: for whose hours a dated pattern stands; None for all times.

    Raises:
        ConfigError: S3 does not let one look.
        SourceError: there is none, or the one that is named is of another kind.
    """
    what = "object" if place.startswith(S3) else "file"
    names = _dated(place, interval)
    found = _objects(source, names, stored) if place.startswith(S3) else _on_disk(names)
    kept = sorted(file for file in found if not suffixes or file.name.endswith(suffixes))
    if not found:
        asked = f" for {interval}" if interval and names != [place] else ""
        raise SourceError(f"{source}: no {what} matches {place}{asked}" if _is_pattern(names[0]) else f"{place}: no such {what}")
    if not kept:
        raise SourceError(f"{place}: expected a name ending in {', '.join(suffixes)}; {len(found)} {what}s end otherwise")
    if len(kept) < len(found):
        log.info("%s: %d of %d files are read, those that end in %s", place, len(kept), len(found), ", ".join(suffixes))
    return tuple(kept)


def read_whole(place: str, find_files: Callable[[], tuple[File, ...]], read_files: Callable[[tuple[File, ...]], T]) -> T:
    """What all files of a place say together, found before and after they are read: none of them is of another moment.

    Raises:
        SourceError: one was replaced meanwhile, so that what was read lacks, or has twice, what the others say.
    """
    found = find_files()
    said = read_files(found)
    if find_files() != found:
        raise SourceError(f"{place}: was replaced while it was read; nothing is landed, the next try reads the new one")
    return said


def shard_of(place: str) -> str:
    """The name under which what a place holds is landed: its last part."""
    return PurePosixPath(place).name or place


def has_files_by_day(place: str) -> bool:
    """Whether of an interval only the files of its days are found."""
    return "%d" in place or "%H" in place


def name_of(place: str) -> str:
    """What a place is called from one load to the next: its whole path, without the id of an export's execution."""
    whole = place if place.startswith(S3) else os.path.abspath(place)  # noqa: PTH100 a pattern is no path
    return "/".join(part for part in whole.rstrip("/").split("/") if not _EXECUTION.fullmatch(part))


def stored_of(options: Stored) -> Stored:
    """Those of a source's options that say how S3 is asked."""
    return Stored(**{name: getattr(options, name) for name in Stored.model_fields})


@contextmanager
def opened(source: str, file: File, stored: Stored) -> Iterator[IO[bytes]]:
    """The bytes of a file.

    Raises:
        ConfigError: S3 refuses them.
        SourceError: they cannot be read.
    """
    try:
        with tempfile.TemporaryFile() if file.name.startswith(S3) else Path(file.name).open("rb") as stream:
            if file.name.startswith(S3):
                _place(source, stored).download(*_bucket_and_key(file.name), stream)
            yield stream
    except OSError as error:
        raise SourceError(f"{source}: {file.name} cannot be read: {error.strerror or error}") from None


def read(source: str, file: File, stored: Stored) -> Sheet:
    """The whole file.

    Raises:
        ConfigError: S3 refuses it.
        SourceError: it is unreadable.
        DataError: it is not what its name says, or its header or a row is malformed; the message names the line.
    """
    try:
        if not file.name.startswith(S3):
            return read_sheet(file.name, lambda: Path(file.name).open("rb"))
        with opened(source, file, stored) as stream:
            content = stream.read()
        return read_sheet(file.name, lambda: io.BytesIO(content))
    except (OSError, EOFError) as error:
        raise SourceError(f"{file.name}: {error}") from error


def read_in_pieces(
    source: str, file: File, stored: Stored, choose: Choice | None = None, names: Sequence[str] = ()
) -> Iterator[Sheet]:
    """The file piece by piece, see `read_pieces`; raises as `read` does."""
    try:
        with _on_this_disk(source, file, stored) as path:
            yield from read_pieces(file.name, lambda: path.open("rb"), choose, names)
    except (OSError, EOFError) as error:
        raise SourceError(f"{file.name}: {error}") from error


def peek(source: str, file: File, stored: Stored) -> tuple[list[str], bool]:
    """The names of a file's columns, and whether it has rows; of an object the bytes that say it. Raises as `read` does."""
    try:
        if not file.name.startswith(S3):
            return sheet.peek(file.name, lambda: Path(file.name).open("rb"))
        return sheet.peek(file.name, lambda: io.BufferedReader(_Ranged(source, file, stored), _RANGE))
    except (OSError, EOFError) as error:
        raise SourceError(f"{file.name}: {error}") from error


class _Ranged(io.RawIOBase):
    """An object whose bytes are asked for as they are read."""

    def __init__(self, source: str, file: File, stored: Stored) -> None:
        self._place, self._at, self._size = _place(source, stored), 0, file.version[1]
        self._bucket, self._key = _bucket_and_key(file.name)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, into: Any) -> int:
        end = min(self._at + len(into), self._size)
        if end <= self._at:
            return 0
        read = self._place.read_range(self._bucket, self._key, self._at, end)
        into[: len(read)] = read
        self._at += len(read)
        return len(read)


@contextmanager
def _on_this_disk(source: str, file: File, stored: Stored) -> Iterator[Path]:
    if not file.name.startswith(S3):
        yield Path(file.name)
        return
    with tempfile.NamedTemporaryFile() as copy:
        _place(source, stored).download(*_bucket_and_key(file.name), copy)
        copy.flush()
        yield Path(copy.name)


def _dated(place: str, interval: Interval | None) -> list[str]:
    """The place for each hour of the interval and the one after it, in which the last lines may be written."""
    if not any(code in place for code in _CODES):
        return [place]
    if interval is None:
        every_one = re.sub("|".join(_CODES), "*", place.rstrip("/"))
        # A dated folder means what is below, as it does of one interval.
        return [every_one] if _is_pattern(place) else [every_one, f"{every_one}/**"]
    hours = math.ceil((interval.end - interval.start) / timedelta(hours=1)) + 2
    every = 1 if "%H" in place else min(24, hours - 1)
    names = set()
    for hour in (*range(0, hours, every), hours - 1):
        name = place
        for code in _CODES:
            name = name.replace(code, (interval.start + timedelta(hours=hour)).strftime(code))
        names.add(name)
    return sorted(names)


def _is_pattern(name: str) -> bool:
    return re.search(r"[*?\[]", name) is not None


def _on_disk(names: list[str]) -> set[File]:
    found: set[str] = set()
    for name in names:
        # What there is by that very name is meant: brackets are common in names. Path.glob takes no absolute pattern.
        if Path(name).is_dir():
            found.update(map(str, Path(name).rglob("*")))
        else:
            found.update([name] if Path(name).exists() else glob.glob(name, recursive=True))  # noqa: PTH207
    return {
        File(name, (str(stat.st_mtime_ns), stat.st_size), datetime.fromtimestamp(stat.st_mtime, UTC).replace(tzinfo=None))
        for name in found
        if Path(name).is_file() and (stat := Path(name).stat())
    }


def _objects(source: str, names: list[str], stored: Stored) -> set[File]:
    found: set[File] = set()
    for name in names:
        bucket, key = _bucket_and_key(name)
        prefix = re.split(r"[*?\[]", key)[0]
        listed = _place(source, stored).listed("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        # A key that ends in a slash is a folder that a console drew.
        every = {one["Key"]: one for one in listed if not one["Key"].endswith("/")}
        below = f"{key}/" if key and not key.endswith("/") else key
        if key in every:
            meant = [key]
        elif _is_pattern(key):
            meant = [each for each in every if _matches(each.split("/"), key.split("/"))]
        else:
            meant = [each for each in every if each.startswith(below)]
        found |= {_object(bucket, every[each]) for each in meant}
    return found


def _object(bucket: str, listed: dict[str, Any]) -> File:
    written_at = listed["LastModified"].astimezone(UTC).replace(tzinfo=None)
    return File(f"{S3}{bucket}/{listed['Key']}", (listed.get("ETag", ""), listed.get("Size", 0)), written_at)


def _bucket_and_key(name: str) -> tuple[str, str]:
    bucket, _, key = name.removeprefix(S3).partition("/")
    return bucket, key


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether the parts of a key are those that a shell would find by the pattern's, were it a path."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:] or ["*"]) for skipped in range(len(parts)))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


@lru_cache(maxsize=4)
def _place(source: str, stored: Stored) -> _aws.Place:
    aws = _aws.AwsOptions(
        regions=(stored.s3_region,),
        roles=(stored.s3_role,) if stored.s3_role else (),
        endpoint_url=stored.endpoint_url,
        timeout_s=stored.timeout_s,
        attempts=stored.attempts,
    )
    [place] = _aws.places(source, aws)
    return place
