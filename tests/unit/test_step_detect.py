from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden

START = datetime(2026, 3, 1)
DAYS = 14
WHOLE = Interval(START, START + timedelta(days=DAYS))


def land(lake: Lake, resource_id: str, values: list[float]) -> None:
    """Hourly samples of one machine's CPU."""
    hours = [START + timedelta(hours=number) for number in range(len(values))]
    rows = [{"resource_id": resource_id, "ts": hour, "value": value} for hour, value in zip(hours, values, strict=True)]
    lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard=resource_id, ingested_at=datetime(2026, 4, 1))


def daily_wave(level: float, height: float) -> list[float]:
    hours = np.arange(24 * DAYS)
    noise = np.random.default_rng(7).normal(0, 0.01 * height, len(hours))
    return [float(value) for value in level + height * np.sin(hours % 24 / 24 * 2 * np.pi) + noise]


def found(lake: Lake) -> list[dict[str, Any]]:
    return lake.query("SELECT resource_id, ts, severity, expected FROM gold.anomaly ORDER BY ts").to_pylist()


def test_a_spike_is_published_once_with_what_was_expected(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[300] = 95.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    assert detect(WHOLE, lake, settings) == 1

    [spike] = found(lake)
    assert spike["ts"] == START + timedelta(hours=300)
    assert spike["severity"] == "critical"
    assert spike["expected"] == pytest.approx(values[276], abs=3)


def test_hours_of_one_incident_are_one_row_as_of_each_run_whether_by_day_or_at_once(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[270:] = [95.0] * len(values[270:])
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    for day in list(WHOLE.split_days())[8:]:
        detect(day, lake, settings)
    asked = "SELECT as_of, started_at, ended_at, is_open, hours, severity FROM gold.incident ORDER BY as_of"
    by_day = lake.query(asked).to_pylist()

    assert [(row["started_at"], row["hours"]) for row in by_day] == [
        (START + timedelta(hours=270), hours) for hours in (18, 42, 66)
    ]
    assert {(row["is_open"], row["severity"]) for row in by_day} == {(True, "critical")}
    detect(WHOLE, lake, settings)
    assert lake.query(asked).to_pylist() == by_day


def test_nothing_is_published_of_a_series_in_its_first_week(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[100] = 95.0
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")

    assert detect(WHOLE, lake, settings) == 0


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

    assert (detect(WHOLE, lake, textbook), detect(WHOLE, lake, deaf)) == (1, 0)


def test_detecting_by_day_or_by_shard_finds_the_same_as_at_once(settings: Settings, lake: Lake) -> None:
    for number in range(4):
        values = daily_wave(30.0 + number, 10.0)
        values[250 + 10 * number] = 95.0
        land(lake, f"i-{number}", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    detect(WHOLE, lake, settings)
    at_once = lake.content(ANOMALY)

    for day in list(WHOLE.split_days())[8:]:
        for shard in range(2):
            detect(day, lake, settings, shard=shard, shards=2)

    assert len(found(lake)) == 4
    assert lake.content(ANOMALY) == at_once
