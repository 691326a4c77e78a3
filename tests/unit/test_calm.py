"""When a series is calm, so that little trouble is seen in it, and when it is not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.anomalies.calm import FAR_PER_DAY, calm_excess

Numbers = npt.NDArray[np.float64]
ROWS = 40 * 48
TS = np.datetime64("2026-03-02T00:00", "us") + np.arange(ROWS) * np.timedelta64(30, "m")
FLOOR = np.full(ROWS, 0.01)


def noise(seed: int = 0) -> Numbers:
    return np.random.default_rng(seed).normal(0, 1, ROWS)


def excess(residual: Numbers, floor: Numbers = FLOOR, ts: npt.NDArray[np.datetime64] = TS) -> Numbers:
    return calm_excess(ts, residual, floor, 28, 6.0)


def put(residual: Numbers, *rows: int, size: float) -> Numbers:
    changed = residual.copy()
    changed[list(rows)] = size
    return changed


def test_in_normal_noise_six_deviations_are_an_alert_and_so_are_four_in_two_of_three_samples() -> None:
    found = excess(put(noise(), 1500, size=6.5)) >= 1
    pair = excess(put(put(noise(), 1499, size=0), 1498, 1500, size=-4.6)) >= 1

    assert np.flatnonzero(found).tolist() == [1500]
    assert np.flatnonzero(pair).tolist() == [1500], "the second of them, and not the quiet one between"
    assert not (excess(put(noise(), 1500, size=4.6)) >= 1).any()
    assert not (excess(put(put(noise(), 1500, size=4.6), 1501, size=-4.6)) >= 1).any(), "on both sides it is no shift"


@pytest.mark.parametrize(
    "tails",
    [
        lambda rng: rng.standard_t(2, ROWS),
        lambda rng: rng.exponential(1, ROWS) - 0.3,
        lambda rng: np.where(rng.random(ROWS) < 0.9, 0.0, rng.normal(0, 5, ROWS)),
        lambda rng: np.repeat(rng.uniform(-1, 1, ROWS // 480), 480) + rng.normal(0, 0.05, ROWS),
        lambda rng: rng.normal(1.5, 1, ROWS),
        lambda rng: np.where(rng.random(ROWS) < 0.05, rng.normal(0, 1, ROWS), np.nan),
    ],
    ids=[
        "heavy tails",
        "one side",
        "mostly quiet",
        "a level that wanders",
        "beside what was expected",
        "hardly known",
    ],
)
def test_a_series_of_another_kind_is_not_calm_whatever_it_does(tails) -> None:
    residual = put(tails(np.random.default_rng(4)), 1500, 1501, size=1e3)

    assert excess(residual)[1500] == 0


def test_noise_below_the_smallest_scale_is_flat_and_not_calm() -> None:
    assert excess(put(noise(), 1500, size=50.0))[1500] > 1
    assert excess(put(noise(), 1500, size=50.0), np.full(ROWS, 2.0))[1500] == 0


def test_nothing_is_calm_in_its_first_two_weeks() -> None:
    found = excess(put(noise(), *range(100, ROWS, 480), size=9.0)) > 0

    assert not found[: 14 * 48].any()
    assert found[14 * 48 :].any()


def test_a_fifteenth_of_the_samples_in_trouble_leaves_a_series_calm() -> None:
    rows = [row + place for row in range(200, 1500, 400) for place in range(30)]

    assert (excess(put(put(noise(), *rows, size=7.0), 1700, 1701, size=5.0))[1701]) >= 1


def test_who_is_far_more_often_than_that_is_so_by_nature() -> None:
    often = range(480, 1680, int(48 / FAR_PER_DAY / 2))
    seldom = range(480, 1680, int(48 / FAR_PER_DAY * 2))

    assert excess(put(noise(), *often, 1700, size=9.0))[1700] == 0
    assert excess(put(noise(), *seldom, 1700, size=9.0))[1700] >= 1


def test_what_is_called_far_depends_on_no_later_sample_and_on_no_unit() -> None:
    residual = put(noise(1), 900, 1300, 1301, 1700, size=8.0)
    whole = excess(residual)

    for rows in (1, 700, 901, 1301, ROWS - 1):
        assert np.array_equal(excess(residual[:rows], FLOOR[:rows], TS[:rows]), whole[:rows])
    np.testing.assert_allclose(excess(residual / 128, FLOOR / 128), whole, rtol=1e-9)
