"""Made-up panels for forecasters."""

from __future__ import annotations

import numpy as np

from pipeline.forecasting.calendars import us_holiday
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import Granularity


def panel_of(values: np.ndarray, step: Granularity, metric: str = "cpu_utilization", end: str = "2026-03-27") -> Panel:
    n = len(values)
    end = np.full(n, np.datetime64(end, "us"))
    upper = np.full(n, 100.0 if metric == "cpu_utilization" else np.inf)
    names = np.array([f"a/r/i-{row}/{metric}" for row in range(n)])
    return Panel(names, np.full(n, metric), end, step, np.asarray(values, dtype=np.float64), upper)


def seasonal(step: Granularity, n: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    periods, season = (24 * 15, 24) if step == "hour" else (130, 7)
    wave = np.sin(2 * np.pi * np.arange(periods) / season)
    return np.clip(40 + 15 * wave + rng.normal(0, 4, (n, periods)) + rng.normal(0, 5, (n, 1)), 0, 100)


def awkward(step: Granularity) -> Panel:
    """One series for every way in which history can fail a model."""
    values = seasonal(step, 12)
    season = 24 if step == "hour" else 7
    values[1] = np.nan
    values[1, -1] = 30.0
    values[2, : -season + 2] = np.nan
    values[3, : -2 * season + 2] = np.nan
    values[4] = 0.0
    values[5] = 55.5
    values[6, -values.shape[1] // 3 :] = 3.0
    values[7, np.random.default_rng(2).random(values.shape[1]) < 0.7] = np.nan
    values[8, np.random.default_rng(3).random(values.shape[1]) < 0.85] = 0.0
    values[9] = np.nan
    values[10, -season:] = np.nan
    values[11, 40:44] = np.nan
    return panel_of(values, step)


def growing_days() -> Panel:
    """400 days with a week that swells with the level, and a trend that bends in the middle."""
    rng, day = np.random.default_rng(1), np.arange(400)
    level = 10 + 0.1 * day + 0.1 * np.maximum(day - 200, 0)
    return panel_of((level * (1 + 0.15 * np.sin(2 * np.pi * day / 7)) + rng.normal(0, 1, (1, 400))), "day")


def days_before_a_holiday() -> Panel:
    """The same, up to five days before Memorial Day, with a tenth of the load on holidays."""
    grown = growing_days().values
    days = np.datetime64("2026-05-20") - np.arange(400)[::-1]
    return panel_of(np.where(us_holiday(days), 0.1 * grown, grown), "day", end="2026-05-20")


def hours_of_office_days() -> Panel:
    """Six weeks of hours, up to a Thursday midnight, with a day's profile that weekends do not have, and noise that lasts."""
    rng, hour = np.random.default_rng(2), np.arange(6 * 7 * 24)
    noise = np.zeros((4, len(hour)))
    for now in range(1, len(hour)):
        noise[:, now] = 0.9 * noise[:, now - 1] + rng.normal(0, 1, 4)
    # 2026-03-27 is a Friday.
    office = (hour - hour[-1]) // 24 % 7 < 5
    return panel_of(40 + 15 * np.sin(2 * np.pi * hour / 24) * office + noise + 0.01 * hour, "hour")
