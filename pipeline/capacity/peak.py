"""The highest demand to come, for sizing: repeated futures of the observed demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.forecasting.panel import Floats

_FUTURES = 100
# So many of the highest hours mostly have the peak of every future among them.
_LOOKED_AT = 64
# How far the level moves, in logarithms: at least, and of the spread of the daily means.
_LEAST_SPREAD, _OF_DAYS = 0.2, 0.25
# Chance by the day that a machine is put to a use that its past knows nothing of.
_NEW_USE = 0.002


@dataclass(frozen=True)
class PeakDemand:
    """What the P99 of the hours to come may be.

    Attributes:
        log_peaks: logarithms of the P99 in simulated futures.
        spread: how far, in logarithms, the level of demand may move beside.
        surprise: chance of a new use, whose peak lies anywhere between what is usual and all there is.
        full: all there is, in the unit of the demand; infinite where demand knows no limit, and no new use is reckoned with.
    """

    log_peaks: Floats
    spread: float
    surprise: float = 0.0
    full: float = np.inf

    def breach_probability(self, capacity: float) -> float:
        """Chance that demand exceeds `capacity`, in the unit of the demand, in more than 1 % of the hours to come.

        Raises:
            ValueError: `capacity` is not positive.
        """
        if capacity <= 0:
            raise ValueError(f"capacity is positive, got {capacity}")
        distance = (np.log(capacity) - self.log_peaks) / self.spread
        # Student's t with two degrees of freedom, in closed form: levels jump more often than a normal says.
        usual = float(np.mean(0.5 - distance / (2 * np.sqrt(2 + distance**2))))
        return usual + (1 - usual) * self.surprise * self._share_above(capacity)

    def _share_above(self, capacity: float) -> float:
        """Chance that the peak of a new use, of which each factor is as likely as another, lies above a capacity."""
        if capacity >= self.full or self.surprise == 0:
            return 0.0
        room = np.log(self.full) - self._middle
        return 1.0 if room <= 0 else float(min(max((np.log(self.full) - np.log(capacity)) / room, 0.0), 1.0))

    @cached_property
    def _middle(self) -> float:
        return float(np.median(self.log_peaks))


def peak_demand(
    ts: npt.NDArray[np.datetime64], demand: Floats, days: int = 30, seed: int = 0, full: float = np.inf
) -> PeakDemand:
    """The peaks of the next `days`, from the hours of at least two days.

    Whole days are drawn with replacement, so that the course of a day stays; each drawn future has a peak, above which lie no
    more than 1 % of its hours. The level of demand moves as well: by a fifth, and by a quarter of the spread of the daily means;
    and some machines get a new use. These figures were set on development halves of public traces (docs/recommendations.md).

    Args:
        ts: hours, in order.
        demand: not negative, one value per hour.
        days: how far ahead.
        seed: of the days drawn.
        full: all there is, in the unit of the demand, where that is known.

    Raises:
        ValueError: fewer than two days with at least half their hours.

    Source: day-block bootstrap (Künsch 1989).
    """
    day, hour = np.divmod(ts.astype("datetime64[h]").astype(np.int64), 24)
    row = np.cumsum(np.diff(day, prepend=day[:1]) != 0)
    grid = np.full((int(row[-1]) + 1 if len(row) else 0, 24), np.nan)
    grid[row, hour] = demand
    grid = grid[np.isfinite(grid).sum(axis=1) >= 12]
    if len(grid) < 2:
        raise ValueError(f"a breach needs two days with at least half their hours, got {len(grid)}")
    missing = np.isnan(grid)
    mean = np.where(missing, 0.0, grid).sum(axis=1) / (24 - missing.sum(axis=1))
    # A missing hour is taken to be like the rest of its day.
    grid = np.where(missing, mean[:, None], grid)
    floor = max(float(grid.max()) / 1000, 1e-9)
    # The quantile 0.99 by the method "higher".
    above = 24 * days - 1 - int(np.ceil(0.99 * (24 * days - 1)))
    peaks = _highest(grid, _draw(len(grid), days, seed), above)
    drift = float(np.log(np.maximum(mean, floor)).std(ddof=1))
    spread = float(np.hypot(_LEAST_SPREAD, _OF_DAYS * drift))
    surprise = 0.0 if np.isinf(full) else float(1 - np.exp(-_NEW_USE * days))
    return PeakDemand(np.log(np.maximum(peaks, floor)), spread, surprise, full)


@lru_cache(maxsize=64)
def _draw(known: int, days: int, seed: int) -> npt.NDArray[np.int64]:
    """(futures, known days) how often each day is drawn for each future: the same for all that is known as many days of."""
    drawn = np.random.default_rng(seed).integers(0, known, size=(_FUTURES, days))
    return np.stack([np.bincount(future, minlength=known) for future in drawn])


def _highest(grid: Floats, times: npt.NDArray[np.int64], above: int) -> Floats:
    """By future the hour that so many are above, of days that are drawn so many times each.

    Only the highest hours known are looked at, the highest first, until each future has enough of them: to draw all hours of all
    futures takes twenty times as long.
    """
    order = np.argsort(grid, axis=None)[::-1]
    most = min(_LOOKED_AT, len(order))
    while True:
        so_many = np.cumsum(times[:, order[:most] // 24], axis=1)
        if most == len(order) or int(so_many[:, -1].min()) > above:
            found: Floats = grid.ravel()[order[(so_many <= above).sum(axis=1)]]
            return found
        most = min(4 * most, len(order))
