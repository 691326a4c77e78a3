"""Hold what is measured to what was measured in the days before: a unit that changed without a word is not published."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

import pandas as pd
import pyarrow as pa

from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.shifts import DAYS, Shift, compare_days, daily_levels, find_shifts
from pipeline.quality.validate import Result
from pipeline.settings import Settings
from pipeline.tables.schema import Scope, Table
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

log = logging.getLogger(__name__)
#: The tables whose values have units that a source states.
MEASURED = (METRIC_HOURLY.name, METRIC_DAILY.name)
_COLUMNS = ("series_id", "metric", "unit", "mean", "p95", "max")


def check_units(data: pa.Table, table: Table, interval: Interval, lake: Lake, settings: Settings) -> list[Result]:
    """What there is to say of metrics that moved at once since the days before, to be recorded with the table's other checks.

    A shift by the factor of a unit, of most of at least five series of a metric and source, is critical, unless the settings say
    that it is true; every other is a warning.
    """
    results = []
    for shift in _find(data, table, interval, lake):
        accepted = f"{shift.metric}:{shift.day}" in settings.accepted_shifts
        severity = "critical" if shift.is_of_a_unit and not accepted else "warning"
        note = f"{explain(shift)} The setting accepted_shifts says that it is true." if accepted else explain(shift)
        rule = f"unit_shift({shift.metric}, {shift.source}, {shift.day})"
        results.append(Result("table", rule, severity, success=False, rows=shift.series, failed_rows=shift.moved, note=note))
        log.warning("%s %s: %s", table.name, interval, note)
    return results


def explain(shift: Shift) -> str:
    """A shift in words, with what to do about it."""
    series, before, now = shift.example
    seen = f"{shift.moved} of {shift.series} series, such as {series}: {now:.4g} after {before:.4g} {shift.unit}"
    if shift.factor is None:
        return (
            f"{shift.metric} of {shift.source} moved on {shift.day} beyond all it was in the {DAYS} days before, in {seen}. No "
            "unit explains it: look at what happened."
        )
    times = f"{shift.factor:,.0f} times" if shift.factor > 1 else f"1/{1 / shift.factor:,.0f} of"
    found = f"{shift.metric} of {shift.source} is on {shift.day} about {times} what it was in the {DAYS} days before, in {seen}."
    return (
        f"{found} That is what a wrong unit does: see in which unit {shift.source} delivers, state it, and ingest and build the "
        f"day again. If it is true, add {shift.metric}:{shift.day} to the setting accepted_shifts."
    )


def _find(data: pa.Table, table: Table, interval: Interval, lake: Lake) -> Iterable[Shift]:
    if table.name not in MEASURED or not data.num_rows:
        return ()
    start = interval.start.replace(hour=0, minute=0, second=0, microsecond=0)
    # A lake of its own: what a check looks at is not what the table is made of, so that nobody loses who is built meanwhile.
    scope = Scope(METRIC_DAILY.time, start - timedelta(days=DAYS), start)
    before = open_lake(lake.settings).read(METRIC_DAILY, scope, (*_COLUMNS, METRIC_DAILY.time))
    levels = [daily_levels(rows, time) for rows, time in ((before, METRIC_DAILY.time), (data, table.time)) if rows.num_rows]
    compared = compare_days(pd.concat(levels, ignore_index=True), start)
    if compared.empty:
        return ()
    return find_shifts(compared.assign(source=_sources(compared["series_id"], interval, lake)))


def _sources(series: pd.Series, interval: Interval, lake: Lake) -> pd.Series:
    """Who delivered each series; asked series by series, which judges all samples, only where there are several sources."""
    asked = {"start": interval.start, "end": interval.end}
    sources = read(lake, "sample_sources", **asked)["source"]
    if len(sources) == 1:
        return pd.Series(sources[0], index=series.index)
    return series.map(read(lake, "series_sources", **asked).set_index("series_id")["source"]).fillna("unknown")
