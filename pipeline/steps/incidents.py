"""Take the anomalous samples of each resource together as incidents: one row each, as known at the interval's end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from pipeline.anomalies.feedback import HOLDS, add_feedback
from pipeline.anomalies.incidents import group_points, keep_names, reach_back
from pipeline.inputs import read
from pipeline.inputs.points import midnight_before
from pipeline.inputs.risk import read_criticality
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold, validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.schema import Scope

STEP = Step(
    role="publisher",
    reads=("inputs.anomalous_points", "inputs.anomalies_before", "inputs.anomaly_feedback", "inputs.resources"),
    writes=("gold.anomaly",),
    parts_of_days=True,
)
_HOUR, _TICK = timedelta(hours=1), timedelta(microseconds=1)


def incidents(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.anomaly` as of the interval's end: what went on in the interval or in `detect_history_hours` before it.

    An incident that overlaps one of the run before keeps its id, and its start however long ago that was; what people said of it
    stands beside it. Of a part of a day they are as of the end of its last hour that is over, in place of those of the hours of
    that day before it; where no hour is over nothing changes.
    """
    if interval.is_whole_days:
        before = read(lake, "anomalies_before", as_of=interval.as_of)
        return _publish(interval, interval.start, before, ANOMALY.scope(interval), lake, settings)
    hours = interval.periods_over(_HOUR)
    if hours is None:
        return 0
    # The hour may have been looked at before: what it was called then stays.
    before = read(lake, "anomalies_before", as_of=hours.as_of + _TICK)
    midnight = midnight_before(hours.end - _TICK)
    scope = Scope(ANOMALY.time, midnight + _TICK, hours.as_of + _TICK)
    return _publish(hours, midnight, before, scope, lake, settings)


def _publish(interval: Interval, day: datetime, before: pd.DataFrame, scope: Scope, lake: Lake, settings: Settings) -> int:
    """Replace a scope by the incidents as of an interval's end, which is on a day, named as those before it."""
    since = day - timedelta(hours=settings.detect_history_hours)
    points = read(lake, "anomalous_points", since=reach_back(since, before), as_of=interval.end)
    found = group_points(points, _read_criticality(interval, lake), interval.as_of)
    found = keep_names(found[found["ended_at"] > since], before)
    months = Interval(interval.end - HOLDS, interval.end).whole_months()
    said = read(lake, "anomaly_feedback", start=months.start, end=months.end)
    rows = conform(add_feedback(found, said, interval.as_of), ANOMALY, interval)
    data = validate(rows, ANOMALY, interval, lake) if interval.is_whole_days else hold(rows, ANOMALY, interval)
    return lake.replace(ANOMALY, data, scope).rows


def _read_criticality(interval: Interval, lake: Lake) -> pd.Series:
    """The criticality that resources state, by account/region/resource_id."""
    labels = read_criticality(lake, interval.as_of)
    return labels.assign(owner=labels["account"] + "/" + labels["region"] + "/" + labels["resource_id"]).set_index("owner")[
        "criticality"
    ]
