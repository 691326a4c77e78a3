"""How much to commit to: what saves most on the paths of usage, bounded by the chance of losing and by what is to be covered."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.advice.commitment import (
    Mix,
    choose_commitment,
    ladder,
    lookback_commitment,
    lowest_commitment,
    one_family,
)
from pipeline.advice.spend_paths import PATHS, spend_paths

RANDOM = np.random.default_rng(7)
#: Paths of usage by the hour, of different levels.
USAGE = 100 * np.exp(0.3 * RANDOM.standard_normal((200, 1)) + 0.2 * RANDOM.standard_normal((200, 60)))
ANY = {"most_chance": 1.0}


def saved(hourly: float, usage: np.ndarray, discount: float) -> float:
    """The saving of an hour as the bill counts it: what is paid on demand less the commitment and what lies above it."""
    return float((usage - hourly - np.maximum(0, usage - hourly / (1 - discount))).mean())


@pytest.mark.parametrize("discount", [0.192, 0.339, 0.546])
def test_the_best_commitment_covers_usage_up_to_the_quantile_of_its_discount_as_a_search_over_all_finds(discount: float) -> None:
    chosen = choose_commitment(USAGE, one_family(discount), **ANY)

    grid = np.linspace(0, 200, 8001)
    searched = grid[np.argmax([saved(hourly, USAGE, discount) for hourly in grid])]
    assert chosen.hourly_usd == pytest.approx((1 - discount) * np.quantile(USAGE, discount), rel=1e-3)
    assert chosen.hourly_usd == pytest.approx(searched, rel=5e-3)
    assert chosen.saving_usd == pytest.approx(saved(chosen.hourly_usd, USAGE, discount))


def test_a_plan_covers_the_largest_discount_first_and_is_bought_as_long_as_a_dollar_saves_a_dollar() -> None:
    steady = np.full((4, 10), 100.0)
    mix = Mix(np.array([0.25, 0.75]), np.array([0.5, 0.2]))

    assert choose_commitment(steady, mix, **ANY).hourly_usd == pytest.approx(12.5 + 60.0, rel=1e-4)
    assert choose_commitment(steady, mix, **ANY).saving_usd == pytest.approx(12.5 + 15.0, rel=1e-4)
    # In every fourth hour there is no usage: a dollar on the second family then saves 1.25 in three hours of four.
    gaps = np.tile([100.0, 100.0, 100.0, 0.0], (4, 5))
    assert choose_commitment(gaps, mix, **ANY).hourly_usd == pytest.approx(12.5, rel=1e-4)


def test_what_is_committed_to_already_is_not_bought_again_until_it_ends() -> None:
    best = choose_commitment(USAGE, one_family(0.3), **ANY).hourly_usd

    assert choose_commitment(USAGE, one_family(0.3), best / 2, **ANY).hourly_usd == pytest.approx(best / 2, rel=1e-3)
    assert choose_commitment(USAGE, one_family(0.3), best * 1.5, **ANY).hourly_usd == pytest.approx(0, abs=1e-3)
    ends = np.where(np.arange(60) < 6, best * 1.5, 0.0)
    assert best * 0.8 < choose_commitment(USAGE, one_family(0.3), ends, **ANY).hourly_usd < best


def test_a_commitment_that_would_lose_money_too_often_is_made_smaller_until_it_does_not() -> None:
    free = choose_commitment(USAGE, one_family(0.3), **ANY)
    bound = choose_commitment(USAGE, one_family(0.3), most_chance=0.02)

    assert free.loses > 0.02 >= bound.loses
    assert 0 < bound.hourly_usd < free.hourly_usd == free.optimum_usd == bound.optimum_usd
    assert bound.low_usd < bound.saving_usd < bound.high_usd


def test_no_more_is_covered_than_was_asked_for_and_what_exists_counts() -> None:
    steady = np.full((4, 10), 100.0)

    half = choose_commitment(steady, one_family(0.2), target_coverage=0.5, **ANY)
    assert (half.hourly_usd, half.coverage) == (pytest.approx(40.0, rel=1e-4), pytest.approx(0.5, rel=1e-4))
    rest = choose_commitment(steady, one_family(0.2), 16.0, target_coverage=0.5, **ANY)
    assert rest.hourly_usd == pytest.approx(24.0, rel=1e-4)


def test_used_as_much_as_its_break_even_a_commitment_saves_nothing() -> None:
    steady = np.full((4, 10), 100.0)

    chosen = choose_commitment(steady, one_family(0.3), **ANY)

    assert chosen.break_even == pytest.approx(0.7)
    assert (chosen.utilisation, chosen.loses) == (pytest.approx(1.0), 0.0)
    assert saved(chosen.hourly_usd, steady * chosen.break_even, 0.3) == pytest.approx(0, abs=1e-3)


def test_nothing_is_bought_where_nothing_is_used_or_nothing_is_discounted() -> None:
    assert choose_commitment(np.zeros((4, 10)), one_family(0.3), **ANY).hourly_usd == 0
    assert choose_commitment(USAGE, one_family(0.0), **ANY).hourly_usd == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("shares", "discounts"), [([1.0], [1.0]), ([0.5, 0.5], [0.1, 0.2]), ([0.5], [0.2]), ([], [])])
def test_a_mix_that_is_none_is_refused(shares: list[float], discounts: list[float]) -> None:
    with pytest.raises(ValueError, match="expected shares of 1 by falling discounts"):
        Mix(np.array(shares), np.array(discounts))


def test_a_ladder_buys_equal_parts_a_quarter_apart() -> None:
    assert ladder(12.0, 1) == [(0, 12.0)]
    assert ladder(12.0, 3) == [(0, 4.0), (91, 4.0), (182, 4.0)]


def test_the_baselines_look_back_alone() -> None:
    history = np.array([1.0, 50.0, *np.arange(10.0, 70.0)])

    assert lowest_commitment(history, 0.2) == pytest.approx(8.0)
    assert lookback_commitment(history, 0.5, 7) == pytest.approx(0.5 * 66.0)


def test_paths_begin_at_the_level_of_today_and_spread_with_time() -> None:
    history = np.full(90, 40.0)

    paths = spend_paths(history, 100)

    assert paths.shape == (PATHS, 100)
    np.testing.assert_array_equal(paths, spend_paths(history, 100))
    assert np.median(paths[:, 0]) == pytest.approx(40.0, rel=0.02)
    assert np.median(paths[:, -1]) == pytest.approx(40.0, rel=0.1)
    assert np.std(paths[:, 0]) < np.std(paths[:, 20]) < np.std(paths[:, -1])


def test_days_about_a_level_lie_about_it_in_the_paths_and_what_is_long_past_does_not_matter() -> None:
    weekly = np.tile([10.0, 10.0, 10.0, 10.0, 10.0, 4.0, 4.0], 30)

    low = (spend_paths(weekly, 1) < 7).mean()

    assert low == pytest.approx(2 / 7, abs=0.06)
    moving = np.concatenate([np.full(60, 5.0), np.full(60, 50.0), np.full(60, 5.0)])
    assert np.std(spend_paths(moving, 60)[:, -1]) > 2 * np.std(spend_paths(np.full(180, 5.0), 60)[:, -1])


@pytest.mark.parametrize("days", [1, 14, 15, 29])
def test_a_short_history_has_paths_as_wide_as_what_was_thought_before(days: int) -> None:
    assert np.std(np.log(spend_paths(np.full(days, 3.0), 25)[:, -1])) == pytest.approx(0.02 * 5, rel=0.2)


def test_a_service_that_is_not_used_any_more_is_not_committed_to() -> None:
    ended = np.concatenate([np.full(60, 9.0), np.zeros(14)])

    assert choose_commitment(spend_paths(ended, 30), one_family(0.3), most_chance=0.1).hourly_usd == 0


@pytest.mark.parametrize("history", [[], [1.0, -1.0], [1.0, np.nan]])
def test_a_history_without_days_or_with_impossible_ones_is_refused(history: list[float]) -> None:
    with pytest.raises(ValueError, match="expected what was spent on each day"):
        spend_paths(np.array(history), 10)
