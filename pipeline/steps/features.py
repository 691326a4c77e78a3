"""Work out the features of every resource's hours and days, for one shard of the resources."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from pipeline.features.matrix import lay_out, list_rows
from pipeline.inputs.demand_of_resources import read_resource_demand
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import run_expectations, validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.catalogue import list_features, reach
from pipeline.tables.columns import Granularity
from pipeline.tables.features import FEATURE_DAILY, FEATURE_HOURLY
from pipeline.tables.schema import Table, bucket_of, buckets_of

STEP = Step(
    role="publisher",
    sharded=True,
    reads=("inputs.feature_days", "inputs.feature_hours"),
    writes=("gold.feature_daily", "gold.feature_hourly"),
)
#: Of a long interval, hours are worked out and published so many days at a time, and days by the year: memory follows the estate.
PART_DAYS = 14


def features(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.feature_hourly` and `gold.feature_daily` for the interval. Running it twice changes nothing.

    Of hours, those of the interval's last `feature_days`: `maintain` removes older ones. Of what was checked, the last part of a
    long interval is on record.
    """
    rows = 0
    for part in _split(interval, interval.end - timedelta(days=settings.feature_days)):
        rows += _publish(FEATURE_HOURLY, part, interval, lake, shard, shards)
    for part in interval.split_years():
        rows += _publish(FEATURE_DAILY, part, interval, lake, shard, shards)
    return rows


def _split(interval: Interval, oldest: datetime) -> list[Interval]:
    """Parts of the interval from a moment on, counted from its end."""
    parts, end = [], interval.end
    start = max(interval.start, oldest)
    while end > start:
        parts.append(Interval(max(end - timedelta(days=PART_DAYS), start), end))
        end = parts[-1].start
    return parts[::-1]


def _publish(table: Table, part: Interval, run: Interval, lake: Lake, shard: int, shards: int) -> int:
    granularity: Granularity = "hour" if table is FEATURE_HOURLY else "day"
    step = timedelta(hours=1) if granularity == "hour" else timedelta(days=1)
    since = part.start - reach(granularity) * step
    demand = read_resource_demand(lake, since, part.end, granularity, shard, shards)
    matrix = lay_out(demand, since, part.end, granularity)
    found = list(list_rows(matrix, granularity, keep=(part.end - part.start) // step))
    rows = pd.concat(found, ignore_index=True) if found else table.empty()
    rows = rows.assign(bucket=_buckets(rows))
    data = conform(rows, table, part)
    # Without the features, to which no expectation is: it would copy them for each.
    names = {feature.name for feature in list_features(granularity)}
    keys = data.drop_columns([*names])
    # The last part stands on record for all; one in which something fails does in any case, and stops the step.
    if part.end == run.end or not all(each.success for each in run_expectations(keys, table, part)[0]):
        validate(keys, table, part, lake, (shard, shards), run=run)
    return lake.replace(table, data, table.scope(part, bucket=buckets_of(shard, shards))).rows


def _buckets(rows: pd.DataFrame) -> pd.Series:
    names = rows["account"] + "/" + rows["region"] + "/" + rows["resource_id"]
    return names.map(bucket_of).astype("int64")
