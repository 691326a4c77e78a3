"""How rules compare on a replay: savings beside what they broke, at equal risk, and whether stated chances came true.

Windows of one machine are alike, so that every interval comes from drawing machines anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.capacity.reliability import brier_score
from pipeline.capacity.replay import BROKEN_RATIO, MULTIPLIERS, NO_CHANGE, Replay
from pipeline.forecasting.panel import Floats

#: The rule whose own risk the others are held to.
ANCHOR = "CO default"
_DRAWS, _HALVES = 500, 4
#: Pairs of a window and a size that a bin holds at least.
BIN_LEAST = 300
_EDGES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def summarise(found: Replay, level: float = 0.95) -> pd.DataFrame:
    """One row per rule: what it saves and breaks as it is, with intervals.

    Returns:
        rule, windows, changed_pct (windows with another size), saving_pct, violating_pct (windows with added breaches in
        more than 1 % of their hours), added_hours_pct (of all hours), and saving_low, saving_high, violating_low, violating_high.
    """
    rows, weights = np.arange(len(found.hours)), _draws(found)
    table = []
    for rule in found.rules:
        size = found.choose(rule)
        saving, violating = 100 * found.ladder.saving[size], 100.0 * found.violates[rows, size]
        low, high = np.quantile([_mean(each, found, weights) for each in (saving, violating)], _sides(level), axis=1)
        table.append(
            {
                "rule": rule,
                "windows": len(size),
                "changed_pct": 100 * float(np.mean(size < len(found.ladder.names) - 1)),
                "saving_pct": float(saving.mean()),
                "violating_pct": float(violating.mean()),
                "added_hours_pct": 100 * float(found.added[rows, size].sum() / found.hours.sum()),
                "saving_low": low[0],
                "saving_high": high[0],
                "violating_low": low[1],
                "violating_high": high[1],
            }
        )
    return pd.DataFrame(table)


def equal_risk(found: Replay, risk_pct: float | None = None, level: float = 0.8) -> pd.DataFrame:
    """Every rule at the same share of violating windows: its needs are multiplied by what reaches that on half of the machines,
    and scored on the other half, over many halves. Between two multipliers both are taken, each in a share of the windows.

    Args:
        found: the replay.
        risk_pct: windows that may violate; None for as many as `ANCHOR` has as it is, on the machines that are tuned on.
        level: of the interval of the difference.

    Returns:
        One row per rule but the two that bound: rule, saving_pct, violating_pct, beside_pct (points of saving more than of
        `ANCHOR`), and the interval of that, beside_low and beside_high.
    """
    names, series = _series(found)
    curves = {rule: _curve(found, rule, series, len(names)) for rule in found.needs}
    windows = np.bincount(series, minlength=len(names)).astype(np.float64)
    own = np.flatnonzero(np.isclose(MULTIPLIERS, 1.0))[0]
    random = np.random.default_rng(0)

    def score(weight: Floats, halves: int) -> dict[str, Floats]:
        total = {rule: np.zeros(3) for rule in curves}
        for _ in range(halves):
            tuned = random.permutation(len(names)) < len(names) / 2
            for half in (tuned, ~tuned):
                here, there = weight * half, weight * ~half
                if not here @ windows or not there @ windows:
                    continue
                anchor = curves[ANCHOR][1]
                target = float(here @ anchor[:, own] / (here @ windows)) if risk_pct is None else risk_pct / 100
                for rule, (saving, violating) in curves.items():
                    mix = _mixed(here @ violating / (here @ windows), target)
                    total[rule] += there @ saving @ mix, there @ violating @ mix, there @ windows
        return {rule: 100 * sums[:2] / (sums[2] or np.nan) for rule, sums in total.items()}

    point = score(np.ones(len(names)), 10 * _HALVES)
    beside = np.array(
        [[drawn[rule][0] - drawn[ANCHOR][0] for rule in curves] for drawn in (score(weight, _HALVES) for weight in _draws(found))]
    )
    # Of one machine there is no other half.
    low, high = np.full((2, len(curves)), np.nan) if len(names) < 2 else np.nanquantile(beside, _sides(level), axis=0)
    return pd.DataFrame(
        {
            "rule": list(curves),
            "saving_pct": [point[rule][0] for rule in curves],
            "violating_pct": [point[rule][1] for rule in curves],
            "beside_pct": [point[rule][0] - point[ANCHOR][0] for rule in curves],
            "beside_low": low,
            "beside_high": high,
        }
    )


def _curve(found: Replay, rule: str, series: npt.NDArray[np.int64], count: int) -> tuple[Floats, Floats]:
    """(series, multipliers) sums over a machine's windows of what is saved, and of how many violate."""
    saving, violating = np.zeros((2, count, len(MULTIPLIERS)))
    rows = np.arange(len(series))
    for place, multiplier in enumerate(MULTIPLIERS):
        size = found.choose(NO_CHANGE) if np.isinf(multiplier) else found.choose(rule, float(multiplier))
        saving[:, place] = np.bincount(series, found.ladder.saving[size], count)
        violating[:, place] = np.bincount(series, found.violates[rows, size], count)
    return saving, violating


def _mixed(risk: Floats, target: float) -> Floats:
    """(multipliers,) in which shares to take them so that the risk is the target: the first that keeps it and its neighbour."""
    mix = np.zeros(len(risk))
    above = np.flatnonzero(risk > target + 1e-12)
    first = int(above[-1]) + 1 if len(above) else 0
    if first == 0:
        mix[0] = 1.0
        return mix
    share = (target - risk[first]) / (risk[first - 1] - risk[first])
    mix[first - 1], mix[first] = share, 1 - share
    return mix


def reliability(found: Replay, level: float = 0.95) -> pd.DataFrame:
    """Stated chances of a breach beside what happened, over every window and every size smaller than the present one.

    Returns:
        One row per bin of at least 300 pairs of a window and a size, as far as there are so many: bin_low, bin_high, windows,
        stated, observed, observed_low, observed_high (drawing machines anew), and gap_points.
    """
    chance, happened, series, count = _pairs(found)
    weights = _draws(found)
    rows = []
    for low, high in _bins(chance):
        inside = (chance >= low) & ((chance < high) | (high == 1.0))
        hits = np.bincount(series[inside], happened[inside], count)
        there = np.bincount(series[inside], minlength=count)
        rates = (weights @ hits) / np.maximum(weights @ there, 1e-12)
        interval = np.quantile(rates[weights @ there > 0], _sides(level))
        stated, observed = float(chance[inside].mean()), float(happened[inside].mean())
        rows.append(
            {
                "bin_low": low,
                "bin_high": high,
                "windows": int(inside.sum()),
                "stated": stated,
                "observed": observed,
                "observed_low": float(interval[0]),
                "observed_high": float(interval[1]),
                "gap_points": 100 * (stated - observed),
            }
        )
    return pd.DataFrame(rows)


def brier(found: Replay) -> tuple[float, float]:
    """The Brier score of the stated chances, and that of the base rate of each size, which knows how often each one is broken."""
    smaller = len(found.ladder.names) - 1
    happened = (found.broken > BROKEN_RATIO * found.hours[:, None])[:, :smaller]
    base = np.broadcast_to(happened.mean(axis=0), happened.shape)
    stated = found.stated[:, :smaller]
    return brier_score(stated.ravel(), happened.ravel()), brier_score(base.ravel(), happened.ravel())


def _pairs(found: Replay) -> tuple[Floats, Floats, npt.NDArray[np.int64], int]:
    names, series = _series(found)
    smaller = len(found.ladder.names) - 1
    happened = (found.broken > BROKEN_RATIO * found.hours[:, None])[:, :smaller].astype(np.float64)
    return found.stated[:, :smaller].ravel(), happened.ravel(), np.repeat(series, smaller), len(names)


def _bins(chance: Floats) -> list[tuple[float, float]]:
    """Bounds of neighbouring bins, each as narrow as the edges and the least number of pairs allow."""
    bounds, low = [], 0.0
    for high in (*_EDGES[1:], 1.0):
        inside = ((chance >= low) & ((chance < high) | (high == 1.0))).sum()
        if inside >= BIN_LEAST:
            bounds.append((low, high))
            low = high
    if low < 1.0 and bounds:
        # What is left over at the end is too little for a bin of its own.
        bounds[-1] = (bounds[-1][0], 1.0)
    return bounds or [(0.0, 1.0)]


def _series(found: Replay) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    names, series = np.unique(found.series_id.astype(str), return_inverse=True)
    return names.astype(object), series.astype(np.int64)


def _draws(found: Replay) -> Floats:
    """(draws, series) how often each machine is drawn."""
    count = len(np.unique(found.series_id.astype(str)))
    drawn: Floats = np.random.default_rng(1).multinomial(count, np.full(count, 1 / count), size=_DRAWS).astype(np.float64)
    return drawn


def _mean(values: npt.NDArray[np.floating[Any]], found: Replay, weights: Floats) -> Floats:
    names, series = _series(found)
    sums = np.bincount(series, values, len(names))
    counts = np.bincount(series, minlength=len(names))
    mean: Floats = (weights @ sums) / (weights @ counts)
    return mean


def _sides(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2
