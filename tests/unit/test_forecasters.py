"""What each model knows: given a world that fits it, it must say the right thing."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.forecasters import _calendar_effect, default, lightgbm, prophet, ridge, seasonal_naive, seasonal_pool, smoothing
from pipeline.forecasters._tabular import FEATURES, future_rows, training_rows
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import QUANTILES

MEDIAN = QUANTILES.index(0.5)


def panel_of(values: np.ndarray, step: str, end: str = "2026-03-27") -> Panel:
    n = len(values)
    names = np.array([f"s{row:02d}" for row in range(n)])
    ends = np.full(n, np.datetime64(end, "us"))
    return Panel(names, np.full(n, "cost"), ends, step, np.asarray(values, dtype=np.float64), np.full(n, np.inf))


def test_the_seasonal_naive_repeats_last_week_and_widens_by_the_week():
    rng = np.random.default_rng(1)
    values = np.tile([1.0, 2, 3, 4, 5, 6, 7], 20)[None] * 10 + rng.normal(0, 2, (1, 140))

    answer = seasonal_naive.forecast(panel_of(values, "day"), 21, QUANTILES)

    np.testing.assert_allclose(answer[0, :7, MEDIAN], values[0, -7:])
    np.testing.assert_allclose(answer[0, 7:14, MEDIAN], values[0, -7:])
    width = answer[0, :, -2] - answer[0, :, 0]
    assert width[0] < width[7] < width[14]


def test_the_seasonal_naive_takes_a_missing_phase_from_the_week_before():
    values = np.tile([1.0, 2, 3, 4, 5, 6, 7], 6)[None]
    values[0, -7] = np.nan

    answer = seasonal_naive.forecast(panel_of(values, "day"), 7, QUANTILES)

    assert answer[0, 0, MEDIAN] == 1.0


def test_ridge_finds_the_week_the_growth_and_the_quarter_end():
    rng = np.random.default_rng(1)
    days = np.datetime64("2026-03-26") - np.arange(730)[::-1]
    from pipeline.forecasting.calendars import quarter_end_ramp

    week = 10 * np.sin(2 * np.pi * np.arange(730) / 7)
    clean = 100 + 0.05 * np.arange(730) + week + 30 * quarter_end_ramp(days)
    panel = panel_of(clean + rng.normal(0, 3, (20, 730)), "day", "2026-03-26")

    answer = ridge.forecast(panel, 7, QUANTILES)[:, :, MEDIAN].mean(axis=0)

    ahead = np.datetime64("2026-03-27") + np.arange(7)
    expected = 100 + 0.05 * np.arange(730, 737) + 10 * np.sin(2 * np.pi * np.arange(730, 737) / 7)
    np.testing.assert_allclose(answer, expected + 30 * quarter_end_ramp(ahead), atol=5)


def test_logged_ridge_multiplies_season_and_noise():
    rng = np.random.default_rng(1)
    hours = np.arange(24 * 42)
    values = 20 * np.exp(0.8 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 0.2, (10, len(hours))))

    answer = ridge.forecast(panel_of(values, "hour"), 24, QUANTILES, ridge.Options(log=True))

    width = (answer[:, :, 6] - answer[:, :, 0]).mean(axis=0)
    median = answer[:, :, MEDIAN].mean(axis=0)
    np.testing.assert_allclose(median, 20 * np.exp(0.8 * np.sin(2 * np.pi * np.arange(24) / 24)), rtol=0.15)
    # Noise in proportion: the band is wide where the level is high.
    assert width[median.argmax()] > 3 * width[median.argmin()]


def test_logged_ridge_leaves_a_series_that_went_negative_as_measured():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 5, (2, 140))

    answer = ridge.forecast(panel_of(values, "day"), 7, QUANTILES, ridge.Options(log=True))

    np.testing.assert_array_equal(answer, ridge.forecast(panel_of(values, "day"), 7, QUANTILES))


def test_ridge_carries_what_is_left_of_a_recent_shift_into_the_first_leads():
    rng = np.random.default_rng(1)
    noise = np.zeros((5, 24 * 28))
    for hour in range(1, noise.shape[1]):
        noise[:, hour] = 0.9 * noise[:, hour - 1] + rng.normal(0, 1, 5)
    noise[:, -4:] += 8
    panel = panel_of(100 + noise, "hour")

    answer = ridge.forecast(panel, 24, QUANTILES)[:, :, MEDIAN]

    assert (answer[:, 0] - answer[:, -1] > 1.5).all()


def test_smoothing_follows_a_random_walk_to_its_last_value_and_averages_noise():
    rng = np.random.default_rng(1)
    walk = 100 + np.cumsum(rng.normal(0, 1, (1, 24 * 30)), axis=1)
    noise = 100 + rng.normal(0, 5, (1, 24 * 30))

    answer = smoothing.forecast(panel_of(np.concatenate([walk, noise]), "hour"), 24, QUANTILES)[:, :, MEDIAN]

    assert abs(answer[0].mean() - walk[0, -1]) < 1.5
    assert abs(answer[1].mean() - 100) < 1.5


def test_smoothing_widens_with_lead_time_on_a_random_walk():
    walk = 1000 + np.cumsum(np.random.default_rng(1).normal(0, 1, (1, 24 * 40)), axis=1)

    answer = smoothing.forecast(panel_of(walk, "hour"), 24, QUANTILES)

    width = answer[0, :, 6] - answer[0, :, 0]
    assert width[-1] > 2 * width[0]


def test_a_pool_of_the_same_weekday_knows_the_weekend():
    # 2026-03-27 23:00 is a Friday: the next day is a Saturday.
    day = np.where(np.arange(28 * 24) // 24 % 7 < 2, 10.0, 50.0)
    panel = panel_of(np.repeat(day[None], 2, axis=0) + np.random.default_rng(1).normal(0, 1, (2, 672)), "hour")
    panel = Panel(panel.series_id, panel.metric, panel.end + np.timedelta64(23, "h"), "hour", panel.values, panel.upper)

    blind = seasonal_pool.forecast(panel, 24, QUANTILES, seasonal_pool.Options(naive_share=0.0))
    aware = seasonal_pool.forecast(panel, 24, QUANTILES, seasonal_pool.Options(naive_share=0.0, other_day_type=0.01))

    assert blind[:, :, MEDIAN].mean() > 45
    assert aware[:, :, MEDIAN].mean() < 15


def test_a_pool_moved_to_the_last_level_follows_a_shift():
    values = np.random.default_rng(1).normal(20, 1, (1, 140))
    values[:, -7:] += 30

    stays = seasonal_pool.forecast(panel_of(values, "day"), 7, QUANTILES, seasonal_pool.Options(naive_share=0.0))
    follows = seasonal_pool.forecast(panel_of(values, "day"), 7, QUANTILES, seasonal_pool.Options(naive_share=0.0, level=1.0))

    assert stays[0, :, MEDIAN].mean() < 25
    assert follows[0, :, MEDIAN].mean() > 45


def test_prophet_uses_planned_maintenance_and_quarter_end_known_in_advance():
    days = np.datetime64("2026-03-27") - np.arange(200)[::-1]
    planned = days[::20].astype("datetime64[us]")
    values = 50 + np.random.default_rng(1).normal(0, 1, (1, 200))
    values[0, ::20] -= 30
    ahead = np.datetime64("2026-03-30", "us")

    options = prophet.Options(quarter_end=True, holidays=True)
    answer = prophet.forecast(panel_of(values, "day"), 5, QUANTILES, options, maintenance=np.append(planned, ahead))

    assert answer[0, 2, MEDIAN] < 30 < answer[0, 1, MEDIAN]


def test_boosters_trained_once_score_every_shard_as_training_on_the_spot_does():
    panel = panel_of(50 + 10 * np.random.default_rng(1).normal(0, 1, (6, 140)), "day")
    trained = lightgbm.train(panel, 7, QUANTILES, lightgbm.Options(trees=5, rows=500))

    whole = lightgbm.forecast(panel, 7, QUANTILES, lightgbm.Options(trees=5, rows=500))
    shard = lightgbm.forecast(panel.take(np.array([4, 1])), 7, QUANTILES, trained=trained)

    np.testing.assert_allclose(shard, whole[[4, 1]])


def test_boosters_of_another_granularity_or_without_a_quantile_are_refused():
    panel = panel_of(np.random.default_rng(1).uniform(0, 9, (3, 100)), "day")
    trained = lightgbm.train(panel, 3, (0.5,), lightgbm.Options(trees=2, rows=400))

    with pytest.raises(ConfigError, match="asked for steps of one day and the quantiles"):
        lightgbm.forecast(panel, 3, (0.5, 0.9), trained=trained)
    with pytest.raises(ConfigError, match="steps of one day"):
        lightgbm.forecast(panel_of(panel.values, "hour"), 3, (0.5,), trained=trained)


def test_training_rows_stay_within_budget_and_never_look_past_the_end():
    values = np.random.default_rng(1).uniform(0, 9, (5, 200))
    panel = panel_of(values, "day")

    rows = training_rows(panel, 14, 400)

    assert 100 <= len(rows.target) <= 800
    assert set(rows.lead) == set(range(1, 15))
    changed = panel_of(np.concatenate([values, 100 * values[:, :9]], axis=1), "day", "2026-04-05").truncate(9)
    np.testing.assert_array_equal(training_rows(changed, 14, 400).features, rows.features)


def test_features_of_a_lead_are_relative_to_the_series_and_know_the_calendar():
    values = np.stack([np.tile([1.0, 2, 3, 4, 5, 6, 7], 20), np.tile([10.0, 20, 30, 40, 50, 60, 70], 20)])

    rows = future_rows(panel_of(values, "day"), 2)

    table = rows.features.reshape(2, 2, -1)
    np.testing.assert_allclose(table[0], table[1])
    same_phase = rows.centre + rows.size * rows.features[:, FEATURES.index("same_phase")]
    np.testing.assert_allclose(same_phase, [1, 2, 10, 20])
    # 2026-03-27 is a Friday in the last days of a quarter.
    assert table[0, :, FEATURES.index("weekend")].tolist() == [1.0, 1.0]
    assert (table[0, :, FEATURES.index("quarter_end")] > 0).all()


def test_too_little_history_to_boost_is_answered_by_the_fallback():
    panel = panel_of(np.random.default_rng(1).uniform(0, 9, (1, 20)), "day")

    answer = lightgbm.forecast(panel, 3, QUANTILES)

    assert ((answer >= 0) & (answer <= 9)).all()
    np.testing.assert_array_equal(answer[:, 0], answer[:, 2])


def test_the_naive_share_of_a_pool_is_the_weight_of_last_seasons_value_with_its_own_errors():
    rng = np.random.default_rng(1)
    # What was seen at the phase lies near 10; last week lay at 1,000 as the week before it did.
    values = np.concatenate([rng.normal(10, 1, (1, 7 * 40)), rng.normal(1000, 1, (1, 7 * 41))], axis=1)
    options = seasonal_pool.Options(naive_share=0.4, decay=0.0, neighbours=0.0)

    answer = seasonal_pool.forecast(panel_of(values, "day"), 1, (0.25, 0.35), options)[0, 0]

    # 40 of 81 weeks are old, and 0.6 of the weight is theirs and the new ones': 0.296 lies below.
    assert answer[0] < 100 < 900 < answer[1]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((1, 1, 1, 1), 15.0), ((1, 1, 1, 0), 10.0), ((3, 1, 0, 0), 2.5), ((1, 1, 1, 3), 22.5), ((0, 0, 1, 1), 25.0)],
)
def test_the_median_of_members_lies_where_half_of_the_weight_does(weights: tuple[float, ...], expected: float):
    said = np.array([0.0, 10.0, 20.0, 30.0]).reshape(4, 1, 1, 1)

    assert default.weighted_median(said, np.array(weights, dtype=float)[:, None])[0, 0, 0] == pytest.approx(expected)


def test_hours_of_a_day_that_has_just_begun_say_nothing_about_the_calendar():
    rng = np.random.default_rng(1)
    values = 50 + rng.normal(0, 2, (30, 24 * 120 + 12))
    unknown, absurd = values.copy(), values.copy()
    unknown[:, -12:], absurd[:, -12:] = np.nan, 5_000.0
    terms = ridge.Options(changepoints=12)

    known = _calendar_effect.of_hours(panel_of(unknown, "hour", "2026-03-27T11"), 24, terms)
    found = _calendar_effect.of_hours(panel_of(absurd, "hour", "2026-03-27T11"), 24, terms)

    assert known is not None
    assert found is not None
    np.testing.assert_array_equal(found, known)
