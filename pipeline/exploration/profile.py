"""The utilisation profile of resources: level, spread, and the shape of the day and of the week while they are in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

RESOURCE = ["account", "region", "resource_id"]
#: In the order of the last axis of `Profiles.cells`.
METRICS = ("cpu", "memory", "network")
#: Cells of a profile: the hours of a workday, then those of a weekend day.
CELLS = 48
WEEK_HOURS = 7 * 24
#: Hours in use from which the mean of a cell counts, and hours in all from which a resource has a profile: four weeks.
LEAST_PER_CELL, LEAST_HOURS = 6, 28 * 24
#: How often each hour of the week has to be observed, in use or not, before its peak counts.
LEAST_PER_HOUR = 4
NIGHT, DAY, EDGES = slice(0, 6), slice(9, 18), (7, 8, 18, 19, 20)


@dataclass(frozen=True)
class Profiles:
    """One profile per resource, in the order of their names.

    Attributes:
        names: account, region, resource_id.
        hours: observed, (N,).
        in_use: share of them in which the resource was in use, (N,).
        cells: mean log of demand in use, (N, 48, 3); NaN where too little was seen.
        peaks: P95 of cpu and memory at each hour of the week from Monday's first, UTC, in percent, (N, 168, 2); NaN where it was
            observed less than four times.
        spread: standard deviation of log CPU within a cell, (N,).
    """

    names: pd.DataFrame
    hours: npt.NDArray[np.int64]
    in_use: Floats
    cells: Floats
    peaks: Floats
    spread: Floats

    @property
    def level(self) -> Floats:
        """Mean CPU and memory while in use, in percent, (N, 2): the geometric mean of the cells."""
        return np.exp(mean_known(self.cells[..., :2], 1))

    def shape(self) -> Floats:
        """Log ratios to the hours from 9 to 18 of a workday: of its night, and of its edges; and of the weekend to the workday,
        each metric's, (N, 3, 3); NaN where a part of it is not known."""
        work, weekend = self.cells[:, :24], self.cells[:, 24:]
        day = mean_known(work[:, DAY], 1)
        # As plain means: a night of which half is off is not known.
        return np.stack(
            [work[:, NIGHT].mean(axis=1) - day, mean_known(work[:, EDGES], 1) - day, (weekend - work).mean(axis=1)], axis=1
        )


def read_profiles(rows: pd.DataFrame) -> Profiles:
    """The profiles of resources.

    Args:
        rows: as `inputs.week_profile` gives them, in any order: account, region, resource_id, day_of_week, hour_of_day, hours,
            memory_hours, used, `…_p95` of cpu and memory, `…_ln` of each metric, cpu_ln_squared.
    """
    names = rows[RESOURCE].drop_duplicates().sort_values(RESOURCE, ignore_index=True)
    row = rows.groupby(RESOURCE, sort=True).ngroup().to_numpy()
    hour = rows["day_of_week"].to_numpy(dtype=np.int64) * 24 + rows["hour_of_day"].to_numpy(dtype=np.int64)

    def grid(column: str, empty: float = np.nan) -> Floats:
        values = np.full((len(names), WEEK_HOURS), empty)
        values[row, hour] = rows[column].to_numpy(dtype=np.float64)
        return values

    hours, used = grid("hours", 0), grid("used", 0)
    mean = np.stack([_by_cell(grid(f"{metric}_ln"), used) for metric in METRICS], axis=2)
    variance = np.maximum(_by_cell(grid("cpu_ln_squared"), used) - mean[..., 0] ** 2, 0)
    used_by_cell = _sum_days(used)
    known = used_by_cell >= LEAST_PER_CELL
    weight = np.where(known, used_by_cell, 0)
    spread = np.sqrt(np.nansum(variance * weight, axis=1) / np.maximum(weight.sum(axis=1), 1))
    observed = np.stack([hours, grid("memory_hours", 0)], axis=2)
    return Profiles(
        names=names,
        hours=hours.sum(axis=1).astype(np.int64),
        in_use=used.sum(axis=1) / np.maximum(hours.sum(axis=1), 1),
        cells=np.where(known[..., None], mean, np.nan),
        peaks=np.where(observed >= LEAST_PER_HOUR, np.stack([grid("cpu_p95"), grid("memory_p95")], axis=2), np.nan),
        spread=np.where(weight.sum(axis=1) > 0, spread, np.nan),
    )


def _sum_days(values: Floats) -> Floats:
    """Hours of the week, (N, 168), added up by cell, (N, 48)."""
    days = values.reshape(len(values), 7, 24)
    return np.concatenate([days[:, :5].sum(axis=1), days[:, 5:].sum(axis=1)], axis=1)


def _by_cell(values: Floats, used: Floats) -> Floats:
    """The mean of each cell, (N, 48), of those of its hours of the week, (N, 168), each by how often it was in use."""
    known = np.isfinite(values)
    weight = np.where(known, used, 0)
    total, count = _sum_days(np.where(known, values, 0) * weight), _sum_days(weight)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def mean_known(values: Floats, axis: int) -> Floats:
    """The mean of what is known; NaN, without a warning, where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total: Floats = np.where(known, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
