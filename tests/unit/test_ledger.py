"""The ledger of published forecasts: what was believed stays, and every belief is scored when its actual arrives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import settings as settings_module
from pipeline.forecasting.rows import forecast_rows
from pipeline.forecasting.spec import Champion
from pipeline.inputs.demand import read_panel
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.tables.forecasts import FORECAST, FORECAST_SCORE
from pipeline.tables.usage import METRIC_DAILY

RESOURCE = "a/r/i-1"
HISTORY, DAYS = Interval.days("2026-01-01", "2026-03-12"), [Interval.day(f"2026-03-{day}") for day in (12, 13, 14)]
SCORE = "gold.forecast_score"


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    return settings_module.load({}, home=tmp_path / "home", horizon_days=14)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """Seventy days of one series and their forecasts, then three days that each end with forecasts of their own."""
    lake = open_lake(settings)
    for interval in (HISTORY, *DAYS):
        observe(lake, interval)
        publish(lake, interval, settings)
    return lake


def publish(lake: Lake, interval: Interval, settings: Settings) -> None:
    """What the forecast step publishes for one segment, without its checks of quality."""
    panel = read_panel(lake, interval.as_of, "day", settings)
    assert panel is not None
    rows = forecast_rows(panel, ["percent"], interval.as_of, settings.horizon_days, Champion("seasonal_naive"))
    lake.replace(FORECAST, conform(rows, FORECAST, interval), FORECAST.scope(interval))


def observe(lake: Lake, interval: Interval, add: float = 0.0) -> None:
    """Daily p95 of one series: a week's shape, a slow climb, and what a test adds to it."""
    days = pd.date_range(interval.start, interval.end, freq="D", inclusive="left", unit="us")
    number = (days - pd.Timestamp("2026-01-01")).days.to_numpy()
    p95 = 30.0 + 10 * np.sin(2 * np.pi * number / 7) + 0.1 * number + number % 5 + add
    frame = pd.DataFrame({"ts": days, "mean": p95 - 5, "p50": p95 - 5, "p95": p95, "max": p95 + 1})
    account, region, resource_id = RESOURCE.split("/")
    row = {"series_id": f"{RESOURCE}/cpu_utilization", "account": account, "region": region, "resource_id": resource_id}
    row |= {
        "metric": "cpu_utilization",
        "unit": "percent",
        "saturated": None,
        "total": None,
        "samples": 24,
        "expected_samples": 24,
    }
    frame = frame.assign(**row, quality_flag=0, quality_score=1.0)
    lake.replace(METRIC_DAILY, conform(frame, METRIC_DAILY, interval), METRIC_DAILY.scope(interval))


def believed(lake: Lake, as_of: datetime) -> list[dict[str, Any]]:
    sql = "SELECT ts, quantile, value, cutoff FROM gold.forecast WHERE as_of = :as_of ORDER BY ts, quantile"
    rows: list[dict[str, Any]] = lake.query(sql, {"as_of": as_of}).to_pylist()
    return rows


def scores(lake: Lake) -> pd.DataFrame:
    return lake.read(FORECAST_SCORE).to_pandas().sort_values(["ts", "as_of"], ignore_index=True)


def test_what_was_believed_on_a_day_can_be_asked_after_later_runs_and_restated_actuals(lake: Lake, settings: Settings) -> None:
    first, last = HISTORY.as_of, DAYS[-1].as_of
    then = believed(lake, first)

    observe(lake, HISTORY, add=25.0)
    publish(lake, DAYS[-1], settings)

    assert then
    assert believed(lake, first) == then
    assert {row["cutoff"] for row in then} == {first - timedelta(days=1)}
    ahead = {row["ts"]: row["value"] for row in then if row["quantile"] == 0.5}
    believed_later = {row["ts"]: row["value"] for row in believed(lake, last) if row["quantile"] == 0.5}
    common = ahead.keys() & believed_later.keys()
    assert len(common) == 11
    assert all(ahead[ts] != believed_later[ts] for ts in common)


def test_a_period_is_scored_once_for_every_forecast_that_looked_at_it(lake: Lake, settings: Settings) -> None:
    build(Interval(DAYS[0].start, DAYS[-1].end), lake, settings, target=SCORE)

    found = scores(lake)
    assert found.groupby("ts")["lead"].apply(sorted).tolist() == [[1], [1, 2], [1, 2, 3]]
    assert ((found["ts"] - found["as_of"]).dt.days + 1 == found["lead"]).all()
    # The forecaster is the seasonal naive itself: what SQL says of the naive's error is what it was.
    np.testing.assert_allclose(found["naive_abs_error"], found["abs_error"], atol=1e-9)
    assert (found["scale"] > 0).all()


def test_an_actual_that_is_restated_changes_the_scores_of_its_day_alone(lake: Lake, settings: Settings) -> None:
    build(Interval(DAYS[0].start, DAYS[-1].end), lake, settings, target=SCORE)
    before = scores(lake)

    observe(lake, DAYS[1], add=7.0)
    build(DAYS[1], lake, settings, target=SCORE)

    change = (scores(lake)["actual"] - before["actual"]).groupby(before["ts"]).unique()
    assert [list(np.round(each, 9)) for each in change] == [[0.0], [7.0], [0.0]]


def test_scoring_a_day_twice_changes_nothing_and_three_days_at_once_say_the_same(lake: Lake, settings: Settings) -> None:
    for day in reversed(DAYS):
        build(day, lake, settings, target=SCORE)
    content, snapshot = lake.content(FORECAST_SCORE), lake.snapshot_id(FORECAST_SCORE)

    build(DAYS[0], lake, settings, target=SCORE)
    build(Interval(DAYS[0].start, DAYS[-1].end), lake, settings, target=SCORE)

    assert lake.content(FORECAST_SCORE) == content
    assert lake.snapshot_id(FORECAST_SCORE) == snapshot


def test_a_day_without_forecasts_is_scored_with_no_rows(lake: Lake, settings: Settings) -> None:
    assert build(Interval.day("2026-03-01"), lake, settings, target=SCORE) == 0
