"""What kind of series a segment has: whether they are stationary, and how strongly they repeat themselves."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from pipeline.forecasting.panel import Floats, Panel

#: Series that are tested, chosen evenly: the tests take a millisecond or two each.
MOST_SERIES = 12
#: Level of the unit-root and stationarity tests.
LEVEL = 0.05


def describe(panel: Panel, most: int = MOST_SERIES) -> pd.DataFrame:
    """One row per series looked at: series_id, adf_p, kpss_p, seasonality_strength, trend_strength.

    ADF supposes a unit root and a low p speaks against it; KPSS supposes a stationary level and a low p speaks against that.
    Gaps are filled linearly for the two tests. NaN for a series that is constant or shorter than four seasons.
    """
    rows = np.unique(np.linspace(0, len(panel) - 1, min(most, len(panel))).round().astype(int))
    found = []
    for row in rows:
        values = panel.values[row]
        seen = np.flatnonzero(~np.isnan(values))
        series = values[seen[0] :] if len(seen) else values[:0]
        usable = len(series) >= 4 * panel.season and np.ptp(series[~np.isnan(series)]) > 1e-12
        adf_p, kpss_p = stationarity(series, panel.season) if usable else (np.nan, np.nan)
        season, trend = strengths(series, panel.season) if usable else (np.nan, np.nan)
        found.append((panel.series_id[row], adf_p, kpss_p, season, trend))
    return pd.DataFrame(found, columns=["series_id", "adf_p", "kpss_p", "seasonality_strength", "trend_strength"])


def summarise(described: pd.DataFrame) -> dict[str, float]:
    """The segment in four figures; NaN where no series could be looked at.

    `stationary_adf` and `stationary_kpss` are shares of the series that each test takes for stationary, the other two medians.
    """
    known = described.dropna()
    return {
        "stationary_adf": float((known["adf_p"] < LEVEL).mean()),
        "stationary_kpss": float((known["kpss_p"] >= LEVEL).mean()),
        "seasonality_strength": float(known["seasonality_strength"].median()),
        "trend_strength": float(known["trend_strength"].median()),
    }


def strengths(series: Floats, season: int) -> tuple[float, float]:
    """How much of what remains without the trend is season, and of what remains without the season is trend; 0 to 1.

    Trend is the centred moving average over one season, the season the mean of what it leaves at each phase.

    Source: Wang, Smith & Hyndman (2006), Characteristic-based clustering for time series data.
    """
    filled = _filled(series)
    window = np.full(season + 1, 1.0) if season % 2 == 0 else np.full(season, 1.0)
    if season % 2 == 0:
        window[[0, -1]] = 0.5
    half = len(window) // 2
    trend = np.convolve(filled, window / season, mode="valid")
    inner = series[half : len(series) - half]
    rest = inner - trend
    phase = np.arange(len(rest)) % season
    profile = np.array([np.nanmean(rest[phase == k]) if np.isfinite(rest[phase == k]).any() else 0.0 for k in range(season)])
    seasonal = (profile - profile.mean())[phase]
    noise = float(np.nanvar(rest - seasonal))
    return _share(noise, float(np.nanvar(rest))), _share(noise, float(np.nanvar(inner - seasonal)))


def _share(noise: float, whole: float) -> float:
    return float(max(0.0, 1 - noise / whole)) if whole > 1e-12 else 0.0


def stationarity(series: Floats, season: int) -> tuple[float, float]:
    """p of ADF with one season of lags, and of KPSS."""
    from statsmodels.tools.sm_exceptions import InterpolationWarning
    from statsmodels.tsa.stattools import adfuller, kpss

    filled = _filled(series)
    lags = min(season, len(filled) // 4)
    with warnings.catch_warnings():
        # KPSS is tabulated between p = 0.01 and 0.1 and warns beyond; which side of LEVEL it is on is all that counts.
        warnings.simplefilter("ignore", InterpolationWarning)
        unit_root = adfuller(filled, maxlag=lags, autolag=None, result_object=False)
        level = kpss(filled, nlags="auto", result_object=False)
        return float(unit_root[1]), float(level[1])


def _filled(series: Floats) -> Floats:
    gaps = np.isnan(series)
    if not gaps.any():
        return series
    when = np.arange(len(series))
    filled: Floats = np.interp(when, when[~gaps], series[~gaps])
    return filled
