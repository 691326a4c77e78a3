"""The figures of what was observed: where values lie, how much is missing, and what kind of series they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.exploration.observed import Floats, Observed
from pipeline.forecasting.diagnostics import LEVEL, stationarity, strengths

#: Days of a week; a decomposition needs four of them.
WEEK = 7
LEAST_DAYS = 4 * WEEK


def describe_metrics(observed: Observed) -> pd.DataFrame:
    """One row per metric: resources, days, missing_pct, mean, std, min, p25, p50, p75, p95, max, skew, kurtosis.

    Of the mean over the resources also adf_p, kpss_p, seasonality_strength, trend_strength, and what the two tests say together.
    """
    return pd.DataFrame([{"metric": metric, **_describe(observed, metric)} for metric in observed.metrics])


def _describe(observed: Observed, metric: str) -> dict[str, object]:
    rows = observed.rows(metric)
    values = rows["value"]
    spans = rows.groupby("resource")["ts"].agg(["min", "max"])
    expected = ((spans["max"] - spans["min"]).dt.days + 1).sum()
    found: dict[str, object] = {
        "unit": rows["unit"].iloc[0],
        "resources": len(spans),
        "days": len(rows),
        "missing_pct": 100 * (1 - float(rows["complete"].sum()) / float(expected)),
        "mean": values.mean(),
        "std": values.std(),
        "min": values.min(),
        **{f"p{level}": float(values.quantile(level / 100)) for level in (25, 50, 75, 95)},
        "max": values.max(),
        "skew": values.skew(),
        "kurtosis": values.kurt(),
    }
    return found | kind_of(observed.mean_by_day(metric).to_numpy(dtype=np.float64))


def kind_of(series: Floats) -> dict[str, object]:
    """What a daily series is by ADF, which supposes a unit root, and KPSS, which supposes a stationary level.

    Args:
        series: a value per calendar day, NaN where none was observed; those days are interpolated, and do not count.
    """
    known = int(np.isfinite(series).sum())
    least = max(LEAST_DAYS, -(-len(series) // 2))
    if known < least or np.nanmax(series) - np.nanmin(series) < 1e-12:
        nothing = f"{known} days, or none that differ; {least} are needed"
        return {"adf_p": np.nan, "kpss_p": np.nan, "seasonality_strength": np.nan, "trend_strength": np.nan, "verdict": nothing}
    adf_p, kpss_p = stationarity(series, WEEK)
    season, trend = strengths(series, WEEK)
    verdicts = {
        (True, True): "stationary",
        (True, False): "stationary around what changes",
        (False, True): "not told by its length",
        (False, False): "not stationary",
    }
    verdict = verdicts[adf_p < LEVEL, kpss_p >= LEVEL]
    return {"adf_p": adf_p, "kpss_p": kpss_p, "seasonality_strength": season, "trend_strength": trend, "verdict": verdict}


def decompose(series: pd.Series) -> pd.DataFrame:
    """Trend (centred mean of a week), season (mean of the rest by weekday) and rest of a daily series; gaps stay gaps.

    Source: classical additive decomposition, Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3.4.
    """
    trend = series.rolling(WEEK, center=True).mean()
    rest = series - trend
    weekday = rest.groupby(pd.DatetimeIndex(rest.index).dayofweek).transform("mean")
    season = weekday - weekday.dropna().iloc[: len(weekday.dropna()) // WEEK * WEEK].mean()
    return pd.DataFrame({"observed": series, "trend": trend, "season": season, "rest": rest - season})
