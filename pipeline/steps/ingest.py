"""Land what one source says about an interval in bronze."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import plugs, tables
from pipeline.errors import ConfigError, DataError, GoneError, HeadroomError, PartialError, SourceError
from pipeline.interval import OLDER, Interval, naive_utc
from pipeline.lake import Lake, landings
from pipeline.lake.lake import Written
from pipeline.settings import Settings
from pipeline.sources import Batch, Load
from pipeline.steps._declaration import Step
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import STAMPED
from pipeline.tables.schema import Table
from pipeline.tables.usage import METRIC_SAMPLE

log = logging.getLogger(__name__)
STEP = Step(
    role="ingest",
    takes_target=True,
    parts_of_days=True,
    writes=(
        "bronze.metric_sample",
        "bronze.resource_snapshot",
        "bronze.focus_line",
        "bronze.cur_line",
        "bronze.billing_period",
        "bronze.invoice_detail",
        "bronze.price",
        "bronze.incident",
        "bronze.fleet_truth",
    ),
)


def now() -> datetime:
    """The one place where Headroom reads the clock, as naive UTC."""
    return naive_utc(datetime.now(UTC))


def ingest(interval: Interval, lake: Lake, settings: Settings, *, target: str, period: str = "") -> int:
    """Rows the source delivered for the interval. Landing the same payload again changes nothing.

    Of a part of a day only samples of metrics are landed: all else that sources tell is of whole days or months. Of a sample that
    the day states again what it states counts.

    Args:
        interval: the run's data interval.
        lake: where they land.
        settings: with the source's options.
        target: the source.
        period: the one billing period to land, YYYY-MM, where the source's place states whose its files are; `older` for those
            before the interval's; empty for all that the interval touches, and once a week the older ones.

    Raises:
        ConfigError: an unknown source, an option that some plug does not have: this is a run's first step; or a part of a day
            of a source that has no samples of metrics.
        SourceError: the source is down or answered in part; nothing is simulated in its place.
        DataError: the source handed over rows of another schema or from outside the interval.
        PartialError: an older month cannot be read; all else is landed.
    """
    plugs.check_all_options(settings)
    source = plugs.load("sources", target)
    if not interval.is_whole_days and METRIC_SAMPLE.name not in source.TABLES:
        told = ", ".join(source.TABLES)
        raise ConfigError(
            f"ingest of {target} needs whole UTC days, got {interval}: it has no samples of metrics, and {told} is of days"
        )
    if hasattr(source, "BEGINNING"):
        # A price list holds until it changes: a run needs all of it, not what changed on its day. Landing it again is no change.
        interval = Interval(min(source.BEGINNING, interval.start), interval.end)
    rows, found = 0, period == OLDER
    for batch in _fetched(target, _narrowed(interval, period, target, settings), settings) if period != OLDER else ():
        if not interval.is_whole_days and batch.table != METRIC_SAMPLE.name:
            log.info("%s: what it has of %s is of whole days, and is left out", target, batch.table)
            continue
        landed = _land_load(batch, interval, lake, target) if isinstance(batch, Load) else _land(batch, interval, lake, target)
        said = "its execution" if landed is None else f"{landed.rows:,} rows"
        log.info("%s: %s of %s%s", target, said, batch.table, "" if landed and landed.changed else ", landed before")
        rows, found = rows + (landed.rows if landed else 0), found or landed is None or landed.rows > 0
    if not found:
        spanned = f"; it has {source.span(plugs.options('sources', target, settings))}" if hasattr(source, "span") else ""
        log.warning("%s: nothing in %s%s", target, interval, spanned)
    if period == OLDER or (not period and interval.looks_back):
        rows += _land_older(interval, lake, target, settings, rows)
    return rows


def _land_older(interval: Interval, lake: Lake, target: str, settings: Settings, before: int) -> int:
    """Rows landed anew of executions of billing periods before the interval's, of exports that were landed of these before.

    What a place has no more of a month, such as files that a bucket's rule removed, is a warning: what was landed of it stays. A
    month of which anything else is wrong stops no other.

    Args:
        before: rows of the interval's own billing periods.

    Raises:
        SourceError: naming each month that could not be looked at, where a later try of some may help.
        PartialError: the same, where it cannot.
    """
    source, options = plugs.load("sources", target), plugs.options("sources", target, settings)
    if not hasattr(source, "states_periods") or not source.states_periods(options):
        return 0
    first, rows = interval.billing_periods().start, 0
    failed: dict[str, DataError | SourceError] = {}
    named = {day for name in source.TABLES for day in landings.list_days(tables.get(name), lake.storage)}
    for day in sorted(each for each in named if each < f"{first:%Y-%m-%d}"):
        month = Interval.month(day[:7]).late_in_month
        try:
            for load in _fetched(target, month, settings):
                known = landings.read(tables.get(load.table), [day], lake.storage)[day]
                if isinstance(load, Load) and landings.newest(known, landings.owner_of(target, load.shard)):
                    landed = _land_load(load, month, lake, target)
                    rows += landed.rows if landed and landed.changed else 0
        except GoneError as error:
            log.warning("%s %s: is not looked at again, what was landed of it stays: %s", target, day[:7], error)
        except (DataError, SourceError) as error:
            failed[day[:7]] = error
    log.info("%s: %s rows were stated anew of months before %s", target, f"{rows:,}", f"{first:%Y-%m}")
    if failed:
        said = "\n".join(f"{target} {month}: could not be looked at again: {error}" for month, error in failed.items())
        may_pass = any(isinstance(error, SourceError) for error in failed.values())
        raise SourceError(said) if may_pass else PartialError(said, before + rows)
    return rows


def _narrowed(interval: Interval, period: str, target: str, settings: Settings) -> Interval:
    """What to ask a source for: a run's interval, or what touches one billing period alone."""
    source = plugs.load("sources", target)
    if not period or not hasattr(source, "states_periods"):
        return interval
    late = Interval.month(period).late_in_month
    return late if source.states_periods(plugs.options("sources", target, settings)) else interval


def _fetched(target: str, interval: Interval, settings: Settings) -> Iterator[Batch | Load]:
    """What the source hands over; its errors name the tables and the interval that stay without it."""
    fetch = plugs.bind("sources", target, plugs.options("sources", target, settings))
    try:
        yield from fetch(interval)
    except HeadroomError as error:
        error.args = (f"{', '.join(plugs.load('sources', target).TABLES)} {interval}: {error}",)
        raise


def _land(batch: Batch, interval: Interval, lake: Lake, source: str) -> Written:
    table = tables.get(batch.table)
    interval = table.covering(interval)
    declared = [c.name for c in table.columns if c.name not in STAMPED]
    if batch.data.column_names != declared:
        raise DataError(f"{table.name} {interval}: source {source} delivers {batch.data.column_names}, expected {declared}")
    _check_inside(batch.data, table.time, interval, f"{table.name} {interval}: source {source}")
    return lake.land(table, batch.data, source=source, shard=batch.shard, ingested_at=now())


def _land_load(load: Load, interval: Interval, lake: Lake, source: str) -> Written | None:
    """Land the lines of an execution; None where they are landed already, and none of its files is read."""
    table = tables.get(load.table)
    known = {"source": source, "shard": load.shard, "fingerprint": load.fingerprint}
    if load.period and lake.has_landed(table, load.period.isoformat(), **known):
        return None
    where = f"{table.name} {table.covering(interval)}: source {source}"
    return lake.land_pieces(table, _checked(load.pieces(), table, interval, where), ingested_at=now(), **known)


def _checked(pieces: Iterator[pa.Table], table: Table, interval: Interval, where: str) -> Iterator[pa.Table]:
    for piece in pieces:
        _check_inside(piece, table.time, table.covering(interval), where)
        yield piece


def _check_inside(data: Any, time: str, interval: Interval, where: str) -> None:
    if not data.num_rows:
        return
    bounds = pc.min_max(data[time])
    first, last = bounds["min"].as_py(), bounds["max"].as_py()
    if data[time].null_count or data[time].type != TIMESTAMP or first < interval.start or last >= interval.end:
        kind = data[time].type if isinstance(data, pa.Table) else "unknown"
        raise DataError(f"{where}: {time} ({kind}) spans {first} … {last}, expected microseconds inside the interval")
