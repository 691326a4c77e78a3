"""What a row of the regression says about the past: each number is what its name says, relative to the series' own size."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.forecasters import _tabular
from pipeline.forecasters._tabular import FEATURES, Rows, future_rows, training_rows
from pipeline.forecasting.panel import Panel

DAYS = 140


def panel_of(series: int) -> Panel:
    """Daily series that rise by one a day, each ten times as large as the one before."""
    values = np.arange(1.0, DAYS + 1) * 10.0 ** np.arange(series)[:, None]
    end = np.full(series, np.datetime64("2026-03-27", "us"))
    names = np.array([f"s{row}" for row in range(series)])
    return Panel(names, np.full(series, "cost"), end, "day", values, np.full(series, np.inf))


def absolute(rows: Rows, feature: str) -> np.ndarray:
    return rows.features[:, FEATURES.index(feature)] * rows.size + rows.centre


@pytest.fixture(scope="module")
def ahead() -> Rows:
    return future_rows(panel_of(1), 7)


@pytest.mark.parametrize(("feature", "days_before"), [("same_phase", 7), ("same_phase_before", 14), ("same_phase_week", 49)])
def test_a_lead_is_shown_the_same_weekday_of_one_two_and_seven_weeks_before(ahead: Rows, feature: str, days_before: int):
    np.testing.assert_allclose(absolute(ahead, feature), DAYS + ahead.lead - days_before)


def test_the_mean_of_the_same_weekday_takes_four_weeks_and_the_level(ahead: Rows):
    weeks = DAYS + ahead.lead - 17.5

    np.testing.assert_allclose(absolute(ahead, "same_phase_mean"), (4 * weeks + ahead.centre) / 5)


def test_a_training_target_is_the_value_that_lies_its_lead_behind_its_cutoff():
    rows = training_rows(panel_of(2), 7, 10_000)

    # The last value, and what lies a lead behind it, of a series that rises by one a day.
    step = 10.0**rows.series
    np.testing.assert_allclose(rows.target * rows.size + rows.centre, absolute(rows, "last") + rows.lead * step)


@pytest.mark.parametrize("series", [1, 4, 30])
def test_training_rows_are_as_many_as_asked_for_or_a_few_less(series: int):
    most = 600

    rows = training_rows(panel_of(series), 7, most)

    assert most / 3 <= len(rows.target) <= most


def test_an_outlier_is_as_good_as_twenty_times_the_usual_distance():
    panel = panel_of(1)
    panel.values[0, -60] = 1e9

    rows = training_rows(panel, 7, 10_000)

    assert np.abs(rows.features[:, FEATURES.index("last")]).max() == _tabular._LIMIT
