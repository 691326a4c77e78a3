"""Whether a metric moved by what a wrong unit makes of it: the rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality.shifts import Shift, compare_days, find_shifts

START = datetime(2026, 3, 16)
BEFORE = 14


def levels(days: Sequence[Sequence[float | None]], unit: str = "percent", metric: str = "cpu") -> pd.DataFrame:
    """One list per day that ends with the newest, of one value per series; none is a day without samples."""
    first = START - timedelta(days=len(days) - 1)
    rows = [
        {"series_id": f"a/r/i-{series}/{metric}", "metric": metric, "unit": unit, "day": first + timedelta(day), "level": value}
        for day, values in enumerate(days) for series, value in enumerate(values) if value is not None
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"day": "datetime64[us]"})


def shifts(days: Sequence[Sequence[float | None]], unit: str = "percent", since: datetime = START) -> list[Shift]:
    return list(find_shifts(compare_days(levels(days, unit), since).assign(source="csv")))


def steady(series: int = 6, level: float = 50.0, days: int = BEFORE) -> list[list[float | None]]:
    rng = np.random.default_rng(1)
    return [[float(level * factor) for factor in rng.uniform(0.8, 1.2, series)] for _ in range(days)]


@pytest.mark.parametrize(
    ("level", "unit", "factor"),
    [
        (50, "percent", 1 / 100),
        (0.5, "percent", 100),
        (200, "ms", 1 / 1000),
        (0.2, "ms", 1000),
        (120, "count", 60),
        (9, "mbps", 1024),
    ],
)
def test_most_series_at_a_units_factor_are_of_another_unit(level: float, unit: str, factor: float) -> None:
    now = [level * factor * (1 + 0.02 * series) for series in range(6)]

    [shift] = shifts([*steady(level=level), now], unit)

    assert shift.is_of_a_unit
    assert shift.factor is not None
    assert {shift.factor, factor} <= {1000, 1024} or shift.factor == pytest.approx(factor)
    assert (shift.metric, shift.source, shift.unit, shift.day, shift.moved, shift.series) == (
        "cpu", "csv", unit, START.date(), 6, 6
    )  # fmt: skip


def test_of_fewer_than_five_series_it_is_a_warning() -> None:
    [shift] = shifts([*steady(4), [0.5] * 4])

    assert (shift.factor, shift.is_of_a_unit) == (1 / 100, False)


def test_half_of_the_series_are_not_most() -> None:
    assert shifts([*steady(), [0.5, 0.5, 0.5, 50, 50, 50]]) == []
    assert [shift.moved for shift in shifts([*steady(), [0.5, 0.5, 0.5, 0.5, 50, 50]])] == [4]


def test_an_incident_of_the_whole_fleet_is_a_warning_and_no_unit() -> None:
    [shift] = shifts([*steady(level=6), [90.0, 95, 88, 97, 99, 92]])

    assert (shift.factor, shift.is_of_a_unit, shift.moved) == (None, False, 6)


@pytest.mark.parametrize("history", [[], steady()[:2]])
def test_series_without_history_are_compared_with_nothing(history: list[list[float | None]]) -> None:
    assert shifts([*history, [0.5] * 6]) == []


def test_what_is_near_zero_may_move_by_any_factor() -> None:
    assert shifts([*steady(level=0.01), [1.0] * 6]) == []
    assert shifts([*steady(level=0.0), [50.0] * 6]) == []
    assert shifts([*steady(), [0.0] * 6]) == []


def test_a_level_that_the_last_two_weeks_had_already_is_nothing_new() -> None:
    """Batch jobs of a weekday: a hundred times of what the other days have."""
    weekly: list[list[float | None]] = [[50.0 if day % 7 == 6 else 0.5] * 6 for day in range(BEFORE + 1)]

    assert shifts(weekly) == []


def test_within_a_long_interval_the_day_on_which_it_happened_is_named_once() -> None:
    days = [*steady(days=10), *steady(level=0.5, days=5)]

    [shift] = shifts(days, since=START - timedelta(days=14))

    assert shift.day == (START - timedelta(days=4)).date()


def test_a_gap_of_days_without_samples_hides_nothing() -> None:
    days = [*steady(days=9), *([[None] * 6] * 4), [0.5] * 6]
    assert [shift.is_of_a_unit for shift in shifts(days)] == [True]


def test_sources_are_judged_apart() -> None:
    compared = compare_days(levels([*steady(12), [0.5] * 5 + [50.0] * 7]), START)
    sources = np.where(compared["series_id"].isin([f"a/r/i-{n}/cpu" for n in range(5)]), "csv", "cloudwatch")

    found = list(find_shifts(compared.assign(source=sources)))

    assert [(shift.source, shift.moved, shift.series, shift.is_of_a_unit) for shift in found] == [("csv", 5, 5, True)]


@settings(deadline=None)
@given(
    level=st.floats(2, 100), noise=st.lists(st.floats(0.67, 1.5), min_size=8 * 15, max_size=8 * 15),
    drift=st.floats(0.25, 4), series=st.integers(1, 8),
)  # fmt: skip
def test_what_moves_by_less_than_a_units_factor_never_stops_anything(
    level: float, noise: list[float], drift: float, series: int
) -> None:
    days = np.reshape(noise, (15, 8))[:, :series] * level
    days[-1] *= drift

    assert not any(shift.is_of_a_unit for shift in shifts(days.tolist()))


@settings(deadline=None)
@given(
    factor=st.sampled_from([60.0, 100.0, 1000.0, 1024.0]), inverse=st.booleans(), series=st.integers(5, 8),
    noise=st.lists(st.floats(0.9, 1.1), min_size=8 * 15, max_size=8 * 15),
)  # fmt: skip
def test_a_units_factor_over_five_series_is_always_found(factor: float, inverse: bool, series: int, noise: list[float]) -> None:
    days = np.reshape(noise, (15, 8))[:, :series] * 100.0
    days[-1] *= 1 / factor if inverse else factor

    [shift] = shifts(days.tolist(), "mbps")

    assert shift.is_of_a_unit
