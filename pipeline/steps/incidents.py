"""Take the anomalous samples of each resource together as incidents: one row each, as known at the interval's end."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline.anomalies.feedback import HOLDS, add_feedback
from pipeline.anomalies.incidents import group_points, keep_names, reach_back
from pipeline.inputs import read
from pipeline.inputs.risk import read_criticality
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.anomalies import ANOMALY

STEP = Step(
    role="publisher",
    reads=("inputs.anomalous_points", "inputs.anomalies_before", "inputs.anomaly_feedback", "inputs.resources"),
    writes=("gold.anomaly",),
)


def incidents(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.anomaly` as of the interval's end: what went on in the interval or in `detect_history_hours` before it.

    An incident that overlaps one of the run before keeps its id, and its start however long ago that was; what people said of it
    stands beside it.
    """
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    before = read(lake, "anomalies_before", as_of=interval.as_of)
    points = read(lake, "anomalous_points", since=reach_back(since, before), as_of=interval.end)
    found = group_points(points, _read_criticality(interval, lake), interval.as_of)
    found = keep_names(found[found["ended_at"] > since], before)
    months = Interval(interval.end - HOLDS, interval.end).whole_months()
    said = read(lake, "anomaly_feedback", start=months.start, end=months.end)
    found = add_feedback(found, said, interval.as_of)
    data = validate(conform(found, ANOMALY, interval), ANOMALY, interval, lake)
    return lake.replace(ANOMALY, data, ANOMALY.scope(interval)).rows


def _read_criticality(interval: Interval, lake: Lake) -> pd.Series:
    """The criticality that resources state, by account/region/resource_id."""
    labels = read_criticality(lake, interval.as_of)
    return labels.assign(owner=labels["account"] + "/" + labels["region"] + "/" + labels["resource_id"]).set_index("owner")[
        "criticality"
    ]
