"""Take what is anomalous or missing on each resource together as incidents: one row each, as known at the interval's end."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pandas as pd

from pipeline import plugs
from pipeline.anomalies.confidence import say_confidence
from pipeline.anomalies.feedback import HOLDS, add_feedback
from pipeline.anomalies.incidents import LATER, OWNER, group_points, keep_names, reach_back
from pipeline.anomalies.missing import end_heard, find_missing
from pipeline.inputs import read
from pipeline.inputs.points import midnight_before
from pipeline.inputs.risk import read_criticality
from pipeline.inputs.silences import read_silences
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold, validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps._voters import read_unmoved
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.columns import MISSING
from pipeline.tables.schema import Scope
from pipeline.tables.usage import HOUR_OBSERVED, METRIC_HOURLY

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.anomalous_points",
        "inputs.anomalies_before",
        "inputs.anomaly_feedback",
        "inputs.resources",
        "inputs.silences",
        "inputs.ended",
        "silver.hour_observed",
        "silver.metric_hourly",
        "gold.promotion",
    ),
    writes=("gold.anomaly",),
    parts_of_days=True,
)
_HOUR, _TICK = timedelta(hours=1), timedelta(microseconds=1)


def incidents(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.anomaly` as of the interval's end: what went on in the interval or in `detect_history_hours` before it.

    Hours without a sample are incidents beside those of anomalous samples. An incident that overlaps one of the run before keeps
    its id, and its start however long ago that was; what people said of it stands beside it.

    Of a part of a day they are as of the end of its last hour that is over, in place of those of the hours of that day before it;
    where no hour is over, or the day's run has built the day, nothing changes. Which data are missing the day's run finds: until
    then what it found last stays, and is over from the hour on in which its series are heard of again.
    """
    if interval.is_whole_days:
        before = read(lake, "anomalies_before", as_of=interval.as_of)
        return _publish(interval, interval.start, before, ANOMALY.scope(interval), lake, settings)
    hours = interval.periods_over(_HOUR)
    if hours is None:
        return 0
    midnight = midnight_before(hours.end - _TICK)
    day = METRIC_HOURLY.scope(Interval(midnight, midnight + timedelta(days=1)))
    if lake.read(METRIC_HOURLY, day, ("series_id",)).num_rows:
        # As of its end stands what that run found, with what is missing of the day.
        log.info("%s: the day's run built the day, so its incidents stay", hours)
        return 0
    # The hour may have been looked at before: what it was called then stays.
    before = read(lake, "anomalies_before", as_of=hours.as_of + _TICK)
    scope = Scope(ANOMALY.time, midnight + _TICK, hours.as_of + _TICK)
    return _publish(hours, midnight, before, scope, lake, settings)


def _publish(interval: Interval, day: datetime, before: pd.DataFrame, scope: Scope, lake: Lake, settings: Settings) -> int:
    """Replace a scope by the incidents as of an interval's end, which is on a day, named as those before it."""
    since = day - timedelta(hours=settings.detect_history_hours)
    points = read(lake, "anomalous_points", since=reach_back(since, before), as_of=interval.end)
    criticality = _read_criticality(interval, lake)
    found = group_points(points, criticality, interval.as_of)
    if settings.missing_hours:
        if interval.is_whole_days:
            missing = _missing(interval, lake, settings, criticality)
        else:
            missing = _missing_before(interval, day, lake)
        found = _join(found, missing)
    found = keep_names(found[found["ended_at"] > since], before)
    months = Interval(interval.end - HOLDS, interval.end).whole_months()
    said = read(lake, "anomaly_feedback", start=months.start, end=months.end)
    found = found.assign(confidence=_confidence(found, lake, settings))
    rows = conform(add_feedback(found, said, interval.as_of), ANOMALY, interval)
    data = validate(rows, ANOMALY, interval, lake) if interval.is_whole_days else hold(rows, ANOMALY, interval)
    return lake.replace(ANOMALY, data, scope).rows


def _confidence(found: pd.DataFrame, lake: Lake, settings: Settings) -> pd.Series:
    """What is stated of each incident; nothing where a version moved the threshold that it was measured with."""
    measured = found["model_version"].isna() | found["model_version"].isin(read_unmoved(lake))
    return pd.Series(say_confidence(found, _asked_by_default(settings)), index=found.index).where(measured)


def _asked_by_default(settings: Settings) -> set[str]:
    """The detector that is asked alone, with the options that it was measured with; none where several vote."""
    options = {name: plugs.options("detectors", name, settings) for name in settings.detectors}
    return {name for name, each in options.items() if len(options) == 1 and each == plugs.check_options("detectors", name, {})}


def _missing(interval: Interval, lake: Lake, settings: Settings, criticality: pd.Series) -> pd.DataFrame:
    """Incidents of missing data."""
    silences, ended = read_silences(interval, lake, settings)
    bounds = settings.missing_hours, settings.detect_min_history_hours
    return find_missing(silences, ended, criticality, interval.as_of, *bounds)


def _missing_before(interval: Interval, midnight: datetime, lake: Lake) -> pd.DataFrame:
    """What the day's run called missing, as of the end of a part of the day after it: over where its series were heard of since.

    A part of a day cannot tell what is missing: it asks the sources of the monitor alone, and maybe not since midnight.
    """
    known = lake.read(ANOMALY, Scope(ANOMALY.time, midnight - timedelta(days=1), midnight + _TICK)).to_pandas()
    known = known[(known["as_of"] == known["as_of"].max()) & (known["kind"] == MISSING)]
    heard = lake.read(HOUR_OBSERVED, HOUR_OBSERVED.scope(Interval(midnight, interval.end)), ("series_id", "ts")).to_pandas()
    rows: pd.DataFrame = end_heard(known, heard).assign(as_of=interval.as_of).drop(columns=[*LATER])
    return rows


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
