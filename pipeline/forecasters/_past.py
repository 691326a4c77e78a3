"""What the past says about a forecast: forecasts made at earlier cutoffs, and intervals widened until they cover."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasting.panel import STEP, Floats, Panel

#: Windows' worth of evidence for the prior factor; above 1, because intervals learnt in-sample are too narrow.
_PRIOR_WINDOWS, _PRIOR_FACTOR = 20.0, 1.15
#: Bounds of the factor on an interval's half-width.
_NARROWEST, _WIDEST = 0.5, 3.0
#: Parts of the horizon that are weighed and calibrated apart: far leads miss by more than near ones.
_PARTS = 3
#: Levels further out than this and its mirror rest on a handful of a series' values.
_WELL_KNOWN = 0.9
#: How far a series' tail moves towards its segment's, and series' worth of evidence that a segment needs to be moved towards.
_TAIL_SHARE, _TAIL_PRIOR_SERIES = 0.5, 5.0


def cutoffs(panel: Panel, horizon: int, most: int) -> list[int]:
    """How many periods ago past forecasts start, newest first: at most `most`, all in the later half of the history."""
    half = panel.periods // 2
    stride = min(horizon, max(half // max(most, 1), panel.season))
    return list(range(stride, half + 1, stride))[:most]


def actuals(panel: Panel, back: int, horizon: int) -> Floats:
    """(n, horizon) what followed the cutoff `back` periods ago; NaN past the end of the panel."""
    known = panel.values[:, panel.periods - back :][:, :horizon]
    return np.pad(known, ((0, 0), (0, horizon - known.shape[1])), constant_values=np.nan)


def stack_cutoffs(panel: Panel, backs: list[int]) -> Panel:
    """The panel as it stood 0 and `backs` periods ago, one below the other, right-aligned: (1 + len(backs)) · n rows.

    One call of a model on many rows costs a fraction of many calls on few. The metric carries the cutoff, so that what
    models pool over a segment is never pooled over cutoffs.
    """
    blocks, ends, metrics = [panel.values], [panel.end], [panel.metric]
    for back in backs:
        missing = np.full((len(panel), back), np.nan)
        blocks.append(np.concatenate([missing, panel.values[:, : panel.periods - back]], axis=1))
        ends.append(panel.end - back * STEP[panel.step])
        metrics.append(np.char.add(panel.metric, f" {back} before"))
    copies = 1 + len(backs)
    return Panel(
        np.tile(panel.series_id, copies),
        np.concatenate(metrics),
        np.concatenate(ends),
        panel.step,
        np.concatenate(blocks),
        np.tile(panel.upper, copies),
    )


def thirds(horizon: int) -> list[npt.NDArray[np.int64]]:
    """The steps of each part of the horizon, near ones first."""
    return np.array_split(np.arange(horizon), min(_PARTS, horizon))


def segments(metric: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """(n,) a number per metric; a panel has one granularity, so this is the segment."""
    _, number = np.unique(metric, return_inverse=True)
    return number


def calibrate(
    forecast: Floats, past: Floats, actual: Floats, quantiles: tuple[float, ...], segment: npt.NDArray[np.int64]
) -> Floats:
    """Stretch the distance of every quantile from the median until past forecasts of the segment would have covered.

    Adaptive, because only the newest cutoffs speak: after a drift the intervals widen with the next run. The factor is
    shrunk towards the prior where few windows speak, and is learnt for each third of the horizon.

    Args:
        forecast: (n, h, q) quantiles now, sorted.
        past: (cutoffs, n, h, q) quantiles at earlier cutoffs.
        actual: (cutoffs, n, h) what followed; NaN where unknown.
        quantiles: levels, ascending; without .5 among them nothing is changed.
        segment: (n,) from `segments`.

    Source: Gibbs & Candès (2021), Adaptive conformal inference under distribution shift; the score is that of
    conformalised quantile regression (Romano et al. 2019), relative to the half-width so that series of all sizes pool.
    """
    if 0.5 not in quantiles or not past.size:
        return forecast
    middle = quantiles.index(0.5)
    centre, past_centre = forecast[..., middle, None], past[..., middle]
    half = np.moveaxis(past - past_centre[..., None], 3, 0)
    # A half-width of zero cannot be stretched; its misses are not evidence about the others.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.abs(half) > 0, (actual - past_centre) / half, np.nan)
    levels = np.asarray(quantiles)
    coverage = np.maximum(levels, 1 - levels)
    factors = np.ones(forecast.shape)
    for part in thirds(forecast.shape[1]):
        for number in np.unique(segment):
            members = np.flatnonzero(segment == number)
            spoken = ratio[:, :, members][..., part]
            windows = (~np.isnan(spoken)).any(axis=3).sum(axis=(1, 2))
            # Row q holds the scores of level q, of which only its own coverage is wanted.
            found = np.diagonal(row_quantiles(spoken.reshape(len(levels), -1), coverage))
            found = np.clip(np.where(windows > 0, found, _PRIOR_FACTOR), _NARROWEST, _WIDEST)
            factor = (windows * found + _PRIOR_WINDOWS * _PRIOR_FACTOR) / (windows + _PRIOR_WINDOWS)
            factors[np.ix_(members, part)] = np.where(windows > 0, factor, 1.0)
    stretched = centre + factors * (forecast - centre)
    stretched.sort(axis=2)
    return stretched


def pool_tails(forecast: Floats, quantiles: tuple[float, ...], segment: npt.NDArray[np.int64]) -> Floats:
    """Draw the outermost quantiles halfway to where the shape of the segment's tails puts them.

    How far .95 and .99 lie beyond .9, a series says with the few highest values of its recent past; the median series of
    its segment says it with all of theirs. What moves is the whole horizon's distance relative to that of .9, by one number
    per series and level, so that busy and quiet days keep their proportions.

    Args:
        forecast: (n, h, q) quantiles, sorted.
        quantiles: levels, ascending; without .5 and .9 (below: .1) among them that side is not changed.
        segment: (n,) from `segments`.

    Source: shrinkage towards a pooled estimate (Efron & Morris 1975).
    """
    answer = forecast.copy()
    for side in (1, -1):
        inward = _WELL_KNOWN if side > 0 else round(1 - _WELL_KNOWN, 9)
        if 0.5 not in quantiles or inward not in quantiles:
            continue
        middle, known = forecast[..., quantiles.index(0.5)], forecast[..., quantiles.index(inward)]
        reach = known - middle
        whole = reach.sum(axis=1)
        for level, share_below in enumerate(quantiles):
            if side * (share_below - inward) <= 0:
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(whole != 0, (forecast[..., level] - middle).sum(axis=1) / whole, np.nan)
            for number in np.unique(segment):
                rows = np.flatnonzero((segment == number) & np.isfinite(ratio))
                if not len(rows):
                    continue
                share = _TAIL_SHARE * len(rows) / (len(rows) + _TAIL_PRIOR_SERIES)
                moved = answer[rows, :, level] + (share * (np.median(ratio[rows]) - ratio[rows]))[:, None] * reach[rows]
                # Where .9 lies near the median on most days the ratio is large; no tail passes what is well known.
                answer[rows, :, level] = side * np.maximum(side * moved, side * known[rows])
    answer.sort(axis=2)
    return answer
