"""Family `temporal`: where in the day, week, month and year a period lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.features.windows import Floats
from pipeline.forecasting import calendars
from pipeline.tables.columns import Granularity


def tell_time(when: npt.NDArray[np.datetime64], granularity: Granularity) -> Floats:
    """(12, periods): the family's features of each period, by the moment it begins."""
    day, month, year = (when.astype(f"datetime64[{unit}]") for unit in "DMY")
    hour, weekday = calendars.hour_of_day(when), calendars.day_of_week(when)
    weekend = calendars.weekend(when)
    in_month = (day - month.astype("datetime64[D]")).astype(np.int64)
    month_days = _days_to_next(month)
    if granularity == "hour":
        office = (hour >= 9) & (hour < 18) & ~weekend
        first = [hour, *_circle(hour / 24), office]
    else:
        first = [in_month + 1, *_circle(in_month / month_days), month_days - in_month <= 3]
    in_year = (day - year.astype("datetime64[D]")).astype(np.int64)
    rest = [
        weekday,
        *_circle((24 * weekday + hour) / 168),
        weekend,
        calendars.us_holiday(when),
        calendars.quarter_end_ramp(when),
        *_circle(in_year / _days_to_next(year)),
    ]
    return np.stack([np.asarray(each, dtype=np.float64) for each in (*first, *rest)])


def _circle(share: Floats) -> tuple[Floats, Floats]:
    return np.sin(2 * np.pi * share), np.cos(2 * np.pi * share)


def _days_to_next(begun: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Days of the months, or years, that begin then."""
    days: npt.NDArray[np.int64] = ((begun + 1).astype("datetime64[D]") - begun.astype("datetime64[D]")).astype(np.int64)
    return days
