"""Take what is anomalous or missing on each resource together as incidents: one row each, as known at the interval's end."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline import plugs
from pipeline.anomalies.confidence import say_confidence
from pipeline.anomalies.feedback import HOLDS, add_feedback
from pipeline.anomalies.incidents import OWNER, group_points, keep_names, reach_back
from pipeline.anomalies.missing import find_missing
from pipeline.inputs import read
from pipeline.inputs.risk import read_criticality
from pipeline.inputs.silences import read_silences
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.anomalies import ANOMALY

STEP = Step(
    role="publisher",
    reads=(
        "inputs.anomalous_points",
        "inputs.anomalies_before",
        "inputs.anomaly_feedback",
        "inputs.resources",
        "inputs.silences",
        "inputs.ended",
    ),
    writes=("gold.anomaly",),
)


def incidents(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.anomaly` as of the interval's end: what went on in the interval or in `detect_history_hours` before it.

    Hours without a sample are incidents beside those of anomalous samples. An incident that overlaps one of the run before keeps
    its id, and its start however long ago that was; what people said of it stands beside it.
    """
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    before = read(lake, "anomalies_before", as_of=interval.as_of)
    points = read(lake, "anomalous_points", since=reach_back(since, before), as_of=interval.end)
    criticality = _read_criticality(interval, lake)
    found = group_points(points, criticality, interval.as_of)
    if settings.missing_hours:
        found = _join(found, _missing(interval, lake, settings, criticality))
    found = keep_names(found[found["ended_at"] > since], before)
    months = Interval(interval.end - HOLDS, interval.end).whole_months()
    said = read(lake, "anomaly_feedback", start=months.start, end=months.end)
    found = found.assign(confidence=say_confidence(found, _asked_by_default(settings)))
    found = add_feedback(found, said, interval.as_of)
    data = validate(conform(found, ANOMALY, interval), ANOMALY, interval, lake)
    return lake.replace(ANOMALY, data, ANOMALY.scope(interval)).rows


def _asked_by_default(settings: Settings) -> set[str]:
    """The detector that is asked alone, with the options that it was measured with; none where several vote."""
    options = {name: plugs.options("detectors", name, settings) for name in settings.detectors}
    return {name for name, each in options.items() if len(options) == 1 and each == plugs.check_options("detectors", name, {})}


def _missing(interval: Interval, lake: Lake, settings: Settings, criticality: pd.Series) -> pd.DataFrame:
    """Incidents of missing data."""
    silences, ended = read_silences(interval, lake, settings)
    bounds = settings.missing_hours, settings.detect_min_history_hours
    return find_missing(silences, ended, criticality, interval.as_of, *bounds)


def _join(*parts: pd.DataFrame) -> pd.DataFrame:
    """Incidents of all kinds, in the order of resource and start."""
    known = [part for part in parts if len(part)]
    rows = pd.concat(known) if known else parts[0]
    return rows.sort_values([*OWNER, "started_at", "kind"], ignore_index=True)


def _read_criticality(interval: Interval, lake: Lake) -> pd.Series:
    """The criticality that resources state, by account/region/resource_id."""
    labels = read_criticality(lake, interval.as_of)
    return labels.assign(owner=labels["account"] + "/" + labels["region"] + "/" + labels["resource_id"]).set_index("owner")[
        "criticality"
    ]
