"""Forecasting as regression: one row per series, cutoff and lead time, every number relative to the series' own size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.forecasters import _catalogue
from pipeline.forecasters._season import fill
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import STEP, Floats, Panel

FEATURES = (
    "lead",
    "phase",
    "day_of_week",
    "weekend",
    "holiday",
    "quarter_end",
    "last",
    "last_third",
    "season_mean",
    "week_mean",
    "month_mean",
    "same_phase",
    "same_phase_before",
    "same_phase_mean",
    "same_phase_week",
    "season_spread",
    "trend",
)
#: Relative values beyond this are as good as this: one outlier must not make a tree split.
_LIMIT = 20.0
#: With fewer training rows nothing is learnt, and every series takes its fallback.
LEAST_ROWS = 100


@dataclass(frozen=True)
class Rows:
    """Regression rows: `features` (r, f), `target` (r,) relative, and what turns it back: `centre`, `size` (r,)."""

    features: Floats
    target: Floats
    centre: Floats
    size: Floats
    series: npt.NDArray[np.int64]
    lead: npt.NDArray[np.int64]


def training_rows(panel: Panel, horizon: int, most: int, *, catalogue: bool = False) -> Rows:
    """Rows from past cutoffs, at most about `most`, spread over series, cutoffs and leads without chance.

    Cutoffs leave the horizon behind them known and seven seasons before them, or half of a shorter history.
    """
    if panel.periods < 2:
        return _rows(panel, 0, np.arange(0), catalogue)
    season = panel.season
    first = min(7 * season, panel.periods // 2)
    backs = np.arange(1, max(panel.periods - first, 2))
    per_cutoff = min(horizon, 8)
    budget = max(1, most // max(len(panel) * per_cutoff, 1))
    step = max(1, -(-len(backs) // budget))
    # A step that shares no factor with the season visits every hour of the day and every day of the week.
    while step > 1 and np.gcd(step, 7 * season) > 1:
        step += 1
    chosen = backs[::step]
    series_step = max(1, -(-len(panel) * per_cutoff * len(chosen) // max(most, 1)))
    sample = panel.take(np.arange(0, len(panel), series_step))
    blocks = []
    for number, back in enumerate(chosen):
        # Leads rotate from cutoff to cutoff, so that all are seen.
        leads = np.unique((np.linspace(0, horizon - 1, per_cutoff).astype(np.int64) + number) % horizon) + 1
        blocks.append(_rows(sample, int(back), leads[leads <= back], catalogue))
    rows = _concatenate(blocks)
    known = ~np.isnan(rows.target)
    return Rows(*(getattr(rows, name)[known] for name in Rows.__dataclass_fields__))


def future_rows(panel: Panel, horizon: int, *, catalogue: bool = False) -> Rows:
    """Rows for every series and lead after the panel's end; targets are NaN."""
    return _rows(panel, 0, np.arange(1, horizon + 1), catalogue)


def _rows(panel: Panel, back: int, leads: npt.NDArray[np.int64], catalogue: bool) -> Rows:
    season, n = panel.season, len(panel)
    end = panel.periods - back
    history = fill(panel.values[:, max(0, end - 30 * season) : end], season)
    centre = _mean(history[:, -7 * season :])
    size = _mean(np.abs(history[:, -7 * season :] - centre[:, None]))
    size = np.where(size > 1e-9, size, np.maximum(np.abs(centre), 1e-9))
    when = panel.end[:, None] + (leads - back)[None, :] * STEP[panel.step]
    phase = (leads - 1) % season
    same = [_season_ago(history, season, phase, ago) for ago in (1, 2, 3, 4, 7)]

    def relative(values: Floats) -> Floats:
        return np.clip((values - centre.reshape(-1, *[1] * (values.ndim - 1))) / _as(size, values), -_LIMIT, _LIMIT)

    def wide(values: Floats) -> Floats:
        return np.repeat(values[:, None], len(leads), axis=1)

    recent = [
        wide(relative(values))
        for values in (
            history[:, -1],
            _mean(history[:, -max(season // 3, 1) :]),
            _mean(history[:, -season:]),
            _mean(history[:, -7 * season :]),
            _mean(history),
        )
    ]
    spread = _mean(np.abs(history[:, -season:] - _mean(history[:, -season:])[:, None])) / size
    columns = [
        np.repeat(leads[None, :].astype(np.float64), n, axis=0),
        (calendars.hour_of_day(when) if panel.step == "hour" else calendars.day_of_week(when)).astype(np.float64),
        calendars.day_of_week(when).astype(np.float64),
        calendars.weekend(when).astype(np.float64),
        calendars.us_holiday(when).astype(np.float64),
        calendars.quarter_end_ramp(when),
        *recent,
        relative(same[0]),
        relative(same[1]),
        relative(np.nanmean(np.stack([*same[:4], wide(centre)]), axis=0)),
        relative(same[4]),
        wide(np.clip(spread, 0, _LIMIT)),
        wide(relative(_mean(history[:, -season:])) - relative(_mean(history[:, -2 * season :]))),
    ]
    target = np.full((n, len(leads)), np.nan)
    if back:
        target = relative(panel.values[:, end + leads - 1])
    features = np.stack(columns, axis=2).reshape(-1, len(columns))
    if catalogue:
        known = _catalogue.relative(_catalogue.known_at(panel, back), panel.step, centre, size, _LIMIT)
        features = np.concatenate([features, np.repeat(known, len(leads), axis=0)], axis=1)
    return Rows(
        features,
        target.ravel(),
        wide(centre).ravel(),
        wide(size).ravel(),
        np.repeat(np.arange(n), len(leads)),
        np.tile(leads, n),
    )


def _season_ago(history: Floats, season: int, phase: npt.NDArray[np.int64], ago: int) -> Floats:
    """(n, leads) the value at the lead's phase `ago` seasons before the cutoff; NaN before the history."""
    place = history.shape[1] - ago * season + phase
    values = history[:, np.maximum(place, 0)]
    return np.where(place[None, :] >= 0, values, np.nan)


def _mean(values: Floats) -> Floats:
    seen = ~np.isnan(values)
    mean: Floats = np.where(seen, values, 0.0).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    return mean


def _as(size: Floats, values: Floats) -> Floats:
    return size.reshape(-1, *[1] * (values.ndim - 1))


def _concatenate(blocks: list[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(block, name) for block in blocks]) for name in Rows.__dataclass_fields__))
