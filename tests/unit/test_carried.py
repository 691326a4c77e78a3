"""The vote on a carried state: the same in one pass as in any cuts, what `vote` finds, and how small and fast it is."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import plugs
from pipeline.anomalies.carried import Known, begin, from_texts, to_texts, vote_next
from pipeline.anomalies.vote import vote
from pipeline.detectors.bounded import DEFAULTS, Options
from pipeline.interval import Interval

START = datetime(2026, 3, 2)
HOURS = 24 * 20
NOTHING = Known(np.array([], dtype=str), begin(0, DEFAULTS))


def estate(series: int, hours: int = HOURS, seed: int = 3) -> pd.DataFrame:
    """Hours of daily waves with noise, spikes, stretches at another level, and hours that are missing."""
    rng = np.random.default_rng(seed)
    number = np.arange(hours)
    parts = []
    for each in range(series):
        values = 40 + each + 12 * np.sin(2 * np.pi * number / 24) + rng.normal(0, 1, hours)
        values[rng.choice(hours, 4, replace=False)] += 45
        begun = int(rng.integers(200, hours - 60)) if hours > 300 else hours
        values[begun : begun + 30] += 35
        frame = pd.DataFrame({"ts": pd.to_datetime(START) + pd.to_timedelta(number, "h"), "value": values})
        names = {
            "series_id": f"1/r/i-{each:05d}/cpu",
            "account": "1",
            "region": "r",
            "resource_id": f"i-{each:05d}",
            "metric": "cpu",
        }
        parts.append(frame.assign(**names, unit="percent").drop(index=rng.choice(hours, 9, replace=False)))
    rows = pd.concat(parts, ignore_index=True)
    return rows.astype({"ts": "datetime64[us]"})


ESTATE = estate(3)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, HOURS), max_size=6))
def test_hours_that_come_in_any_cuts_are_judged_as_in_one_pass_with_what_is_kept_between_as_text(cuts: list[int]) -> None:
    whole, after = vote_next(NOTHING, ESTATE, DEFAULTS, 168, 1.0)
    known, parts = NOTHING, []
    for first, end in zip([0, *sorted(cuts)], [*sorted(cuts), HOURS], strict=True):
        span = (ESTATE["ts"] >= START + timedelta(hours=first)) & (ESTATE["ts"] < START + timedelta(hours=end))
        found, known = vote_next(known, ESTATE[span], DEFAULTS, 168, 1.0)
        memory = from_texts(to_texts(known.memory), DEFAULTS)
        assert memory is not None
        known = Known(known.names, memory)
        parts.append(found)

    joined = pd.concat(parts).sort_values(["series_id", "ts"])
    pd.testing.assert_frame_equal(joined.reset_index(drop=True), whole.reset_index(drop=True), check_dtype=False)
    assert known.names.tolist() == after.names.tolist()
    assert to_texts(known.memory) == to_texts(after.memory)
    assert {"anomalous", "normal"} == set(whole["state"])


def test_it_says_of_every_hour_what_the_vote_on_the_whole_history_says() -> None:
    found, _ = vote_next(NOTHING, ESTATE, DEFAULTS, 168, 1.0)
    detectors = {"bounded": plugs.bind("detectors", "bounded", DEFAULTS)}
    interval = Interval(START, START + timedelta(hours=HOURS))
    wanted = pd.concat([vote(series, interval, detectors, 1, 168) for _, series in ESTATE.groupby("series_id")])

    # For how rare it is among four weeks of deviations, a carried state has no room.
    assert found["tail_probability"].isna().all()
    columns = [name for name in wanted.columns if name not in {"severity", "tail_probability"}]
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True), wanted[columns].reset_index(drop=True), check_dtype=False
    )
    assert found["is_alert"].sum() >= 3
    assert (found["state"] == "anomalous").sum() > 60


def test_what_is_kept_of_a_series_is_four_kilobytes_and_what_is_no_such_text_is_not_taken_for_one() -> None:
    assert sum(each.nbytes for each in begin(1, DEFAULTS).arrays) == 4096
    text = to_texts(begin(1, DEFAULTS))[0]
    assert from_texts([text], Options(announced_hours=12)) is None
    assert from_texts(["no such"], DEFAULTS) is None


def test_a_series_that_was_not_seen_for_long_is_kept_no_more() -> None:
    _, known = vote_next(NOTHING, ESTATE, DEFAULTS, 168, 1.0)
    last = known.memory.state.plain[:, 2].max()

    assert len(known.seen_since(last).names) == 3
    assert len(known.seen_since(last + 1).names) == 0


def test_a_detector_that_counts_nothing_decides_nothing() -> None:
    found, _ = vote_next(NOTHING, ESTATE, DEFAULTS, 168, 0.0)

    assert set(found["state"]) == {"flagged", "normal"}
    assert set(found["severity"].dropna()) == {"low"}


def test_what_is_kept_is_left_as_it_was_by_what_comes_next() -> None:
    _, known = vote_next(NOTHING, ESTATE[ESTATE["ts"] < START + timedelta(days=9)], DEFAULTS, 168, 1.0)
    before = to_texts(known.memory)

    vote_next(known, ESTATE[ESTATE["ts"] >= START + timedelta(days=9)], DEFAULTS, 168, 1.0)

    assert to_texts(known.memory) == before


@pytest.mark.parametrize("count", [300])
def test_a_thousand_series_with_twelve_new_hours_take_less_than_half_a_second(count: int) -> None:
    import time

    rows = estate(count, 36)
    _, known = vote_next(NOTHING, rows[rows["ts"] < START + timedelta(hours=24)], DEFAULTS, 1, 1.0)
    new = rows[rows["ts"] >= START + timedelta(hours=24)]
    before = time.process_time()
    vote_next(known, new, DEFAULTS, 1, 1.0)

    assert (time.process_time() - before) / count * 1000 < 0.5


def test_a_series_that_comes_back_after_long_is_judged_as_a_new_one() -> None:
    later = ESTATE.assign(ts=ESTATE["ts"] + pd.Timedelta(days=60))
    both = pd.concat([ESTATE, later]).sort_values(["series_id", "ts"], ignore_index=True)

    found, known = vote_next(NOTHING, both, DEFAULTS, 168, 1.0)
    alone, anew = vote_next(NOTHING, later, DEFAULTS, 168, 1.0)

    again = found[found["ts"] >= later["ts"].min()]
    pd.testing.assert_frame_equal(again.reset_index(drop=True), alone.reset_index(drop=True), check_dtype=False)
    assert to_texts(known.memory) == to_texts(anew.memory)


def test_a_threshold_that_rises_goes_on_from_what_was_kept_as_if_it_had_always_been_so() -> None:
    points = estate(8)
    late = points["ts"] >= START + timedelta(hours=HOURS - 100)
    _, kept = vote_next(NOTHING, points[~late], DEFAULTS, 168, 1.0)

    shipped, _ = vote_next(kept, points[late], DEFAULTS, 168, 1.0)
    excess = shipped["score"] / (1 - shipped["score"])
    rise = float(excess[excess >= 1].median())

    moved, _ = vote_next(Known(kept.names, kept.memory.in_multiples_of(rise)), points[late], DEFAULTS, 168, 1.0, rise)

    whole, _ = vote_next(NOTHING, points, DEFAULTS, 168, 1.0, rise)
    wanted = whole[whole["ts"].isin(moved["ts"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(moved.reset_index(drop=True), wanted, check_dtype=False)
    assert 0 < (moved["votes"] > 0).sum() < (shipped["votes"] > 0).sum()
