"""A detector that declares a forecast is told what had been published before each hour, and nothing that came later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.schema import Scope
from tests.unit.test_step_detect import DAYS, START, WHOLE, daily_wave, found, land

SPIKE = 300


@pytest.fixture
def asked(settings: Settings) -> Settings:
    return settings.model_copy(update={"detectors": ("forecast_residual",)})


def publish(lake: Lake, expected: list[float], made_after: int = 0) -> None:
    """A forecast of each day as of its beginning, or so many hours later."""
    owner = {"series_id": lake.query("SELECT min(series_id) AS id FROM silver.metric_hourly")["id"][0].as_py()}
    owner |= {"metric": "cpu_utilization", "unit": "percent", "granularity": "hour", "model": "default", "model_version": "1"}
    rows: list[dict[str, Any]] = []
    for hour, value in enumerate(expected):
        as_of = START + timedelta(hours=hour - hour % 24 + made_after)
        moments = {"as_of": as_of, "cutoff": as_of - timedelta(hours=1), "ts": START + timedelta(hours=hour)}
        levels = ((0.05, value - 1), (0.5, value), (0.95, value + 1))
        rows += [{**owner, **moments, "tier": "full", "bucket": 0, "quantile": level, "value": at} for level, at in levels]
    span = Interval(START, START + timedelta(days=DAYS + 3))
    data = conform(FORECAST.frame(rows).drop(columns="bucket"), FORECAST, span)
    lake.replace(FORECAST, data, Scope(FORECAST.time, span.start, span.end))


def test_what_lies_far_from_the_forecast_made_before_it_is_anomalous(asked: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    forecast = [*values]
    values[SPIKE] = 60.0
    land(lake, "i-1", values)
    build(WHOLE, lake, asked, target="silver.metric_hourly")
    publish(lake, forecast)

    detect(WHOLE, lake, asked)

    [spike] = found(lake)
    assert spike["ts"] == START + timedelta(hours=SPIKE)
    assert spike["expected"] == pytest.approx(forecast[SPIKE])


def test_a_forecast_that_was_made_after_the_hour_says_nothing_and_without_one_nothing_is_found(
    asked: Settings, lake: Lake
) -> None:
    values = daily_wave(30.0, 10.0)
    forecast = [*values]
    values[SPIKE] = 60.0
    land(lake, "i-1", values)
    build(WHOLE, lake, asked, target="silver.metric_hourly")

    assert detect(WHOLE, lake, asked) == 24 * (DAYS - 7)
    assert found(lake) == []
    publish(lake, forecast, made_after=24)
    detect(WHOLE, lake, asked)
    assert found(lake) == []


def test_by_day_or_by_shard_it_is_told_the_same_as_at_once(asked: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    forecast = [value + 0.2 * np.sin(number) for number, value in enumerate(values)]
    values[SPIKE] = 60.0
    land(lake, "i-1", values)
    build(WHOLE, lake, asked, target="silver.metric_hourly")
    publish(lake, forecast)
    detect(WHOLE, lake, asked)
    at_once = lake.query("SELECT ts, score, expected FROM gold.anomaly_point ORDER BY ts").to_pylist()

    for day in list(WHOLE.split_days())[8:]:
        for shard in range(2):
            detect(day, lake, asked, shard=shard, shards=2)

    assert lake.query("SELECT ts, score, expected FROM gold.anomaly_point ORDER BY ts").to_pylist() == at_once
    assert datetime(2026, 3, 13, 12) in {row["ts"] for row in at_once}
