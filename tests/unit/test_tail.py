"""How rare a deviation is said to be, and whether it is so often one so rare."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.anomalies.detection import arrival_clock
from pipeline.anomalies.scoring import PROBATION, near_events
from pipeline.anomalies.state import hold
from pipeline.anomalies.tail import FEWEST, tail_probability
from pipeline.anomalies.vote import vote
from pipeline.detectors import bounded, default
from pipeline.interval import Interval
from tools.bench_anomaly import telemetry

TS = np.datetime64("2026-01-05T00:00", "us") + np.arange(24 * 56) * np.timedelta64(1, "h")
START = datetime(2026, 1, 5)
CALM = np.zeros(len(TS), dtype=np.bool_)


def clean(seed: int) -> np.ndarray:
    """A day and a working week with correlated noise, without any trouble."""
    rng, hour = np.random.default_rng(seed), np.arange(len(TS))
    noise = np.zeros(len(TS))
    for row, shock in enumerate(rng.normal(0, 1.5, len(TS))):
        noise[row] = 0.5 * noise[row - 1] + shock
    values: np.ndarray = 60 + 10 * np.sin(2 * np.pi * hour / 24) + 6 * (hour // 24 % 7 < 5) + noise
    return values


def judged(values: np.ndarray, day: int, detect=default.detect) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """The hours of one day by the four weeks before it, as the step reads them."""
    series = pd.DataFrame({"ts": TS, "value": values, "unit": "percent"})[(day - 28) * 24 : (day + 1) * 24]
    interval = Interval(START + timedelta(days=day), START + timedelta(days=day + 1))
    found: pd.DataFrame = vote(series, interval, {"it": detect}, 1, 168)
    return found


def test_on_clean_series_a_deviation_is_so_rare_about_as_often_as_is_said() -> None:
    days = [judged(clean(seed), day)["tail_probability"] for seed in range(8) for day in range(28, 56, 3)]
    said = pd.concat(days)

    assert said.notna().all()
    for rate in (0.1, 0.05, 0.02, 0.01):
        assert rate / 1.5 <= (said <= rate).mean() <= 1.5 * rate, rate


def test_in_hours_of_telemetry_that_nobody_labelled_it_is_about_so_too_over_all_series_though_not_in_each() -> None:
    said = []
    for _, ts, values, labels in telemetry(by_hour=True):
        found, clock = default.detect(ts, values), arrival_clock(ts)
        quiet = np.flatnonzero(~near_events(labels) & (np.arange(len(ts)) >= PROBATION * len(ts)))
        said.append(tail_probability(clock, np.abs(values - found.expected), hold(clock, values, found) >= 1, quiet))

    together = np.concatenate(said)
    together = together[~np.isnan(together)]
    assert len(together) > 9000
    for rate in (0.1, 0.05, 0.02, 0.01):
        assert rate / 1.5 <= (together <= rate).mean() <= 1.5 * rate, rate


def test_it_is_said_of_hours_that_nobody_flags_and_smallest_of_one_far_away_and_trouble_before_makes_nothing_less_rare() -> None:
    values = clean(1)
    troubled = values.copy()
    values[24 * 40 + 5] += 40
    troubled[24 * 40 + 5] += 40
    troubled[24 * 33 : 24 * 33 + 30] += 60

    calm, after = judged(values, 40), judged(troubled, 40)

    assert calm["state"].tolist().count("normal") == 23
    assert calm["tail_probability"].between(0, 1).all()
    assert calm["tail_probability"].idxmin() == after["tail_probability"].idxmin() == 24 * 40 + 5
    assert after["tail_probability"].min() < 0.004


def test_what_comes_later_what_is_unknown_and_the_first_two_weeks_count_nothing() -> None:
    deviation = np.abs(np.random.default_rng(2).normal(0, 1, len(TS)))
    deviation[:336] = 1e6
    deviation[[400, 410]] = np.nan
    rows = np.array([336 + FEWEST + 1, 336 + FEWEST + 2, 700])

    said = tail_probability(TS, deviation, CALM, rows)

    before = deviation[700 - 672 : 700][336 - (700 - 672) :]
    assert np.isnan(said[0])
    assert said[1] > 0
    assert said[2] == (1 + (before >= deviation[700]).sum()) / (1 + np.isfinite(before).sum())
    assert np.array_equal(tail_probability(TS[:701], deviation[:701], CALM[:701], rows), said, equal_nan=True)
    assert np.isnan(tail_probability(TS, deviation, CALM, np.array([400]))).all()


def test_of_a_flat_series_nothing_is_rare_and_of_no_row_nothing_is_said() -> None:
    assert tail_probability(TS, np.zeros(len(TS)), CALM, np.array([1000])) == pytest.approx(1)
    assert tail_probability(TS[:0], np.zeros(0), CALM[:0], np.zeros(0, dtype=np.int64)).shape == (0,)


def test_of_a_short_history_nothing_is_said() -> None:
    series = pd.DataFrame({"ts": TS, "value": clean(3), "unit": "percent"})[: 24 * 20]
    found = vote(series, Interval(START, START + timedelta(days=20)), {"bounded": bounded.detect}, 1, 168)

    known = found["tail_probability"].notna()
    assert known.idxmax() == 336 + FEWEST
    assert not known[: 336 + FEWEST - 168].any()
