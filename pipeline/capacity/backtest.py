"""Whether stated chances of crossing come true: those that a backtest's forecasts would have stated, beside what happened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.capacity import surprise
from pipeline.capacity.crossing import HORIZONS_DAYS, Context, capacity_risk
from pipeline.capacity.reliability import bin_chances
from pipeline.forecasting.backtest import Backtest
from pipeline.forecasting.panel import STEP

BINS = 10


def chances(result: Backtest, model: str, thresholds_pct: Sequence[float]) -> pd.DataFrame:
    """The chances that one model's forecasts state at each cutoff, and what became of them.

    The chances are computed as the published ones are, with the surprises of the days before the cutoff, and judged by the
    same rule: a series crosses where a period's value is at the threshold or above; a series of which less than half of the
    horizon was observed is left out.

    Args:
        result: the backtest; only its series in percent of a capacity count.
        model: whose forecasts.
        thresholds_pct: shares of capacity.

    Returns:
        One row per window, series, threshold and horizon that the forecasts reach: series_id, as_of, threshold_pct,
        horizon_days, stated 0–1 and happened.
    """
    step, percent = STEP[result.panel.step], result.panel.upper == 100.0
    rows = []
    for window, starts in enumerate(result.ts[:, :, 0]):
        surprises = pd.DataFrame()
        if result.panel.step == "day" and percent.any():
            past = result.panel.take(percent).truncate(result.horizon * (len(result.ts) - window))
            surprises = surprise.rates([surprise.count(past, thresholds_pct)])
        counts = percent & ~np.isnat(result.cutoffs[window])
        for start in np.unique(starts[counts]):
            which = np.flatnonzero(counts & (starts == start))
            rows.append(_stated(result, model, window, which, thresholds_pct, surprises))
            for days in HORIZONS_DAYS:
                ahead = result.actuals[window, which, : int(np.timedelta64(days, "D") / step)]
                known = (~np.isnan(ahead)).mean(axis=1) >= 0.5
                highest = pd.Series(np.fmax.reduce(ahead, axis=1), result.panel.series_id[which]).where(known)
                rows[-1][f"highest_{days}d"] = rows[-1]["series_id"].map(highest)
    if not rows:
        return pd.DataFrame(columns=["series_id", "as_of", "threshold_pct", "horizon_days", "stated", "happened"])
    wide = pd.concat(rows, ignore_index=True)
    parts = []
    for days in HORIZONS_DAYS:
        part = wide[["series_id", "as_of", "threshold_pct"]].assign(
            horizon_days=days, stated=wide[f"p_cross_{days}d"], happened=wide[f"highest_{days}d"] >= wide["threshold_pct"]
        )
        parts.append(part[wide[f"p_cross_{days}d"].notna() & wide[f"highest_{days}d"].notna()])
    return pd.concat(parts, ignore_index=True)


def reliability(judged: pd.DataFrame) -> pd.DataFrame:
    """Stated chances beside observed frequencies by tenth, with the Brier score and that of the base rate.

    Args:
        judged: from `chances`.

    Returns:
        One row per threshold, horizon and bin that holds a chance: threshold_pct, horizon_days, bin 0–9, forecasts, stated,
        observed, brier, and base_rate_brier, the score had every chance of the threshold and horizon been the share that crossed;
        an empty frame where nothing was judged.
    """
    tables = [
        bin_chances(case["stated"].to_numpy(float), case["happened"].to_numpy(bool), BINS).assign(
            threshold_pct=float(case["threshold_pct"].iloc[0]), horizon_days=int(case["horizon_days"].iloc[0])
        )
        for _, case in judged.groupby(["threshold_pct", "horizon_days"])
    ]
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True).rename(columns={"stated_mean": "stated", "observed_rate": "observed"})
    table["bin"] = (table["bin_low"] * BINS).round().astype("int64")
    figures = ["forecasts", "stated", "observed", "brier", "base_rate_brier"]
    return table[["threshold_pct", "horizon_days", "bin", *figures]]


def _stated(
    result: Backtest,
    model: str,
    window: int,
    which: npt.NDArray[np.int64],
    thresholds_pct: Sequence[float],
    surprises: pd.DataFrame,
) -> pd.DataFrame:
    """The risk of some series that share a cutoff, as of the period that follows it."""
    ts, levels = result.ts[window, which], np.asarray(result.quantiles)
    names = result.panel.series_id[which]
    forecast = pd.DataFrame(
        {
            "series_id": np.repeat(names, ts.shape[1] * len(levels)),
            "metric": np.repeat(result.panel.metric[which], ts.shape[1] * len(levels)),
            "granularity": result.panel.step,
            "ts": np.repeat(ts.ravel(), len(levels)),
            "quantile": np.tile(levels, ts.size),
            "value": result.forecasts[model][window, which].ravel(),
        }
    )
    full = pd.Series(100.0, index=names)
    return capacity_risk(forecast, full, ts[0, 0].item(), thresholds_pct, context=Context(surprises=surprises))
