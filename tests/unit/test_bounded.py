"""The rule on a bounded state: the same in one pass as in any cuts, on 4 KB, and what it remembers."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.anomalies import bounded, spans
from tests.support.series import half_hourly

THRESHOLD = 7.0


def every_minutes(minutes: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A daily season with noise, spikes and missing values, with a pause of half a day."""
    rng = np.random.default_rng(seed)
    ts = np.datetime64("2026-01-05T00:00", "us") + np.arange(rows) * np.timedelta64(minutes, "m")
    ts[rows // 2 :] += np.timedelta64(12, "h")
    hour = np.arange(rows) * minutes / 60
    values = 40 + 12 * np.sin(2 * np.pi * hour / 24) + rng.normal(0, 1.0, rows)
    values[rng.choice(rows, 12, replace=False)] += 60
    values[rng.choice(rows, 20, replace=False)] = np.nan
    return ts, values


SERIES = {"minutes": every_minutes(5, 1500), "hours": every_minutes(60, 900), "half hours": half_hourly(20)}


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(SERIES)), cuts=st.lists(st.integers(0, 1500), max_size=6))
def test_one_pass_says_the_same_as_any_cuts(name: str, cuts: list[int]) -> None:
    ts, values = SERIES[name]
    whole, after = bounded.judge_next(bounded.begin(), ts, values, THRESHOLD)

    state, parts = bounded.begin(), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(ts)], strict=True):
        judged, state = bounded.judge_next(state, ts[start:end], values[start:end], THRESHOLD)
        parts.append(judged)

    for column, cut in zip(whole, zip(*parts, strict=True), strict=True):
        assert np.array_equal(column, np.concatenate(cut), equal_nan=True)
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(after, state, strict=True))
    assert (whole.excess >= 1).any()


def test_the_state_of_a_series_is_at_most_four_kilobytes_however_long_it_is() -> None:
    ts, values = half_hourly(100)
    begun = bounded.begin()
    _, after = bounded.judge_next(begun, ts, values, THRESHOLD)

    assert begun.size == after.size <= 4096
    assert np.array_equal(begun.plain, bounded.begin().plain, equal_nan=True), "the state before was written to"


def test_a_pass_judges_more_than_150000_points_a_second() -> None:
    ts, values = every_minutes(5, 20_000)
    bounded.judge_next(bounded.begin(), ts[:100], values[:100], THRESHOLD)
    before = time.process_time()

    bounded.judge_next(bounded.begin(), ts, values, THRESHOLD)

    assert len(ts) / (time.process_time() - before) >= 150_000


def test_what_a_long_silence_covers_is_forgotten() -> None:
    ts, values = half_hourly(20)
    values[:] = 40.0
    later = ts + np.timedelta64(60, "D")
    _, state = bounded.judge_next(bounded.begin(), ts, values, THRESHOLD)

    judged, _ = bounded.judge_next(state, later[:1], values[:1], THRESHOLD)

    assert np.isnan(judged.expected[0])


def known(*values: float, hours: list[int] | None = None, room: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    edges, weight, seen = np.zeros((room + 1, 2), np.float32), np.zeros(room + 1, np.float32), np.zeros(room + 1, np.uint16)
    count = 0
    for value, hour in zip(values, hours or [0] * len(values), strict=True):
        at, _, _ = spans.find(edges, count, value)
        count = spans.add(edges, weight, seen, count, at, value, hour)
    return edges, weight, seen, count


def test_where_there_is_no_room_the_two_nearest_spans_become_one_and_all_between_them_is_known() -> None:
    edges, weight, _, count = known(0.0, 100.0, 50.0, 52.0, 10.0)

    assert edges[:count].tolist() == [[0, 0], [10, 10], [50, 52], [100, 100]]
    assert weight[:count].tolist() == [1, 1, 2, 1]
    assert spans.find(edges, count, 51.0)[2] == 0
    assert spans.find(edges, count, 54.0)[1:] == (2, 2.0)
    assert spans.find(edges, count, 9.0)[1:] == (1, 1.0)
    assert spans.find(edges, count, -3.0)[1:] == (0, 3.0)


def test_a_span_that_was_not_seen_for_four_weeks_is_forgotten_though_hours_are_counted_round() -> None:
    edges, weight, seen, count = known(1.0, 2.0, 3.0, hours=[65_000, 65_500, 65_530])

    left = spans.forget(edges, weight, seen, count, 65_000 + spans.FORGOTTEN_HOURS + 1, 0.5)

    assert edges[:left, 0].tolist() == [2, 3]
    assert weight[:left].tolist() == [0.5, 0.5]


def test_the_usual_range_leaves_out_what_hardly_ever_was() -> None:
    edges, weight, _, count = known(0.0, 10.0, 20.0, 1000.0)
    weight[:count] = 500, 500, 500, 1

    assert spans.usual_range(edges, weight, count) == 20
    assert np.isnan(spans.usual_range(edges, weight, 3))


@pytest.mark.parametrize(
    ("ordered", "one"),
    [([], 3.0), ([1.0], 5.0), ([1.0, 4.0], 9.0), ([1.0, 4.0, 6.0], 5.0), ([1.0, 4.0, 6.0], 0.0), ([1, 2, 3, 4], np.nan)],
)
def test_a_median_of_values_and_one_more_is_that_of_all_of_them(ordered: list[float], one: float) -> None:
    every = [value for value in [*ordered, one] if value == value]

    assert bounded._median_with(np.array(ordered, np.float32), one) == np.median(every)
