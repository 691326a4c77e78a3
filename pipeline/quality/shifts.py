"""Whether many series of a metric moved at once by what a wrong unit would make of them: a ratio labelled percent, seconds for
milliseconds. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
#: What lies between units that are taken for each other: minutes, percent, thousands and binary thousands.
FACTORS = (60.0, 100.0, 1000.0, 1024.0)
#: A series' factor is near one of these within this share, either way.
NEAR = 1.3
#: Times that a series must lie outside all that it was in the days before.
OUTSIDE = 3.0
#: Days before that count, and how many of them must have been observed.
DAYS, LEAST_DAYS = 14, 3
#: Series that a metric of a source must have before a shift of theirs is more than a warning.
LEAST_SERIES = 5
#: Below this, by unit, what is small may be many times what is smaller still.
FLOORS = {"percent": 2.0, "mbps": 0.1, "count": 60.0, "ms": 1.0, "usd": 1.0}


class Shift(NamedTuple):
    """A metric of one source that has moved on a day.

    Attributes:
        metric, source, unit: what has moved.
        day: the first day of it.
        factor: of the units that were taken for each other, from `FACTORS`, below 1 for its inverse; None where it is near none.
        moved: series that moved so.
        series: all that could be compared.
        example: one of them, what it was and what it is.
    """

    metric: str
    source: str
    unit: str
    day: date
    factor: float | None
    moved: int
    series: int
    example: tuple[str, float, float]

    @property
    def is_of_a_unit(self) -> bool:
        """Whether most of enough series moved by a unit's factor: not what happens to machines."""
        return self.factor is not None and self.series >= LEAST_SERIES


def compare_days(levels: pd.DataFrame, since: datetime) -> pd.DataFrame:
    """How each day's level of each series compares with the days before, on days on which any series lies far outside them.

    Args:
        levels: one row per series and day: series_id, metric, unit, day (midnight), level.
        since: days before this are what others are compared with, and no more.

    Returns:
        One row per day and series that can be compared, of the metrics of which some series lies outside: series_id, metric,
        unit, day, before (the median), level, outside.
    """
    if levels.empty:
        return _nothing()
    table = levels.pivot(index="day", columns="series_id", values="level")
    table = table.reindex(pd.date_range(table.index[0], table.index[-1], freq="D"))
    known = levels.drop_duplicates("series_id").set_index("series_id").loc[table.columns]
    values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    floor: Floats = np.array([FLOORS.get(unit, 1.0) for unit in known["unit"]], dtype=np.float64)
    metrics = known["metric"].astype("category").cat.codes.to_numpy()
    found = []
    for row in range(int(np.searchsorted(table.index, np.datetime64(since))), len(values)):
        compared = _compare(values[max(0, row - DAYS) : row], values[row], floor)
        if compared is None:
            continue
        columns, before, outside = compared
        of_moved = np.isin(metrics[columns], metrics[columns[outside]])
        columns, before, outside = columns[of_moved], before[of_moved], outside[of_moved]
        found.append((np.full(len(columns), row), columns, before, values[row][columns], outside))
    if not found:
        return _nothing()
    rows, columns, before, level, outside = map(np.concatenate, zip(*found, strict=True))
    named = known.reset_index()[["series_id", "metric", "unit"]].iloc[columns].reset_index(drop=True)
    return named.assign(day=table.index[rows], before=before, level=level, outside=outside)


def _compare(window: Floats, new: Floats, floor: Floats) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.bool_]] | None:
    """Columns that can be compared, what they were, and which lie outside that; None where none does."""
    before = np.where(window > 0, window, np.nan)
    enough = (np.isfinite(before).sum(axis=0) >= LEAST_DAYS) & np.isfinite(new)
    if not enough.any():
        return None
    low, high = np.fmin.reduce(before, axis=0), np.fmax.reduce(before, axis=0)
    with np.errstate(invalid="ignore"):
        # What fell to nothing has no factor: it has stopped, and is of no other unit.
        outside = enough & (new > 0) & ((new > high * OUTSIDE) | (new < low / OUTSIDE)) & (np.fmax(new, low) >= floor)
    if not outside.any():
        return None
    columns = np.flatnonzero(enough)
    return columns, _median(before[:, columns]), outside[columns]


def _median(values: Floats) -> Floats:
    """The median of each column's numbers; numpy's own takes twenty times as long where some are missing."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    everyone = np.arange(values.shape[1])
    middle: Floats = (ordered[(count - 1) // 2, everyone] + ordered[count // 2, everyone]) / 2
    return middle


def _nothing() -> pd.DataFrame:
    columns = ("series_id", "metric", "unit", "day", "before", "level", "outside")
    return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})


def find_shifts(compared: pd.DataFrame) -> Iterator[Shift]:
    """The shifts of metrics, by source and day: of most of a metric's series, by a unit's factor, or of most of at least
    `LEAST_SERIES` by any.

    Args:
        compared: as `compare_days` gives it, with a column `source`.
    """
    for (metric, source, _), rows in compared.groupby(["metric", "source", "day"], sort=True):
        moved = rows[rows["outside"].astype(bool)]
        ratios = (moved["level"] / moved["before"]).to_numpy(dtype=np.float64)
        nearest, near = _unit_factor(ratios)
        by_unit = bool(near.sum() * 2 > len(rows))
        if not by_unit and (len(moved) * 2 <= len(rows) or len(rows) < LEAST_SERIES):
            continue
        moved = moved[near] if by_unit else moved
        first = moved.iloc[0]
        example = str(first["series_id"]), float(first["before"]), float(first["level"])
        about = str(metric), str(source), str(first["unit"]), first["day"].date()
        yield Shift(*about, nearest if by_unit else None, len(moved), len(rows), example)


def _unit_factor(ratios: Floats) -> tuple[float, npt.NDArray[np.bool_]]:
    """The factor that most ratios are near, and which are."""
    each = {factor: np.abs(np.log(ratios / factor)) <= np.log(NEAR) for one in FACTORS for factor in (one, 1 / one)}
    best = max(each, key=lambda factor: (int(each[factor].sum()), -_distance(ratios[each[factor]], factor)))
    return best, each[best]


def _distance(ratios: Floats, factor: float) -> float:
    return float(np.abs(np.log(ratios / factor)).sum()) if len(ratios) else 0.0


def daily_levels(rows: pa.Table, time: str) -> pd.DataFrame:
    """One level per series and day, of its means where there are any, as `compare_days` takes them.

    Args:
        rows: by the hour or day: series_id, metric, unit, mean, p95, max and the column of time.
        time: that column.
    """
    names = ["series_id", "metric", "unit"]
    level = pc.coalesce(rows["mean"], rows["p95"], rows["max"])
    days = rows.select(names).append_column("day", pc.floor_temporal(rows[time], unit="day")).append_column("level", level)
    found = days.group_by([*names, "day"]).aggregate([("level", "mean")])
    levels: pd.DataFrame = found.rename_columns([*names, "day", "level"]).to_pandas()
    return levels
