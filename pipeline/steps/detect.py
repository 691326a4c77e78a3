"""Find anomalous hours of one shard of the series by a vote of detectors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import plugs, quality, tables
from pipeline.detection import ALERT, severity
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.schema import buckets_of
from pipeline.settings import Settings

POINTS = """
SELECT series_id, account, region, resource_id, metric, unit, hour AS ts, p95 AS value
FROM silver.metric_hourly
WHERE hour >= :since AND hour < :end AND day >= cast(:since AS date) AND quality_flag <> 1 AND p95 IS NOT NULL
  AND bucket % :shards = :shard
ORDER BY series_id, hour
"""
# Share of the highest value so far below which a deviation is never more than low.
MATERIAL_RATIO = 0.05


def detect(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.anomaly` for the interval: hours that at least `alert_votes` detectors call anomalous.

    Detectors see `detect_history_hours` before the interval, and never an hour that follows the one they judge.
    """
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    points = lake.query(POINTS, {"since": since, "end": interval.end, "shard": shard, "shards": shards}).to_pandas()
    found = [_judge(series, interval, settings) for _, series in points.groupby("series_id", sort=True)]
    table = tables.ANOMALY
    rows = pd.concat(found) if found else table.arrow_schema.empty_table().to_pandas()
    data = quality.validate(quality.conform(rows, table, interval), table, interval, lake, shard, shards)
    return lake.replace(table, data, table.scope(interval, bucket=buckets_of(shard, shards))).rows


def _judge(series: Any, interval: Interval, settings: Settings) -> Any:
    """The anomalous hours of one series, in the columns of `gold.anomaly`."""
    ts, values = series["ts"].to_numpy(), series["value"].to_numpy()
    names = np.array(settings.detectors)
    detections = [plugs.load("detectors", name).detect(ts, values) for name in settings.detectors]
    scores = np.stack([detection.score for detection in detections])
    expected = np.stack([detection.expected for detection in detections])
    votes = scores >= ALERT
    strongest = scores.argmax(axis=0)
    everyone = np.arange(len(ts))
    score, usual = scores[strongest, everyone], expected[strongest, everyone]
    rows = series.assign(
        expected=usual,
        score=score,
        votes=votes.sum(axis=0).astype(np.int64),
        detectors=[",".join(names[votes[:, i]]) for i in everyone],
        severity=np.where(_matters(values, usual), severity(score), "low"),
    )
    wanted = min(settings.alert_votes, len(names))
    inside = (series["ts"] >= interval.start) & (series["ts"] < interval.end)
    known = everyone >= settings.detect_min_history_hours
    return rows[(rows["votes"] >= wanted) & inside & known]


def _matters(values: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether a deviation is at least 5 % of the highest value seen so far; where nothing was expected, it is.

    A detector says how unusual an hour is, not whether anyone should get up for it: an idle machine's 0.1 % is not an incident.
    """
    highest = np.fmax.accumulate(np.abs(values))
    return ~(np.abs(values - expected) < MATERIAL_RATIO * highest)
