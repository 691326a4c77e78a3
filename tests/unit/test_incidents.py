"""Anomalous samples of a resource become incidents, which keep their names, and how grave those are."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.anomalies.incidents import grade, group_points, keep_names, name_incident
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT

START = datetime(2026, 3, 1)
HOURS = 10 * 24
AS_OF = START + timedelta(hours=HOURS)
NOBODY = pd.Series(dtype="object")


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def points(*hours: int, value: float = 80.0, metric: str = "cpu_utilization", **other: Any) -> list[dict[str, Any]]:
    """Anomalous hours of one machine's metric, where 20 was expected; the first of them was announced."""
    row = {"account": "1", "region": "r", "resource_id": "i-1", "metric": metric, "unit": "percent", "granularity": "hour"}
    row |= {"state": "anomalous", "score": 0.8, "votes": 1, "detectors": "default", "severity": "critical", "bucket": 0}
    row |= {"value": value, "expected": 20.0, **other}
    series_id = f"1/r/{row['resource_id']}/{metric}"
    return [{"series_id": series_id, **row, "ts": at(hour), "is_alert": hour == hours[0]} for hour in hours]


def grouped(rows: list[dict[str, Any]], criticality: pd.Series = NOBODY, last: int = HOURS - 1) -> list[dict[str, Any]]:
    found = group_points(ANOMALY_POINT.frame(rows).assign(last_at=pd.Timestamp(at(last))), criticality, AS_OF)
    # What people say of them comes later.
    later = ("confidence", "answer", "answer_reason", "label", "bucket")
    assert [*found.columns, *later] == list(ANOMALY.names)
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def test_eighteen_anomalous_hours_are_one_incident_from_the_first_to_the_end_of_the_last() -> None:
    [found] = grouped(points(*range(100, 117)) + points(117, value=99.0, score=0.9, is_alert=False))

    assert (found["started_at"], found["ended_at"], found["hours"], found["anomalous_hours"]) == (at(100), at(118), 18, 18)
    assert (found["peak_at"], found["value"], found["expected"], found["score"]) == (at(117), 99.0, 20.0, 0.9)
    assert found["impact_ratio"] == 0.79
    assert (found["severity"], found["is_open"]) == ("critical", False)


def test_it_says_when_people_were_first_told_how_often_and_which_detectors_flagged_it() -> None:
    told = points(101, 103, detectors="default,iqr")
    [found] = grouped([*points(100, is_alert=False), *points(102, detectors="iqr,zscore"), *told])
    [unheard] = grouped([{**row, "is_alert": False} for row in points(100)])

    assert (found["first_alert_at"], found["alerts"], found["detectors"]) == (at(100), 3, "default,iqr,zscore")
    assert (unheard["first_alert_at"], unheard["alerts"]) == (pd.NaT, 0) or pd.isna(unheard["first_alert_at"])


def test_an_incident_is_open_while_the_last_sample_judged_is_anomalous_and_not_where_the_series_fell_silent() -> None:
    [goes_on] = grouped(points(HOURS - 2, HOURS - 1))
    [over] = grouped(points(HOURS - 3, HOURS - 2))
    [silent] = grouped(points(100, 101), last=101)

    assert [goes_on["is_open"], over["is_open"], silent["is_open"]] == [True, False, False]
    assert goes_on["ended_at"] == AS_OF


def test_hours_that_begin_within_six_hours_of_what_went_on_are_the_same_incident() -> None:
    first, second = grouped(points(100, 101, 102, 103, 110) + points(118))

    assert (first["started_at"], first["ended_at"], first["anomalous_hours"]) == (at(100), at(111), 5)
    assert second["started_at"] == at(118)


def test_metrics_of_one_resource_at_one_time_are_one_incident_as_grave_as_its_gravest_series() -> None:
    [found] = grouped(
        points(100, 101, value=28.0, metric="memory_utilization")
        + points(*range(103, 110))
        + points(108, 109, metric="disk_read")
    )

    assert (found["metrics"], found["metric"]) == ("cpu_utilization,disk_read,memory_utilization", "cpu_utilization")
    assert (found["started_at"], found["ended_at"], found["hours"], found["anomalous_hours"]) == (at(100), at(110), 10, 11)
    assert (found["severity"], found["series_id"], found["value"]) == ("critical", "1/r/i-1/cpu_utilization", 80.0)
    assert found["anomaly_id"] == name_incident("1/r/i-1", at(100))


def test_resources_are_apart_and_what_nobody_had_an_expectation_of_has_no_impact() -> None:
    found = grouped(points(100, resource_id="i-2") + points(100, expected=None))

    assert [(each["resource_id"], each["hours"]) for each in found] == [("i-1", 1), ("i-2", 1)]
    assert found[0]["anomaly_id"] != found[1]["anomaly_id"]
    assert np.isnan(found[0]["impact_ratio"])


def test_no_anomalous_sample_is_no_incident() -> None:
    assert grouped([]) == []


def believed(*rows: tuple[str, int, int]) -> pd.DataFrame:
    """Incidents of one machine: id, first hour and hour of the end."""
    frame = pd.DataFrame(rows, columns=["anomaly_id", "started_at", "ended_at"])
    frame = frame.assign(started_at=frame["started_at"].map(at), ended_at=frame["ended_at"].map(at))
    return frame.assign(account="1", region="r", resource_id="i-1", kind="deviation")


@pytest.mark.parametrize(
    ("before", "found", "names"),
    [
        ([("old", 100, 110)], [("new", 100, 130)], ["old"]),  # it goes on
        ([("old", 100, 110)], [("new", 98, 112)], ["old"]),  # it began earlier than was believed
        ([("old", 100, 110)], [("new", 110, 112)], ["new"]),  # another one
        ([("old", 100, 110), ("later", 120, 130)], [("new", 100, 130)], ["old"]),  # two have become one
        ([("old", 100, 130)], [("a", 100, 110), ("b", 120, 130)], ["old", "b"]),  # one has become two
        ([], [("new", 100, 110)], ["new"]),
        ([("old", 100, 110)], [], []),
    ],
)
def test_an_incident_keeps_its_id_while_it_overlaps_what_the_run_before_believed(
    before: list[tuple[str, int, int]], found: list[tuple[str, int, int]], names: list[str]
) -> None:
    assert keep_names(believed(*found), believed(*before))["anomaly_id"].tolist() == names


def test_no_two_incidents_have_one_id_though_the_later_begins_where_the_older_once_did() -> None:
    first = name_incident("1/r/i-1", at(100))

    names = keep_names(believed(("earlier", 90, 92), (first, 100, 130)), believed((first, 90, 130)))["anomaly_id"].tolist()

    assert names[0] == first
    assert names[1] not in (first, "earlier")
    assert re.match(str(ANOMALY.column("anomaly_id").pattern), names[1])


def test_an_incident_of_another_resource_at_the_same_time_gives_it_no_id() -> None:
    other = believed(("old", 100, 110)).assign(resource_id="i-2")

    assert keep_names(believed(("new", 100, 110)), other)["anomaly_id"].tolist() == ["new"]


def test_what_is_missing_and_what_deviates_at_the_same_time_are_two_incidents_of_two_names() -> None:
    silent = believed(("old", 100, 110)).assign(kind="missing")

    assert keep_names(believed(("new", 100, 110)), silent)["anomaly_id"].tolist() == ["new"]


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
    rows = points(*range(100, 104))
    calm, grave = (grouped(rows, pd.Series({"1/r/i-1": word, "1/r/i-2": "High"}))[0] for word in ("Low", "High"))

    assert (calm["criticality"], calm["severity"]) == ("Low", "high")
    assert (grave["criticality"], grave["severity"]) == ("High", "critical")
