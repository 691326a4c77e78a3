"""The ledger of landings: what was landed when, in an order that no clock decides.

An event is one small object below `ledger/`, put once and never changed; its name says all that a landing has to know, so that
who lands may list the ledger, and read nothing of the lake. Numbers count up by table and day: the newest landing is the one that
counts, also where it says again what an earlier one said, and where a clock ran ahead.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

from pipeline.lake.storage import Storage
from pipeline.tables.schema import Table

FOLDER = "ledger"
SUFFIX = ".json"
# In a name, to the microsecond.
STAMP = "%Y%m%dT%H%M%S%f"
_EVENT = re.compile(r"\d{8,}\.\d{8}T\d{12}\.[0-9a-f]{16}\.[0-9a-f]{64}\.[0-9a-f]{32}\.json")
# Rows that lie further ahead of their landing are refused (views.metric_point).
AHEAD = timedelta(days=1)
# Clocks of machines that are kept in time differ by less.
SKEW = timedelta(minutes=5)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Landing:
    """One landing of one payload on one day.

    Attributes:
        sequence: its number among the landings of the table and day; two that landed at the same moment may share one.
        landed_at: what the clock said.
        owner: who landed it: a hash of source and shard.
        load_id: the payload.
        digest: of the object's bytes.
    """

    sequence: int
    landed_at: datetime
    owner: str
    load_id: str
    digest: str

    @property
    def name(self) -> str:
        """Of the event in the ledger."""
        return f"{self.sequence:08d}.{self.landed_at.strftime(STAMP)}.{self.owner}.{self.load_id}.{self.digest}{SUFFIX}"

    @property
    def object_name(self) -> str:
        """Of the object in bronze."""
        return object_name(self.load_id, self.sequence, self.digest)


def object_name(load_id: str, sequence: int, digest: str) -> str:
    """The payload, its number and the hash of its bytes, which whoever reads the object holds it to."""
    return f"{load_id}.{sequence:08d}.{digest}.parquet"


def digest_of(file: str) -> str:
    """The hash in an object's name; empty for what was landed before there was a ledger."""
    parts = file.rsplit("/", 1)[-1].split(".")
    return parts[2] if len(parts) == 4 else ""


def digest(content: bytes) -> str:
    """The first half of the sha256, as names have it."""
    return hashlib.sha256(content).hexdigest()[:32]


def digest_of_stream(stream: IO[bytes]) -> str:
    """The same of what a stream gives, which is never whole in memory."""
    hashed = hashlib.sha256()
    while piece := stream.read(1 << 20):
        hashed.update(piece)
    return hashed.hexdigest()[:32]


def owner_of(source: str, shard: str) -> str:
    return hashlib.sha256(f"{source}\0{shard}".encode()).hexdigest()[:16]


def read(table: Table, days: Iterable[str], storage: Storage) -> dict[str, list[Landing]]:
    """The landings of each day, in order of their numbers."""
    folder = f"{storage.root}/{FOLDER}/{table.short_name}"
    wanted = sorted(days)
    # One listing of everything costs less than one of each of many days.
    listed = (
        storage.list_files(folder, SUFFIX)
        if len(wanted) > 31
        else [file for day in wanted for file in storage.list_files(f"{folder}/day={day}", SUFFIX)]
    )
    found: dict[str, list[Landing]] = {day: [] for day in wanted}
    for file in listed:
        _, day, name = file.rsplit("/", 2)
        landing = _parsed(name)
        if landing is None:
            log.warning("%s is no event of the ledger, and is left aside", file)
        elif day.removeprefix("day=") in found:
            found[day.removeprefix("day=")].append(landing)
    return found


def list_days(table: Table, storage: Storage) -> list[str]:
    """The days of which anything was landed in a table, in order."""
    folders = storage.list_folders(f"{storage.root}/{FOLDER}/{table.short_name}")
    return [name.removeprefix("day=") for name in folders if name.startswith("day=")]


def write(table: Table, day: str, landing: Landing, source: str, shard: str, rows: int, storage: Storage) -> None:
    """Add an event. The object it names must lie in bronze already: an event without an object would stand for nothing."""
    said = {"table": table.name, "day": day, "source": source, "shard": shard, "rows": rows, "object": landing.object_name}
    path = storage.path(FOLDER, table.short_name, f"day={day}", landing.name)
    storage.write_once(path, json.dumps(said | {"landed_at": landing.landed_at.isoformat()}).encode())


def newest(landings: Iterable[Landing], owner: str) -> Landing | None:
    """The landing of one source and shard that counts."""
    own = [each for each in landings if each.owner == owner]
    return max(own, key=lambda each: (each.sequence, each.landed_at, each.load_id), default=None)


def warn_of_skew(table: Table, day: str, landings: Iterable[Landing], now: datetime) -> None:
    """Say where the clock runs behind an earlier landing: one of the two was wrong, and the order of landing decides."""
    latest = max((each.landed_at for each in landings), default=now)
    if latest > now + SKEW:
        log.warning(
            "%s day %s: this machine's clock says %s, an earlier landing %s: one of the two is wrong. What is landed now counts.",
            *(table.name, day, now.isoformat(timespec="seconds"), latest.isoformat(timespec="seconds")),
        )


def misdated(landing: Landing, newest_row: datetime, now: datetime) -> bool:
    """Whether rows were refused as lying in the future, because the clock that landed them was behind, and no longer would be."""
    return landing.landed_at + AHEAD < newest_row <= now + AHEAD


def source_of(file: str, storage: Storage) -> str:
    """The source that landed an object, by the ledger; empty where it does not say, or may not be read."""
    _, table, day, name = file.rsplit("/", 3)
    with suppress(OSError, ValueError, KeyError):
        for event in storage.list_files(f"{storage.root}/{FOLDER}/{table}/{day}", SUFFIX):
            landing = _parsed(event.rsplit("/", 1)[1])
            if landing is not None and landing.object_name == name:
                with storage.filesystem.open_input_file(event) as stream:
                    return str(json.loads(stream.read())["source"])
    return ""


def _parsed(name: str) -> Landing | None:
    """The landing that a name stands for; None for what somebody else put there."""
    if not _EVENT.fullmatch(name):
        return None
    sequence, stamp, owner, load_id, digest = name.removesuffix(SUFFIX).split(".")
    return Landing(int(sequence), datetime.strptime(stamp, STAMP), owner, load_id, digest)
