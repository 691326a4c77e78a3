"""Which executions of exports lie in a place: what their manifests name, and of a place without one all of its files."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.errors import DataError, GoneError, SourceError
from pipeline.interval import Interval
from pipeline.reading.sheet import SUFFIXES
from pipeline.sources import _files

log = logging.getLogger(__name__)
#: Of the folder in which Data Exports keeps what belongs to one billing period, and of a legacy report's.
_PERIOD = re.compile(r"BILLING_PERIOD=(\d{4})-(0[1-9]|1[0-2])")
_LEGACY_MONTH = re.compile(r"\b(\d{4})(0[1-9]|1[0-2])01-\d{8}\b")
_LEGACY_PERIOD = re.compile(rf"{_LEGACY_MONTH.pattern}|year=\d{{4}}")
_MANIFEST = "Manifest.json"
#: A manifest is written after its files; a copy may have them in another order. AWS writes no two executions this close.
_COPIED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Execution:
    """All files that belong together.

    Attributes:
        export: what the export is called from one execution to the next.
        files: that are read, in order.
        period: the billing period, where manifest or folder state it.
        id: what the exporter calls the execution; empty where it has no name.
        columns: that the manifest says the files have; empty where there is none.
        manifest: where it lies; empty where there is none.
        stated_at: when the manifest was written, in UTC; None where there is none.
    """

    export: str
    files: tuple[_files.File, ...]
    period: date | None = None
    id: str = ""
    columns: frozenset[str] = frozenset()
    manifest: str = ""
    stated_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """What changes when the execution is another one, or one of its files was replaced."""
        said = [self.export, f"{self.period}", self.id, *(f"{file.name} {file.version}" for file in self.files)]
        return hashlib.sha256("\0".join(said).encode()).hexdigest()

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.export}{f' {self.period:%Y-%m}' if self.period else ''}"


def find_executions(source: str, place: str, stored: _files.Stored, interval: Interval | None) -> list[Execution]:
    """The executions in a place, of billing periods that an interval touches where their period is stated.

    Raises:
        ConfigError: S3 does not let one look.
        SourceError: there are none, or a manifest or the execution that it names is half written.
        DataError: a manifest names a file twice, or one that is not there, two manifests are of one export and period, or files
            lie beside folders of billing periods.
    """
    found = _files.find(source, place, stored, (*SUFFIXES, _MANIFEST), interval)
    manifests = [file for file in found if file.name.endswith(_MANIFEST)]
    data = tuple(file for file in found if not file.name.endswith(_MANIFEST))
    if not manifests:
        return [each for each in _without(place, data) if _touches(interval, each.period)]
    # What became of other months since, such as files that a bucket's rule removed, is no concern of the interval's.
    asked = [file for file in manifests if _touches(interval, _period_of(file.name) or _period_of(file.name, _LEGACY_MONTH))]
    read = [_read_manifest(source, file, data, stored) for file in _current(asked)]
    return [each for each in read if _touches(interval, each.period)]


def states_periods(source: str, place: str, stored: _files.Stored) -> bool:
    """Whether the paths in a place say of which billing period its files are."""
    if _files.has_files_by_day(place):
        return False
    names = [file.name for file in _files.find(source, place, stored, (*SUFFIXES, _MANIFEST))]
    return any(_period_of(name) or _period_of(name, _LEGACY_MONTH) for name in names)


def _touches(interval: Interval | None, period: date | None) -> bool:
    """Whether an interval asks for a billing period; it does where either is not known."""
    if interval is None or period is None:
        return True
    months = interval.billing_periods()
    return months.start.date() <= period < months.end.date()


def _without(place: str, data: tuple[_files.File, ...]) -> list[Execution]:
    """Files that no manifest names: those of each folder of a billing period, or of the whole place, are one execution."""
    if not data:
        raise SourceError(f"{place}: expected a name ending in {', '.join(SUFFIXES)}")
    if _files.has_files_by_day(place):
        return [Execution(_files.name_of(file.name), (file,)) for file in data]
    by_period: dict[date | None, list[_files.File]] = defaultdict(list)
    for file in data:
        by_period[_period_of(file.name)].append(file)
    if None in by_period and len(by_period) > 1:
        raise DataError(
            f"{place}: {by_period[None][0].name} lies beside folders of billing periods: of a month that both have, which counts "
            "is not said; name one of the folders, or move the file"
        )
    return [Execution(_files.name_of(place), tuple(files), period) for period, files in by_period.items()]


def _period_of(path: str, stated_by: re.Pattern[str] = _PERIOD) -> date | None:
    stated = stated_by.search(path)
    return date(int(stated[1]), int(stated[2]), 1) if stated else None


def _current(manifests: list[_files.File]) -> list[_files.File]:
    """Of each export and period the manifest that lies highest: it names the execution that counts.

    Raises:
        DataError: two lie equally high.
    """
    by_folder: dict[str, list[_files.File]] = defaultdict(list)
    for file in manifests:
        by_folder[_place_of_period(file.name)].append(file)
    return [file for files in by_folder.values() for file in _highest(files)]


def _highest(manifests: list[_files.File]) -> Iterator[_files.File]:
    depth = min(file.name.count("/") for file in manifests)
    first, *others = [file for file in manifests if file.name.count("/") == depth]
    if others:
        raise DataError(
            f"{first.name} and {others[0].name} are of one billing period: which of the executions counts is not said"
        )
    yield first


def _place_of_period(path: str) -> str:
    """The folder that belongs to a manifest's export and period, whatever lies between it and the manifest."""
    parts = path.split("/")
    ends = [n for n, part in enumerate(parts) if _PERIOD.fullmatch(part) or _LEGACY_PERIOD.fullmatch(part)]
    return "/".join(parts[: ends[0] + 1] if ends else parts[:-1])


def _read_manifest(source: str, file: _files.File, data: tuple[_files.File, ...], stored: _files.Stored) -> Execution:
    try:
        with _files.opened(source, file, stored) as stream:
            said = json.load(stream)
        named = said["dataFiles"] if "dataFiles" in said else said["reportKeys"]
        columns = {
            f"{each['category']}/{each['name']}" if "category" in each else each["name"] for each in said.get("columns", ())
        }
        period = _period_of(file.name) or _stated_period(said)
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{file.name}: is no manifest of an export, or half written: {error!r}") from error
    root = _root_of(file.name)
    export = _files.name_of(root)
    where = f"{export} {period:%Y-%m}: its manifest {file.name}"
    if twice := sorted({key for key in named if named.count(key) > 1}):
        raise DataError(f"{where} names {twice[0]} twice: its charges would count twice")
    below = tuple(each for each in data if not root or each.name.startswith(f"{root}/"))
    files = tuple(_named(key, below, where) for key in named)
    _refuse_newer(files, file, where)
    execution_id = str(said.get("executionId") or said.get("assemblyId") or "")
    return Execution(export, files, period, execution_id, frozenset(columns), file.name, file.written_at)


def _refuse_newer(files: tuple[_files.File, ...], manifest: _files.File, where: str) -> None:
    """Refuse an execution of whose files some are already those of the next one, which OVERWRITE puts under the same names.

    Raises:
        SourceError: naming one, until the manifest follows.
    """
    for each in files:
        if each.version[1] and each.written_at > manifest.written_at + _COPIED_WITHIN:
            raise SourceError(
                f"{where} is of {manifest.written_at:%Y-%m-%d %H:%M}, and {each.name} of {each.written_at:%Y-%m-%d %H:%M}: the "
                "next execution is half written; nothing is landed until its manifest is there (of a copy: copy that last)"
            )


def _stated_period(said: dict[str, Any]) -> date:
    start = said["billingPeriod"]["start"]
    return date(int(start[:4]), int(start[4:6]), 1)


def _root_of(manifest: str) -> str:
    """The folder of an export by the path of its manifest: the one above metadata, or that of a legacy report; empty for `.`."""
    above = _place_of_period(manifest).rpartition("/")[0]
    return "" if above == "metadata" else above.removesuffix("/metadata")


def _named(key: str, data: tuple[_files.File, ...], where: str) -> _files.File:
    """The file that a manifest means, wherever a copy of the export lies: by all of its path from the billing period on.

    Raises:
        GoneError: it is not there.
        DataError: there are several.
    """
    parts = key.removeprefix(_files.S3).split("/")
    begins = [n for n, part in enumerate(parts) if _PERIOD.fullmatch(part) or _LEGACY_PERIOD.fullmatch(part)]
    tail = parts[begins[0] :] if begins else parts[-1:]
    meant = [file for file in data if file.name.split("/")[-len(tail) :] == tail]
    if not meant:
        raise GoneError(f"{where} names {key}, which is not there; nothing is landed")
    if len(meant) > 1:
        raise DataError(f"{where} names {key}, of which there are several; nothing is landed")
    return meant[0]
