"""Surprises: days on which demand jumps over a limit from far below it, as incidents make it do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting.panel import Floats, Panel

#: Days before a day that say what is usual, and how many of them must be known.
_WINDOW, _KNOWN = 28, 14
#: Standard deviations above the usual mean: what no forecast's quantiles reach.
_FAR = 4.5
#: Share of the limit that the usual mean lies below it at least: a steady series beside the limit is no surprise.
_BELOW = 0.05
#: Days without a surprise that every metric is given beforehand: one surprise of one young series is not yet a rate.
_QUIET_DAYS = 365.0
#: Columns of a count.
COUNTED = ["metric", "limit", "surprises", "watched"]


def count(panel: Panel, limits: Sequence[float]) -> pd.DataFrame:
    """How often series of each metric jumped over each limit.

    A day is watched where the limit lies more than four and a half standard deviations, and a twentieth of itself, above
    the mean of the 28 days before it, and the last known day is below the limit; it is a surprise where it then reaches the
    limit all the same. The days that follow are usually not watched: their past holds the surprise.

    Args:
        panel: series by the day.
        limits: in the unit of the series.

    Returns:
        One row per metric and limit: metric, limit, surprises and watched, in series × days. Counts of shards add up.

    Raises:
        ValueError: a panel by the hour.
    """
    if panel.step != "day":
        raise ValueError(f"surprises are counted by the day, got a panel by the {panel.step}")
    known = ~np.isnan(panel.values)
    mean, far = _usual(panel.values, known)
    # Across a gap the last day that is known.
    latest = pd.DataFrame(panel.values).ffill(axis=1).to_numpy()
    rows = []
    for metric in np.unique(panel.metric):
        which = panel.metric == metric
        for limit in limits:
            watched = known[which] & (far[which] < limit) & (mean[which] <= (1 - _BELOW) * limit)
            watched[:, 1:] &= ~(latest[which, :-1] >= limit)
            surprises = watched & (panel.values[which] >= limit)
            rows.append((str(metric), float(limit), int(surprises.sum()), int(watched.sum())))
    return pd.DataFrame(rows, columns=COUNTED)


def rates(counts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Surprises to expect per series and day.

    Args:
        counts: from `count`, one per shard.

    Returns:
        A row per metric, a column per limit, a higher limit never the more often; no row where nothing was counted.
    """
    parts = [part for part in counts if len(part)]
    if not parts:
        return pd.DataFrame()
    total = pd.concat(parts).groupby(["metric", "limit"])[["surprises", "watched"]].sum()
    rate: pd.DataFrame = (total["surprises"] / (total["watched"] + _QUIET_DAYS)).unstack("limit").sort_index(axis=1)
    # Each limit is watched on days of its own; a series that reaches the higher one has crossed the lower one too.
    return rate.iloc[:, ::-1].cummax(axis=1).iloc[:, ::-1]


def _usual(values: Floats, known: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(n, T) the mean of the days before each day, and the highest value they make likely; infinite where too few are known."""
    # Sums from the first day on, of values near zero so that squares keep their digits.
    centre = np.where(known, values, 0.0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    near = np.where(known, values - centre, 0.0)
    days, total, squares = (_windowed(each) for each in (known.astype(np.float64), near, near**2))
    mean = total / np.maximum(days, 1)
    sd = np.sqrt(np.maximum(squares / np.maximum(days, 1) - mean**2, 0.0))
    usual = np.where(days >= _KNOWN, centre + mean, np.inf)
    return usual, usual + _FAR * sd


def _windowed(values: Floats) -> Floats:
    """(n, T) the sum over the 28 columns before each."""
    until = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)[:, :-1]], axis=1)
    first = np.maximum(np.arange(values.shape[1]) - _WINDOW, 0)
    window: Floats = until - until[:, first]
    return window
