from __future__ import annotations

import numpy as np

from pipeline.forecasting import calendars


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[us]")


def test_a_holiday_on_a_saturday_closes_the_friday_before():
    flags = calendars.us_holiday(days("2026-07-02", "2026-07-03", "2026-07-04", "2026-11-26T13:00", "2026-11-27"))

    assert flags.tolist() == [False, True, True, True, False]


def test_new_year_observed_in_the_year_before_is_a_holiday():
    # 2022-01-01 was a Saturday: its Friday belongs to 2021.
    assert calendars.us_holiday(days("2021-12-31")).tolist() == [True]


def test_the_quarter_end_ramp_rises_over_the_last_five_days():
    ramp = calendars.quarter_end_ramp(days("2026-03-26", "2026-03-27", "2026-03-29", "2026-03-31T23:00", "2026-04-01"))

    np.testing.assert_allclose(ramp, [0.0, 0.2, 0.6, 1.0, 0.0])


def test_weekend_weekday_and_hour_are_those_of_the_utc_calendar():
    when = days("2026-11-20T23:00", "2026-11-21T00:00", "2026-11-23")

    assert calendars.weekend(when).tolist() == [False, True, False]
    assert calendars.day_of_week(when).tolist() == [4, 5, 0]
    assert calendars.hour_of_day(when).tolist() == [23, 0, 0]


def test_features_keep_the_shape_they_are_asked_for():
    grid = np.full((2, 3), np.datetime64("2026-12-25", "us"))

    assert calendars.us_holiday(grid).shape == (2, 3)
    assert calendars.us_holiday(grid[:, :0]).shape == (2, 0)


def test_the_year_end_lull_lasts_from_christmas_eve_to_new_year():
    lull = calendars.year_end_lull(days("2025-12-23", "2025-12-24", "2025-12-31T23:00", "2026-01-01", "2026-01-02"))

    assert lull.tolist() == [False, True, True, True, False]
