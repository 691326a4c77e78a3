"""What is in order in the time before each row, against plain ways of working it out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from pipeline.anomalies.detection import hour_of_week, past_median, seen_before
from pipeline.anomalies.ordered import median_of_three, nearest_before, quantiles_before

Numbers = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.datetime64]
SPAN = np.timedelta64(3, "D")


def uneven(seed: int, rows: int = 700) -> tuple[Stamps, Numbers]:
    """Twenty minutes apart, some at the same moment, with gaps, repeated values, and values that are none."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([0, 20, 40, 6000], rows, p=[0.2, 0.6, 0.19, 0.01])
    values = np.where(rng.random(rows) < 0.5, rng.normal(0, 5, rows), rng.integers(-3, 3, rows).astype(float))
    values[rng.random(rows) < 0.1] = np.nan
    values[rng.random(rows) < 0.02] = np.inf
    return np.datetime64("2026-03-05T00:00", "us") + np.cumsum(steps) * np.timedelta64(1, "m"), values


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.005, 0.5, 0.95])
def test_quantiles_of_the_time_before_are_bit_for_bit_those_of_pandas(seed: int, share: float) -> None:
    clock, values = uneven(seed)
    rolling = pd.Series(values, index=pd.DatetimeIndex(clock)).rolling("3D", closed="left", min_periods=4)

    [found] = quantiles_before(clock, values, SPAN, 4, (share,))

    expected = rolling.median() if share == 0.5 else rolling.quantile(share)
    np.testing.assert_array_equal(found, expected.to_numpy())
    assert np.isfinite(found).mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_the_usual_value_of_an_hour_is_the_median_of_that_hour_alone(seed: int) -> None:
    clock, values = uneven(seed)
    phase = hour_of_week(clock)

    found = past_median(clock, values, phase, "3D")

    for row in range(len(values)):
        alike = (phase == phase[row]) & (clock < clock[row]) & (clock >= clock[row] - SPAN) & np.isfinite(values)
        expected = np.median(values[alike]) if alike.sum() >= 3 else np.nan
        np.testing.assert_array_equal(found[row], expected)


@pytest.mark.parametrize("most", [5, 1000])
def test_the_nearest_value_is_looked_for_among_so_many_rows_of_the_time_before(most: int) -> None:
    clock, values = uneven(0)

    found = nearest_before(clock, values, SPAN, most)

    values[np.isinf(values)] = np.nan
    for row in range(len(values)):
        before = values[max(row - most, 0) : row][clock[max(row - most, 0) : row] >= clock[row] - SPAN]
        distances = np.abs(before - values[row])
        expected = np.nanmin(distances) if np.isfinite(distances).any() else np.nan
        np.testing.assert_array_equal(found[row], expected)


def test_what_comes_later_changes_nothing_of_what_was_in_order_before() -> None:
    clock, values = uneven(1)

    for cut in (1, 2, 350, 699):
        whole = quantiles_before(clock, values, SPAN, 4, (0.005, 0.995))[:, :cut]
        np.testing.assert_array_equal(quantiles_before(clock[:cut], values[:cut], SPAN, 4, (0.005, 0.995)), whole)
        nearest = nearest_before(clock[:cut], values[:cut], SPAN, 50)
        np.testing.assert_array_equal(nearest, nearest_before(clock, values, SPAN, 50)[:cut])


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 100])
def test_of_three_samples_in_a_row_the_middle_one_counts(rows: int) -> None:
    values = np.random.default_rng(rows).integers(-5, 5, rows) / 3

    expected = pd.Series(values).rolling(3, min_periods=1).median().to_numpy(dtype=np.float64)

    np.testing.assert_array_equal(median_of_three(values), expected)


def test_how_many_values_of_its_hour_are_known_is_counted_by_hour() -> None:
    clock, values = uneven(2)
    phase = hour_of_week(clock)

    expected = [int(((phase[:row] == phase[row]) & ~np.isnan(values[:row])).sum()) for row in range(len(values))]

    assert seen_before(values, phase).tolist() == expected


def test_a_series_without_rows_has_nothing_in_order() -> None:
    clock, values = np.array([], dtype="datetime64[us]"), np.array([], dtype=np.float64)

    assert quantiles_before(clock, values, SPAN, 4, (0.1, 0.9)).shape == (2, 0)
    assert nearest_before(clock, values, SPAN, 4).shape == (0,)
