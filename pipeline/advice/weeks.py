"""Which hours of the week a resource is quiet in, week after week."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.estate import Estate, Key

#: How many weeks of hours are read.
MOST_WEEKS = 6
HOURS_OF_WEEK = 168
_HOUR_US = 3_600_000_000
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weeks_of(estate: Estate) -> dict[Key, npt.NDArray[np.float64]]:
    """By resource: its hours, in percent, a row for each of the last `MOST_WEEKS` weeks before `as_of`, the newest last.

    The columns are the hours of the week from Monday 00:00 UTC on; an hour that was not observed is NaN.
    """
    as_of = pd.Timestamp(estate.as_of)
    hours = estate.weeks.loc[(estate.weeks["hour"] < as_of) & (estate.weeks["hour"] >= as_of - pd.Timedelta(weeks=MOST_WEEKS))]
    moments = hours["hour"].to_numpy("datetime64[us]")
    age_hours = (np.datetime64(as_of, "us") - moments).astype(np.int64) / _HOUR_US - 1
    row = MOST_WEEKS - 1 - (age_hours // HOURS_OF_WEEK).astype(np.int64)
    column = hours_of_week(moments)
    value = hours["p95"].to_numpy(dtype=np.float64)
    names = ["account", "region", "resource_id"]
    codes = hours.groupby(names, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    tables = np.full((codes.max() + 1 if len(codes) else 0, MOST_WEEKS, HOURS_OF_WEEK), np.nan)
    tables[codes, row, column] = value
    whose = hours[names].iloc[np.unique(codes, return_index=True)[1]].itertuples(index=False, name=None)
    return {(str(account), str(region), str(name)): table for (account, region, name), table in zip(whose, tables, strict=True)}


def hours_of_week(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Of each hour its place in the week, 0 being Monday 00:00 UTC."""
    since_monday = ts - np.datetime64("1970-01-05T00", "h")
    place: npt.NDArray[np.int64] = (since_monday // np.timedelta64(1, "h")).astype(np.int64) % HOURS_OF_WEEK
    return place


def blocks(quiet: npt.NDArray[np.bool_], shortest: int) -> list[tuple[int, int]]:
    """The unbroken runs of quiet hours of at least a length, round the end of the week: first hour of the week, and how many.

    Args:
        quiet: for each of the 168 hours of the week.
    """
    if quiet.all():
        return [(0, HOURS_OF_WEEK)]
    return [(start, length) for start, length in _runs(quiet) if length >= shortest]


def _runs(quiet: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    before = np.roll(quiet, 1)
    starts, ends = np.flatnonzero(quiet & ~before), np.flatnonzero(before & ~quiet)
    for start in starts:
        # The next end; behind the last one that of the next week.
        end = ends[np.searchsorted(ends, start) % len(ends)]
        yield int(start), int((end - start) % HOURS_OF_WEEK)


def write_block(start: int, length: int) -> str:
    """`Fri 19:00 – Mon 07:00`."""
    end = (start + length) % HOURS_OF_WEEK
    return " – ".join(f"{_DAYS[hour // 24]} {hour % 24:02d}:00" for hour in (start, end))
