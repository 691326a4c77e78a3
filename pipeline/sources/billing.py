"""Exports of bills, FOCUS or a Cost and Usage Report, into bronze: the lines of one execution for one billing period at a time.

What an execution is, its manifest says (`metadata/…-Manifest.json` of AWS Data Exports, that of a legacy report): the files that
it names and no others, read only after it was, and landed only if it says the same when they have been read. Without a manifest
the files of a folder or pattern are one execution: two side by side would count twice and are refused, told by their folders,
and within one by their lines.

FOCUS 1.4's data sets Billing Period and Invoice Detail are told by their columns and land beside the bill, in tables of their
own, after it: a bill that lands later than the word that its period is closed changes a closed period.

A line is kept with every column of its export as text, in the exporter's own words (`NULL` stays `NULL`), because costs are
restated and the meaning of a column changes with the version of the export. Silver reads what it needs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.errors import DataError, SourceError
from pipeline.interval import Interval
from pipeline.reading.sheet import Sheet
from pipeline.sources import _bill_exports, _bronze, _files
from pipeline.sources._batch import Load
from pipeline.sources._bill_exports import Execution, find_executions
from pipeline.sources._bill_formats import CUR, FOCUS, INVOICES, PERIODS, Format, detect, in_snake_case
from pipeline.sources._bill_lines import given_name, hashes_of, lines_of, moments_of, refuse_copies

NAME = "billing"
TABLES = (FOCUS, CUR, PERIODS, INVOICES)
#: What a user types, for `sources show billing`.
EXAMPLE = "python -m pipeline ingest --source billing --path export.csv.gz"


class Options(_files.Stored):
    """Which export to read."""

    path: _files.Location = Field(
        description="A FOCUS 1.0–1.4, CUR 2.0 or legacy CUR export, .csv, .csv.gz, .csv.zip or .parquet, with FOCUS 1.4's data "
        f"sets Billing Period and Invoice Detail: {_files.WHERE}. Of a place with manifests, as s3://bucket/prefix/export/, what "
        f"they name is read; else all files together are one execution, those of each data set. {_files.DATED}."
    )


def fetch(interval: Interval, options: Options) -> Iterator[Load]:
    """The executions, with the lines of the billing periods that the interval touches; those of bills first.

    Raises:
        SourceError: a file cannot be read, or is replaced meanwhile.
        DataError: one is no bill, or not what its manifest says, or there are two executions; of an export with a manifest also
            where it has no line.
    """
    peeked, beside = _Peeked(_files.stored_of(options)), []
    for execution in _find_each(options.path, peeked, interval):
        found = _format_of(execution, peeked)
        if found is not None:
            load = Load(
                table=found.table,
                shard=execution.export,
                fingerprint=execution.fingerprint,
                period=execution.period,
                pieces=lambda execution=execution, found=found: _pieces(execution, found, options, interval, peeked),  # type: ignore[misc]
            )
            if found.has_charges:
                yield load
            else:
                beside.append(load)
    yield from beside


class _Peeked:
    """The format of each file, by its header, and whether it has lines; a file that is as it was is not opened again for it."""

    def __init__(self, stored: _files.Stored) -> None:
        self.stored = stored
        self._known: dict[_files.File, tuple[Format, bool]] = {}

    def __call__(self, file: _files.File) -> tuple[Format, bool]:
        if file not in self._known:
            names, has_lines = _files.peek(NAME, file, self.stored)
            self._known[file] = detect(file.name, names), has_lines
        return self._known[file]


def _find_each(place: str, peeked: _Peeked, interval: Interval | None) -> Iterator[Execution]:
    """The executions in a place; of files that no manifest names, those of each data set are one of its own."""
    for execution in find_executions(NAME, place, peeked.stored, interval):
        if execution.manifest or len(execution.files) == 1:
            yield execution
            continue
        by_table: dict[str, list[_files.File]] = defaultdict(list)
        for file in execution.files:
            found, _ = peeked(file)
            by_table["" if found.has_charges else found.table].append(file)
        for files in by_table.values():
            yield replace(execution, files=tuple(files))


def states_periods(options: Options) -> bool:
    """Whether the place says of which billing period its files are, so that one can be asked for alone."""
    return _bill_exports.states_periods(NAME, options.path, _files.stored_of(options))


def stated_at(interval: Interval, options: Options) -> datetime | None:
    """Since when all that the place has of the bills of the periods that an interval touches is stated by manifests, in UTC.

    Of several exports that is what the slowest says. None where no manifest states anything: files that lie there without one
    are all that is to be expected.

    Raises:
        SourceError: there is nothing, or an execution is half written.
        DataError: as `fetch` does.
    """
    executions = find_executions(NAME, options.path, _files.stored_of(options), interval)
    found = [each for each in executions if not each.columns or detect(each.manifest, sorted(each.columns)).has_charges]
    if not found:
        raise SourceError(f"{options.path}: nothing of {interval.start:%Y-%m} is there")
    return min((each.stated_at for each in found if each.stated_at), default=None)


def span(options: Options) -> Interval:
    """The days on which the charges start; raises as `fetch` does."""
    stored = _files.stored_of(options)
    bounds: list[datetime] = []
    for execution in _find_each(options.path, _Peeked(stored), None):
        for file in _files_of(execution):
            known = [starts[~np.isnat(starts)] for starts in _starts(file, stored)]
            bounds += [edge.item() for starts in known if len(starts) for edge in (starts.min(), starts.max())]
    return _bronze.days(options.path, min(bounds, default=None), max(bounds, default=None))


def _starts(file: _files.File, stored: _files.Stored) -> Iterator[Any]:
    """When the charges of each piece of a file start, or its billing periods; no other column is read."""

    def choose(names: list[str]) -> list[str]:
        found = detect(file.name, names)
        return [given_name(names, found.charge_start or found.period_start)]

    for sheet in _files.read_in_pieces(NAME, file, stored, choose):
        yield moments_of(sheet, in_snake_case(sheet.data.column_names[0]))


def _format_of(execution: Execution, peeked: _Peeked) -> Format | None:
    """By the columns that its manifest states, so that no file of one that was landed is read.

    Else by its first file that has lines; None where none has.

    Raises:
        DataError: of an export with a manifest that states no columns none has.
    """
    if execution.columns:
        return detect(execution.manifest, sorted(execution.columns))
    for file in _files_of(execution):
        with _named(execution):
            found, has_lines = peeked(file)
            if has_lines:
                return found
    if execution.manifest:
        raise _explain_no_lines(execution)
    return None


def _explain_no_lines(execution: Execution) -> DataError:
    return DataError(f"{execution.name}: none of its {len(execution.files)} files has a line; what was landed before stays")


def _files_of(execution: Execution) -> list[_files.File]:
    """Those that may have lines. One of a manifest without a byte is a chunk that the export needs no more."""
    return [file for file in execution.files if file.version[1] or not execution.manifest]


def _pieces(execution: Execution, found: Format, options: Options, interval: Interval, peeked: _Peeked) -> Iterator[pa.Table]:
    number = 1
    checked = _SideBySide(execution, found, options.path)
    with _named(execution):
        for sheet in chain.from_iterable(_files.read_in_pieces(NAME, file, peeked.stored) for file in _files_of(execution)):
            _check_format(sheet, found, execution)
            if not len(sheet.data):
                continue
            lines = lines_of(sheet, found, execution, NAME, number)
            checked.look_at(sheet.name, lines)
            number += len(lines)
            yield _bronze.within(lines, interval.billing_periods(), "billing_period")
        checked.refuse()
    if number == 1 and execution.manifest:
        raise _explain_no_lines(execution)
    again = {each.fingerprint for each in _find_each(options.path, peeked, interval)}
    if execution.fingerprint not in again:
        raise SourceError(f"{execution.name}: was replaced while it was read; nothing is landed, the next try reads the new one")


def _check_format(sheet: Sheet, found: Format, execution: Execution) -> None:
    """Refuse a file with other columns than its manifest says, or of another format than the first one's."""
    columns = sheet.data.column_names
    stated = {in_snake_case(name) for name in execution.columns}
    if stated and stated != {in_snake_case(name) for name in columns}:
        odd = sorted(stated.symmetric_difference(in_snake_case(name) for name in columns))
        raise DataError(f"{sheet.name}: its columns are not those of the manifest {execution.manifest}: {', '.join(odd[:5])}")
    other = detect(sheet.name, columns)
    if other != found:
        raise DataError(f"{sheet.name} is {other.name}, the files before it {found.name}: two exports, or a half-written one")


@contextmanager
def _named(execution: Execution) -> Iterator[None]:
    """Errors of an export that has a name, with it and the billing period."""
    try:
        yield
    except (DataError, SourceError) as error:
        if execution.manifest and not str(error).startswith(execution.name):
            raise type(error)(f"{execution.name}: {error}") from error
        raise


class _SideBySide:
    """What tells two executions in one place, of which no manifest says which counts."""

    def __init__(self, execution: Execution, found: Format, place: str) -> None:
        self._several = len(execution.files) > 1 and not execution.manifest
        self._found, self._place = found, place
        self._folders: dict[tuple[object, ...], str] = {}
        self._hashes: dict[str, list[Any]] = defaultdict(list)

    def look_at(self, name: str, lines: pa.Table) -> None:
        if not self._several:
            return
        owner = self._found.owner
        bills = lines.select(["billing_period", owner]).set_column(1, "owner", lines[owner].cast(pa.string()))
        folder = name.rpartition("/")[0]
        for bill in bills.group_by(["billing_period", "owner"]).aggregate([]).to_pylist():
            known = self._folders.setdefault(tuple(bill.values()), folder)
            if known != folder:
                raise DataError(
                    f"{self._place}: {known} and {folder} both have {bill['billing_period']:%Y-%m} of account {bill['owner']}: "
                    "two executions, whose charges would count twice; name the folder of one, or let the export overwrite its "
                    "files"
                )
        self._hashes[name].append(hashes_of(lines, self._found.table))

    def refuse(self) -> None:
        """Raise a DataError where a file says again what another says."""
        refuse_copies(self._place, self._hashes)
