"""Surprises: jumps over a limit that nobody could have seen coming, and how often they come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.capacity import surprise
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import Granularity

NAN = np.nan


def panel(values: np.ndarray, metric: str | list[str] = "cpu_utilization", step: Granularity = "day") -> Panel:
    n = len(values)
    return Panel(
        np.array([f"s{row}" for row in range(n)]),
        np.array([metric] * n if isinstance(metric, str) else metric),
        np.full(n, np.datetime64("2026-03-01", "us")),
        step,
        np.asarray(values, dtype=np.float64),
        np.full(n, 100.0),
    )


def quiet(days: int = 100, level: float = 40.0, sd: float = 2.0, rows: int = 1) -> np.ndarray:
    return np.random.default_rng(1).normal(level, sd, (rows, days))


def counted(values: np.ndarray, limit: float = 80.0) -> tuple[int, int]:
    row = surprise.count(panel(values), (limit,)).iloc[0]
    return int(row["surprises"]), int(row["watched"])


def test_a_jump_over_the_limit_from_far_below_is_a_surprise() -> None:
    values = quiet()
    values[0, 60] = 95.0

    assert counted(values)[0] == 1
    assert counted(values, 97.0)[0] == 0


def test_an_incident_of_several_days_is_one_surprise_and_its_month_is_not_watched() -> None:
    values = quiet()
    before = counted(values)[1]
    values[0, 60:63] = 95.0

    surprises, watched = counted(values)

    assert surprises == 1
    assert before - watched == 28 + 2


def test_a_second_day_at_the_limit_is_no_second_surprise() -> None:
    values = quiet()
    values[0, [60, 61]] = 100.0
    gap = values.copy()
    gap[0, 61:63] = NAN, 100.0

    assert counted(values, 95.0)[0] == counted(gap, 95.0)[0] == 1


def test_a_day_in_reach_of_the_days_before_it_is_no_surprise() -> None:
    noisy = quiet(sd=16.0)
    noisy[0, 60] = 82.0

    assert counted(noisy) == (0, 0)


def test_growth_into_the_limit_is_no_surprise() -> None:
    growing = np.linspace(20, 95, 200)[None] + quiet(200, 0.0, 1.0)

    assert counted(growing)[0] == 0


def test_a_day_is_watched_once_half_of_the_four_weeks_before_it_are_known() -> None:
    values = quiet(40)
    assert counted(values)[1] == 40 - 14
    values[0, 5:20] = NAN
    # The four weeks before day 34 hold days 20 to 33, fourteen known ones.
    assert counted(values)[1] == 40 - 34


def test_a_gap_is_neither_watched_nor_a_surprise() -> None:
    values = quiet()
    everything = counted(values)[1]
    values[0, 60] = NAN

    assert counted(values) == (0, everything - 1)


def test_metrics_are_counted_apart_and_shards_add_up() -> None:
    values = quiet(rows=4)
    values[[0, 1, 2], [50, 60, 70]] = 95.0
    metrics = ["cpu_utilization", "cpu_utilization", "memory_utilization", "memory_utilization"]
    whole = panel(values, metrics)

    together = surprise.rates([surprise.count(whole, (80.0, 90.0))])
    by_shard = surprise.rates(surprise.count(whole.take(np.array(rows)), (80.0, 90.0)) for rows in ([0, 2], [1, 3]))

    pd.testing.assert_frame_equal(together, by_shard)
    assert together.at["cpu_utilization", 80.0] > together.at["memory_utilization", 80.0] > 0


def test_one_surprise_of_a_young_series_is_not_yet_a_rate() -> None:
    values = quiet(40)
    values[0, 30] = 95.0

    rate = surprise.rates([surprise.count(panel(values), (80.0,))]).at["cpu_utilization", 80.0]

    # 17 days watched, and a year without.
    assert rate == pytest.approx(1 / (17 + 365))


def test_a_series_that_stands_at_the_limit_was_a_surprise_once() -> None:
    for level in (80.0, 100.0):
        for seed in range(5):
            noise = np.random.default_rng(seed).normal(40, 2, 300)
            assert counted(np.concatenate([noise, np.full(400, level)])[None], level)[0] == 1


def test_a_steady_series_beside_the_limit_is_no_surprise() -> None:
    values = quiet(level=79.5, sd=0.02)
    values[0, 60] = 80.2

    assert counted(values) == (0, 0)


def test_a_higher_limit_is_never_crossed_more_often() -> None:
    # In reach of 80 %, so that only 90 % is watched.
    values = quiet(400, level=74.0, sd=1.5, rows=3)
    values[:, 200] = 95.0

    counts = surprise.count(panel(values), (80.0, 90.0)).set_index("limit")
    assert counts["surprises"].to_dict() == {80.0: 0, 90.0: 3}
    rates = surprise.rates([counts.reset_index()]).loc["cpu_utilization"]
    assert rates[80.0] == rates[90.0] > 0


def test_nothing_counted_is_no_rate_and_hours_are_refused() -> None:
    assert surprise.rates([]).empty
    with pytest.raises(ValueError, match="by the day"):
        surprise.count(panel(quiet(), step="hour"), (80.0,))
