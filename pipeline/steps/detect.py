"""Find anomalous hours of one shard of the series by a vote of detectors."""

from __future__ import annotations

import pandas as pd

from pipeline import plugs
from pipeline.anomalies.vote import vote
from pipeline.inputs.points import read_points
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.schema import buckets_of

STEP = Step(role="publisher", sharded=True, writes=("gold.anomaly",))


def detect(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.anomaly` for the interval: hours that at least `alert_votes` detectors call anomalous.

    Detectors see `detect_history_hours` before the interval, and never an hour that follows the one they judge.
    """
    points = read_points(interval, lake, settings, shard, shards)
    detectors = {name: plugs.bind("detectors", name, plugs.options("detectors", name, settings)) for name in settings.detectors}
    asked = detectors, settings.alert_votes, settings.detect_min_history_hours
    found = [vote(series, interval, *asked) for _, series in points.groupby("series_id", sort=True)]
    table = ANOMALY
    rows = pd.concat(found) if found else table.empty()
    data = validate(conform(rows, table, interval), table, interval, lake, shard, shards)
    return lake.replace(table, data, table.scope(interval, bucket=buckets_of(shard, shards))).rows
