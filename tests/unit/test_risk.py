"""Capacity risk: dates, chances, and whether the chances are honest."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from pipeline.capacity.crossing import Context, capacity_risk
from pipeline.capacity.paths import QuantileFunction, first_passage, normal_paths
from pipeline.capacity.peak import peak_demand
from pipeline.capacity.reliability import bin_chances, brier_score
from pipeline.interval import Interval
from pipeline.tables.capacity import CAPACITY_RISK

AS_OF = Interval.day("2026-03-01").start
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def forecast(series_id: str, median: np.ndarray, sd: float = 5.0, granularity: str = "day") -> pd.DataFrame:
    """Normal quantiles around a median, one row per step and quantile."""
    step = timedelta(days=1) if granularity == "day" else timedelta(hours=1)
    return pd.DataFrame(
        [
            (series_id, "cpu_utilization", AS_OF + n * step, level, centre + sd * ndtri(level), granularity)
            for n, centre in enumerate(median)
            for level in LEVELS
        ],
        columns=["series_id", "metric", "ts", "quantile", "value", "granularity"],
    ).astype({"ts": "datetime64[us]"})


def full(*names: str) -> pd.Series:
    return pd.Series(100.0, index=list(names))


def chance(within: int, rho: float, drift: float = 0.0, daily: float = 0.05) -> float:
    """Share of paths of 90 days that cross within some of them a limit which each day exceeds with one chance."""
    paths = normal_paths(90, rho, drift, 20_000)
    return float((first_passage(paths, np.full(90, ndtri(1 - daily))) < within).mean())


def test_each_series_and_threshold_has_one_row_with_the_declared_columns() -> None:
    both = pd.concat([forecast("a", np.full(90, 40.0)), forecast("b", np.full(90, 70.0))])

    risk = capacity_risk(both, full("a", "b"), AS_OF, (80.0, 90.0))

    # What could be judged has no reason why not.
    assert (*risk.columns, "reason") == CAPACITY_RISK.names
    assert list(zip(risk["series_id"], risk["threshold_pct"], strict=True)) == [("a", 80), ("a", 90), ("b", 80), ("b", 90)]


def test_the_first_crossing_is_the_first_day_on_which_the_quantile_reaches_the_threshold() -> None:
    growing = forecast("a", 50 + np.arange(90.0), sd=5.0)

    risk = capacity_risk(growing, full("a"), AS_OF, (80.0, 90.0), quantile=0.9)

    # The P90 lies 1.2816 × 5 = 6.4 above the median, so it reaches 80 on day 24 and 90 on day 34.
    assert risk["first_crossing_at"].tolist() == [pd.Timestamp(AS_OF) + pd.Timedelta(days=n) for n in (24, 34)]


def test_a_lopsided_forecast_says_what_was_given_at_its_quantiles_and_goes_on_straight_beyond_them() -> None:
    tenth = float(ndtri(0.9))
    lopsided = QuantileFunction(np.array([-tenth, 0.0, tenth]), np.array([[0.0, 10.0, 50.0]]))

    assert [lopsided.value_at(level).item() for level in (0.1, 0.5, 0.9)] == pytest.approx([0, 10, 50])
    assert lopsided.value_at(0.7).item() == pytest.approx(10 + 40 * ndtri(0.7) / tenth)
    assert lopsided.value_at(0.99).item() == pytest.approx(10 + 40 * ndtri(0.99) / tenth)
    assert lopsided.value_at(0.01).item() == pytest.approx(10 - 10 * ndtri(0.99) / tenth)
    reached = [lopsided.score_at(limit).item() for limit in (-10.0, 5.0, 30.0, 90.0)]
    assert reached == pytest.approx([-2 * tenth, -0.5 * tenth, 0.5 * tenth, 2 * tenth])


def test_a_crossing_never_forecast_has_no_date() -> None:
    risk = capacity_risk(forecast("a", np.full(90, 20.0)), full("a"), AS_OF)

    assert risk["first_crossing_at"].isna().all()
    assert risk[["crossing_p10_at", "crossing_p50_at", "crossing_p90_at"]].isna().all(axis=None)
    assert (risk["p_cross_90d"] == 0).all()
    assert (risk["risk_level"] == "low").all()


def test_independent_days_cross_as_the_product_of_the_daily_chances_says() -> None:
    assert chance(7, rho=0.0) == pytest.approx(1 - 0.95**7, abs=0.01)
    assert chance(30, rho=0.0) == pytest.approx(1 - 0.95**30, abs=0.01)


def test_correlated_days_cross_less_often_than_independent_ones_and_never_less_than_one_day() -> None:
    chances = [chance(30, rho) for rho in (0.0, 0.5, 0.9, 0.99)]

    assert chances == sorted(chances, reverse=True)
    assert chances[-1] > 0.05


def test_chances_grow_with_the_horizon_and_shrink_with_the_threshold() -> None:
    risk = capacity_risk(forecast("a", np.linspace(60, 75, 90)), full("a"), AS_OF, thresholds_pct=(70.0, 80.0, 90.0, 100.0))

    by_horizon = risk[["p_cross_7d", "p_cross_30d", "p_cross_90d"]].to_numpy()
    assert (np.diff(by_horizon, axis=1) >= 0).all()
    assert (np.diff(by_horizon, axis=0) <= 0).all()


def test_dates_of_first_passage_are_in_order_and_agree_with_the_chances() -> None:
    risk = capacity_risk(forecast("a", 50 + 0.5 * np.arange(90.0)), full("a"), AS_OF, thresholds_pct=(80.0,))

    [row] = risk.to_dict("records")
    assert row["crossing_p10_at"] < row["crossing_p50_at"] < row["crossing_p90_at"]
    assert (row["p_cross_30d"] >= 0.5) == (row["crossing_p50_at"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=30))


def test_a_horizon_that_the_forecast_does_not_reach_has_no_chance_rather_than_a_small_one() -> None:
    risk = capacity_risk(forecast("a", np.full(30, 60.0)), full("a"), AS_OF)

    assert risk["p_cross_30d"].notna().all()
    assert risk["p_cross_90d"].isna().all()


def test_hourly_forecasts_use_the_same_horizons() -> None:
    risk = capacity_risk(forecast("a", np.full(30 * 24, 60.0), granularity="hour"), full("a"), AS_OF)

    assert risk["p_cross_7d"].notna().all()
    assert risk["p_cross_30d"].notna().all()
    assert risk["p_cross_90d"].isna().all()


def test_headroom_is_what_the_p95_peak_leaves_of_capacity_in_any_unit() -> None:
    in_mbps = forecast("a", np.linspace(100, 400, 90), sd=20.0)

    risk = capacity_risk(in_mbps, pd.Series({"a": 1000.0}), AS_OF)

    expected_peak = 400 + 20 * ndtri(0.95)
    assert risk["peak_p95"].iloc[0] == pytest.approx(expected_peak)
    assert risk["headroom_ratio"].iloc[0] == pytest.approx(1 - expected_peak / 1000)
    assert risk["peak_at"].iloc[0] == pd.Timestamp(AS_OF) + pd.Timedelta(days=89)


@pytest.mark.parametrize(("peak", "level"), [(50.0, "low"), (75.0, "medium"), (85.0, "high"), (95.0, "critical")])
def test_the_level_follows_the_p95_peak_and_notices_a_likely_crossing_below_it(peak: float, level: str) -> None:
    risk = capacity_risk(forecast("a", np.full(90, peak - 5 * ndtri(0.95))), full("a"), AS_OF)

    assert set(risk["risk_level"]) == {level}


@pytest.mark.parametrize(("median", "level"), [(63.0, "low"), (65.0, "medium")])
def test_a_series_is_noticed_from_a_chance_of_one_in_twenty_on(median: float, level: str) -> None:
    risk = capacity_risk(forecast("a", np.full(90, median)), full("a"), AS_OF)

    likeliest = risk["p_cross_90d"].max()
    assert 0.02 < likeliest < 0.05 if level == "low" else 0.05 < likeliest < 0.15
    assert set(risk["risk_level"]) == {level}


def test_priority_weighs_risk_by_criticality_and_historic_peak() -> None:
    both = pd.concat([forecast(name, np.full(90, 78.0)) for name in "abc"])

    risk = capacity_risk(
        both,
        full(*"abc"),
        AS_OF,
        thresholds_pct=(80.0,),
        context=Context(
            criticality=pd.Series({"a": 1.0, "b": 0.4}),
            historic_peak_pct=pd.Series({"a": 90.0, "b": 90.0, "c": 45.0}),
        ),
    ).set_index("series_id")["priority"]

    assert risk["b"] == pytest.approx(0.4 * risk["a"])
    assert risk["c"] == pytest.approx(0.5 * risk["a"])
    assert risk.between(0, 100).all()


def test_neither_the_order_of_rows_nor_other_series_change_a_risk() -> None:
    a, b = forecast("a", np.full(90, 70.0)), forecast("b", np.full(60, 75.0), granularity="hour")
    alone = capacity_risk(a, full("a"), AS_OF)

    together = capacity_risk(pd.concat([b, a]).sample(frac=1, random_state=1), full("a", "b"), AS_OF)

    pd.testing.assert_frame_equal(together.query("series_id == 'a'").reset_index(drop=True), alone)


def test_the_same_forecast_has_the_same_risk_every_time() -> None:
    one = forecast("a", np.full(90, 70.0))

    first = capacity_risk(one, full("a"), AS_OF)
    normal_paths.cache_clear()

    pd.testing.assert_frame_equal(capacity_risk(one, full("a"), AS_OF), first)


def test_steps_before_as_of_do_not_count() -> None:
    late = AS_OF + timedelta(days=10)
    one = forecast("a", np.r_[np.full(10, 99.0), np.full(80, 20.0)])

    assert (capacity_risk(one, full("a"), late)["p_cross_30d"] == 0).all()


def test_quantiles_that_coincide_are_certain() -> None:
    one = forecast("a", np.r_[np.full(5, 10.0), np.full(85, 85.0)], sd=0.0)

    risk = capacity_risk(one, full("a"), AS_OF, (80.0, 90.0))

    assert risk["p_cross_7d"].tolist() == [1, 0]
    assert risk["crossing_p10_at"].iloc[0] == risk["crossing_p90_at"].iloc[0] == pd.Timestamp(AS_OF) + pd.Timedelta(days=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="metric"), "lacks the columns"),
        (lambda f: f.iloc[:0], "no forecast at or after"),
        (lambda f: f.assign(granularity="week"), "granularity is one of"),
        (lambda f: pd.concat([f, f.assign(granularity="hour")]), "mixes granularities"),
        (lambda f: f.assign(value=f["value"].where(f.index != 5)), "expected a finite number"),
        (lambda f: f.drop(index=5), "one value per step and quantile"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "one value per step and quantile"),
        (lambda f: f.query("quantile == .5"), "two quantiles or more"),
        (lambda f: f.assign(series_id="z"), "capacity missing or not positive"),
    ],
)
def test_a_forecast_that_cannot_be_judged_is_refused(change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        capacity_risk(change(forecast("a", np.full(5, 50.0))), full("a"), AS_OF)


def test_stated_chances_match_what_happens_when_the_world_is_as_forecast() -> None:
    rng = np.random.default_rng(3)
    names = [f"s{n}" for n in range(300)]
    medians = rng.uniform(55, 82, len(names))
    stated = capacity_risk(
        pd.concat([forecast(name, np.full(30, m)) for name, m in zip(names, medians, strict=True)]),
        full(*names),
        AS_OF,
        thresholds_pct=(80.0,),
        horizons_days=(30,),
    )["p_cross_30d"].to_numpy()
    truth = []
    order = {name: place for place, name in enumerate(sorted(names))}
    lasts = 0.0015 * np.arange(1, 31)
    for name, m in zip(names, medians, strict=True):
        day_to_day = rng.normal(size=30)
        for day in range(1, 30):
            day_to_day[day] = 0.05 * day_to_day[day - 1] + np.sqrt(1 - 0.05**2) * day_to_day[day]
        noise = np.sqrt(1 - lasts) * day_to_day + np.sqrt(lasts) * rng.normal()
        truth.append((order[name], bool((m + 5 * noise >= 80).any())))
    observed = np.array([happened for _, happened in sorted(truth)])

    table = bin_chances(stated, observed, bins=5)

    assert table["forecasts"].sum() == 300
    assert ((table["stated_mean"] >= table["observed_low"]) & (table["stated_mean"] <= table["observed_high"])).all()
    rate = observed.mean()
    assert brier_score(stated, observed) < 0.6 * rate * (1 - rate)


def test_reliability_counts_each_forecast_in_its_bin_and_leaves_unknown_ones_out() -> None:
    table = bin_chances(np.array([0.0, 0.05, 0.95, 1.0, np.nan]), np.array([False, True, True, True, True]), bins=10)

    assert table[["bin_low", "forecasts", "observed_rate"]].to_numpy().tolist() == [[0.0, 2, 0.5], [0.9, 2, 1.0]]


def test_brier_score_of_certainty_and_of_the_base_rate() -> None:
    observed = np.array([True, False, False, False])

    assert brier_score(observed.astype(float), observed) == 0
    assert brier_score(np.full(4, 0.25), observed) == pytest.approx(0.25 * 0.75)
    with pytest.raises(ValueError, match="probabilities lie in 0–1"):
        brier_score(np.array([1.2]), np.array([True]))
    with pytest.raises(ValueError, match="no pair"):
        brier_score(np.array([]), np.array([], dtype=bool))


def days_of_demand(daily_level: np.ndarray, noise: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    hours = np.datetime64("2026-01-01", "h") + np.arange(24 * len(daily_level))
    shape = 1 + 0.3 * np.sin(2 * np.pi * np.arange(24) / 24)
    values = np.outer(daily_level, shape).ravel()
    return hours, values * np.random.default_rng(0).lognormal(0, noise, len(values))


def test_a_breach_is_unlikely_far_above_the_peaks_and_likely_below_them() -> None:
    peaks = peak_demand(*days_of_demand(np.full(14, 40.0)))

    chances = [peaks.breach_probability(capacity) for capacity in (35, 45, 53, 70, 160)]

    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert chances[-1] < 0.02


def test_a_new_use_may_take_anything_that_a_machine_has_and_no_more() -> None:
    hours, demand = days_of_demand(np.full(14, 4.0))
    known, unlimited = peak_demand(hours, demand, full=100.0), peak_demand(hours, demand)

    more = [known.breach_probability(capacity) - unlimited.breach_probability(capacity) for capacity in (8, 50, 99, 100)]

    assert more == sorted(more, reverse=True)
    assert more[0] > 0.03
    assert more[1] > 0.005
    assert more[-1] == 0
    assert peak_demand(hours, demand, days=7, full=100.0).surprise < known.surprise / 4


@pytest.mark.parametrize("days_known", [2, 14, 28])
def test_the_peaks_of_drawn_futures_are_those_of_all_their_hours(days_known: int) -> None:
    # One day is far above the others: futures without it are looked at further down.
    hours, demand = days_of_demand(np.where(np.arange(days_known) == 1, 90.0, 30.0), noise=0.3)
    grid = demand.reshape(-1, 24)
    drawn = np.random.default_rng(0).integers(0, days_known, size=(100, 30))

    # Of 720 hours seven are above their P99.
    expected = np.sort(grid[drawn].reshape(100, -1), axis=1)[:, -8]

    assert np.array_equal(peak_demand(hours, demand).log_peaks, np.log(expected))


def test_days_that_differ_more_make_a_breach_likelier() -> None:
    rng = np.random.default_rng(1)
    steady, restless = (peak_demand(*days_of_demand(40 * rng.lognormal(0, spread, 14))) for spread in (0.02, 0.5))

    assert steady.breach_probability(120) < restless.breach_probability(120)


def test_one_short_peak_in_two_weeks_is_not_a_breach_of_one_percent_of_the_hours() -> None:
    hours, demand = days_of_demand(np.full(14, 40.0))
    demand[100] = 95.0

    assert peak_demand(hours, demand).breach_probability(80) < 0.2


def test_missing_hours_do_not_change_a_peak_much_and_idle_demand_is_not_breached() -> None:
    hours, demand = days_of_demand(np.full(14, 40.0))
    kept = np.random.default_rng(2).random(len(hours)) > 0.1

    whole, part = peak_demand(hours, demand), peak_demand(hours[kept], demand[kept])

    assert part.breach_probability(60) == pytest.approx(whole.breach_probability(60), abs=0.03)
    assert peak_demand(hours, np.zeros(len(hours))).breach_probability(1.0) < 0.001


def test_a_breach_needs_days_and_a_capacity() -> None:
    hours, demand = days_of_demand(np.full(14, 40.0))

    with pytest.raises(ValueError, match="two days"):
        peak_demand(hours[:30], demand[:30])
    with pytest.raises(ValueError, match="capacity is positive"):
        peak_demand(hours, demand).breach_probability(0.0)


def test_hours_are_taken_to_hang_together_more_than_days() -> None:
    level = np.full(90, 72.0)

    hours = capacity_risk(forecast("a", level, granularity="hour"), full("a"), AS_OF, (80.0,), (3,))["p_cross_3d"].item()
    days = capacity_risk(forecast("a", level), full("a"), AS_OF, (80.0,), (72,))["p_cross_72d"].item()

    daily = 1 - ndtr((80 - 72) / 5)
    assert hours == pytest.approx(chance(72, rho=0.95, daily=daily), abs=0.03)
    assert hours < chance(72, rho=0.15, daily=daily)
    assert hours < days


def test_a_lasting_miss_of_the_level_makes_far_crossings_rarer_than_days_that_forget_and_near_ones_hardly() -> None:
    flat = forecast("a", np.full(90, 80 - 5 * ndtri(0.97)))

    usual = capacity_risk(flat, full("a"), AS_OF, thresholds_pct=(80.0,))["p_cross_90d"].item()

    near, far = ([chance(days, rho=0.15, drift=drift, daily=0.03) for drift in (0.0, 0.004)] for days in (7, 90))
    assert near[1] == pytest.approx(near[0], abs=0.01)
    assert far[1] < far[0] - 0.05
    assert far[1] < usual < far[0]


def test_no_step_is_all_level_however_far_ahead() -> None:
    chances = [chance(90, rho=0.05, drift=drift, daily=0.03) for drift in (1.0, 50.0)]

    assert chances[0] == chances[1] > 0.2


def test_the_seasonal_peak_is_the_highest_p95_on_a_holiday_or_at_a_quarters_end() -> None:
    # From 2026-03-01 on: the quarter ends on day 30, Memorial Day is day 85.
    level = np.full(90, 40.0)
    level[[10, 28, 85]] = [90.0, 60.0, 70.0]

    [row] = capacity_risk(forecast("a", level), full("a"), AS_OF, thresholds_pct=(80.0,)).to_dict("records")

    assert row["peak_at"] == pd.Timestamp(AS_OF) + pd.Timedelta(days=10)
    assert row["seasonal_peak_at"] == pd.Timestamp("2026-05-25")
    assert row["seasonal_peak_p95"] == pytest.approx(70 + 5 * ndtri(0.95))


def test_a_forecast_without_a_holiday_or_a_quarters_end_has_no_seasonal_peak() -> None:
    risk = capacity_risk(forecast("a", np.full(20, 40.0)), full("a"), AS_OF)

    assert risk["seasonal_peak_p95"].isna().all()
    assert risk["seasonal_peak_at"].isna().all()


def rates(**by_metric: float) -> pd.DataFrame:
    """Surprises per day over 80 %, by metric."""
    return pd.DataFrame({80.0: by_metric})


def test_surprises_come_at_their_rate_where_the_forecast_sees_no_crossing() -> None:
    quiet = forecast("a", np.full(90, 20.0))

    risk = capacity_risk(quiet, full("a"), AS_OF, (80.0, 90.0), context=Context(surprises=rates(cpu_utilization=0.002)))

    over_80, over_90 = risk.to_dict("records")
    for days in (7, 30, 90):
        assert over_80[f"p_cross_{days}d"] == pytest.approx(1 - np.exp(-0.002 * days), abs=0.001)
        assert over_90[f"p_cross_{days}d"] == 0
    assert over_80["p_surprise_30d"] == pytest.approx(1 - np.exp(-0.06))
    assert np.isnan(over_90["p_surprise_30d"])
    # One path in ten has met its surprise after -ln(.9) / .002 = 53 days.
    assert over_80["crossing_p10_at"] == pd.Timestamp(AS_OF) + pd.Timedelta(days=52)


def test_a_surprise_and_a_foreseen_crossing_are_independent() -> None:
    near = forecast("a", np.full(90, 80 - 5 * ndtri(0.97)))

    alone = capacity_risk(near, full("a"), AS_OF, thresholds_pct=(80.0,))["p_cross_30d"].item()
    both = capacity_risk(near, full("a"), AS_OF, thresholds_pct=(80.0,), context=Context(surprises=rates(cpu_utilization=0.01)))[
        "p_cross_30d"
    ].item()

    assert both == pytest.approx(1 - (1 - alone) * np.exp(-0.3), abs=0.02)


def test_surprises_do_not_make_a_series_one_to_plan_capacity_for() -> None:
    quiet = forecast("a", np.full(90, 20.0))

    calm = capacity_risk(quiet, full("a"), AS_OF)
    surprised = capacity_risk(quiet, full("a"), AS_OF, context=Context(surprises=rates(cpu_utilization=0.01)))

    assert surprised["p_cross_90d"].max() > 0.5
    assert surprised["risk_level"].tolist() == calm["risk_level"].tolist() == ["low"] * 3
    assert surprised["priority"].tolist() == calm["priority"].tolist()


def test_hours_meet_as_many_surprises_in_a_day_as_days_do() -> None:
    quiet = forecast("a", np.full(10 * 24, 20.0), granularity="hour")

    risk = capacity_risk(quiet, full("a"), AS_OF, (80.0,), (7,), context=Context(surprises=rates(cpu_utilization=0.01)))

    assert risk["p_cross_7d"].item() == pytest.approx(1 - np.exp(-0.07), abs=0.001)


def test_a_metric_whose_surprises_were_not_counted_is_expected_to_have_none_and_says_nothing_of_them() -> None:
    quiet = forecast("a", np.full(90, 20.0))

    for unknown in (rates(memory_utilization=0.01), rates(cpu_utilization=np.nan), pd.DataFrame()):
        risk = capacity_risk(quiet, full("a"), AS_OF, context=Context(surprises=unknown))
        assert (risk["p_cross_90d"] == 0).all()
        assert risk["p_surprise_30d"].isna().all()
