"""Find anomalous hours of one shard of the series by a vote of detectors, and the incidents that they make up."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import plugs
from pipeline.anomalies.incidents import group_hours
from pipeline.anomalies.vote import vote
from pipeline.inputs.points import read_points
from pipeline.inputs.risk import read_criticality
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps._segments import SegmentName, end_as_partial, refuse_if_all, try_each
from pipeline.tables.anomalies import ANOMALY, INCIDENT
from pipeline.tables.schema import Scope, buckets_of

STEP = Step(
    role="publisher",
    sharded=True,
    reads=("inputs.points", "inputs.resources"),
    writes=("gold.anomaly", "gold.incident"),
)


def detect(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.anomaly` for the interval: hours that at least `alert_votes` detectors call anomalous.

    Detectors see `detect_history_hours` before the interval, and never an hour that follows the one they judge. Beside them
    `gold.incident` as of the interval's end: what the hours published since then make up.

    Raises:
        PartialError: some metrics could not be searched; of these the hours that an earlier run found in the interval stay.
        DataError: none could; nothing was published.
    """
    points = read_points(interval, lake, settings, shard, shards)
    detectors = {name: plugs.bind("detectors", name, plugs.options("detectors", name, settings)) for name in settings.detectors}
    asked = detectors, settings.alert_votes, settings.detect_min_history_hours
    by_metric, scope = dict(iter(points.groupby("metric", sort=True))), ANOMALY.scope(interval, bucket=buckets_of(shard, shards))
    kept: list[pa.Table] = []

    def search(segment: SegmentName) -> list[pd.DataFrame]:
        return [vote(series, interval, *asked) for _, series in by_metric[segment.metric].groupby("series_id", sort=True)]

    def stand_in(segment: SegmentName) -> str:
        published = lake.read(ANOMALY, scope)
        kept.append(published.filter(pc.equal(published["metric"], segment.metric)).drop_columns([ANOMALY.partition]))
        return f"its anomalies are {'those found before' if kept[-1].num_rows else 'none'}"

    segments = [SegmentName(str(metric), "hour") for metric in by_metric]
    found, failed = try_each(segments, search, "could not be searched for anomalies", stand_in)
    refuse_if_all(failed, done=bool(found), where=f"{ANOMALY.name} {interval}")
    votes = [part for parts in found for part in parts]
    rows = conform(pd.concat(votes) if votes else ANOMALY.empty(), ANOMALY, interval)
    rows = pa.concat_tables([rows, *(conform(each, ANOMALY, interval) for each in kept)])
    data = validate(rows, ANOMALY, interval, lake, (shard, shards), also=[each.result for each in failed])
    written = lake.replace(ANOMALY, data, scope).rows
    _publish_incidents(points, interval, lake, settings, shard, shards)
    return end_as_partial(failed, written)


def _publish_incidents(points: pd.DataFrame, interval: Interval, lake: Lake, settings: Settings, shard: int, shards: int) -> None:
    """Publish the incidents of the anomalous hours in the points' time, those that were published before among them."""
    buckets, table = buckets_of(shard, shards), INCIDENT
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    published = lake.read(ANOMALY, Scope(ANOMALY.time, since, interval.end, (("bucket", buckets),))).to_pandas()
    rows = group_hours(published, points[["series_id", "ts", "value"]], _criticality(interval, lake), interval.as_of)
    data = validate(conform(rows, table, interval), table, interval, lake, (shard, shards))
    lake.replace(table, data, table.scope(interval, bucket=buckets))


def _criticality(interval: Interval, lake: Lake) -> pd.Series:
    """The criticality that resources state, by account/region/resource_id."""
    labels = read_criticality(lake, interval.as_of)
    return labels.assign(owner=labels["account"] + "/" + labels["region"] + "/" + labels["resource_id"]).set_index("owner")[
        "criticality"
    ]
