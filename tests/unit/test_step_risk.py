"""The risk step on a lake: what it publishes, how it is judged later, and what if demand or capacity were others."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri
from typer.testing import CliRunner

from pipeline import cli
from pipeline.errors import ConfigError, DataError
from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings, load
from pipeline.steps.risk import risk, what_if
from pipeline.tables.capacity import CAPACITY_RISK, RISK_RELIABILITY
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.usage import METRIC_DAILY

DAY = Interval.day("2026-03-01")
WEEK_LATER = Interval.day("2026-03-08")
LEVELS = (0.05, 0.5, 0.95)


def publish(lake: Lake, levels: dict[str, float], days: int = 30, sd: float = 5.0, granularity: str = "day") -> None:
    """CPU forecasts, by the day where not by the hour, as of the end of `DAY`, normal around one level per resource."""
    rows = pd.DataFrame(
        [
            {
                "as_of": DAY.as_of,
                "series_id": f"1/r/{resource}/cpu_utilization",
                "metric": "cpu_utilization",
                "unit": "percent",
                "granularity": granularity,
                "ts": DAY.as_of + ahead * timedelta(**{f"{granularity}s": 1}),
                "quantile": level,
                "value": centre + sd * float(ndtri(level)),
                "model": "default",
                "model_version": "none",
                "tier": "full",
                "cutoff": DAY.start,
                "soundness": "sound",
                "coverage_90": 0.9,
            }
            for resource, centre in levels.items()
            for ahead in range(days)
            for level in LEVELS
        ]
    )
    rows[["as_of", "ts", "cutoff"]] = rows[["as_of", "ts", "cutoff"]].astype("datetime64[us]")
    lake.replace(FORECAST, conform(rows, FORECAST, DAY), FORECAST.scope(DAY))


def _days(resource: str, peaks: list[float], start: datetime) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "series_id": f"1/r/{resource}/cpu_utilization",
            "account": "1",
            "region": "r",
            "resource_id": resource,
            "metric": "cpu_utilization",
            "unit": "percent",
            "ts": pd.date_range(start, periods=len(peaks), unit="us"),
            **dict.fromkeys(("mean", "p50", "p95", "max"), np.array(peaks)),
            "samples": 24,
            "saturated": None,
            "expected_samples": 24,
            "total": None,
            "quality_flag": 0,
            "quality_score": 1.0,
            "sources": "csv",
        }
    )


def observe(lake: Lake, resource: str, peaks: list[float], start: datetime = DAY.as_of) -> None:
    """What the days from `start` on were; from the end of `DAY` on unless another is given."""
    days = Interval(start, start + timedelta(days=len(peaks)))
    rows = _days(resource, peaks, start)
    lake.replace(METRIC_DAILY, conform(rows.assign(outlier=None), METRIC_DAILY, days), METRIC_DAILY.scope(days))


def test_a_chance_is_judged_by_the_run_in_which_its_horizon_ends_and_by_no_other(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 78.0})
    risk(DAY, lake, settings)
    observe(lake, "i-1", [70, 70, 83, 70, 70, 70, 70, 95])

    for day in (Interval.day("2026-03-07"), WEEK_LATER, Interval.day("2026-03-09")):
        risk(day, lake, settings)

    chances = lake.query("SELECT threshold_pct, p_cross_7d AS chance FROM gold.capacity_risk").to_pandas()
    judged = lake.read(RISK_RELIABILITY).to_pandas()
    assert judged["as_of"].unique().tolist() == [pd.Timestamp(WEEK_LATER.as_of)]
    assert judged.set_index("threshold_pct")["observed"].to_dict() == {80.0: 1.0, 90.0: 0.0, 100.0: 0.0}
    assert judged["stated"].tolist() == pytest.approx(chances["chance"].tolist())
    assert judged["brier"].tolist() == pytest.approx(((judged["stated"] - judged["observed"]) ** 2).tolist())


def test_judging_again_changes_nothing(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 78.0})
    risk(DAY, lake, settings)
    observe(lake, "i-1", [70.0] * 7)
    risk(WEEK_LATER, lake, settings)
    before = lake.snapshot_id(RISK_RELIABILITY)

    risk(WEEK_LATER, lake, settings)

    assert before is not None
    assert lake.snapshot_id(RISK_RELIABILITY) == before


def test_more_demand_raises_every_risk_and_more_capacity_lowers_it_and_nothing_is_published(
    lake: Lake, settings: Settings
) -> None:
    publish(lake, {"i-1": 60.0, "i-2": 72.0})
    risk(DAY, lake, settings)
    published = lake.snapshot_id(CAPACITY_RISK)

    grown, resized = what_if(lake, settings, 20, 1), what_if(lake, settings, 20, 2)

    assert (grown["p_cross_30d"] >= grown["p_cross_30d_now"]).all()
    assert grown["p_cross_30d"].max() > 0.9
    assert (resized["p_cross_30d"] == 0).all()
    assert (resized["risk_level"] == "low").all()
    # The highest P95 of the second is 72 + 1.645 × 5, times 1.2, of twice the capacity.
    assert resized["headroom_ratio"].min() == pytest.approx(1 - 1.2 * (72 + 5 * ndtri(0.95)) / 200)
    assert lake.snapshot_id(CAPACITY_RISK) == published


def test_no_change_asked_for_is_the_published_risk(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 72.0})
    risk(DAY, lake, settings)

    same = what_if(lake, settings, 0, 1)

    stated = lake.query("SELECT p_cross_30d AS chance FROM gold.capacity_risk ORDER BY threshold_pct").to_pandas()["chance"]
    assert same.sort_values("threshold_pct")["p_cross_30d"].tolist() == stated.tolist()
    assert same["p_cross_30d_now"].tolist() == same["p_cross_30d"].tolist()


def past(*peaks_at: int, days: int = 400, peak: float = 85.0) -> list[float]:
    """Days around 40 %, and a peak on some of them."""
    demand = np.random.default_rng(1).normal(40, 2, days)
    demand[list(peaks_at)] = peak
    return demand.tolist()


def test_what_nobody_saw_coming_is_expected_as_often_as_it_came(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 20.0})
    observe(lake, "i-1", past(100, 200, 300, peak=89.0), DAY.as_of - timedelta(days=400))

    risk(DAY, lake, settings)

    published = lake.query("SELECT * FROM gold.capacity_risk ORDER BY threshold_pct").to_pandas()
    # 386 days after the first 14, less the 28 in whose past a surprise of 49 points lies, each time; and a year without any.
    rate = 3 / (400 - 14 - 3 * 28 + 365)
    assert published["p_surprise_30d"].tolist() == pytest.approx([1 - np.exp(-30 * rate), 0, 0])
    assert published["p_cross_30d"].tolist() == pytest.approx([1 - np.exp(-30 * rate), 0, 0], abs=0.001)
    assert published["risk_level"].tolist() == ["low"] * 3


def test_surprises_of_all_shards_count_and_later_ones_do_not(lake: Lake, settings: Settings) -> None:
    start = DAY.as_of - timedelta(days=400)
    publish(lake, {"i-1": 20.0})
    chances = []
    for peaks, shards in (((100,), 1), ((100,), 4), ((), 4)):
        rows = {f"i-{n}": past(*peaks) if n == 3 else past() for n in range(1, 6)}
        parts = [_days(resource, demand, start) for resource, demand in rows.items()]
        days = Interval(start, DAY.as_of)
        lake.replace(
            METRIC_DAILY,
            conform(pd.concat(parts).assign(outlier=None), METRIC_DAILY, days),
            METRIC_DAILY.scope(days),
        )
        risk(DAY, lake, settings.model_copy(update={"shards": shards}))
        chances.append(lake.query("SELECT max(p_surprise_30d) AS chance FROM gold.capacity_risk").to_pylist()[0]["chance"])
    assert chances[0] == chances[1] > 0
    assert chances[2] == 0


def test_twice_the_capacity_is_surprised_only_by_what_is_twice_as_high(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 20.0})
    observe(lake, "i-1", past(100, 200, 300), DAY.as_of - timedelta(days=400))
    risk(DAY, lake, settings)

    resized, halved = what_if(lake, settings, 0, 2), what_if(lake, settings, 0, 0.9)

    assert (resized["p_cross_30d"] == 0).all()
    assert resized["p_cross_30d_now"].max() > 0
    # 85 % of today's capacity is 94 % of nine tenths of it.
    assert halved.set_index("threshold_pct")["p_cross_30d"].gt(0).to_dict() == {80.0: True, 90.0: True, 100.0: False}


def test_demand_that_grows_lifts_past_surprises_over_higher_thresholds(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 20.0})
    observe(lake, "i-1", past(100, 200, 300), DAY.as_of - timedelta(days=400))

    grown = what_if(lake, settings, 10, 1).set_index("threshold_pct")

    # 85 % and a tenth more is 93.5 %.
    assert grown["p_cross_30d_now"].gt(0).to_dict() == {80.0: True, 90.0: False, 100.0: False}
    assert grown["p_cross_30d"].gt(0).to_dict() == {80.0: True, 90.0: True, 100.0: False}


def test_by_the_hour_nothing_is_said_of_surprises(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 20.0}, days=8 * 24, granularity="hour")
    observe(lake, "i-1", past(100, 200, 300), DAY.as_of - timedelta(days=400))

    risk(DAY, lake, settings)

    published = lake.query("SELECT p_surprise_30d, p_cross_7d FROM gold.capacity_risk").to_pandas()
    assert published["p_surprise_30d"].isna().all()
    assert (published["p_cross_7d"] == 0).all()


def test_a_surprise_does_not_call_for_a_larger_type(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 20.0}, days=90)
    observe(lake, "i-1", past(100, 200, 300), DAY.as_of - timedelta(days=400))
    risk(DAY, lake, settings)

    told = read(lake, "preventable_risk", as_of=DAY.as_of).set_index("threshold_pct")["p_cross_90d"]
    published = lake.query("SELECT max(p_cross_90d) AS chance FROM gold.capacity_risk").to_pylist()[0]["chance"]

    assert published > 0.2
    assert told.max() == pytest.approx(0, abs=0.002)


def test_one_resource_can_be_asked_about_and_an_unknown_one_is_named(lake: Lake, settings: Settings) -> None:
    publish(lake, {"i-1": 60.0, "web/i-1": 60.0, "i-11": 72.0})

    assert set(what_if(lake, settings, 0, 2, "i-11")["series_id"]) == {"1/r/i-11/cpu_utilization"}
    with pytest.raises(DataError, match="no forecasts in percent of i-9 as of 2026-03-02"):
        what_if(lake, settings, 0, 2, "i-9")


@pytest.mark.parametrize(("growth", "resize"), [(-100, 1), (20, 0), (20, -2)])
def test_demand_that_vanishes_and_capacity_that_is_none_are_refused(
    lake: Lake, settings: Settings, growth: float, resize: float
) -> None:
    with pytest.raises(ConfigError, match="growth lies above -100 percent and resize above 0"):
        what_if(lake, settings, growth, resize)


def test_what_if_without_forecasts_says_what_to_run_first(lake: Lake, settings: Settings) -> None:
    with pytest.raises(DataError, match="run `forecast` first"):
        what_if(lake, settings, 20, 1)
    with pytest.raises(DataError, match="as of 2026-03-05"):
        what_if(lake, settings, 20, 1, as_of=datetime(2026, 3, 5))


@pytest.mark.parametrize(("growth", "resize"), [("20", "2"), ("20%", "2x")])
def test_the_command_line_prints_the_risk_under_growth_and_another_size(
    growth: str, resize: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "250")
    publish(open_lake(load()), {"i-1": 72.0})

    printed = CliRunner().invoke(cli.app, ["risk", "--what-if", "--growth", growth, "--resize", resize]).output

    assert "if demand × 1.2 and capacity × 2: " in printed
    lines = [line.split() for line in printed.splitlines() if line.strip().startswith("i-1 ")]
    assert lines
    assert all(line[1:3] == ["cpu", "day"] for line in lines)
    assert "→" in printed
    assert not open_lake(load()).exists(CAPACITY_RISK)


@pytest.mark.parametrize("mistyped", [("--growth", "20x"), ("--growth", "nan"), ("--resize", "double")])
def test_a_growth_or_size_that_is_no_number_is_named(
    mistyped: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "home"))

    result = CliRunner().invoke(cli.app, ["risk", "--what-if", *mistyped])

    assert isinstance(result.exception, ConfigError)
    assert f"{mistyped[0]} is a number" in str(result.exception)


def test_growth_without_what_if_is_not_mistaken_for_a_risk_to_publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "home"))

    result = CliRunner().invoke(cli.app, ["risk", "--day", "2026-03-01", "--growth", "20"])

    assert isinstance(result.exception, ConfigError)
    assert "belong to --what-if" in str(result.exception)
