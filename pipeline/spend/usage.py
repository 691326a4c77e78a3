"""What usage may cost: quantiles for each day, and sample paths through them that series share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from pipeline.forecasting import metrics
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import QUANTILES

Forecast = Callable[[Panel, int, tuple[float, ...]], Floats]
#: Levels between which paths are drawn; the lowest has no place in what is published.
LEVELS = (0.01, *QUANTILES)
#: Sample paths of a node.
PATHS = 400
#: Days for which a forecaster is asked; what lies beyond follows from its last four weeks.
NEAR = 92
# Up to here a forecaster's own intervals hold. Beyond, past forecasts missed by more than they said, as a random walk does.
_TRUSTED = 30
_WIDENING = 0.5
# What is left of the daily drift each day beyond.
_DAMPING = 0.99
_MONTH = 28
# Of the misses of past forecasts along a path: correlation from day to day, and by how much the lasting share grows a day.
_RHO, _DRIFT, _MOST_LASTING = 0.95, 1 / 40, 0.5
# Days of residuals from which joint moves are drawn, and the fewest that tell anything of a series.
_RECENT, _LEAST = 365, 28
# Past months on which the model is held against the floor.
_JUDGED = 3
_MEDIAN = LEVELS.index(0.5)
_SCORES = ndtri(np.asarray(LEVELS))


@dataclass(frozen=True)
class Judged:
    """Which forecaster serves, and how it did.

    Attributes:
        model: its name.
        skill: 1 − its pinball loss ÷ the floor's over the last months, in money over all series; None where history is too
            short to tell.
    """

    model: str
    skill: float | None


def choose(panel: Panel, models: Mapping[str, Forecast]) -> Judged:
    """The first of two models, or the second, which is the floor, where the first lost more on the last three months.

    Losses are in the currency, summed over all series: a cheap service must not decide for a dear one.
    """
    (name, model), (floor_name, floor) = models.items()
    lost = np.zeros(2)
    for back in range(_TRUSTED, _JUDGED * _TRUSTED + 1, _TRUSTED):
        if panel.periods - back < _MONTH:
            break
        past, start = panel.truncate(back), panel.periods - back
        known = np.flatnonzero(~np.isnan(past.values).all(axis=1))
        if not len(known):
            break
        actual = panel.values[known, start : start + _TRUSTED]
        for number, forecast in enumerate((model, floor)):
            said = forecast(past.take(known), _TRUSTED, LEVELS)
            lost[number] += np.nansum(metrics.pinball(actual, said, np.asarray(LEVELS)))
    if not lost.any():
        return Judged(name, None)
    ours, theirs = lost
    return Judged(name, float(1 - ours / theirs)) if ours <= theirs else Judged(floor_name, 0.0)


def quantiles(panel: Panel, horizon: int, forecast: Forecast) -> Floats:
    """(n, horizon, levels) what each day may cost, for any number of days.

    Beyond 30 days distances from the median grow with the square root of the lead. Beyond 92 the last four weeks forecast
    repeat, moved by their drift, of which a hundredth is lost each day.

    Args:
        panel: daily cost.
        horizon: days ahead.
        forecast: who is asked for the first 92.

    Source: damped trends, Gardner & McKenzie (1985); a random walk's errors grow with the root of time.
    """
    near = forecast(panel, min(horizon, NEAR), LEVELS)
    middle = near[..., _MEDIAN, None]
    growth = np.maximum(np.arange(1, near.shape[1] + 1) / _TRUSTED, 1.0) ** _WIDENING
    near = middle + (near - middle) * growth[None, :, None]
    if horizon > NEAR:
        near = np.concatenate([near, _beyond(near, horizon)], axis=1)
    near = np.clip(near, panel.lower[:, None, None], panel.upper[:, None, None])
    near.sort(axis=2)
    return near


def _beyond(near: Floats, horizon: int) -> Floats:
    """(n, horizon − NEAR, levels) what follows from the last four weeks of the first 92 days."""
    ahead = np.arange(NEAR + 1, horizon + 1)
    last = near[:, NEAR - _MONTH + (ahead - NEAR - 1) % _MONTH]
    first = near[:, : 2 * _MONTH, _MEDIAN].reshape(len(near), 2, _MONTH).mean(axis=2)
    end = near[:, -_MONTH:, _MEDIAN].mean(axis=1)
    drift = (end - first[:, 0]) / (NEAR - _MONTH)
    # From the middle of the last four weeks on.
    moved = _DAMPING * (1 - _DAMPING ** (ahead - NEAR + _MONTH / 2)) / (1 - _DAMPING)
    middle = np.maximum(last[..., _MEDIAN] + drift[:, None] * moved, np.minimum(last[..., _MEDIAN], 0.0))
    growth = (ahead / (NEAR - _MONTH / 2)) ** _WIDENING
    beyond: Floats = middle[..., None] + (last - last[..., _MEDIAN, None]) * growth[None, :, None]
    return beyond


def draw(panel: Panel, said: Floats, seed: int = 0) -> Iterator[Floats]:
    """(horizon, PATHS) paths of one series after the other; path p of all series is one joint future.

    Each day's paths have that day's quantiles exactly. Which path is high on which day says a score: a stationary AR(1) and a
    lasting miss of the level, whose innovations are those of one past day, and whose level is that of one past month, the same
    for all series. So what moved together moves together, without a matrix of correlations. A series with too little history
    moves alone.

    Args:
        panel: daily cost, all series on the same days.
        said: (n, horizon, levels) from `quantiles`.
        seed: of the draws.

    Source: empirical copulas of past errors, as in the Schaake shuffle (Clark et al. 2004).
    """
    from scipy.signal import lfilter  # takes a second to import

    horizon = said.shape[1]
    random = np.random.default_rng(seed)
    daily, monthly = _moves(panel.values)
    days = random.choice(_known(daily), size=(PATHS, horizon))
    months = random.choice(_known(monthly), size=PATHS)
    share = np.minimum(_DRIFT * np.arange(1, horizon + 1), _MOST_LASTING)
    place = _places()
    for row in range(len(panel)):
        own = np.random.default_rng([seed, row])
        noise = _known_or(daily[row, days], own)
        noise[:, 1:] *= np.sqrt(1 - _RHO**2)
        score = np.sqrt(1 - share) * lfilter([1.0], [1.0, -_RHO], noise, axis=1)
        score += np.sqrt(share) * _known_or(monthly[row, months], own)[:, None]
        paths = np.empty((horizon, PATHS))
        np.put_along_axis(paths, np.argsort(score.T, axis=1), said[row] @ place, axis=1)
        low = panel.lower[row]
        yield np.maximum(paths, low) if np.isfinite(low) else paths


def _places() -> Floats:
    """(levels, PATHS) weights that read equally likely values off quantiles: linear in the normal score, also beyond the last."""
    scores = ndtri((np.arange(PATHS) + 0.5) / PATHS)
    piece = np.clip(np.searchsorted(_SCORES, scores) - 1, 0, len(LEVELS) - 2)
    share = (scores - _SCORES[piece]) / (_SCORES[piece + 1] - _SCORES[piece])
    weights = np.zeros((len(LEVELS), PATHS))
    weights[piece, np.arange(PATHS)] = 1 - share
    weights[piece + 1, np.arange(PATHS)] = share
    return weights


def _moves(values: Floats) -> tuple[Floats, Floats]:
    """(n, T), (n, T) normal scores of how each day, and each month, differed from the one before; NaN where that is unknown."""
    n, periods = values.shape
    weeks = [np.pad(values, ((0, 0), (7 * back, 0)), constant_values=np.nan)[:, :periods] for back in range(1, 5)]
    residual = values - metrics.mean(np.stack(weeks, axis=-1))
    daily = np.diff(residual, axis=1, prepend=np.nan)
    total = np.cumsum(np.nan_to_num(values), axis=1)
    monthly = np.full((n, periods), np.nan)
    if periods > 2 * _MONTH:
        sums = total[:, _MONTH:] - total[:, :-_MONTH]
        monthly[:, 2 * _MONTH :] = sums[:, _MONTH:] - sums[:, :-_MONTH]
        monthly[np.isnan(np.pad(values, ((0, 0), (2 * _MONTH, 0)), constant_values=np.nan)[:, :periods])] = np.nan
    return _normal(daily[:, -_RECENT:]), _normal(monthly[:, -_RECENT:])


def _normal(moves: Floats) -> Floats:
    """Each row's values as normal scores of their ranks; NaN where there are too few to rank."""
    known = ~np.isnan(moves)
    count = known.sum(axis=1, keepdims=True)
    rank = np.argsort(np.argsort(moves, axis=1), axis=1)
    scores: Floats = ndtri((rank + 0.5) / np.maximum(count, 1))
    return np.where(known & (count >= _LEAST), scores, np.nan)


def _known(scores: Floats) -> npt.NDArray[np.int64]:
    """The days of which anything is known of any series; all where there are none."""
    found = np.flatnonzero(~np.isnan(scores).all(axis=0))
    return found if len(found) else np.arange(scores.shape[1])


def _known_or(scores: Floats, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The scores, and draws of its own where a series has none."""
    return np.where(np.isnan(scores), random.standard_normal(scores.shape), scores)
