"""Judge each hour of one shard of the series by a vote of detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import plugs
from pipeline.anomalies.detection import Detector
from pipeline.anomalies.learned import check_history
from pipeline.anomalies.vote import read_weights, vote
from pipeline.inputs.points import forecast_of, others_of, read_beside, read_forecasts, read_points
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps._segments import SegmentName, end_as_partial, refuse_if_all, try_each
from pipeline.tables.anomalies import ANOMALY_POINT
from pipeline.tables.schema import buckets_of

STEP = Step(
    role="publisher",
    sharded=True,
    reads=("inputs.points", "inputs.forecast_before", "inputs.points_beside"),
    writes=("gold.anomaly_point",),
)


def detect(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.anomaly_point` for the interval: every hour judged, anomalous where detectors of `alert_votes` flag it.

    Each counts as `detector_weights` says, by default 1. They see `detect_history_hours` before the interval, and never an hour
    that follows the one they judge; one that declares it is told what had been forecast of each hour before, or the other metrics
    of the resource.

    Raises:
        PartialError: some metrics could not be searched; of these the hours that an earlier run judged in the interval stay.
        DataError: none could; nothing was published.
        ConfigError: a weight that is none, or a detector that learns from more than is read.
    """
    options = {name: plugs.options("detectors", name, settings) for name in settings.detectors}
    for name, chosen in options.items():
        check_history(name, chosen, settings.detect_history_hours)
    detectors = {name: plugs.bind("detectors", name, chosen) for name, chosen in options.items()}
    weights = read_weights(settings.detectors, settings.detector_weights)
    points = read_points(interval, lake, settings, shard, shards)
    asked = settings.alert_votes, settings.detect_min_history_hours, weights
    tell = _teller(
        {name: plugs.declared_inputs("detectors", name) for name in detectors}, interval, lake, settings, shard, shards
    )
    table, by_metric = ANOMALY_POINT, dict(iter(points.groupby("metric", sort=True)))
    scope = table.scope(interval, bucket=buckets_of(shard, shards))
    kept: list[pa.Table] = []

    def search(segment: SegmentName) -> list[pd.DataFrame]:
        each_series = by_metric[segment.metric].groupby("series_id", sort=True)
        return [vote(series, interval, tell(detectors, series), *asked) for _, series in each_series]

    def stand_in(segment: SegmentName) -> str:
        published = lake.read(table, scope)
        kept.append(published.filter(pc.equal(published["metric"], segment.metric)).drop_columns([table.partition]))
        return f"its anomalies are {'those found before' if kept[-1].num_rows else 'none'}"

    segments = [SegmentName(str(metric), "hour") for metric in by_metric]
    found, failed = try_each(segments, search, "could not be searched for anomalies", stand_in)
    refuse_if_all(failed, done=bool(found), where=f"{table.name} {interval}")
    votes = [part for parts in found for part in parts if len(part)]
    judged = pd.concat(votes).assign(granularity="hour") if votes else table.empty()
    rows = pa.concat_tables([conform(judged, table, interval), *(conform(each, table, interval) for each in kept)])
    data = validate(rows, table, interval, lake, (shard, shards), also=[each.result for each in failed])
    return end_as_partial(failed, lake.replace(table, data, scope).rows)


Detectors = Mapping[str, Detector]


def _teller(
    inputs: Mapping[str, tuple[str, ...]], interval: Interval, lake: Lake, settings: Settings, shard: int, shards: int
) -> Callable[[Detectors, pd.DataFrame], Detectors]:
    """Detectors of one series, each told what it declares of that series; what nobody declares is not read."""
    readers: dict[str, Callable[[], Callable[[pd.DataFrame], Any]]] = {
        "forecast": lambda: partial(forecast_of, forecasts=read_forecasts(interval, lake, settings, shard, shards)),
        "others": lambda: partial(others_of, beside=read_beside(interval, lake, settings, shard, shards)),
    }
    known = {name: readers[name]() for name in sorted({name for some in inputs.values() for name in some})}

    def tell(detectors: Detectors, series: pd.DataFrame) -> Detectors:
        return {
            name: partial(detect, **{each: known[each](series) for each in inputs[name]}) if inputs[name] else detect
            for name, detect in detectors.items()
        }

    return tell
