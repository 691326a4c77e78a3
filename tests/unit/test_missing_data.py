"""Hours without a sample become incidents, unless something explains them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.report.sections.anomalies import _row
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.incidents import incidents
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.usage import METRIC_SAMPLE, RESOURCE
from tests.support import golden

START = datetime(2026, 3, 1)
DAYS = 20
WHOLE = Interval(START, START + timedelta(days=DAYS))
HOURS = 24 * DAYS


def land(lake: Lake, resource_id: str, silent: set[int] = frozenset(), metric: str = "cpu_utilization") -> None:  # type: ignore[assignment]
    """A sample in each hour but some."""
    rows = [
        {"resource_id": resource_id, "metric": metric, "ts": START + timedelta(hours=hour), "value": 30.0 + hour % 5}
        for hour in range(HOURS)
        if hour not in silent
    ]
    shard = f"{resource_id}/{metric}"
    lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard=shard, ingested_at=datetime(2026, 4, 1))


def inventory(lake: Lake, states: dict[int, str], resource_id: str = "i-1") -> None:
    """What an inventory says of machines on each day of the whole interval; another machine is listed on all of them."""
    [(account, region)] = {
        (row["account"], row["region"])
        for row in lake.query("SELECT DISTINCT account, region FROM silver.metric_hourly").to_pylist()
    }
    owner = {"account": account, "region": region, "service": "ec2", "tags_json": "{}"}
    rows: list[dict[str, Any]] = [
        {**owner, "resource_id": "i-2", "ts": START + timedelta(days=day), "state": "running"} for day in range(DAYS)
    ]
    rows += [
        {**owner, "resource_id": resource_id, "ts": START + timedelta(days=day), "state": state} for day, state in states.items()
    ]
    lake.replace(RESOURCE, conform(RESOURCE.frame(rows), RESOURCE, WHOLE), RESOURCE.scope(WHOLE))


def found(lake: Lake, settings: Settings, interval: Interval = WHOLE) -> list[dict[str, Any]]:
    incidents(interval, lake, settings)
    return [row for row in lake.read(ANOMALY, ANOMALY.scope(interval)).to_pylist() if row["kind"] == "missing"]


def test_five_hours_without_a_sample_while_others_were_heard_are_an_incident_without_a_value(
    settings: Settings, lake: Lake
) -> None:
    for metric in ("cpu_utilization", "memory_utilization"):
        land(lake, "i-1", set(range(300, 305)), metric)
    land(lake, "i-2")
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    [row] = found(lake, settings)

    assert (row["resource_id"], row["metrics"], row["detectors"]) == ("i-1", "cpu_utilization,memory_utilization", "missing_data")
    assert (row["started_at"], row["hours"], row["anomalous_hours"]) == (START + timedelta(hours=300), 5, 10)
    assert (row["value"], row["expected"], row["confidence"], row["first_alert_at"]) == (None, None, None, None)
    assert (row["severity"], row["is_open"]) == ("low", False)
    assert row["score"] == pytest.approx(1.25 / 2.25)


def test_a_shorter_silence_and_one_in_which_nobody_was_heard_are_none(settings: Settings, lake: Lake) -> None:
    land(lake, "i-1", {300, 301, 302, *range(350, 370)})
    land(lake, "i-2", set(range(350, 370)))
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    assert found(lake, settings) == []
    assert len(found(lake, settings.model_copy(update={"missing_hours": 3}))) == 1


def test_one_metric_that_falls_silent_while_its_machine_is_heard_is_an_incident_of_that_metric(
    settings: Settings, lake: Lake
) -> None:
    land(lake, "i-1")
    land(lake, "i-1", set(range(300, 324)), "memory_utilization")
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    [row] = found(lake, settings)

    assert (row["metric"], row["metrics"], row["hours"], row["severity"]) == (*["memory_utilization"] * 2, 24, "medium")


def test_a_silence_goes_on_under_its_name_and_is_the_new_level_after_seven_days(settings: Settings, lake: Lake) -> None:
    land(lake, "i-1", set(range(250, HOURS)))
    land(lake, "i-2")
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    rows = [row for day in list(WHOLE.split_days())[10:] for row in found(lake, settings, day)]

    begun = [row["as_of"] for row in rows if row["is_open"]]
    assert begun == [day.end for day in list(WHOLE.split_days())[10:17]]
    assert {(row["started_at"], row["anomaly_id"]) for row in rows} == {(START + timedelta(hours=250), rows[0]["anomaly_id"])}
    assert (rows[-1]["hours"], rows[-1]["is_open"]) == (168, False)


@pytest.mark.parametrize(
    ("states", "is_told"),
    [
        (dict.fromkeys(range(DAYS), "running"), True),
        ({**dict.fromkeys(range(DAYS), "running"), 13: "stopped"}, False),
        ({**dict.fromkeys(range(DAYS), "running"), 3: "stopped"}, True),  # on another day
        (dict.fromkeys(range(13), "running"), False),  # listed no more from the day on that it fell silent
    ],
)
def test_what_an_inventory_calls_stopped_or_lists_no_more_is_not_missing(
    settings: Settings, lake: Lake, states: dict[int, str], is_told: bool
) -> None:
    land(lake, "i-1", set(range(24 * 12 + 20, HOURS)))
    land(lake, "i-2")
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    inventory(lake, states)

    assert bool(found(lake, settings)) is is_told


def test_who_is_silent_at_the_same_hours_each_week_or_night_or_has_hardly_begun_is_not_missing(
    settings: Settings, lake: Lake
) -> None:
    weekly = {24 * day + hour for day in (6, 13) for hour in range(8)}
    nightly = {24 * day + hour for day in range(DAYS) for hour in range(10)}
    land(lake, "weekly", weekly)
    land(lake, "nightly", nightly)
    land(lake, "new", {*range(330), *range(400, 410)})
    land(lake, "always")
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    # The first of the weekly ones nobody could know.
    assert found(lake, settings) == []


def test_zero_hours_find_nothing_and_an_alert_rule_says_nothing_of_what_is_missing(settings: Settings, lake: Lake) -> None:
    for metric in ("cpu_utilization", "memory_utilization"):
        land(lake, "i-1", set(range(HOURS - 20, HOURS)), metric)
    land(lake, "i-2")
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    assert [row["severity"] for row in found(lake, settings)] == ["medium"]
    from pipeline.lake import sql

    asked = {
        "start": WHOLE.start,
        "as_of": WHOLE.as_of,
        "alert_incident_hours": 3,
        "alert_incident_impact": 0.1,
        "alert_incident_mbps": 1,
    }
    assert lake.query(sql.text("alerts.incident"), asked).num_rows == 0
    assert found(lake, settings.model_copy(update={"missing_hours": 0})) == []


def test_silences_of_one_machine_that_lie_apart_are_two_incidents() -> None:
    from pipeline.anomalies.missing import find_missing

    shared = {"account": "1", "region": "r", "resource_id": "i-1", "metric": "cpu_utilization", "unit": "percent"}
    shared |= {"series_id": "1/r/i-1/cpu_utilization", "first_at": START, "heard": 9, "hours": 9}
    gaps = [(300, 310, 301), (330, 340, 320)]
    silences = pd.DataFrame(
        [
            {**shared, "last_at": START + timedelta(hours=a), "next_at": START + timedelta(hours=b), "observed": n}
            for a, b, n in gaps
        ]
    )
    ended = pd.DataFrame({"account": [], "region": [], "resource_id": [], "day": pd.Series(dtype="datetime64[us]")})

    rows = find_missing(silences, ended, pd.Series({"1/r/i-1": "High"}), WHOLE.end, 4, 168)

    assert rows["started_at"].tolist() == [START + timedelta(hours=301), START + timedelta(hours=331)]
    assert rows["severity"].tolist() == ["low", "low"]


def test_the_report_says_that_there_were_no_samples_and_how_sure_it_is_of_what_deviates() -> None:
    shared = {"started_at": START, "hours": 5, "is_open": False, "resource_id": "i-1", "metrics": "cpu_utilization"}
    shared |= {"metric": "cpu_utilization", "unit": "percent", "severity": "low", "impact_ratio": None, "criticality": None}

    silent = _row({**shared, "kind": "missing", "value": None, "expected": None, "confidence": None})
    deviating = _row({**shared, "kind": "deviation", "value": 95.0, "expected": 20.0, "confidence": 0.62})

    assert silent["metric"].endswith(", no samples")
    assert (silent["value"].exact, silent["confidence"].exact) == (None, None)
    assert not deviating["metric"].endswith("no samples")
    assert (deviating["confidence"].exact, deviating["confidence"].text[:2]) == (0.62, "62")


@pytest.mark.parametrize(("silent_until", "ended"), [(HOURS + 5, HOURS + 5), (HOURS + 12, HOURS)])
def test_what_is_heard_of_again_within_a_day_was_silent_until_then_as_the_run_of_its_day_will_say(
    lake: Lake, settings: Settings, silent_until: int, ended: int
) -> None:
    for metric in ("cpu_utilization", "memory_utilization"):
        land(lake, "i-1", set(range(HOURS - 6, HOURS)), metric)
    land(lake, "i-2")
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    [before] = found(lake, settings)
    day = Interval(WHOLE.end, WHOLE.end + timedelta(days=1))
    so_far = Interval(day.start, day.start + timedelta(hours=8))
    heard = {("i-2", "cpu_utilization"): HOURS, ("i-1", "cpu_utilization"): HOURS + 2}
    heard["i-1", "memory_utilization"] = silent_until
    rows = [
        {"resource_id": resource_id, "metric": metric, "ts": START + timedelta(hours=hour), "value": 30.0}
        for (resource_id, metric), first in heard.items()
        for hour in range(first, HOURS + 24)
    ]
    lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard="next", ingested_at=datetime(2026, 4, 1))
    build(so_far, lake, settings, target="silver.hour_observed")

    incidents(so_far, lake, settings)

    [now] = [row for row in lake.read(ANOMALY).to_pylist() if row["as_of"] == so_far.end and row["kind"] == "missing"]
    build(day, lake, settings, target="silver.metric_hourly")
    [later] = found(lake, settings, day)
    told = ("anomaly_id", "started_at", "ended_at", "is_open", "hours", "anomalous_hours")
    assert (before["anomaly_id"], before["is_open"], before["anomalous_hours"]) == (now["anomaly_id"], True, 12)
    assert (now["ended_at"], now["is_open"]) == (START + timedelta(hours=ended), ended == HOURS)
    same = {name for name in told if now[name] == later[name]}
    assert same == ({*told} if ended != HOURS else {"anomaly_id", "started_at"})
