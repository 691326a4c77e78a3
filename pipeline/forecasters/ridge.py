"""Ridge: Prophet's terms (trend with changepoints, Fourier seasons, holidays, quarter end) in closed form."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline import calendars
from pipeline.forecasters._fallback import settle
from pipeline.forecasters._intervals import around, past_errors
from pipeline.panel import Granularity, Panel

Floats = npt.NDArray[np.float64]

#: Periods of history that are looked at: twelve weeks of hours, four years of days.
HISTORY: dict[Granularity, int] = {"hour": 12 * 7 * 24, "day": 1461}
#: (period, Fourier order) of the seasons; a season enters when the history holds two of it.
SEASONS: dict[Granularity, tuple[tuple[float, int], ...]] = {
    "hour": ((24.0, 8), (168.0, 4)),
    "day": ((7.0, 3), (365.25, 6)),
}


def forecast(
    panel: Panel,
    horizon: int,
    quantiles: tuple[float, ...],
    *,
    changepoints: int = 25,
    changepoint_penalty: float = 30.0,
    season_penalty: float = 0.3,
    calendar_penalty: float = 2.0,
    half_life: float = 0.25,
    damping: float = 0.5,
    past_cutoffs: int = 4,
) -> Floats:
    """Regression on Prophet's terms with recent periods weighing more; quantiles from its errors at past cutoffs.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        changepoints: hinges of the trend, even over the first 80 % of the history.
        changepoint_penalty: resistance of the trend to bend, in observations.
        season_penalty: shrinkage of the seasons, in observations.
        calendar_penalty: shrinkage of holiday and quarter-end effects, in observations.
        half_life: age at which a period weighs half, as a share of the history.
        damping: share of the trend's final slope that is carried on into the future.
        past_cutoffs: how many past forecasts the quantiles are learnt from.

    Source: Taylor & Letham (2018), Forecasting at scale: the same terms with Gaussian instead of Laplace priors, which
    have a closed form; all series of equal end and gaps share one factorisation.
    """

    def point(past: Panel, leads: int) -> Floats:
        return fit_and_extend(
            past,
            leads,
            changepoints=changepoints,
            changepoint_penalty=changepoint_penalty,
            season_penalty=season_penalty,
            calendar_penalty=calendar_penalty,
            half_life=half_life,
            damping=damping,
        )

    recent = panel.tail(HISTORY[panel.step])
    raw = around(point(recent, horizon), past_errors(recent, point, horizon, past_cutoffs), quantiles)
    return settle(panel, raw, quantiles)


def fit_and_extend(
    panel: Panel,
    horizon: int,
    *,
    changepoints: int,
    changepoint_penalty: float,
    season_penalty: float,
    calendar_penalty: float,
    half_life: float,
    damping: float,
) -> Floats:
    """(n, horizon) the point forecast; NaN for a series without values."""
    periods = panel.periods
    observed = ~np.isnan(panel.values)
    age = np.arange(periods - 1, -1, -1)
    weight = observed * 0.5 ** (age / max(half_life * periods, 1.0))
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    filled = np.where(observed, panel.values, 0.0)
    centre = (weight * filled).sum(axis=1, keepdims=True) / total
    scale = np.sqrt((weight * (filled - centre) ** 2).sum(axis=1, keepdims=True) / total)
    scale = np.where(scale > 0, scale, 1.0)
    target = np.where(observed, (filled - centre) / scale, 0.0)

    shared, penalty = _trend_and_seasons(panel.step, periods, horizon, changepoints, changepoint_penalty, season_penalty, damping)
    result = np.full((len(panel), horizon), np.nan)
    # Calendar columns depend on the dates, so series are solved together that end together.
    for end in np.unique(panel.end):
        together = np.flatnonzero(panel.end == end)
        dates = _calendar(panel.take(together[:1]), horizon)
        design = np.concatenate([shared, dates], axis=1)
        ridge = np.concatenate([penalty, np.full(dates.shape[1], calendar_penalty)])
        past, future = design[:periods], design[periods:]
        complete = observed[together].all(axis=1)
        if complete.any():
            rows = together[complete]
            weighted = past * weight[rows[0]][:, None]
            beta = np.linalg.solve(weighted.T @ past + np.diag(ridge), weighted.T @ target[rows].T)
            result[rows] = (future @ beta).T
        width = past.shape[1]
        for rows in np.array_split(together[~complete], max(1, (~complete).sum() // 256)):
            if not len(rows):
                continue
            gram = (weight[rows] @ (past[:, :, None] * past[:, None, :]).reshape(periods, -1)).reshape(-1, width, width)
            moment = (weight[rows] * target[rows]) @ past
            beta = np.linalg.solve(gram + np.diag(ridge), moment[:, :, None])[:, :, 0]
            result[rows] = beta @ future.T
    result[~observed.any(axis=1)] = np.nan
    extended: Floats = centre + scale * result
    return extended


def _trend_and_seasons(
    step: Granularity,
    periods: int,
    horizon: int,
    changepoints: int,
    changepoint_penalty: float,
    season_penalty: float,
    damping: float,
) -> tuple[Floats, Floats]:
    """Design (periods + horizon, p) and penalties (p,) of the columns that are the same for every series.

    Time is counted back from each series' end. A Fourier pair only turns with the choice of its origin, and an equal
    penalty on both does not notice, so series that end at different times can share the columns.
    """
    position = np.arange(periods + horizon, dtype=np.float64)
    ahead = np.maximum(position - (periods - 1), 0.0)
    time = (position - ahead + damping * ahead) / periods
    columns, penalties = [np.ones_like(time), time - 1.0], [1e-6, 1.0]
    for knot in np.linspace(0.0, 0.8, changepoints + 1)[1:]:
        columns.append(np.maximum(time - knot, 0.0))
        penalties.append(changepoint_penalty)
    for length, order in SEASONS[step]:
        if periods < 2 * length:
            continue
        for k in range(1, order + 1):
            angle = 2 * np.pi * k * position / length
            columns += [np.sin(angle), np.cos(angle)]
            # Smooth seasons are likelier than jagged ones: the penalty grows with the harmonic.
            penalties += [season_penalty * k, season_penalty * k]
    return np.stack(columns, axis=1), np.asarray(penalties)


def _calendar(panel: Panel, horizon: int) -> Floats:
    """(periods + horizon, c) holiday, the day after it, and the quarter-end ramp; none for hours."""
    if panel.step == "hour":
        return np.zeros((panel.periods + horizon, 0))
    when = np.concatenate([panel.timestamps(), panel.future(horizon)], axis=1)[0]
    columns = [
        calendars.us_holiday(when).astype(np.float64),
        calendars.us_holiday(when - np.timedelta64(1, "D")).astype(np.float64),
        calendars.quarter_end_ramp(when),
    ]
    return np.stack(columns, axis=1)
