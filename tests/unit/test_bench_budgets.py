"""Whether limits of budgets that chances are held to are such that an honest chance comes true."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tools.bench_budgets import BEFORE, LIMITS, draw_limits

LONG = np.full(12, 30.0)


def test_a_limit_knows_nothing_of_the_month_that_it_is_for() -> None:
    totals = np.array([100, 104, 98, 101, 99, 103, 97, 102, 100, 98, 105, 100.0])
    other = np.append(totals[:-1], 900.0)

    limits, same = (draw_limits(each, LONG, np.random.default_rng(1)) for each in (totals, other))

    assert len(limits) == LIMITS
    assert limits.tolist() == same.tolist()
    assert limits.min() > 80


def test_whoever_knows_how_totals_are_distributed_says_chances_that_come_true() -> None:
    random = np.random.default_rng(7)
    said, exceeded = [], []
    for _ in range(8_000):
        totals = 100 + 5 * random.standard_normal(12)
        limits = draw_limits(totals, LONG, random)
        said += norm.sf(limits, 100, 5).tolist()
        exceeded += (totals[-1] > limits).tolist()

    fifth = np.minimum((np.array(said) * 5).astype(int), 4)
    apart = [np.mean(np.array(exceeded)[fifth == number]) - np.mean(np.array(said)[fifth == number]) for number in range(5)]
    assert np.abs(apart).max() < 0.02, apart


@pytest.mark.parametrize("totals", [np.full(12, 100.0), np.arange(1.0, BEFORE + 4)])
def test_months_that_do_not_differ_or_are_too_few_have_no_limit(totals: np.ndarray) -> None:
    assert not len(draw_limits(totals, np.full(len(totals), 30.0), np.random.default_rng(1)))
