"""Which forecaster a training proposes, and which series it looks at."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

from pipeline.forecasting.panel import Panel

#: The forecaster that every other must beat, and that serves where none does.
BASELINE = "seasonal_naive"
#: Two forecasters whose scaled pinball losses differ by no more than this share are as good as each other.
TIE_SHARE = 0.01
#: How far the 90 % interval's coverage may lie from 90 %.
COVERAGE_SLACK = 0.15
#: Standard deviation over series of what one forecaster gains on another, as a share of the loss: the median over five sets of
#: development traces, between .05 and .37.
GAIN_SPREAD = 0.12
#: CPU seconds per series and forecast from which on a forecaster is expensive: a cheaper one that is as good is preferred.
EXPENSIVE_CPU_S = 0.02


def margin(series: int) -> float:
    """Share by which a forecaster's scaled pinball loss must be lower than the incumbent's: more, the fewer series say so.

    Two standard errors of the mean gain over the series, and TIE_SHARE at least: 24 % of one series, 12 % of four, 2.4 % of 100.
    """
    return max(TIE_SHARE, 2 * GAIN_SPREAD / math.sqrt(max(series, 1)))


def covers(coverage_90: float | None) -> bool:
    """Whether a 90 % interval is in order; not where its coverage was not measured."""
    return coverage_90 is not None and abs(coverage_90 - 0.9) <= COVERAGE_SLACK


def propose(summary: pd.DataFrame, windows: int = 1, incumbent: str = BASELINE) -> str:
    """The forecaster to register as challenger.

    1. Candidates beat the baseline, the seasonal naive, on scaled pinball loss and on the typical series, and are no worse on
       MASE than TIE_SHARE. If there is none, the baseline itself is proposed.
    2. Of candidates with a 90 % interval in order, or of all where none has, the best has the lowest scaled pinball loss.
    3. If the best is expensive (EXPENSIVE_CPU_S), and candidates that are as good (TIE_SHARE) take a tenth of its CPU time at
       most, the best of those is proposed instead.
    4. If the incumbent is among them, it is proposed instead of what is not better by `margin`.

    Args:
        summary: one row per model, from `backtest.summary`, and `skill_typical`.
        windows: over which `cpu_s` was summed.
        incumbent: the forecaster that serves now.
    """
    skilled = (summary[["skill_scaled_pinball", "skill_typical"]] > 0).all(axis=1) & (summary["skill_mase"] >= -TIE_SHARE)
    better = summary.loc[skilled]
    if better.empty:
        return BASELINE
    in_order = better["coverage_90"].map(covers)
    better = better.loc[in_order] if in_order.any() else better
    best = better.sort_values(["scaled_pinball", "model"]).iloc[0]
    if best["cpu_s"] / windows >= EXPENSIVE_CPU_S:
        as_good = better["scaled_pinball"] <= best["scaled_pinball"] * (1 + TIE_SHARE)
        cheap = better.loc[as_good & (better["cpu_s"] <= best["cpu_s"] / 10)]
        best = best if cheap.empty else cheap.sort_values(["scaled_pinball", "model"]).iloc[0]
    for serves in better.loc[better["model"] == incumbent, "scaled_pinball"]:
        if best["scaled_pinball"] > serves * (1 - margin(int(best["series"]))):
            return incumbent
    return str(best["model"])


def overrides(scored: pd.DataFrame, proposed: str, candidates: Collection[str], windows: int, margin: float) -> dict[str, str]:
    """Series → the forecaster that is to forecast it in place of the segment's.

    On the series, over all windows, its scaled pinball loss and its MASE must both be lower than the proposed forecaster's by
    the margin, and no higher than the seasonal naive's. Of several such, it is the one with the lowest scaled pinball loss.

    Args:
        scored: from `backtest.scores`.
        proposed: the segment's forecaster.
        candidates: forecasters that may override it.
        windows: which a series must have been scored in.
        margin: share, 0–1; at 1 nothing is overridden.
    """
    found: dict[str, str] = {}
    for series_id, rows in scored.loc[scored["windows"] == windows].groupby("series_id"):
        by_model = rows.set_index("model")[["scaled_pinball", "mase"]]
        bar, floor = (1 - margin) * by_model.loc[proposed], by_model.loc[BASELINE]
        wins = (by_model < bar) & (by_model <= floor)
        better = by_model.loc[wins.all(axis=1) & by_model.index.isin(list(candidates))]
        if len(better):
            found[str(series_id)] = str(better.sort_values("scaled_pinball", kind="stable").index[0])
    return found


def typical_skill(scored: pd.DataFrame) -> pd.Series:
    """Per model, 1 − the geometric mean over series of its scaled pinball loss ÷ the seasonal naive's.

    The skill of means follows the few series with the largest errors; this one follows how most series fare.

    Source: Fleming & Wallace (1986), How not to lie with statistics: ratios are averaged geometrically.
    """
    loss = scored.pivot(index="series_id", columns="model", values="scaled_pinball").clip(lower=1e-9)
    skill: pd.Series = 1 - np.exp(np.log(loss.div(loss[BASELINE], axis=0)).mean())
    return skill


def horizon_of(panel: Panel, windows: int, longest: int) -> int:
    """Whole seasons ahead that leave room for all windows and twice a horizon of history in half of the series."""
    spans = panel.periods - (~np.isnan(panel.values)).argmax(axis=1)
    seasons = int(np.median(spans)) // (windows + 2) // panel.season
    return int(min(max(seasons, 1) * panel.season, longest))


def choose(panel: Panel, least: int, most: int) -> Panel:
    """At most `most` series, spread evenly over those with `least` observed and not all equal values."""
    observed = (~np.isnan(panel.values)).sum(axis=1)
    low, high = np.nanmin(panel.values, axis=1, initial=np.inf), np.nanmax(panel.values, axis=1, initial=-np.inf)
    rows = np.flatnonzero((observed >= least) & (high > low))
    if len(rows) > most:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))]
    return panel.take(rows)
