"""Made-up series for detectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Series = tuple[NDArray[np.datetime64], NDArray[np.float64]]


def half_hourly(days: int, seed: int = 0) -> Series:
    """A daily and weekly season with correlated noise, in percent."""
    rng = np.random.default_rng(seed)
    ts = np.datetime64("2026-01-05T00:00", "us") + np.arange(days * 48) * np.timedelta64(30, "m")
    hour = np.arange(len(ts)) / 2
    noise = np.zeros(len(ts))
    for row in range(1, len(ts)):
        noise[row] = 0.6 * noise[row - 1] + rng.normal(0, 1.0)
    weekday = (hour // 24) % 7 < 5
    return ts, 40 + 12 * np.sin(2 * np.pi * hour / 24) + 6 * weekday + noise


def spiked(spikes: Mapping[int, float]) -> Series:
    """Twenty days of the same, with something added at some rows."""
    ts, values = half_hourly(20)
    for row, height in spikes.items():
        values[row] += height
    return ts, values


def calmed_down() -> Series:
    """Five wild days, four calm ones, and then a moderate spike."""
    ts, values = half_hourly(10)
    values[:240] += np.random.default_rng(1).normal(0, 25, 240)
    values[432] += 30
    return ts, values


def days_with_holidays() -> Series:
    """Fourteen months of days that grow fivefold, half as high at Christmas, New Year's Day and Martin Luther King's."""
    ts = np.datetime64("2024-12-20", "us") + np.arange(436) * np.timedelta64(1, "D")
    values = np.linspace(20, 100, len(ts)) + np.random.default_rng(2).normal(0, 0.5, len(ts))
    quiet = np.array(["2024-12-25", "2025-01-01", "2025-01-20", "2025-12-25", "2026-01-01", "2026-01-19"], dtype="datetime64[us]")
    return ts, np.where(np.isin(ts, quiet), values / 2, values)
