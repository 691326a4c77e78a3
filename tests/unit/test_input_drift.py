"""Whether what is measured is distributed as it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from pipeline.exploration.input_drift import judge_inputs, two_sample_distance
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.steps.build import build

AS_OF = datetime(2026, 4, 1)


def judged(shift: float = 0.0, series: int = 10, days: int = 112, most_psi: float = 0.25) -> list[dict[str, Any]]:
    """What is said of so many series of noise that rise by so much in the last 28 days."""
    random = np.random.default_rng(7)
    rows = [
        (f"s-{number}", "cpu", AS_OF - timedelta(days=back), float(random.normal(50, 5)) + (shift if back <= 28 else 0))
        for number in range(series)
        for back in range(days, 0, -1)
    ]
    values = pd.DataFrame(rows, columns=["series_id", "metric", "ts", "value"])
    sources = pd.DataFrame({"series_id": values["series_id"].unique(), "source": "csv"})
    return list(judge_inputs(values, sources, AS_OF, most_psi))


def test_what_rises_by_two_deviations_has_drifted_and_what_stays_has_not() -> None:
    [stayed], [risen] = judged(), judged(shift=10)

    assert not stayed["drifted"]
    assert stayed["psi"] < 0.1
    assert (risen["drifted"], risen["days"], risen["days_before"]) == (True, 280, 840)
    assert risen["psi"] > 1
    assert risen["ks"] > 0.6
    assert risen["median"] - risen["median_before"] == pytest.approx(10, abs=1)
    assert risen["reason"] == f"PSI {risen['psi']:.2f} is above 0.25"


def test_the_distance_is_that_of_the_two_sample_test() -> None:
    random = np.random.default_rng(3)
    before, recent = np.sort(random.normal(size=300)), np.sort(random.normal(0.5, 2, size=200))

    assert two_sample_distance(before, recent) == pytest.approx(ks_2samp(before, recent).statistic)


def test_few_days_are_not_compared_and_a_series_that_came_or_went_is_left_out() -> None:
    [few] = judged(series=7)

    assert (few["psi"], few["drifted"]) == (None, False)
    assert few["reason"] == "196 days lately and 588 before; 200 of each are needed"
    assert judged(days=28) == []


def test_a_constant_that_moves_has_drifted() -> None:
    rows = [(f"s-{n}", "m", AS_OF - timedelta(days=d), 1.0 if d > 28 else 2.0) for n in range(10) for d in range(1, 113)]
    values = pd.DataFrame(rows, columns=["series_id", "metric", "ts", "value"])
    sources = pd.DataFrame({"series_id": values["series_id"].unique(), "source": "csv"})

    [row] = judge_inputs(values, sources, AS_OF, 0.25)

    assert row["drifted"]
    assert row["ks"] == 1.0


def compared(rows: list[tuple[str, int, float]]) -> list[dict[str, Any]]:
    """What is said of values by series and days back."""
    values = pd.DataFrame(
        [(series, "cpu", AS_OF - timedelta(days=back), value) for series, back, value in rows],
        columns=["series_id", "metric", "ts", "value"],
    )
    sources = pd.DataFrame({"series_id": values["series_id"].unique(), "source": "csv"})
    return list(judge_inputs(values, sources, AS_OF, 0.25))


@pytest.mark.parametrize("usual", [20, 12])
def test_what_was_mostly_at_its_highest_and_falls_has_drifted(usual: int) -> None:
    days = range(1, 113)
    rows = [(f"s-{n}", d, 20.0 if d <= 28 else 100.0 if n < usual else 5.0 * n - d / 100) for n in range(20) for d in days]

    [row] = compared(rows)

    assert row["drifted"]
    assert row["psi"] > 1


def test_what_is_mostly_nothing_and_stays_so_has_not_drifted() -> None:
    random = np.random.default_rng(2)
    rows = [(f"s-{n}", d, float(max(random.normal(-2, 2), 0))) for n in range(10) for d in range(1, 113)]

    [row] = compared(rows)

    assert not row["drifted"]
    assert row["psi"] < 0.1


def test_servers_that_were_added_or_stopped_for_long_are_no_drift_of_those_that_stayed() -> None:
    random = np.random.default_rng(4)
    stayed = [(f"s-{n}", d, float(random.normal(50, 5))) for n in range(10) for d in range(1, 113)]
    added = [(f"t-{n}", d, 90.0) for n in range(10) for d in range(1, 41)]
    stopped = [(f"u-{n}", d, 90.0) for n in range(10) for d in range(20, 113)]

    [row] = compared(stayed + added + stopped)

    assert (row["days"], row["days_before"], row["drifted"]) == (280, 840, False)


def test_machines_that_work_from_monday_to_friday_and_a_source_that_is_young_are_compared() -> None:
    workdays = [(f"s-{n}", d, 50.0 + n) for n in range(12) for d in range(1, 61) if (AS_OF - timedelta(days=d)).weekday() < 5]
    daily = [("t-0", d, 50.0) for d in range(1, 61)]

    [row] = compared(workdays + daily)

    assert (row["days"], row["days_before"], row["drifted"]) == (12 * 20 + 28, 12 * 22 + 32, False)


def test_a_lake_without_metrics_has_no_drift_and_says_so(lake: Lake, settings: Settings) -> None:
    assert build(Interval.day("2026-03-31"), lake, settings, target="gold.input_drift") == 0
