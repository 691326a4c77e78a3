"""The samples of a file, whichever way it is laid out: long, one column per metric, or one column per series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ConfigError, DataError
from pipeline.reading import cells
from pipeline.reading.names import Named, read_cloudwatch_label, read_name
from pipeline.reading.options import METRIC, RESOURCE, TIME, VALUE, Reading
from pipeline.reading.sheet import Sheet

#: Columns of a wide file that are no series.
BESIDE = ("account", "region", "period_s")

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Every cell that may be a sample, in no order that means anything.

    Attributes:
        sheet: the file.
        names: its series, as it names them.
        series: (m,) place in `names`.
        rows: (m,) row of the file, from 0.
        ts: (m,) start of the period, naive UTC microseconds.
        value: (m,) NaN where the cell says nothing.
        time_column, resource_column, metric_column: where they stand; empty where there is none.
        columns: column of values of each series.
        percent: of each series, whether its cells end in `%`.
        remarks: what was left out, and how often, in sentences.
    """

    sheet: Sheet
    names: tuple[Named, ...]
    series: Whole
    rows: Whole
    ts: cells.Moments
    value: cells.Floats
    time_column: str
    resource_column: str
    metric_column: str
    columns: tuple[str, ...]
    percent: tuple[bool, ...]
    remarks: tuple[str, ...]

    def refuse_names(self, bad: Sequence[bool], column: str, expected: str) -> None:
        """Raise a DataError for the first series that is bad, by its line where a column names it, else by its own column."""
        if not any(bad):
            return
        if column:
            wrong = np.zeros(self.sheet.data.num_rows, dtype=bool)
            wrong[self.rows[np.asarray(bad, dtype=bool)[self.series]]] = True
            self.sheet.refuse(column, wrong, expected)
        first = self.names[list(bad).index(True)]
        where = f"column {first.raw!r}" if first.raw else f"{first.metric!r} of {first.resource!r}"
        raise DataError(f"{self.sheet}: {where}: expected {expected}")


def read_samples(sheet: Sheet, reading: Reading, metrics: Sequence[str] = ()) -> Samples:
    """The samples of a file.

    Args:
        sheet: the file.
        reading: what is said about it.
        metrics: of a wide file with a column per metric, the columns to read; all where there is none.

    Raises:
        ConfigError: several columns may be meant.
        DataError: a column is absent, or a cell is no moment, number or name.
    """
    time = _column(sheet, reading.time_column, TIME, "time_column")
    if time is None and sheet.dialect and sheet.dialect.labels:
        time = sheet.data.column_names[0]
    if time is None:
        raise DataError(f"{sheet}: no column of time: none is named {', '.join(TIME)}; state time_column; {sheet.contents}")
    # What is stated wins over a column that merely has a usual name, and yields to one that is the resource's own.
    usual = RESOURCE[:2] if reading.resource_id else RESOURCE
    resource = _column(sheet, reading.resource_column, usual, "resource_column", RESOURCE[:2])
    value = _column(sheet, reading.value_column, VALUE, "value_column", VALUE)
    wide = reading.layout == "wide" or (reading.layout is None and value is None)
    if wide and reading.layout is None and _column(sheet, reading.metric_column, METRIC[:1], "metric_column"):
        raise DataError(f"{sheet}: names a metric in each row and has no column of values; state value_column; {sheet.contents}")
    moments, dropped = cells.moments(sheet, time, reading)
    remarks = [f"{int(dropped.sum()):,} rows in hours that a clock change repeats or skips are dropped"] if dropped.any() else []
    read = _wide(sheet, reading, time, resource, metrics) if wide else _long(sheet, reading, resource, value)
    rows, series = read["rows"], read["series"]
    kept = ~dropped[rows]
    values = read["value"][kept]
    if blank := int(np.isnan(values).sum()):
        remarks.append(f"{blank:,} of {len(values):,} values are empty, null or NaN, and no samples")
    return Samples(
        sheet,
        read["names"],
        series[kept],
        rows[kept],
        moments[rows[kept]],
        values,
        time,
        resource or "",
        read["metric_column"],
        read["columns"],
        read["percent"],
        tuple(remarks),
    )


def _column(sheet: Sheet, stated: str | None, usual: Sequence[str], option: str, own: Sequence[str] = ()) -> str | None:
    """The column that is stated, or the first that has one of `own` names, or the only one that has a usual name.

    Raises:
        ConfigError: several columns may be meant.
        DataError: the stated column is absent.
    """
    if stated is not None:
        sheet.require([stated])
        return stated
    found = [name for name in sheet.data.column_names if name.strip().lower() in usual]
    ours: list[str] = [name for known in own for name in found if name == known]
    if ours:
        return ours[0]
    if len(found) > 1:
        raise ConfigError(f"{sheet}: which column is meant, {' or '.join(map(repr, found))}? state {option}")
    return found[0] if found else None


def _long(sheet: Sheet, reading: Reading, resource: str | None, value: str | None) -> dict[str, Any]:
    """One sample per row."""
    value = value or VALUE[0]
    sheet.require([value])
    metric = _column(sheet, reading.metric_column, METRIC[:1] if reading.metric else METRIC, "metric_column", METRIC[:1])
    statistic = "statistic" if "statistic" in sheet.data.column_names else None
    said = [_named_column(sheet, column) for column in (resource, metric)]
    said.append(cells.words(sheet, statistic) if statistic else _constant("", sheet.data.num_rows))
    sizes = [len(each.categories) + 1 for each in said]
    # One number per combination; an empty statistic has the code -1.
    combined = np.ravel_multi_index([np.asarray(each.codes, dtype=np.int64) + 1 for each in said], sizes)
    different, series = np.unique(combined, return_inverse=True)
    names = []
    for combination in different:
        places = np.unravel_index(combination, sizes)
        raw, metric_name, statistic_name = (["", *each.categories][place] for each, place in zip(said, places, strict=True))
        named = (read_name(raw, reading.series, reading.resource_label) or _unread(sheet, raw, reading)) if raw else Named(raw)
        owner = named.resource or (raw if named.metric is None else "") or reading.resource_id
        names.append(
            named._replace(resource=owner, metric=metric_name or named.metric or reading.metric, statistic=statistic_name or None)
        )
    found, percent = cells.numbers(sheet, value, reading)
    return {
        "names": tuple(names),
        "series": series,
        "rows": np.arange(sheet.data.num_rows),
        "value": found,
        "metric_column": metric or "",
        "columns": (value,) * len(names),
        "percent": (percent,) * len(names),
    }


def _wide(sheet: Sheet, reading: Reading, time: str, resource: str | None, metrics: Sequence[str]) -> dict[str, Any]:
    """A column per metric or per series, below each other."""
    beside = {time, resource, *BESIDE}
    labels = sheet.dialect.labels if sheet.dialect else ()
    by_metric = bool(resource or reading.resource_id) and not labels
    columns = (list(metrics) if by_metric else []) or [name for name in sheet.data.column_names if name not in beside]
    sheet.require(columns)
    if not columns:
        raise DataError(f"{sheet}: no column of samples beside {sorted(name for name in beside if name)}; {sheet.contents}")
    if labels:
        named = [read_cloudwatch_label(*each) for each in zip(sheet.data.column_names[1:], labels, strict=False)]
    else:
        named = [_wide_name(sheet, name, reading, by_metric) for name in columns]
    if not resource:
        _refuse_twins(sheet, named)
    owners = _named_column(sheet, resource)
    several, rows = max(len(owners.categories), 1), sheet.data.num_rows
    codes = np.asarray(owners.codes, dtype=np.int64)
    read = [cells.numbers(sheet, name, reading) for name in columns]
    names = [
        one._replace(resource=str(owner)) if resource else one
        for one in named
        for owner in (owners.categories if resource else [""])
    ]
    return {
        "names": tuple(names),
        "series": np.concatenate([codes + place * several for place in range(len(columns))]),
        "rows": np.tile(np.arange(rows), len(columns)),
        "value": np.concatenate([values for values, _ in read]),
        "metric_column": "",
        "columns": tuple(name for name in columns for _ in range(several)),
        "percent": tuple(percent for _, percent in read for _ in range(several)),
    }


def _wide_name(sheet: Sheet, raw: str, reading: Reading, by_metric: bool) -> Named:
    named = read_name(raw, reading.series, reading.resource_label) or _unread(sheet, raw, reading)
    if named.resource is None and named.metric is None and not reading.series:
        if by_metric:
            named = named._replace(metric=reading.metric or raw)
        elif reading.metric:
            named = named._replace(resource=raw)
    return named._replace(resource=named.resource or reading.resource_id, metric=named.metric or reading.metric)


def _unread(sheet: Sheet, raw: str, reading: Reading) -> Named:
    if reading.series:
        raise DataError(f"{sheet}: series {raw!r} is not called as series={reading.series!r} says")
    raise ConfigError(f"{sheet}: which label of {raw!r} names the resource? state resource_label")


def _refuse_twins(sheet: Sheet, named: Sequence[Named]) -> None:
    counts = Counter((one.resource, one.metric, one.statistic, one.period_s) for one in named if one.resource and one.metric)
    for (resource, metric, *_), count in counts.items():
        if count > 1:
            same = [one.raw for one in named if (one.resource, one.metric) == (resource, metric)]
            raise DataError(f"{sheet}: columns {same} are all {metric} of {resource}; state series, or leave all but one out")


def _named_column(sheet: Sheet, column: str | None) -> pd.Categorical:
    """A column of names, which are never empty; one empty name where there is no such column."""
    if column is None:
        return _constant("", sheet.data.num_rows)
    found = cells.words(sheet, column)
    empty = np.append([not str(word) for word in found.categories], True).astype(bool)
    sheet.refuse(column, empty[np.asarray(found.codes)], "a name")
    return found


def _constant(word: str, length: int) -> pd.Categorical:
    """Codes are an array, which pandas takes but its types do not know."""
    codes: Any = np.zeros(length, dtype=np.int8)
    return pd.Categorical.from_codes(codes, categories=pd.Index([word]))
