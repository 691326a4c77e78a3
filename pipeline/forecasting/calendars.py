"""Calendar features known in advance: holidays, quarter ends, weekends."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.interval import Interval

#: Days of the ramp before a quarter closes.
QUARTER_END_DAYS = 5
#: The documented surge of load on the last day of a quarter.
QUARTER_END_SURGE = 0.3


def calendar(interval: Interval, *_: object) -> pd.DataFrame:
    """One row per UTC day of the interval, with the columns of `silver.calendar`; no more is needed of what a builder gets."""
    import holidays

    days = pd.date_range(interval.start.date(), (interval.end - timedelta(microseconds=1)).date(), freq="D", unit="us")
    when = days.to_numpy()
    ramp = quarter_end_ramp(when)
    names = holidays.country_holidays("US", years=range(days[0].year, days[-1].year + 1))
    return pd.DataFrame(
        {
            "ts": when,
            "year": days.year.astype("int64"),
            "month_of_year": days.month.astype("int64"),
            "quarter": days.quarter.astype("int64"),
            "day_of_week": day_of_week(when),
            "is_weekend": weekend(when),
            "is_holiday": us_holiday(when),
            "holiday": [names.get(day.date()) for day in days],
            "is_quarter_end": ramp > 0,
            "quarter_end_ramp": np.round(1 + QUARTER_END_SURGE * ramp, 2),
        }
    )


def us_holiday(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Whether each moment falls on a US federal holiday, which is also a bank holiday, as observed.

    Source: 5 U.S.C. 6103 through the `holidays` package; a holiday on a Saturday is observed on the Friday before,
    one on a Sunday on the Monday after, and both days count.
    """
    days = when.astype("datetime64[D]")
    unique, inverse = np.unique(days, return_inverse=True)
    if not len(unique):
        return np.zeros(when.shape, dtype=bool)
    years = unique.astype("datetime64[Y]").astype(int) + 1970
    closed = _federal_holidays(int(years[0]), int(years[-1]))
    flags: npt.NDArray[np.bool_] = np.isin(unique, closed)[inverse].reshape(when.shape)
    return flags


def quiet_days(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Whether little may go on on each day: it is of a week with a US bank holiday, or from 24 December to the year's end."""
    whole = days.astype("datetime64[D]")
    month = whole.astype("datetime64[M]")
    monday = cast("npt.NDArray[np.datetime64]", whole - day_of_week(whole) * np.timedelta64(1, "D"))
    holiday = np.any([us_holiday(monday + np.timedelta64(number, "D")) for number in range(7)], axis=0)
    in_december = month.astype(np.int64) % 12 == 11
    quiet: npt.NDArray[np.bool_] = holiday | (in_december & (whole - month.astype("datetime64[D]") >= np.timedelta64(23, "D")))
    return quiet


def quarter_end_ramp(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """0 for most of a quarter, then 0.2, 0.4 … 1.0 over its last five days: batch work rises as the books close."""
    days = when.astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int64)
    next_quarter = ((month // 3 + 1) * 3).astype("datetime64[M]").astype("datetime64[D]")
    left = (next_quarter - days).astype(np.int64)
    ramp: npt.NDArray[np.float64] = np.clip((QUARTER_END_DAYS + 1 - left) / QUARTER_END_DAYS, 0.0, 1.0)
    return ramp


def year_end_lull(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Whether each moment falls on 24 December to 1 January, when offices are empty but few days are bank holidays."""
    days = when.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    day = (days - month.astype("datetime64[D]")).astype(np.int64) + 1
    number = month.astype(np.int64) % 12
    flags: npt.NDArray[np.bool_] = ((number == 11) & (day >= 24)) | ((number == 0) & (day == 1))
    return flags


def weekend(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Whether each moment falls on a Saturday or Sunday."""
    flags: npt.NDArray[np.bool_] = day_of_week(when) >= 5
    return flags


def day_of_week(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Monday 0 … Sunday 6."""
    # Day 0 of the Unix epoch was a Thursday.
    return (when.astype("datetime64[D]").astype(np.int64) + 3) % 7


def hour_of_day(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """0 … 23, UTC."""
    return when.astype("datetime64[h]").astype(np.int64) % 24


@lru_cache(maxsize=64)
def _federal_holidays(first: int, last: int) -> npt.NDArray[np.datetime64]:
    import holidays

    # The year after, too: its New Year's Day may be observed on the last day of this one.
    found = holidays.country_holidays("US", years=range(first, last + 2))
    days = np.array(sorted(found), dtype="datetime64[D]")
    days.flags.writeable = False
    return days
