"""A panel: many series on one regular grid, right-aligned, the only shape that forecasters see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import DataError
from pipeline.tables.columns import Granularity

Floats = npt.NDArray[np.float64]
STEP: dict[Granularity, np.timedelta64] = {
    "hour": np.timedelta64(3_600_000_000, "us"),
    "day": np.timedelta64(86_400_000_000, "us"),
}
#: Periods in the season that scales errors (MASE) and that the seasonal naive repeats: a day of hours, a week of days.
SEASON: dict[Granularity, int] = {"hour": 24, "day": 7}
#: Metrics measured in percent by their name, for data that states no unit; the last three are the reference fleet's.
_PERCENT_SUFFIXES = ("_utilization", "_pct", "_percent", "cpu_p95", "mem_p95", "disk_p95")


@dataclass(frozen=True)
class Panel:
    """Right-aligned block of regular series: column T-1 is each series' last observed period.

    Attributes:
        series_id: (n,) names of the series.
        metric: (n,) what each measures.
        end: (n,) naive UTC timestamp of the last column, per series: series may end at different times.
        step: the grid, one column per hour or per day.
        values: (n, T); NaN is missing, or before the series began.
        upper: (n,) hard upper bound: 100 for percentages, infinite otherwise.
    """

    series_id: npt.NDArray[np.str_]
    metric: npt.NDArray[np.str_]
    end: npt.NDArray[np.datetime64]
    step: Granularity
    values: Floats
    upper: Floats

    def __post_init__(self) -> None:
        n = len(self.series_id)
        if self.values.ndim != 2 or not len(self.metric) == len(self.end) == len(self.upper) == len(self.values) == n:
            raise DataError(
                f"a panel of {n} series needs as many metrics ({len(self.metric)}), ends ({len(self.end)}), "
                f"upper bounds ({len(self.upper)}) and rows of values (shape {self.values.shape})"
            )

    def __len__(self) -> int:
        return len(self.series_id)

    @property
    def periods(self) -> int:
        """Columns of the block: the length of its longest series."""
        return int(self.values.shape[1])

    @property
    def season(self) -> int:
        """Periods in the main season: 24 hours, or 7 days."""
        return SEASON[self.step]

    @property
    def lower(self) -> Floats:
        """(n,) lower bound: 0 for a series that never went negative, else minus infinity."""
        return np.where((self.values < 0).any(axis=1), -np.inf, 0.0)

    def timestamps(self) -> npt.NDArray[np.datetime64]:
        """(n, T) the start of each period."""
        return self.end[:, None] + np.arange(1 - self.periods, 1) * STEP[self.step]

    def future(self, horizon: int) -> npt.NDArray[np.datetime64]:
        """(n, horizon) the periods that follow each series' last one."""
        return self.end[:, None] + np.arange(1, horizon + 1) * STEP[self.step]

    def digest(self) -> str:
        """A hash of the names, moments and values."""
        digest = hashlib.sha256("\n".join(self.series_id).encode())
        for array in (self.end.astype("<i8"), self.values.astype("<f8"), self.upper.astype("<f8")):
            digest.update(str(array.shape).encode() + array.tobytes())
        return digest.hexdigest()

    def truncate(self, columns: int) -> Panel:
        """The panel as it stood `columns` periods ago; a series with a gap there ends in NaN."""
        if not 0 <= columns < self.periods:
            raise DataError(f"cannot cut {columns} of the panel's {self.periods} periods")
        kept = self.values[:, : self.periods - columns]
        return replace(self, end=self.end - columns * STEP[self.step], values=kept)

    def tail(self, columns: int) -> Panel:
        """The last `columns` periods, or all there are."""
        return replace(self, values=self.values[:, -columns:]) if columns < self.periods else self

    def take(self, index: npt.NDArray[Any]) -> Panel:
        """The series at an index or where a mask is true."""
        return replace(
            self,
            series_id=self.series_id[index],
            metric=self.metric[index],
            end=self.end[index],
            values=self.values[index],
            upper=self.upper[index],
        )


def from_frame(frame: pd.DataFrame, granularity: Granularity, *, periods: int | None = None) -> Panel:
    """Put long data on a regular grid.

    Rows of one series at exactly the same moment are merged by their median (a re-delivered sample must not count
    twice); different moments within one period by their mean. A series whose moments all share one offset within
    the period (a daily series stamped 05:00) keeps it; any other starts its periods at the full hour or midnight.

    Args:
        frame: columns series_id, metric, ts (naive UTC), value, and optionally unit. A series is one pair of
            (series_id, metric). Rows without a finite value or a moment count as missing.
        granularity: the grid's step.
        periods: keep at most this many last periods.

    Returns:
        One row per series that has a value, sorted by (series_id, metric).

    Raises:
        DataError: a column is missing, or no row has a value.
    """
    missing = [name for name in ("series_id", "metric", "ts", "value") if name not in frame.columns]
    if missing:
        raise DataError(f"a panel needs the columns series_id, metric, ts, value; missing {', '.join(missing)}")
    value = frame["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    ts = frame["ts"].to_numpy(dtype="datetime64[us]")
    usable = np.isfinite(value) & ~np.isnat(ts)
    if not usable.any():
        raise DataError(f"none of {len(frame)} rows has a finite value and a timestamp")
    rows = frame.loc[usable]
    index = pd.MultiIndex.from_arrays([rows["series_id"].astype(str), rows["metric"].astype(str)])
    codes, keys = index.factorize(sort=True)
    series_id = np.array([key[0] for key in keys], dtype=np.str_)
    metric = np.array([key[1] for key in keys], dtype=np.str_)
    codes, moments, value = _merge(codes, ts[usable].astype(np.int64), value[usable], how="median")

    step = int(STEP[granularity].astype(np.int64))
    n = len(keys)
    first = np.full(n, np.iinfo(np.int64).max)
    last = np.full(n, -1)
    np.minimum.at(first, codes, moments % step)
    np.maximum.at(last, codes, moments % step)
    phase = np.where(first == last, first, 0)
    codes, slots, value = _merge(codes, (moments - phase[codes]) // step, value, how="mean")

    end = np.full(n, np.iinfo(np.int64).min)
    np.maximum.at(end, codes, slots)
    behind = end[codes] - slots
    width = int(behind.max()) + 1 if periods is None else min(int(behind.max()) + 1, periods)
    block = np.full((n, width), np.nan)
    kept = behind < width
    block[codes[kept], width - 1 - behind[kept]] = value[kept]
    ends = (end * step + phase).astype("datetime64[us]")
    unit = _units(rows, index, cast(pd.MultiIndex, keys))
    return Panel(series_id, metric, ends, granularity, block, upper_bound(metric, block, unit))


def upper_bound(metric: npt.NDArray[np.str_], values: Floats, unit: npt.NDArray[np.str_] | None = None) -> Floats:
    """(n,) 100 where the unit, or without one the metric's name, says percent; infinite otherwise.

    A series that was seen above 100 is not bounded by it, whatever its name: burst credit and steal time are real.
    """
    named = np.array([str(name).endswith(_PERCENT_SUFFIXES) for name in metric], dtype=bool)
    percent = named if unit is None else np.where(unit == "", named, np.char.lower(unit) == "percent")
    peak = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    return np.where(percent & (peak <= 100.0), 100.0, np.inf)


def _units(rows: pd.DataFrame, index: pd.MultiIndex, keys: pd.MultiIndex) -> npt.NDArray[np.str_] | None:
    if "unit" not in rows.columns:
        return None
    unit = pd.Series(rows["unit"].fillna("").astype(str).to_numpy(), index=index)
    first = unit[~unit.index.duplicated()]
    named: npt.NDArray[np.str_] = first.reindex(keys).to_numpy(dtype=np.str_)
    return named


def _merge(
    codes: npt.NDArray[np.int64],
    when: npt.NDArray[np.int64],
    value: Floats,
    how: Literal["median", "mean"],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """One value per (code, when), sorted by both."""
    order = np.lexsort((when, codes))
    codes, when, value = codes[order], when[order], value[order]
    repeated = (np.diff(codes) == 0) & (np.diff(when) == 0)
    if not repeated.any():
        return codes, when, value
    groups = np.concatenate([[0], np.cumsum(~repeated)])
    starts = np.concatenate([[0], np.flatnonzero(~repeated) + 1])
    merged = pd.Series(value).groupby(groups).agg(how).to_numpy(dtype=np.float64)
    return codes[starts], when[starts], merged
