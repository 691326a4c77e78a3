"""Land what one source says about an interval in bronze."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import plugs, tables
from pipeline.errors import DataError, HeadroomError
from pipeline.interval import Interval, naive_utc
from pipeline.lake import Lake, claims, landings
from pipeline.settings import Settings
from pipeline.sources import Batch
from pipeline.steps._declaration import Step
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import STAMPED
from pipeline.tables.schema import Table

log = logging.getLogger(__name__)
STEP = Step(
    role="ingest",
    takes_target=True,
    writes=(
        "bronze.metric_sample",
        "bronze.resource_snapshot",
        "bronze.billing_line",
        "bronze.price",
        "bronze.incident",
        "bronze.fleet_truth",
    ),
)


def now() -> datetime:
    """The one place where Headroom reads the clock, as naive UTC."""
    return naive_utc(datetime.now(UTC))


def ingest(interval: Interval, lake: Lake, settings: Settings, *, target: str) -> int:
    """Rows the source delivered for the interval. Landing the same payload again changes nothing.

    Raises:
        ConfigError: an unknown source, or an option that some plug does not have: this is a run's first step.
        SourceError: the source is down or answered in part; nothing is simulated in its place.
        DataError: the source handed over rows of another schema or from outside the interval, or of what was landed under
            another name.
    """
    plugs.check_all_options(settings)
    source = plugs.load("sources", target)
    if hasattr(source, "BEGINNING"):
        # A price list holds until it changes: a run needs all of it, not what changed on its day. Landing it again is no change.
        interval = Interval(min(source.BEGINNING, interval.start), interval.end)
    ingested_at = now()
    rows = 0
    for batch in _fetched(target, interval, settings):
        table = tables.get(batch.table)
        declared = [c.name for c in table.columns if c.name not in STAMPED]
        if batch.data.column_names != declared:
            raise DataError(f"{table.name} {interval}: source {target} delivers {batch.data.column_names}, expected {declared}")
        _check_inside(batch.data, table.time, interval, f"{table.name} {interval}: source {target}")
        claims.claim(table, batch.claims, batch.shard, batch.restates, lake.storage)
        withdrawn = _withdrawn(batch, target, lake, table)
        payload = pa.concat_tables([batch.data, withdrawn]) if withdrawn.num_rows else batch.data
        landed = lake.land(table, payload, source=target, shard=batch.shard, ingested_at=ingested_at)
        said = f"{batch.data.num_rows:,}"
        log.info("%s: %s rows of %s%s", target, said, table.name, "" if landed.changed else ", landed before")
        rows += batch.data.num_rows
    if not rows:
        spanned = f"; it has {source.span(plugs.options('sources', target, settings))}" if hasattr(source, "span") else ""
        log.warning("%s: nothing in %s%s", target, interval, spanned)
    return rows


def _fetched(target: str, interval: Interval, settings: Settings) -> Iterator[Batch]:
    """What the source hands over; its errors name the tables and the interval that stay without it."""
    fetch = plugs.bind("sources", target, plugs.options("sources", target, settings))
    try:
        yield from fetch(interval)
    except HeadroomError as error:
        error.args = (f"{', '.join(plugs.load('sources', target).TABLES)} {interval}: {error}",)
        raise


def _withdrawn(batch: Batch, source: str, lake: Lake, table: Table) -> pa.Table:
    """The rows of `batch.withdrawn` that have something to take back."""
    if batch.withdrawn is None or not batch.withdrawn.num_rows:
        return batch.data.slice(0, 0)
    days, own = batch.withdrawn[table.time].cast(pa.date32()), set(batch.data[table.time].cast(pa.date32()).unique().to_pylist())
    owners = {landings.owner_of(source, shard) for shard in (batch.shard, batch.restates) if shard}
    known = landings.read(table, sorted({day.isoformat() for day in days.unique().to_pylist()}), lake.storage)
    before = {date.fromisoformat(day) for day, landed in known.items() if any(each.owner in owners for each in landed)}
    if emptied := sorted(before - own):
        said = ", ".join(map(str, emptied))
        log.warning("%s: %s has no rows of %s any more: build what was built of these days again", source, batch.shard, said)
    return batch.withdrawn.filter(pc.is_in(days, pa.array(sorted(before | own), pa.date32())))


def _check_inside(data: Any, time: str, interval: Interval, where: str) -> None:
    if not data.num_rows:
        return
    bounds = pc.min_max(data[time])
    first, last = bounds["min"].as_py(), bounds["max"].as_py()
    if data[time].null_count or data[time].type != TIMESTAMP or first < interval.start or last >= interval.end:
        kind = data[time].type if isinstance(data, pa.Table) else "unknown"
        raise DataError(f"{where}: {time} ({kind}) spans {first} … {last}, expected microseconds inside the interval")
