"""Anomalous hours become incidents, and how grave those are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.anomalies.incidents import grade, group_hours
from pipeline.tables.anomalies import ANOMALY, INCIDENT

START = datetime(2026, 3, 1)
HOURS = 10 * 24
AS_OF = START + timedelta(hours=HOURS)
NOBODY = pd.Series(dtype="object")


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def anomaly(hour: int, value: float, expected: float | None, severity: str = "critical", **other: Any) -> dict[str, Any]:
    row = {"account": "1", "region": "r", "resource_id": "i-1", "metric": "cpu_utilization", "unit": "percent", "score": 0.8}
    row |= {"votes": 1, "detectors": "default", "bucket": 0, "series_id": "1/r/i-1/cpu_utilization"}
    return {**row, "ts": at(hour), "value": value, "expected": expected, "severity": severity, **other}


def observed(**changed: float) -> pd.DataFrame:
    """Hours at 20, but for those from `h<first>_<last>` on."""
    values = np.full(HOURS, 20.0)
    for name, value in changed.items():
        first, _, last = name.removeprefix("h").partition("_")
        values[int(first) : int(last) + 1] = value
    hours = pd.date_range(START, periods=HOURS, freq="h").astype("datetime64[us]")
    return pd.DataFrame({"series_id": "1/r/i-1/cpu_utilization", "ts": hours, "value": values})


def grouped(rows: list[dict[str, Any]], seen: pd.DataFrame, criticality: pd.Series = NOBODY) -> list[dict[str, Any]]:
    found = group_hours(ANOMALY.frame(rows), seen, criticality, AS_OF)
    assert set(found.columns) | {"bucket"} == set(INCIDENT.names)
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def test_an_incident_goes_on_while_half_of_its_deviation_is_left_though_only_its_first_hour_was_announced() -> None:
    [found] = grouped([anomaly(100, 100.0, 20.0)], observed(h100_110=100.0, h111_137=60.0, h138_139=59.9))

    assert (found["started_at"], found["ended_at"], found["hours"]) == (at(100), at(138), 38)
    assert not found["is_open"]
    assert found["impact_ratio"] == 0.8
    assert found["severity"] == "critical"


def test_an_incident_that_still_goes_on_in_the_last_hour_is_open() -> None:
    [found] = grouped([anomaly(HOURS - 38, 99.6, 20.0)], observed(**{f"h{HOURS - 38}_{HOURS - 1}": 99.7}))

    assert found["is_open"]
    assert (found["ended_at"], found["hours"]) == (AS_OF, 38)


def test_what_goes_on_for_a_week_is_the_new_level_and_what_fell_silent_is_not_open() -> None:
    [shifted] = grouped([anomaly(20, 60.0, 20.0)], observed(h20_239=60.0))
    [silent] = grouped([anomaly(100, 60.0, 20.0)], observed(h100_239=60.0).head(120))

    assert (shifted["hours"], shifted["is_open"]) == (7 * 24, False)
    assert (silent["ended_at"], silent["is_open"]) == (at(120), False)


def test_a_drop_goes_on_while_it_stays_down_and_a_missing_hour_ends_nothing() -> None:
    [found] = grouped([anomaly(100, 2.0, 20.0)], observed(h100_105=2.0).drop(index=102))

    assert found["hours"] == 6


def test_hours_that_begin_within_six_hours_of_what_went_on_are_the_same_incident() -> None:
    seen = observed(h100_103=80.0, h110_110=90.0, h118_118=90.0)

    first, second = grouped([anomaly(100, 80.0, 20.0), anomaly(110, 90.0, 20.0), anomaly(118, 90.0, 20.0)], seen)

    assert (first["started_at"], first["ended_at"], first["anomalous_hours"]) == (at(100), at(111), 2)
    assert (first["worst_at"], first["value"]) == (at(110), 90.0)
    assert second["started_at"] == at(118)


def test_series_are_apart_and_one_without_hours_or_expectation_lasts_for_what_was_announced() -> None:
    other = anomaly(100, 50.0, 20.0, series_id="1/r/i-2/cpu_utilization", resource_id="i-2")

    found = grouped([other, anomaly(100, 50.0, None)], observed(h100_120=50.0))

    assert [(each["resource_id"], each["hours"]) for each in found] == [("i-1", 1), ("i-2", 1)]
    assert np.isnan(found[0]["impact_ratio"])


def test_no_anomalous_hour_is_no_incident() -> None:
    assert group_hours(ANOMALY.empty(), observed(), NOBODY, AS_OF).empty


@pytest.mark.parametrize(
    ("unusual", "impact_ratio", "hours", "criticality", "severity"),
    [
        ("critical", 0.022, 40, "High", "low"),  # 2.3 % CPU where 0.1 % was expected
        ("critical", 0.05, 40, None, "medium"),
        ("critical", 0.15, 40, None, "high"),
        ("critical", 0.3, 40, None, "critical"),
        ("critical", 0.8, 1, None, "medium"),
        ("critical", 0.8, 3, None, "high"),
        ("critical", 0.8, 4, None, "critical"),
        ("medium", 0.8, 40, None, "medium"),
        ("critical", np.nan, 40, None, "medium"),  # no capacity is declared
        ("critical", np.nan, 40, "High", "high"),
        ("critical", 0.8, 1, "High", "high"),
        ("critical", 0.8, 4, "High", "critical"),
        ("critical", 0.8, 4, "Medium", "critical"),
        ("critical", 0.8, 4, "Low", "high"),
        ("low", 0.8, 40, "High", "low"),
    ],
)
def test_an_incident_is_as_grave_as_the_mildest_of_how_unusual_how_far_and_how_long_moved_by_criticality(
    unusual: str, impact_ratio: float, hours: int, criticality: str | None, severity: str
) -> None:
    one = {"severity": [unusual], "impact_ratio": [impact_ratio], "hours": [hours], "criticality": [criticality]}

    assert grade(pd.DataFrame({**one, "value": 90.0, "expected": 10.0})) == [severity]


@pytest.mark.parametrize(
    ("value", "expected", "severity"), [(2.0, 1.0, "medium"), (1.0, 2.01, "medium"), (1.9, 1.0, "low"), (1.0, np.nan, "medium")]
)
def test_without_a_capacity_less_than_half_of_what_is_usual_or_seen_is_low(value: float, expected: float, severity: str) -> None:
    one = {"severity": ["critical"], "impact_ratio": [np.nan], "hours": [40], "criticality": [None]}

    assert grade(pd.DataFrame({**one, "value": value, "expected": expected})) == [severity]


def test_criticality_is_that_of_the_resource() -> None:
    seen = observed(h100_103=80.0)
    calm, grave = (
        grouped([anomaly(100, 80.0, 20.0)], seen, pd.Series({"1/r/i-1": word, "1/r/i-2": "High"}))[0] for word in ("Low", "High")
    )

    assert (calm["criticality"], calm["severity"]) == ("Low", "high")
    assert (grave["criticality"], grave["severity"]) == ("High", "critical")
