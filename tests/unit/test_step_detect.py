from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.lake.maintenance import remove_passing
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from pipeline.steps.incidents import incidents
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden

START = datetime(2026, 3, 1)
DAYS = 14
WHOLE = Interval(START, START + timedelta(days=DAYS))


def land(lake: Lake, resource_id: str, values: list[float], metric: str = "cpu_utilization") -> None:
    """Hourly samples of one machine."""
    hours = [START + timedelta(hours=number) for number in range(len(values))]
    rows = [
        {"resource_id": resource_id, "metric": metric, "ts": hour, "value": value}
        for hour, value in zip(hours, values, strict=True)
    ]
    lake.land(
        METRIC_SAMPLE, golden.payload(*rows), source="csv", shard=f"{resource_id}/{metric}", ingested_at=datetime(2026, 4, 1)
    )


def daily_wave(level: float, height: float) -> list[float]:
    hours = np.arange(24 * DAYS)
    noise = np.random.default_rng(7).normal(0, 0.01 * height, len(hours))
    return [float(value) for value in level + height * np.sin(hours % 24 / 24 * 2 * np.pi) + noise]


def found(lake: Lake) -> list[dict[str, Any]]:
    asked = "SELECT resource_id, ts, severity, expected, is_alert FROM gold.anomaly_point WHERE state = 'anomalous' ORDER BY ts"
    return lake.query(asked).to_pylist()


def test_every_hour_judged_is_published_and_of_a_spike_what_was_expected(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[300] = 95.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    assert detect(WHOLE, lake, settings) == 24 * (DAYS - 7)

    [spike] = found(lake)
    assert spike["ts"] == START + timedelta(hours=300)
    assert (spike["severity"], spike["is_alert"]) == ("critical", True)
    assert spike["expected"] == pytest.approx(values[276], abs=3)


def test_a_detector_that_learns_from_more_than_is_read_is_refused_before_it_says_nothing(settings: Settings, lake: Lake) -> None:
    short = settings.model_copy(update={"detectors": ("isolation_forest",), "detect_history_hours": 192})

    with pytest.raises(ConfigError, match="isolation_forest has retrain_hours=168 .* must be 384 at least"):
        detect(WHOLE, lake, short)


def test_hours_of_one_incident_are_one_row_of_one_name_as_of_each_run_whether_by_day_or_at_once(
    settings: Settings, lake: Lake
) -> None:
    values = daily_wave(30.0, 10.0)
    values[270:] = [95.0] * len(values[270:])
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    for day in list(WHOLE.split_days())[10:]:
        detect(day, lake, settings)
        incidents(day, lake, settings)
    columns = "as_of, anomaly_id, started_at, ended_at, is_open, hours, anomalous_hours, severity"
    asked = f"SELECT {columns} FROM gold.anomaly ORDER BY as_of"  # noqa: S608 columns of this test
    by_day = lake.query(asked).to_pylist()

    assert [(row["started_at"], row["hours"], row["anomalous_hours"]) for row in by_day] == [
        (START + timedelta(hours=270), hours, hours) for hours in (18, 42, 66)
    ]
    assert {(row["is_open"], row["severity"]) for row in by_day} == {(True, "critical")}
    assert len({row["anomaly_id"] for row in by_day}) == 1
    detect(WHOLE, lake, settings)
    incidents(WHOLE, lake, settings)
    assert lake.query(asked).to_pylist() == by_day


def test_an_incident_that_is_older_than_the_history_keeps_its_start_and_one_that_ended_before_it_is_gone(
    settings: Settings, lake: Lake
) -> None:
    days, short = list(WHOLE.split_days())[8:], settings.model_copy(update={"detect_history_hours": 48})
    for resource_id, last in (("goes-on", 24 * DAYS), ("over", 204)):
        values = daily_wave(30.0, 10.0)
        values[200:last] = [95.0] * (last - 200)
        land(lake, resource_id, values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    for day in days:
        detect(day, lake, settings)
        incidents(day, lake, short)

    asked = "SELECT as_of, resource_id, anomaly_id, started_at, hours, anomalous_hours, alerts FROM gold.anomaly ORDER BY as_of"
    rows = lake.query(asked).to_pylist()
    goes_on = [row for row in rows if row["resource_id"] == "goes-on"]
    hours = [24 * (number + 1) - 8 for number in range(len(days))]
    assert [(row["hours"], row["anomalous_hours"], row["alerts"]) for row in goes_on] == [(each, each, 1) for each in hours]
    assert {(row["started_at"], row["anomaly_id"]) for row in goes_on} == {
        (START + timedelta(hours=200), goes_on[0]["anomaly_id"])
    }
    assert [row["as_of"] for row in rows if row["resource_id"] == "over"] == [day.end for day in days[:3]]


def test_an_incident_that_began_before_the_first_judged_day_is_one_from_there_on(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[270:] = [95.0] * len(values[270:])
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    first_judged = list(WHOLE.split_days())[12]
    detect(first_judged, lake, settings)

    assert incidents(first_judged, lake, settings) == 1
    [incident] = lake.read(ANOMALY).to_pylist()
    assert (incident["started_at"], incident["hours"], incident["is_open"]) == (first_judged.start, 24, True)


def test_nothing_is_published_of_a_series_in_its_first_week(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[100] = 95.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    assert detect(WHOLE, lake, settings) == 24 * (DAYS - 7)

    assert detect(Interval.day("2026-03-03"), lake, settings) == 0
    assert min(lake.read(ANOMALY_POINT)["ts"].to_pylist()) == START + timedelta(days=7)
    assert found(lake) == []


def test_a_small_deviation_of_a_machine_that_was_once_busy_is_never_more_than_low(settings: Settings, lake: Lake) -> None:
    values = daily_wave(0.10, 0.001)
    values[10] = 90.0
    values[300] = 1.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    detect(WHOLE, lake, settings)

    assert {row["severity"] for row in found(lake)} <= {"low"}


def test_a_detector_has_the_options_of_the_settings(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[300] = 95.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    textbook = settings.model_copy(update={"detectors": ("zscore",)})
    deaf = textbook.model_copy(update={"options": {"detectors": {"zscore": {"alert_deviations": 50}}}})

    detect(WHOLE, lake, textbook)
    heard = found(lake)
    detect(WHOLE, lake, deaf)

    assert (len(heard), len(found(lake))) == (1, 0)


def test_a_detector_of_twice_the_weight_is_enough_where_two_must_agree(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[300] = 95.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    deaf = {"detectors": {"iqr": {"alert_ranges": 100}}}
    two = settings.model_copy(update={"detectors": ("zscore", "iqr"), "alert_votes": 2, "options": deaf})

    detect(WHOLE, lake, two)
    agreed = found(lake)
    detect(WHOLE, lake, two.model_copy(update={"detector_weights": ("zscore:2",)}))

    assert agreed == []
    assert [row["ts"] for row in found(lake)] == [START + timedelta(hours=300)]
    [flagged] = lake.query("SELECT votes, vote_weight FROM gold.anomaly_point WHERE votes > 0").to_pylist()
    assert flagged == {"votes": 1, "vote_weight": 2.0}


def test_detecting_by_day_or_by_shard_finds_the_same_as_at_once(settings: Settings, lake: Lake) -> None:
    for number in range(4):
        values = daily_wave(30.0 + number, 10.0)
        values[250 + 10 * number] = 95.0
        land(lake, f"i-{number}", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    detect(WHOLE, lake, settings)
    incidents(WHOLE, lake, settings)
    at_once = lake.content(ANOMALY_POINT), lake.content(ANOMALY, ANOMALY.scope(WHOLE))

    for day in list(WHOLE.split_days())[8:]:
        for shard in range(2):
            detect(day, lake, settings, shard=shard, shards=2)
        incidents(day, lake, settings)

    assert len(found(lake)) == 4
    assert (lake.content(ANOMALY_POINT), lake.content(ANOMALY, ANOMALY.scope(WHOLE))) == at_once


def test_metrics_of_one_machine_that_lie_in_different_shards_are_one_incident(settings: Settings, lake: Lake) -> None:
    for metric in ("cpu_utilization", "memory_utilization", "disk_utilization"):
        values = daily_wave(30.0, 10.0)
        values[300:304] = [95.0] * 4
        land(lake, "i-1", values, metric=metric)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    for shard in range(8):
        detect(WHOLE, lake, settings, shard=shard, shards=8)

    assert incidents(WHOLE, lake, settings) == 1

    [row] = lake.read(ANOMALY).to_pylist()
    assert (row["metrics"], row["hours"], row["anomalous_hours"], row["alerts"]) == (
        "cpu_utilization,disk_utilization,memory_utilization",
        *(4, 12, 3),
    )


def test_hours_that_nobody_flags_are_removed_after_thirty_days_and_the_others_stay(settings: Settings, lake: Lake) -> None:
    shared = {"series_id": "1/r/i-1/cpu_utilization", "account": "1", "region": "r", "resource_id": "i-1", "bucket": 0}
    shared |= {"metric": "cpu_utilization", "unit": "percent", "granularity": "hour", "score": 0.1, "is_alert": False, "votes": 0}
    moments = [START, START + timedelta(hours=1), START + timedelta(days=1), START + timedelta(days=30, hours=5)]
    states = ("normal", "flagged", "normal", "normal")
    rows = ANOMALY_POINT.frame([{**shared, "ts": ts, "state": state} for ts, state in zip(moments, states, strict=True)])
    span = Interval(START, START + timedelta(days=40))
    lake.replace(ANOMALY_POINT, conform(rows, ANOMALY_POINT, span), ANOMALY_POINT.scope(span))

    assert remove_passing(lake, ANOMALY_POINT) == 1

    assert sorted(lake.read(ANOMALY_POINT)["ts"].to_pylist()) == moments[1:]
    assert remove_passing(lake, ANOMALY_POINT) == 0
    assert remove_passing(lake, ANOMALY) == 0
