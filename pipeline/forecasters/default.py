"""The default: a weighted median of six or seven cheap models, weighed and calibrated on each segment's own recent past."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters import _calendar_effect, _level_shift, ridge, seasonal_pool, smoothing
from pipeline.forecasters._fallback import settle
from pipeline.forecasters._incident import without_incidents
from pipeline.forecasters._past import actuals, calibrate, cutoffs, pool_tails, segments, stack_cutoffs, thirds
from pipeline.forecasting import metrics
from pipeline.forecasting.panel import Floats, Panel
from pipeline.forecasting.tuning import Search
from pipeline.tables.columns import Granularity

#: Who is asked; of days also whether the trend goes on, for whole quarters lie ahead of them.
MEMBERS = ("pool", "weekday_pool", "level_pool", "smoothing", "ridge", "log_ridge", "trend")
#: Series answered together: bounds memory (a few hundred MB at a horizon of 90 days) and stays in the processor's caches.
BLOCK = 250
_TERMS: dict[Granularity, ridge.Options] = {
    "hour": ridge.Options(changepoints=12),
    "day": ridge.Options(changepoints=12, half_life=0.5),
}
#: Growth that compounds, carried on undamped: disks fill.
_TREND = ridge.Options(changepoints=12, half_life=1.0, changepoint_penalty=4.0, damping=1.0)
_POOLS = {
    "pool": seasonal_pool.Options(naive_share=0.5, decay=0.003, neighbours=0.0),
    "weekday_pool": seasonal_pool.Options(naive_share=0.0, decay=0.005, same_weekday=3.0, other_day_type=0.5),
    "level_pool": seasonal_pool.Options(naive_share=0.0, decay=0.01, same_weekday=1.5, other_day_type=0.7, level=1.0),
}
#: Series' worth of evidence by which a small segment's losses are drawn towards those of the whole panel.
_PRIOR_SERIES = 5.0
#: Series in a segment whose past losses weigh half as sharply as those of a very large one.
_EVIDENCE_SERIES = 50.0


class Options(BaseModel):
    """How the members' past decides their weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    past_cutoffs: Annotated[int, Search(1, 5)] = Field(
        4, ge=0, le=20, description="Past forecasts that weigh and calibrate; 0 weighs all alike."
    )
    sharpness: Annotated[float, Search(1.0, 32.0)] = Field(
        12.0,
        ge=0,
        le=1000,
        description="How sharply losses weigh in a very large segment; n series have n / (n + 50) of it. 0 weighs all alike, "
        "large picks the best.",
    )
    own_share: Annotated[float, Search(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="Share of a series' own loss in the loss that weighs; the rest is its segment's."
    )


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> Floats:
    """Weighted median, quantile by quantile, of the members; then intervals stretched to cover the recent past.

    The members forecast from the last `past_cutoffs` cutoffs too. A member weighs exp(−sharpness · how much worse than the
    best its scaled pinball loss was there), where the loss is a mean over the segment and over the series itself, for each
    third of the horizon. A median, because one member that goes astray must not move the answer.

    Args:
        panel: the shard of series; a segment is a metric of it, within a block of 250 series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: how the members' past decides their weights.

    Source: medians of few simple models did best in M4 (Petropoulos & Svetunkov 2020); weights as in Exponentially
    Weighted Average forecasters (Cesa-Bianchi & Lugosi 2006); calibration as in `_past.calibrate`.
    """
    # Blocks are cut in the order of names, so that an answer does not depend on the order of the rows.
    order = np.lexsort((panel.series_id, panel.metric))
    answer = np.empty((len(panel), horizon, len(quantiles)))
    for rows in np.array_split(order, max(1, -(-len(panel) // BLOCK))):
        answer[rows] = _block(panel.take(rows), horizon, quantiles, options)
    return answer


def members(panel: Panel, horizon: int, quantiles: tuple[float, ...], factor: Floats | None = None) -> Floats:
    """(m, n, horizon, q) what each of MEMBERS says that is asked at this granularity; NaN where it has no answer.

    Args:
        panel: series, or series as they stood at several cutoffs.
        horizon: periods ahead.
        quantiles: levels, ascending.
        factor: (n, T + horizon) of hours, what holidays and quarter ends do to the series, where that is known beforehand.
    """
    panel = replace(panel, values=_level_shift.at_present_level(panel))
    # The effect of the calendar is taken off before members look, and put back on what they say.
    ordinary = panel if factor is None else replace(panel, values=panel.values / factor[:, : panel.periods])
    regressions = ridge.raw_quantiles(ordinary, horizon, quantiles, (False, True), _TERMS[panel.step])
    said = {name: quantile for name, (quantile, _) in zip(("ridge", "log_ridge"), regressions, strict=True)}
    if panel.step == "day":
        # Of days, the regressions themselves find it, and keep it.
        [(said["trend"], _)] = ridge.raw_quantiles(panel, horizon, quantiles, (True,), _TREND)
        factor = _calendar_effect.trusted(panel, regressions[1][1])
        ordinary = replace(panel, values=panel.values / factor[:, : panel.periods])
    others = {name: seasonal_pool.raw_quantiles(ordinary, horizon, quantiles, pool) for name, pool in _POOLS.items()}
    others["smoothing"] = smoothing.raw_quantiles(ordinary, horizon, quantiles)
    if factor is not None:
        ahead = factor[:, panel.periods :, None]
        others = {name: one * ahead for name, one in others.items()}
        if panel.step == "hour":
            said = {name: one * ahead for name, one in said.items()}
    said |= others
    return np.stack([said[name] for name in MEMBERS if name in said])


def _block(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options) -> Floats:
    segment = segments(panel.metric)
    backs = cutoffs(panel, horizon, options.past_cutoffs)
    # No member looks further back than the regressions do.
    recent = without_incidents(panel.tail(ridge.HISTORY[panel.step] + max(backs, default=0)))
    stacked = stack_cutoffs(recent, backs)
    said = members(stacked, horizon, quantiles, _hours_factor(panel, backs, horizon, recent.periods))
    if not backs:
        return settle(panel, pool_tails(weighted_median(said, np.ones(said.shape[:2])), quantiles, segment), quantiles)
    n = len(panel)
    known = np.stack([actuals(panel, back, horizon) for back in backs])
    scale = metrics.absolute_scale(stacked.values[n:], panel.season).reshape(len(backs), n)
    earlier = said[:, n:].reshape(len(said), len(backs), n, horizon, -1)
    lost = np.stack([metrics.pinball(known, one, np.asarray(quantiles)).mean(axis=-1) for one in earlier]) / scale[..., None]
    whole, parts = metrics.mean(lost), []
    for part in thirds(horizon):
        weights = _weights(metrics.mean(lost[..., part]), whole, segment, options.sharpness, options.own_share)
        parts.append(weighted_median(said[:, :, part], np.tile(weights, len(backs) + 1)))
    answers = np.concatenate(parts, axis=1).reshape(len(backs) + 1, n, horizon, -1)
    answers = np.stack([pool_tails(one, quantiles, segment) for one in answers])
    return settle(panel, calibrate(answers[0], answers[1:], known, quantiles, segment), quantiles)


def _hours_factor(panel: Panel, backs: list[int], horizon: int, periods: int) -> Floats | None:
    """The calendar's factor on the last `periods` hours and on the horizon, for the panel now and at each cutoff."""
    found = []
    for back in (0, *backs):
        factor = _calendar_effect.of_hours(panel.truncate(back), horizon, _TERMS["day"])
        if factor is None:
            return None
        kept = factor[:, -(periods - back + horizon) :]
        found.append(np.pad(kept, ((0, 0), (periods + horizon - kept.shape[1], 0)), constant_values=1.0))
    return np.concatenate(found)


def _weights(part: Floats, whole: Floats, segment: npt.NDArray[np.int64], sharpness: float, own_share: float) -> Floats:
    """(members, n) from losses (members, cutoffs, n) in a part of the horizon and in all of it.

    The more series speak for a segment, the more its losses in that part alone count, and the sharper they weigh. A member
    without a loss weighs nothing.
    """
    alike = np.bincount(segment, weights=np.isfinite(whole).any(axis=(0, 1)))[segment]
    evidence = alike / (alike + _EVIDENCE_SERIES)
    losses = np.where(np.isnan(part), whole, evidence * part + (1 - evidence) * whole)
    # One series that nobody can forecast must not decide for its segment.
    usual = metrics.mean(whole.reshape(1, -1))[0]
    capped = np.minimum(losses, 5 * usual)
    everywhere = metrics.mean(capped.reshape(len(losses), -1))
    own = metrics.mean(capped.transpose(0, 2, 1))
    weights = np.ones(own.shape)
    for number in np.unique(segment):
        rows = np.flatnonzero(segment == number)
        found = metrics.mean(capped[:, :, rows].reshape(len(losses), -1))
        found = np.where(np.isnan(found), everywhere, found)
        shared = (len(rows) * found + _PRIOR_SERIES * everywhere) / (len(rows) + _PRIOR_SERIES)
        loss = own_share * own[:, rows] + (1 - own_share) * shared[:, None]
        loss = np.where(np.isnan(loss), shared[:, None], loss)
        best = np.nanmin(np.where(np.isnan(loss), np.inf, loss), axis=0)
        worse = np.where(best > 0, loss / np.where(best > 0, best, 1.0) - 1, 0.0)
        sharp = np.exp(-sharpness * evidence[rows] * np.minimum(worse, 50.0))
        # Where nobody has a loss, all count alike.
        weights[:, rows] = np.where(np.isnan(loss), np.where(np.isnan(loss).all(axis=0), 1.0, 0.0), sharp)
    return weights


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """(n, h, q) median over members (m, n, h, q) under weights (m, n); members without an answer do not count.

    Linear between members' midpoints, so that equal weights of two members give their mean.
    """
    weight = np.where(np.isnan(values), 0.0, weights[:, :, None, None])
    # Who weighs nothing stands last, as who says nothing does.
    order = np.argsort(np.where(weight > 0, values, np.nan), axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    weight = np.take_along_axis(weight, order, axis=0)
    total = weight.sum(axis=0)
    share = (np.cumsum(weight, axis=0) - weight / 2) / np.where(total > 0, total, 1.0)
    last = np.maximum((weight > 0).sum(axis=0) - 1, 0)
    above = np.minimum((share < 0.5).sum(axis=0), last)[None]
    below = np.maximum(above - 1, 0)
    high, low = np.take_along_axis(ordered, above, axis=0)[0], np.take_along_axis(ordered, below, axis=0)[0]
    top, bottom = np.take_along_axis(share, above, axis=0)[0], np.take_along_axis(share, below, axis=0)[0]
    step = np.clip((0.5 - bottom) / np.where(top > bottom, top - bottom, 1.0), 0.0, 1.0)
    median: Floats = low + step * (high - low)
    return median
