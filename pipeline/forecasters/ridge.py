"""Ridge: Prophet's terms (trend with changepoints, Fourier seasons, holidays, quarter end) in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._fallback import settle
from pipeline.forecasters._incident import without_incidents
from pipeline.forecasters._past import actuals, calibrate, cutoffs, segments, stack_cutoffs
from pipeline.forecasters._quantile import row_quantiles, weighted_quantiles
from pipeline.forecasters._season import exponential_means, fill
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import Floats, Panel
from pipeline.forecasting.tuning import Search
from pipeline.tables.columns import Granularity

#: Periods of history that are looked at: eight weeks of hours, four years of days.
HISTORY: dict[Granularity, int] = {"hour": 8 * 7 * 24, "day": 1461}
#: Share of missing periods up to which gaps are filled, so that the series can share a factorisation.
_FILLED = 0.1
#: Leads at which the carry-over of residuals is estimated.
_LEADS = 6


class Options(BaseModel):
    """How stiff the regression is, on which scale, and how far its intervals are calibrated.

    Penalties are in observations' worth of evidence for "no effect".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    log: Annotated[bool, Search(False, True)] = Field(
        False,
        description="Regress the logarithm, so that seasons and noise multiply; series that went negative are not logged.",
    )
    changepoints: int = Field(25, ge=0, le=200, description="Hinges of the trend, even over the first 90 % of the history.")
    changepoint_penalty: Annotated[float, Search(1.0, 100.0)] = Field(
        10.0, ge=1e-3, le=1e6, description="Resistance of the trend to bend."
    )
    season_penalty: Annotated[float, Search(0.05, 5.0)] = Field(0.5, ge=1e-3, le=1e6, description="Shrinkage of the seasons.")
    calendar_penalty: float = Field(
        4.0,
        ge=1e-3,
        le=1e6,
        description="Shrinkage of holiday and quarter-end effects towards those of all series of the metric.",
    )
    half_life: Annotated[float, Search(0.1, 1.0)] = Field(
        0.25, ge=0.01, le=100, description="Age at which a period weighs half, as a share of the series' length."
    )
    damping: Annotated[float, Search(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="Share of the trend's final slope that is carried on into the future."
    )
    past_cutoffs: int = Field(3, ge=0, le=20, description="Past forecasts that calibrate the intervals.")


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> Floats:
    """Regression on Prophet's terms with recent periods weighing more; quantiles from its leave-one-out residuals.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: stiffness, scale and calibration.

    Source: Taylor & Letham (2018), Forecasting at scale: the same terms with Gaussian instead of Laplace priors, which
    have a closed form; all series of equal length, end and gaps share one factorisation. Beyond Prophet: a daily
    profile that differs by weekday, and what is left of the last residuals at each lead.
    """
    backs = cutoffs(panel, horizon, options.past_cutoffs)
    ordinary = without_incidents(panel)
    [(said, _)] = raw_quantiles(stack_cutoffs(ordinary, backs), horizon, quantiles, (options.log,), options)
    raw = said.reshape(len(backs) + 1, len(panel), horizon, -1)
    known = np.array([actuals(panel, back, horizon) for back in backs])
    return settle(panel, calibrate(raw[0], raw[1:], known, quantiles, segments(panel.metric)), quantiles)


@dataclass(frozen=True)
class _System:
    """The normal equations that a group of series shares."""

    rows: npt.NDArray[np.int64]
    begin: int
    past: Floats
    future: Floats
    weight: Floats
    inverse: Floats
    leverage: Floats
    penalty: Floats
    calendar: slice


def raw_quantiles(
    panel: Panel, horizon: int, quantiles: tuple[float, ...], scales: tuple[bool, ...], terms: Options
) -> list[tuple[Floats, Floats]]:
    """Per scale (False as measured, True logged), what is forecast and how much of it is the calendar's doing.

    Returns:
        Quantiles (n, horizon, q) before calibration, bounds and fallback, NaN for a series of less than two seasons; and the
        effect of holidays and quarter ends (n, T + horizon), in the unit of the scale, 0 where none is known.
    """
    recent = panel.tail(HISTORY[panel.step])
    observed = ~np.isnan(recent.values)
    begin = np.where(observed.any(axis=1), observed.argmax(axis=1), recent.periods)
    after = np.arange(recent.periods) >= begin[:, None]
    share = (after & ~observed).sum(axis=1) / np.maximum(after.sum(axis=1), 1)
    filled = fill(recent.values, recent.season)
    values = np.where((share <= _FILLED)[:, None], filled, recent.values)
    systems = list(_systems(recent, horizon, terms, values))
    if not systems:
        nothing = np.full((len(panel), horizon, len(quantiles)), np.nan)
        return [(nothing, np.zeros((len(panel), panel.periods + horizon))) for _ in scales]
    group = segments(recent.metric)
    found = [_extend(values, systems, group, recent.step, horizon, quantiles, log) for log in scales]
    older = ((0, 0), (panel.periods - recent.periods, 0))
    return [(said, np.pad(effect, older)) for said, effect in found]


def _systems(panel: Panel, horizon: int, terms: Options, values: Floats) -> Iterator[_System]:
    """Group the series that share dates, length and gaps, and factorise once per group."""
    observed = ~np.isnan(values)
    waves = _waves(panel.step, horizon)
    groups: dict[bytes, list[int]] = {}
    for row, (mask, end) in enumerate(zip(observed, panel.end, strict=True)):
        dates = np.datetime64(end).tobytes() if panel.step == "day" else b""
        groups.setdefault(np.packbits(mask).tobytes() + dates, []).append(row)
    for members in groups.values():
        rows = np.array(members)
        mask = observed[rows[0]]
        if mask.sum() < 2 * panel.season:
            continue
        begin = int(mask.argmax())
        periods = panel.periods - begin
        design, penalty = _trend_and_seasons(panel.step, periods, horizon, terms, waves)
        dates_columns = _calendar(panel.step, panel.end[rows[0]], horizon)[-(periods + horizon) :]
        width = design.shape[1]
        design = np.concatenate([design, dates_columns], axis=1)
        penalty = np.concatenate([penalty, np.full(dates_columns.shape[1], terms.calendar_penalty)])
        past, future = design[:periods], design[periods:]
        age = np.arange(periods - 1, -1, -1)
        weight = mask[begin:] * 0.5 ** (age / max(terms.half_life * periods, 2.0 * panel.season))
        weighted = past * weight[:, None]
        inverse = np.linalg.inv(weighted.T @ past + np.diag(penalty))
        leverage = np.minimum(((past @ inverse) * weighted).sum(axis=1), 0.8)
        yield _System(rows, begin, past, future, weight, inverse, leverage, penalty, slice(width, design.shape[1]))


def _extend(
    values: Floats,
    systems: list[_System],
    segment: npt.NDArray[np.int64],
    step: Granularity,
    horizon: int,
    quantiles: tuple[float, ...],
    log: bool,
) -> tuple[Floats, Floats]:
    """Solve every group, pool the calendar effects of a segment, and add residual quantiles to the extension."""
    logged, offset = _to_log(values) if log else (values, np.zeros((len(values), 1)))
    # One outlier must not bend the curve; it stays in the residuals' reach through the calibration.
    bounds = row_quantiles(logged, np.array([0.01, 0.99]))
    clipped = np.clip(logged, bounds[:, :1], bounds[:, 1:])
    solved = []
    for system in systems:
        target = clipped[system.rows, system.begin :]
        seen = ~np.isnan(target)
        target = np.where(seen, target, 0.0)
        total = system.weight.sum()
        centre = target @ system.weight / total
        spread = np.sqrt(np.where(seen, target - centre[:, None], 0.0) ** 2 @ system.weight / total)
        spread = np.where(spread > 0, spread, 1.0)
        scaled = np.where(seen, (target - centre[:, None]) / spread[:, None], 0.0)
        beta = (scaled * system.weight) @ system.past @ system.inverse
        solved.append((system, scaled, seen, centre, spread, beta))
    if step == "day":
        _pool_calendar(solved, segment, log)
    # Groups differ in length: what they leave over is right-aligned again and finished for all series at once.
    shape = values.shape
    residual, weight = np.full(shape, np.nan), np.zeros(shape)
    point = np.full((shape[0], horizon), np.nan)
    effect = np.zeros((shape[0], shape[1] + horizon))
    centres, spreads = np.zeros(shape[0]), np.ones(shape[0])
    for system, scaled, seen, centre, spread, beta in solved:
        left = (scaled - beta @ system.past.T) / (1 - system.leverage)
        residual[system.rows, system.begin :] = np.where(seen, left, np.nan)
        weight[system.rows, system.begin :] = system.weight
        point[system.rows] = beta @ system.future.T
        days = np.concatenate([system.past, system.future])[:, system.calendar]
        effect[system.rows, system.begin :] = spread[:, None] * (beta[:, system.calendar] @ days.T)
        centres[system.rows], spreads[system.rows] = centre, spread
    point += _carry_over(np.where(np.isnan(residual), 0.0, residual), weight, horizon)
    noise = weighted_quantiles(residual, weight, np.asarray(quantiles))
    extended = centres[:, None, None] + spreads[:, None, None] * (point[:, :, None] + noise[:, None, :])
    if log:
        plain = np.isinf(offset)[:, :, None]
        shift = np.where(plain, 0.0, offset[:, :, None])
        extended = np.where(plain, extended, np.exp(np.minimum(extended, 50.0)) - shift)
        effect[plain[:, 0, 0]] = 0.0
    return extended, effect


def _to_log(values: Floats) -> tuple[Floats, Floats]:
    """Logarithms after an offset of 2 % of the typical size; an infinite offset marks a series that is not logged."""
    size = row_quantiles(np.where(values > 0, values, np.nan), np.array([0.5]))
    negative = (values < 0).any(axis=1, keepdims=True)
    offset = np.where(negative | np.isnan(size), np.inf, 0.02 * size)
    plain = np.isinf(offset)
    return np.where(plain, values, np.log(np.where(plain, 1.0, values + np.where(plain, 0.0, offset)))), offset


_Solved = tuple[_System, Floats, npt.NDArray[np.bool_], Floats, Floats, Floats]


def _pool_calendar(solved: list[_Solved], segment: npt.NDArray[np.int64], log: bool) -> None:
    """Shrink holiday and quarter-end effects towards their segment's mean instead of towards none; changes beta in place.

    One series sees a handful of quarter ends, a segment sees hundreds. With a prior mean b the solution moves by
    inverse · penalty · b; the b that equals the mean of the effects it leads to is the pooled estimate.
    """
    for number in np.unique(segment):
        own, pull = [], []
        for system, _, _, _, spread, beta in solved:
            chosen = segment[system.rows] == number
            columns = system.calendar
            gain = system.inverse[columns, columns] * system.penalty[columns]
            # Logged effects are ratios and alike in all series; others are alike in units of the series' spread.
            unit = spread[chosen, None] if log else np.ones((int(chosen.sum()), 1))
            own.append(beta[chosen, columns] * unit)
            pull.append(np.repeat(gain[None], chosen.sum(), axis=0))
        effects, gains = np.concatenate(own), np.concatenate(pull)
        if len(effects) < 5:
            continue
        width = effects.shape[1]
        mean = np.linalg.solve(1.001 * np.eye(width) - gains.mean(axis=0), effects.mean(axis=0))
        for system, _, _, _, spread, beta in solved:
            chosen = np.flatnonzero(segment[system.rows] == number)
            columns = system.calendar
            prior = mean / (spread[chosen, None] if log else np.ones((len(chosen), 1)))
            beta[chosen] += (prior * system.penalty[columns]) @ system.inverse[columns, :]


def _carry_over(residual: Floats, weight: Floats, horizon: int) -> Floats:
    """(rows, horizon) what is left of the recent residuals at each lead: regression on their exponential mean."""
    [recent] = exponential_means(residual, (0.35,), np.zeros(len(residual)))
    leads = np.unique(np.geomspace(1, horizon, _LEADS).astype(np.int64))
    leads = leads[leads < residual.shape[1] // 2]
    kept = []
    for lead in leads:
        before = recent[:, :-lead] * weight[:, :-lead]
        after = weight[:, lead:]
        shared = np.einsum("nt,nt,nt->n", before, residual[:, lead:], after)
        own = np.einsum("nt,nt,nt->n", before, recent[:, :-lead], after)
        kept.append(np.clip(shared / np.maximum(own, 1e-9), 0.0, 1.0))
    share = np.minimum.accumulate(np.stack(kept), axis=0)
    place = np.interp(np.log(np.arange(1, horizon + 1)), np.log(leads), np.arange(len(leads)))
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(leads) - 1)
    between = (place - below)[:, None]
    by_lead = share[below] * (1 - between) + share[above] * between
    carried: Floats = (by_lead * recent[:, -1]).T
    return carried


def _trend_and_seasons(step: Granularity, periods: int, horizon: int, terms: Options, waves: Floats) -> tuple[Floats, Floats]:
    """Design (periods + horizon, p) and penalties (p,) of the columns that do not depend on dates.

    Seasons are counted back from the end of the series. A Fourier pair only turns with the choice of its origin, and an
    equal penalty on both does not notice, so series that end at different times can share the columns.
    """
    position = np.arange(periods + horizon, dtype=np.float64)
    ahead = np.maximum(position - (periods - 1), 0.0)
    time = (position - ahead + terms.damping * ahead) / periods
    knots = np.linspace(0.0, 0.9, terms.changepoints + 1)[1:]
    trend = np.concatenate([np.ones((len(time), 1)), time[:, None] - 1.0, np.maximum(time[:, None] - knots, 0.0)], axis=1)
    penalties = [1e-6, 1.0] + [terms.changepoint_penalty] * len(knots)
    stiffness = [stiff for _, stiff, least in _frequencies(step) if periods >= least]
    penalties += [terms.season_penalty * stiff for stiff in stiffness for _ in ("sine", "cosine")]
    seasons = waves[len(waves) - len(time) :, : 2 * len(stiffness)]
    return np.concatenate([trend, seasons], axis=1), np.asarray(penalties)


@lru_cache(maxsize=8)
def _waves(step: Granularity, horizon: int) -> Floats:
    """(longest history + horizon, 2 f) sine and cosine of every season, counted from the end of the history."""
    position = np.arange(1 - HISTORY[step], horizon + 1, dtype=np.float64)
    angle = 2 * np.pi * position[:, None] * np.array([frequency for frequency, _, _ in _frequencies(step)])
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(position), -1)
    waves.flags.writeable = False
    return waves


def _frequencies(step: Granularity) -> list[tuple[float, float, float]]:
    """Cycles per period, relative stiffness, and periods of history that it takes (two of the season), in that order.

    Smooth seasons are likelier than jagged ones, so stiffness grows with the harmonic. Beside a daily harmonic stand
    its weekly side bands: a daily profile that differs by weekday is a product of the two seasons.
    """
    if step == "day":
        weekly = [(k / 7, 1.0, 14.0) for k in (1, 2, 3)]
        return weekly + [(k / 365.25, 3.0 * k, 2 * 365.25) for k in range(1, 7)]
    daily = [(k / 24, float(k), 48.0) for k in range(1, 9)]
    weekly = [(k / 168, float(k), 336.0) for k in (1, 2, 3)]
    sides = (-3, -2, -1, 1, 2, 3)
    return daily + weekly + [((7 * k + j) / 168, 3.0 * (k + abs(j)), 336.0) for k in range(1, 6) for j in sides]


def _calendar(step: Granularity, end: np.datetime64, horizon: int) -> Floats:
    """(longest history + horizon, c) holiday, the day after it, quarter-end ramp and year-end lull; none for hours."""
    if step == "hour":
        return np.zeros((HISTORY[step] + horizon, 0))
    return _days_calendar(end.astype("datetime64[D]"), horizon)


@lru_cache(maxsize=32)
def _days_calendar(end: np.datetime64, horizon: int) -> Floats:
    when = end + np.arange(1 - HISTORY["day"], horizon + 1)
    columns = [
        calendars.us_holiday(when).astype(np.float64),
        calendars.us_holiday(when - np.timedelta64(1, "D")).astype(np.float64),
        calendars.quarter_end_ramp(when),
        calendars.year_end_lull(when).astype(np.float64),
    ]
    calendar = np.stack(columns, axis=1)
    calendar.flags.writeable = False
    return calendar
