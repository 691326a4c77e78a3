"""What is too new to forecast is listed with the reason, and its risk is unknown: 168 hours of one value would be made up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.steps.forecast import forecast
from pipeline.steps.risk import risk
from pipeline.tables.capacity import CAPACITY_RISK
from pipeline.tables.forecasts import FORECAST, NOT_FORECAST
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

DAYS = Interval.days("2026-03-01", "2026-03-15")
LAST = DAYS.end - timedelta(hours=1)


def statistics(resource: str, metric: str, times: pd.DatetimeIndex) -> pd.DataFrame:
    value = 30 + np.arange(len(times)) % 24 / 2
    name = f"1/r/{resource}/{metric}"
    row = {"series_id": name, "account": "1", "region": "r", "resource_id": resource, "metric": metric}
    row |= {
        "unit": "percent" if metric == "cpu_utilization" else "mbps",
        "samples": 12,
        "expected_samples": 12,
    }
    moments = pd.DataFrame({"ts": times, **dict.fromkeys(("mean", "p50", "p95", "max"), value)})
    return moments.assign(**row, saturated=None, quality_flag=0, quality_score=1.0, sources="csv")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two weeks of one machine, machines with one and two hours, one that fell silent, and what was made of them."""
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("home"))
    lake = open_lake(settings)
    hours = pd.date_range(DAYS.start, DAYS.end, freq="h", inclusive="left", unit="us")
    series = (
        ("i-normal", "cpu_utilization", hours),
        ("i-one", "cpu_utilization", hours[-1:]),
        ("i-one", "network_in", hours[-1:]),
        ("i-two", "cpu_utilization", hours[-2:]),
        ("i-three", "cpu_utilization", hours[-3:]),
        ("i-gone", "cpu_utilization", hours[: 24 * 5]),
    )
    hourly = pd.concat([statistics(*one) for one in series])
    hourly = hourly.rename(columns={"ts": METRIC_HOURLY.time})
    lake.replace(METRIC_HOURLY, conform(hourly, METRIC_HOURLY, DAYS), METRIC_HOURLY.scope(DAYS))
    days = hours[hours.hour == 0]
    daily = pd.concat([statistics("i-normal", "cpu_utilization", days), statistics("i-one", "cpu_utilization", days[-1:])])
    lake.replace(METRIC_DAILY, conform(daily.assign(total=None, outlier=None), METRIC_DAILY, DAYS), METRIC_DAILY.scope(DAYS))
    forecast(DAYS, lake, settings)
    risk(DAYS, lake, settings)
    return lake


def test_a_series_with_fewer_than_three_observed_periods_is_not_forecast_but_listed_with_the_reason(lake: Lake) -> None:
    forecasts = lake.read(FORECAST).to_pandas()
    listed = lake.read(NOT_FORECAST).to_pandas()

    assert sorted(forecasts["series_id"].unique()) == ["1/r/i-normal/cpu_utilization", "1/r/i-three/cpu_utilization"]
    found: dict[tuple[str, str], tuple[Any, ...]] = {
        (row.series_id, row.granularity): (row.reason, row.observed) for row in listed.itertuples()
    }
    assert found == {
        ("1/r/i-one/cpu_utilization", "hour"): ("too_new", 1),
        ("1/r/i-one/network_in", "hour"): ("too_new", 1),
        ("1/r/i-two/cpu_utilization", "hour"): ("too_new", 2),
        ("1/r/i-gone/cpu_utilization", "hour"): ("ended", 120),
        ("1/r/i-one/cpu_utilization", "day"): ("too_new", 1),
        ("1/r/i-normal/cpu_utilization", "day"): ("few_days", 14),
    }
    assert listed.loc[listed["series_id"] == "1/r/i-two/cpu_utilization", "last_at"].tolist() == [pd.Timestamp(LAST)]


def test_the_risk_of_what_is_too_new_is_unknown_with_the_reason_and_without_a_chance(lake: Lake) -> None:
    found = lake.read(CAPACITY_RISK).to_pandas()
    unknown = found[found["risk_level"] == "unknown"]

    assert sorted(unknown["series_id"].unique()) == ["1/r/i-one/cpu_utilization", "1/r/i-two/cpu_utilization"]
    assert unknown.groupby("series_id")["threshold_pct"].apply(list).tolist() == [[80.0, 90.0, 100.0]] * 2
    assert sorted(unknown["reason"].unique()) == ["too new: 1 hour observed", "too new: 2 hours observed"]
    assert unknown[["p_cross_7d", "p_cross_30d", "p_cross_90d", "peak_p95", "headroom_ratio", "priority"]].isna().all(axis=None)
    known = found[found["risk_level"] != "unknown"]
    assert known["reason"].isna().all()
    assert known["peak_p95"].notna().all()


def test_a_forecast_says_whether_anything_judged_what_made_it(lake: Lake) -> None:
    row = lake.query("SELECT DISTINCT soundness, coverage_90 FROM gold.forecast").to_pylist()

    assert row == [{"soundness": "unjudged", "coverage_90": None}]


def test_where_every_series_is_forecast_none_is_listed(tmp_path: Path) -> None:
    lake = open_lake(settings_module.load({}, home=tmp_path))
    hours = pd.date_range(DAYS.end - timedelta(days=1), DAYS.end, freq="h", inclusive="left", unit="us")
    hourly = statistics("i-new", "cpu_utilization", hours).rename(columns={"ts": METRIC_HOURLY.time})
    lake.replace(METRIC_HOURLY, conform(hourly, METRIC_HOURLY, DAYS), METRIC_HOURLY.scope(DAYS))

    assert forecast(DAYS, lake, lake.settings) > 0
    assert lake.read(NOT_FORECAST).num_rows == 0
