"""The parts that forecasters share: seasons, past cutoffs, calibration, the weighted median."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.forecasters import _calendar_effect, default
from pipeline.forecasters._past import actuals, calibrate, cutoffs, pool_tails, segments, stack_cutoffs
from pipeline.forecasters._season import exponential_means, fill, phases, seasonal_index
from pipeline.forecasters.ridge import Options
from pipeline.forecasting.calendars import quarter_end_ramp
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import QUANTILES

NAN = np.nan


def daily(values: np.ndarray, metric: str = "cost") -> Panel:
    n = len(values)
    names = np.array([f"s{row}" for row in range(n)])
    end = np.full(n, np.datetime64("2026-03-01", "us"))
    return Panel(names, np.full(n, metric), end, "day", values.astype(np.float64), np.full(n, np.inf))


# ---------------------------------------------------------------- seasons


def test_whole_seasons_are_counted_back_from_the_end():
    assert phases(np.arange(8.0)[None], 3).tolist() == [[[2, 3, 4], [5, 6, 7]]]


def test_a_gap_takes_the_value_one_season_before_and_else_the_last_value():
    values = np.array([[NAN, NAN, 3.0, NAN, 5.0, NAN, 7.0, NAN, NAN]])

    np.testing.assert_array_equal(fill(values, 3), [[NAN, NAN, 3, 3, 5, 3, 7, 5, 3]])


def test_values_without_gaps_are_not_copied():
    values = np.ones((2, 5))

    assert fill(values, 3) is values


def test_the_seasonal_index_is_the_typical_deviation_and_sums_to_zero():
    values = np.tile([10.0, 20.0, 30.0], 50)[None] + np.arange(150) // 3

    index = seasonal_index(values, 3, shrinkage=0.0)

    np.testing.assert_allclose(index, [[-10, 0, 10]], atol=1e-9)


@pytest.mark.parametrize("periods", [1, 31, 32, 100])
def test_exponential_means_are_those_of_pandas(periods):
    values = np.random.default_rng(1).normal(size=(3, periods))

    means = exponential_means(values, (0.1, 1.0), values[:, 0])

    expected = pd.DataFrame(values.T).ewm(alpha=0.1, adjust=False).mean().to_numpy().T
    np.testing.assert_allclose(means[0], expected, atol=1e-12)
    np.testing.assert_allclose(means[1], values, atol=1e-12)


# ---------------------------------------------------------------- past cutoffs


def test_past_cutoffs_lie_a_horizon_apart_in_the_later_half_of_the_history():
    panel = daily(np.zeros((1, 100)))

    assert cutoffs(panel, 10, 3) == [10, 20, 30]
    assert cutoffs(panel, 40, 3) == [16, 32, 48]
    assert cutoffs(panel.tail(5), 10, 3) == []


def test_what_followed_a_cutoff_is_unknown_beyond_the_end():
    panel = daily(np.arange(10.0)[None])

    np.testing.assert_array_equal(actuals(panel, 2, 3), [[8, 9, NAN]])


def test_stacked_cutoffs_are_the_panel_as_it_stood_then():
    panel = daily(np.arange(20.0).reshape(2, 10))

    stacked = stack_cutoffs(panel, [3])

    past = panel.truncate(3)
    np.testing.assert_array_equal(stacked.values[2:, 3:], past.values)
    assert np.isnan(stacked.values[2:, :3]).all()
    np.testing.assert_array_equal(stacked.end[2:], past.end)
    assert len(np.unique(segments(stacked.metric))) == 2


# ---------------------------------------------------------------- the calendar


def hourly(days: np.ndarray, factor: np.ndarray, last_hour: int, n: int = 40) -> Panel:
    """Hours of `days`, of which the last ends at `last_hour`; each day's level is its factor."""
    rng = np.random.default_rng(1)
    values = np.repeat(50 * factor, 24)[: len(days) * 24 - 23 + last_hour]
    values = values * np.exp(rng.normal(0, 0.05, (n, len(values))))
    names = np.array([f"s{row:02d}" for row in range(n)])
    end = np.full(n, days[-1].astype("datetime64[us]") + np.timedelta64(last_hour, "h"))
    return Panel(names, np.full(n, "cost"), end, "hour", values, np.full(n, np.inf))


@pytest.mark.parametrize("last_hour", [23, 9])
def test_hours_expect_of_a_quarter_end_what_their_days_showed_at_the_last_one(last_hour):
    days = np.datetime64("2026-03-29") - np.arange(200)[::-1]
    panel = hourly(days, 1 + 0.5 * quarter_end_ramp(days), last_hour)

    factor = _calendar_effect.of_hours(panel, 48, Options())

    assert factor is not None
    of_the_31st = factor[:, panel.timestamps().shape[1] :][panel.future(48) >= np.datetime64("2026-03-31")]
    assert 1.1 < of_the_31st.mean() < 1.5
    ordinary_days = panel.timestamps() < np.datetime64("2025-12-20")
    assert factor[:, : panel.periods][ordinary_days].mean() == pytest.approx(1.0, abs=0.02)


def test_hours_of_less_than_a_hundred_days_know_no_quarter_end():
    days = np.datetime64("2026-03-29") - np.arange(60)[::-1]

    assert _calendar_effect.of_hours(hourly(days, np.ones(60), 23), 24, Options()) is None


def test_few_series_are_not_trusted_about_the_calendar():
    few, many = daily(np.ones((10, 20))), daily(np.ones((90, 20)))

    assert (_calendar_effect.trusted(few, np.ones((10, 25))) == 1.0).all()
    assert _calendar_effect.trusted(many, np.ones((90, 25)))[0, 0] == pytest.approx(np.exp(0.8))


# ---------------------------------------------------------------- calibration

LEVELS = (0.1, 0.5, 0.9)


def bands(half: float, n: int = 1, cutoffs: int = 40, horizon: int = 30) -> np.ndarray:
    return np.broadcast_to(np.array([-half, 0.0, half]), (cutoffs, n, horizon, 3)).copy()


def test_intervals_that_were_too_narrow_are_widened_until_they_would_have_covered():
    actual = np.random.default_rng(1).uniform(-1, 1, (40, 1, 30))

    answer = calibrate(bands(0.4)[0], bands(0.4), actual, LEVELS, np.zeros(1, dtype=np.int64))

    # 80 % of the actuals lie within ±0.8; a third of the evidence is the prior.
    assert 0.6 < answer[0, 0, 2] < 0.8
    assert answer[0, 0, 1] == 0.0


def test_intervals_that_were_too_wide_are_narrowed():
    actual = np.random.default_rng(1).uniform(-1, 1, (40, 1, 30))

    answer = calibrate(bands(1.6)[0], bands(1.6), actual, LEVELS, np.zeros(1, dtype=np.int64))

    assert answer[0, 0, 2] < 1.5


def test_each_segment_is_calibrated_on_its_own_past():
    actual = np.zeros((40, 2, 30))
    actual[:, 1] = np.random.default_rng(1).choice([-5.0, 5.0], (40, 30))

    answer = calibrate(bands(1.0, n=2)[0], bands(1.0, n=2), actual, LEVELS, np.array([0, 1]))

    assert answer[0, 0, 2] < 1.0 < answer[1, 0, 2]


def test_without_a_median_or_a_past_nothing_is_calibrated():
    forecast = bands(1.0)[0]
    segment = np.zeros(1, dtype=np.int64)

    assert calibrate(forecast, forecast[:0][None], np.empty((0, 1, 30)), LEVELS, segment) is forecast
    assert calibrate(forecast, bands(1.0), np.zeros((40, 1, 30)), (0.1, 0.4, 0.9), segment) is forecast


def test_an_interval_without_width_says_nothing_about_how_far_to_stretch():
    answer = calibrate(bands(1.0)[0], bands(0.0), np.ones((40, 1, 30)), LEVELS, np.zeros(1, dtype=np.int64))

    np.testing.assert_array_equal(answer, bands(1.0)[0])


# ---------------------------------------------------------------- tails


def tailed(*far: float) -> np.ndarray:
    """Series of two periods around 50, whose .9 lies 10 and 20 above and whose .99 lies `far` times as far, and so below."""
    reach = np.array([10.0, 20.0])[None, :, None]
    shape = np.stack([np.array([-x, -1.0, 0.0, 1.0, x]) for x in far])[:, None, :]
    return 50 + reach * shape


TAILED = (0.01, 0.1, 0.5, 0.9, 0.99)


def test_a_tail_moves_halfway_to_its_segments_and_the_rest_stays():
    far = (2.0,) * 45 + (4.0,)
    pooled = pool_tails(tailed(*far), TAILED, np.zeros(46, dtype=np.int64))

    share = 0.5 * 46 / (46 + 5)
    np.testing.assert_allclose(pooled[:45], tailed(*far)[:45])
    np.testing.assert_allclose(pooled[45:], tailed(4.0 - share * 2.0))


def test_only_tails_move_whatever_shape_each_step_has():
    # On most steps .9 is the median, on one it is far above: its ratio to .99 is no guide to that step.
    odd = np.tile(np.array([40.0, 45.0, 50.0, 50.0, 90.0]), (10, 1))
    odd[3] = [20.0, 30.0, 50.0, 58.0, 61.0]
    said = np.concatenate([tailed(*(1.5,) * 45).repeat(5, axis=1), odd[None]])

    pooled = pool_tails(said, TAILED, np.zeros(46, dtype=np.int64))

    np.testing.assert_array_equal(pooled[..., 1:4], said[..., 1:4])
    assert (np.diff(pooled, axis=2) >= 0).all()


def test_segments_do_not_lend_each_other_their_tails():
    far = (2.0, 2.0, 2.0, 4.0, 4.0, 4.0)

    np.testing.assert_allclose(pool_tails(tailed(*far), TAILED, np.array([0, 0, 0, 1, 1, 1])), tailed(*far))


def test_quantiles_without_a_median_or_a_tenth_are_left_alone():
    said = tailed(2.0, 4.0, 8.0)
    segment = np.zeros(3, dtype=np.int64)

    for kept, levels in ([(0, 1, 3, 4), (0.01, 0.1, 0.9, 0.99)], [(0, 2, 4), (0.01, 0.5, 0.99)]):
        np.testing.assert_array_equal(pool_tails(said[..., kept], levels, segment), said[..., kept])


def test_a_series_that_never_varies_keeps_its_one_value():
    said = np.concatenate([tailed(2.0, 4.0), np.full((1, 2, 5), 7.0)])

    assert (pool_tails(said, TAILED, np.zeros(3, dtype=np.int64))[2] == 7.0).all()


# ---------------------------------------------------------------- the ensemble


def answers(*values: float) -> np.ndarray:
    return np.array(values).reshape(-1, 1, 1, 1)


def test_a_member_that_goes_astray_does_not_move_the_median():
    sane = default.weighted_median(answers(10.0, 11.0, 12.0), np.ones((3, 1)))

    astray = default.weighted_median(answers(10.0, 11.0, 1e7), np.ones((3, 1)))

    assert sane.item() == astray.item() == 11.0


def test_two_equal_members_give_their_mean_and_one_without_an_answer_does_not_count():
    assert default.weighted_median(answers(10.0, 20.0), np.ones((2, 1))).item() == 15.0
    assert default.weighted_median(answers(10.0, NAN, 20.0), np.ones((3, 1))).item() == 15.0


def test_a_member_of_overwhelming_weight_decides():
    median = default.weighted_median(answers(10.0, 20.0, 30.0), np.array([[0.01], [0.01], [1.0]]))

    assert median.item() == pytest.approx(30.0, abs=0.5)


def test_a_member_that_did_better_in_its_segment_weighs_more_there():
    # Members × cutoffs × series: the first is better on segment 0, the second on segment 1.
    losses = np.array([[[0.5] * 20 + [2.0] * 20], [[1.0] * 20 + [1.0] * 20]])
    segment = np.repeat([0, 1], 20)

    weights = default._weights(losses, losses, segment, sharpness=12.0, own_share=0.0)

    assert weights[0, 0] > 3 * weights[1, 0]
    assert weights[1, -1] > weights[0, -1]
    assert (default._weights(losses, losses, segment, sharpness=0.0, own_share=0.5) == 1.0).all()


def test_one_series_that_nobody_can_forecast_does_not_decide_for_its_segment():
    # The second member is a tenth worse on nineteen series, and the first loses itself on the twentieth.
    losses = np.ones((2, 4, 20))
    losses[1] = 1.1
    losses[0, :, 19] = 10_000.0
    losses[1, :, 19] = 9_000.0

    weights = default._weights(losses, losses, np.zeros(20, dtype=np.int64), sharpness=12.0, own_share=0.0)

    assert weights[0, 0] > weights[1, 0]


def test_many_series_weigh_members_more_sharply_than_few_and_each_part_of_the_horizon_by_its_own_losses():
    def second(series: int) -> float:
        """Weight of a member that is as good as the other on the whole, and worse in this part of the horizon."""
        part, whole = np.ones((2, 4, series)), np.ones((2, 4, series))
        part[1] = 1.2
        weights = default._weights(part, whole, np.zeros(series, dtype=np.int64), sharpness=12.0, own_share=0.5)
        return float(weights[1, 0])

    assert 1 > second(5) > 0.95
    assert second(250) < 0.2


def test_series_without_a_loss_are_no_evidence_and_a_member_without_one_weighs_nothing():
    one = np.array([[[1.0]], [[1.3]], [[NAN]]])
    silent = np.concatenate([one, np.full((3, 1, 100), NAN)], axis=2)
    alone = default._weights(one, one, np.zeros(1, dtype=np.int64), sharpness=12.0, own_share=0.5)

    among = default._weights(silent, silent, np.zeros(101, dtype=np.int64), sharpness=12.0, own_share=0.5)
    blunt = default._weights(one, one, np.zeros(1, dtype=np.int64), sharpness=0.0, own_share=0.5)

    assert among[:, 0] == pytest.approx(alone[:, 0])
    assert alone[0, 0] == 1 > alone[1, 0] > 0 == alone[2, 0]
    assert blunt[:, 0].tolist() == [1, 1, 0]
    nobody = np.full((3, 1, 2), NAN)
    assert (default._weights(nobody, nobody, np.zeros(2, dtype=np.int64), sharpness=12.0, own_share=0.5) == 1).all()


def test_disks_that_fill_by_five_per_cent_a_month_are_expected_to_go_on_for_the_quarter():
    rng = np.random.default_rng(2)
    filling = 30 * 1.05 ** (np.arange(400 + 90) / 30.4) * rng.uniform(0.5, 1.0, (40, 1))
    values = filling * np.exp(rng.normal(0, 0.02, filling.shape))

    answer = default.forecast(daily(values[:, :400]), 90, QUANTILES)

    ahead = answer[:, -1, QUANTILES.index(0.5)] / filling[:, -1]
    assert np.median(ahead) == pytest.approx(1, abs=0.02)
    assert np.abs(ahead - 1).max() < 0.1


def test_the_default_beats_the_seasonal_naive_on_a_noisy_week_and_covers():
    rng = np.random.default_rng(3)
    week = np.array([10.0, 12.0, 14.0, 13.0, 12.0, 4.0, 3.0])
    values = 50 + 3 * np.tile(week, 44)[None] + rng.normal(0, 6, (30, 308))
    panel = daily(values)
    past, actual = panel.truncate(28), values[:, -28:]

    answer = default.forecast(past, 28, QUANTILES)

    naive_error = np.abs(np.tile(past.values[:, -7:], 4) - actual).mean()
    assert np.abs(answer[:, :, 3] - actual).mean() < 0.8 * naive_error
    inside = ((actual >= answer[:, :, 0]) & (actual <= answer[:, :, 6])).mean()
    assert 0.85 < inside < 0.96


def test_more_series_than_a_block_holds_get_the_same_answer_in_any_order(monkeypatch):
    monkeypatch.setattr(default, "BLOCK", 3)
    panel = daily(np.random.default_rng(1).uniform(0, 10, (7, 60)))
    order = np.array([6, 2, 0, 5, 1, 3, 4])

    answer = default.forecast(panel.take(order), 5, QUANTILES)

    np.testing.assert_allclose(answer, default.forecast(panel, 5, QUANTILES)[order])


def test_a_panel_too_short_for_a_past_cutoff_is_still_answered():
    panel = daily(np.array([[1.0, 2.0, 3.0, 4.0]]))

    answer = default.forecast(panel, 5, QUANTILES)

    assert ((answer >= 1.0) & (answer <= 4.0)).all()


def test_what_many_series_show_of_past_quarter_ends_is_expected_of_the_next():
    rng = np.random.default_rng(1)
    dates = np.datetime64("2026-03-24") - np.arange(500)[::-1]
    values = 50 * (1 + 0.5 * quarter_end_ramp(dates)) * np.exp(rng.normal(0, 0.05, (60, 500)))
    panel = daily(values)
    panel = Panel(panel.series_id, panel.metric, np.full(60, dates[-1].astype("datetime64[us]")), "day", values, panel.upper)

    answer = default.forecast(panel, 7, QUANTILES)[:, :, QUANTILES.index(0.5)].mean(axis=0)

    # The truth climbs from 50 to 75; the climb is trusted for the most part, not in full.
    assert answer[:2] == pytest.approx(50, abs=2)
    assert 64 < answer[-1] < 76
