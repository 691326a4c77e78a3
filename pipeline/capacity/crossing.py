"""When a forecast crosses a share of capacity, and how likely: simulated paths through its quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter
from scipy.special import ndtri

from pipeline.forecasting import calendars
from pipeline.tables.columns import SEVERITIES

# Shares of capacity whose crossing has a chance: high, very high, saturated.
THRESHOLDS_PCT = (80.0, 90.0, 100.0)
_Array = npt.NDArray[np.float64]
_STEPS = {
    "hour": timedelta(hours=1),
    "hourly": timedelta(hours=1),
    "day": timedelta(days=1),
    "daily": timedelta(days=1),
}
# With these correlations stated chances came closest to observed ones: by the day on the realistic fleet (7, 30 and 90 days),
# by the hour on Bitbrains, PlanetLab, CloudWatch and Microsoft traces (3 to 7 days).
_USUAL_RHO = {"day": 0.05, "daily": 0.05, "hour": 0.95, "hourly": 0.95}
_USUAL_DRIFT = {"day": 0.0015, "daily": 0.0015, "hour": 0.0, "hourly": 0.0}
# Nothing was measured beyond 90 days; a forecast whose whole error lasts would be a single draw.
_MOST_LASTING = 0.5
# Correlations are rounded to this grid so that series share simulated paths.
_RHO_GRID = 0.01
# A crossing likelier than this lifts a series from low to medium.
_NOTEWORTHY = 0.05


def capacity_risk(
    forecast: pd.DataFrame,
    capacity: pd.Series,
    rho: pd.Series | None,
    as_of: datetime,
    thresholds: Sequence[float] = (80.0, 90.0),
    horizons_days: Sequence[int] = (7, 30, 90),
    quantile: float = 0.9,
    seed: int = 0,
    paths: int = 1000,
    default_rho: float | None = None,
    drift: float | None = None,
    high_pct: float = 80.0,
    very_high_pct: float = 90.0,
    criticality: pd.Series | None = None,
    historic_peak_pct: pd.Series | None = None,
    surprises: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The chance that demand crosses shares of its capacity, per series and threshold.

    Marginal quantiles cannot answer "will it cross within 30 days": that needs whole paths. Each path is drawn from a
    Gaussian copula: normal scores that are the sum of a lasting miss of the level, the same all along a path, and of
    a stationary AR(1) with correlation `rho` between neighbouring steps; the miss has the share `drift` × days ahead
    of their variance. They are pushed through each step's own forecast quantile function. That function is piecewise
    linear in the normal score between the given levels, and beyond them continues with the slope of its outermost
    piece, so that tails are Gaussian and finite. Beside what the forecast says, each path meets surprises
    at the rate that their past had (`pipeline.surprise`): incidents lie beyond any quantile of a forecast. Paths
    depend on `seed`, `rho`, `drift` and the number of steps alone: a series has the same risk whatever other series stand
    beside it.

    Args:
        forecast: long; columns series_id, metric, ts, quantile, value, granularity ("hour" or "day"); value in the unit
            of `capacity`. Only steps that start at or after `as_of` count. Quantiles that cross are sorted.
        capacity: provisioned amount by series_id, > 0; 100 for a metric in percent.
        rho: lag-1 autocorrelation of the residuals' normal scores by series_id; `default_rho` where None, missing or NaN.
            Clipped to 0–0.99.
        as_of: horizons are counted from here.
        thresholds: percent of capacity.
        horizons_days: a column `p_cross_<days>d` each; NaN where the forecast does not reach that far.
        quantile: the level whose first crossing is reported.
        seed: of the simulated paths.
        paths: simulated paths per series; the standard error of a probability is at most 0.5 / sqrt(paths).
        default_rho: correlation assumed where none is known; None is 0.05 for days and 0.95 for hours. 0 overstates the
            chance of ever crossing, 1 understates it.
        drift: share of the variance that lasts, per day ahead, up to one half in all; None is 0.0015 for days, and none
            for hours and for a series whose `rho` is given.
        high_pct: P95 peak above this share of capacity is a high risk.
        very_high_pct: P95 peak above this share is critical.
        criticality: weight 0–1 by series_id; 1 where None or missing.
        historic_peak_pct: highest share of capacity ever used, by series_id; the forecast's own where None or missing.
        surprises: per day, by metric (rows) and threshold in percent (columns); none where None or missing.

    Returns:
        One row per (series_id, threshold_pct), sorted by them, with the columns of `gold.capacity_risk`: first_crossing_at, the
        first step whose `quantile` reaches the threshold, or NaT; p_cross_*; p_surprise_30d, the chance of a surprise within
        30 days, NaN where none were counted; crossing_p10_at, _p50_at and _p90_at, by when 10, 50 and 90 % of the paths have
        crossed, NaT when fewer do; peak_p95 and peak_at, the highest P95 over the forecast; seasonal_peak_p95 and
        seasonal_peak_at, the same over holidays and the last days of quarters alone, NaN and NaT where the forecast has none;
        headroom_ratio = 1 - peak_p95 / capacity; risk_level, the same on every row of a series; priority 0–100, the mean of
        the known chances (sooner weighs more) × criticality × historic peak. Surprises count in p_cross_* and in the dates,
        not in level and priority: more capacity does not prevent them.

    Raises:
        ValueError: missing columns, an unknown granularity, no step after `as_of`, steps with different quantiles,
            fewer than two quantiles, non-finite values, or a series without positive capacity.

    Source: first passage by simulation; level rule of thumb: P95 above 80 % is high, above 90 % very high.
    """
    future = _checked(forecast, capacity, as_of)
    granularity = future.drop_duplicates("series_id").set_index("series_id")["granularity"]
    usual = granularity.map(_USUAL_RHO)
    if default_rho is not None:
        usual[:] = default_rho
    given = pd.Series(np.nan, index=usual.index) if rho is None else rho.reindex(usual.index).astype(np.float64)
    lag_one = (given.fillna(usual).clip(0.0, 0.99) / _RHO_GRID).round() * _RHO_GRID
    lasting = granularity.map(_USUAL_DRIFT).where(given.isna(), 0.0)
    if drift is not None:
        lasting[:] = drift
    rows: list[dict[str, object]] = []
    foreseen: list[list[float]] = []
    until_surprise = _until_surprise(paths, seed)
    seasonal: dict[tuple[pd.Timestamp, pd.Timestamp, int], npt.NDArray[np.bool_]] = {}
    drawn, drawn_for = np.empty((0, 0), dtype=np.float32), (-1.0, -1.0, -1)
    # In the order of their correlation, so that one set of paths is in memory at a time.
    for _, one in sorted(future.groupby("series_id", sort=True), key=lambda each: float(lag_one.loc[each[0]])):
        series_id = one["series_id"].iloc[0]
        provisioned = float(capacity.loc[series_id])
        step = _STEPS[str(one["granularity"].iloc[0])]
        starts, levels, values = _quantile_function(one, str(series_id))
        scores = ndtri(levels)
        wanted = (float(lag_one.loc[series_id]), float(lasting.loc[series_id]) * (step / timedelta(days=1)), len(starts))
        if drawn_for != wanted:
            drawn_for, drawn = wanted, _normal_paths(wanted[2], wanted[0], wanted[1], paths, seed)
        at_quantile = _value_at(float(ndtri(quantile)), scores, values)
        p95 = _value_at(float(ndtri(0.95)), scores, values)
        peak = int(np.argmax(p95))
        span = (starts[0], starts[-1], len(starts))
        if span not in seasonal:
            seasonal[span] = calendars.us_holiday(starts.to_numpy()) | (calendars.quarter_end_ramp(starts.to_numpy()) > 0)
        busy = seasonal[span]
        busiest = int(np.argmax(np.where(busy, p95, -np.inf)))
        known_until = starts[-1].to_pydatetime() + step
        # In days from as_of; a surprise before the first step of a late forecast falls into that.
        ends = (starts.to_numpy() + np.timedelta64(step) - np.datetime64(as_of)) / np.timedelta64(1, "D")
        for threshold in thresholds:
            limit = threshold / 100 * provisioned
            expected = _first_passage(drawn, _score_at(limit, scores, values))
            rate = _rate(surprises, str(one["metric"].iloc[0]), float(threshold))
            passage = expected
            if rate > 0:
                passage = np.minimum(expected, np.searchsorted(ends, until_surprise / rate, side="right"))
            row: dict[str, object] = {
                "as_of": as_of,
                "series_id": series_id,
                "metric": one["metric"].iloc[0],
                "granularity": one["granularity"].iloc[0],
                "threshold_pct": float(threshold),
                "quantile": quantile,
                "first_crossing_at": _first(starts, at_quantile >= limit),
            }
            foreseen.append([])
            for days in horizons_days:
                end = as_of + timedelta(days=days)
                within = int(np.searchsorted(starts, np.datetime64(end)))
                row[f"p_cross_{days}d"] = float((passage < within).mean()) if known_until >= end else np.nan
                foreseen[-1].append(float((expected < within).mean()) if known_until >= end else np.nan)
            row["p_surprise_30d"] = -math.expm1(-30 * rate)
            for share in (10, 50, 90):
                row[f"crossing_p{share}_at"] = _passage_date(starts, passage, share / 100)
            row |= {
                "capacity": provisioned,
                "peak_p95": p95[peak],
                "peak_at": starts[peak],
                "seasonal_peak_p95": p95[busiest] if busy.any() else np.nan,
                "seasonal_peak_at": starts[busiest] if busy.any() else None,
                "headroom_ratio": 1 - p95[peak] / provisioned,
            }
            rows.append(row)
    risk = pd.DataFrame(rows).sort_values(["series_id", "threshold_pct"])
    chances = pd.DataFrame(foreseen).loc[risk.index].reset_index(drop=True)
    risk = risk.reset_index(drop=True)
    peak_pct = 100 * risk["peak_p95"] / risk["capacity"]
    likeliest = chances.max(axis=1).groupby(risk["series_id"]).transform("max")
    risk["risk_level"] = np.select(
        [peak_pct > very_high_pct, peak_pct > high_pct, likeliest > _NOTEWORTHY], SEVERITIES[:0:-1], default=SEVERITIES[0]
    )
    weight = 1.0 if criticality is None else risk["series_id"].map(criticality).fillna(1.0).clip(0.0, 1.0)
    if historic_peak_pct is not None:
        peak_pct = risk["series_id"].map(historic_peak_pct).fillna(peak_pct)
    risk["priority"] = (chances.mean(axis=1).fillna(0.0) * weight * peak_pct).clip(0.0, 100.0)
    stamps = [
        "as_of",
        "peak_at",
        "seasonal_peak_at",
        "first_crossing_at",
        "crossing_p10_at",
        "crossing_p50_at",
        "crossing_p90_at",
    ]
    risk[stamps] = risk[stamps].astype("datetime64[us]")
    return risk


def _checked(forecast: pd.DataFrame, capacity: pd.Series, as_of: datetime) -> pd.DataFrame:
    missing = {"series_id", "metric", "ts", "quantile", "value", "granularity"} - set(forecast.columns)
    if missing:
        raise ValueError(f"forecast lacks the columns {sorted(missing)}")
    future = forecast.loc[forecast["ts"] >= as_of]
    if future.empty:
        raise ValueError(f"no forecast at or after {as_of}")
    unknown = set(future["granularity"].unique()) - set(_STEPS)
    if unknown:
        raise ValueError(f"granularity is one of {sorted(_STEPS)}, got {sorted(map(str, unknown))}")
    mixed = future.groupby("series_id")["granularity"].nunique()
    if (mixed > 1).any():
        raise ValueError(f"forecast of {mixed.index[mixed > 1][0]} mixes granularities; judge them one by one")
    if not np.isfinite(future["value"].to_numpy(dtype=np.float64)).all():
        bad = future.loc[~np.isfinite(future["value"].astype(np.float64))].iloc[0]
        raise ValueError(f"forecast of {bad['series_id']} at {bad['ts']} is {bad['value']}, expected a finite number")
    if capacity.index.has_duplicates:
        raise ValueError(f"capacity names {capacity.index[capacity.index.duplicated()][0]} twice")
    provisioned = capacity.reindex(pd.Index(future["series_id"].unique()))
    if not (provisioned > 0).all():
        raise ValueError(f"capacity missing or not positive: {list(provisioned.index[~(provisioned > 0)])}")
    return future


def _quantile_function(one: pd.DataFrame, series_id: str) -> tuple[pd.DatetimeIndex, _Array, _Array]:
    """Steps, quantile levels, and values[step, level], sorted along both."""
    levels = np.unique(one["quantile"].to_numpy(dtype=np.float64))
    if len(levels) < 2 or levels[0] <= 0 or levels[-1] >= 1:
        raise ValueError(f"forecast of {series_id} needs two quantiles or more inside 0–1, got {levels.tolist()}")
    ordered = one.sort_values(["ts", "quantile"])
    starts = pd.DatetimeIndex(ordered["ts"].unique())
    expected = (np.repeat(starts.to_numpy(), len(levels)), np.tile(levels, len(starts)))
    if len(ordered) != len(expected[0]) or not (
        (ordered["ts"].to_numpy() == expected[0]).all() and (ordered["quantile"].to_numpy() == expected[1]).all()
    ):
        raise ValueError(f"forecast of {series_id} needs one value per step and quantile; some are missing or repeated")
    return starts, levels, np.sort(ordered["value"].to_numpy(dtype=np.float64).reshape(-1, len(levels)), axis=1)


def _value_at(score: float, scores: _Array, values: _Array) -> _Array:
    """The forecast value of every step at one normal score."""
    piece = int(np.clip(np.searchsorted(scores, score) - 1, 0, len(scores) - 2))
    share = (score - scores[piece]) / (scores[piece + 1] - scores[piece])
    value: _Array = values[:, piece] + share * (values[:, piece + 1] - values[:, piece])
    return value


def _score_at(limit: float, scores: _Array, values: _Array) -> _Array:
    """The smallest normal score of every step at which demand reaches `limit`: ±inf where it always or never does."""
    below = (values < limit).sum(axis=1)
    piece = np.clip(below - 1, 0, values.shape[1] - 2)
    rows = np.arange(len(values))
    low, high = values[rows, piece], values[rows, piece + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        reached: _Array = scores[piece] + (limit - low) / (high - low) * (scores[piece + 1] - scores[piece])
    # A flat outermost piece never gets further: it stays on its side of the limit.
    flat = high == low
    reached[flat & (below == 0)] = -np.inf
    reached[flat & (below > 0)] = np.inf
    return reached


def _normal_paths(steps: int, rho: float, drift: float, paths: int, seed: int) -> npt.NDArray[np.float32]:
    """Standard normals along paths, one row each: AR(1) and a constant whose share of the variance grows by `drift` a step.

    Each path comes with its mirror image.
    """
    half = (paths + 1) // 2
    random = np.random.default_rng(seed)
    noise = random.standard_normal((half, steps))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    drawn = lfilter([1.0], [1.0, -rho], noise, axis=1)
    share = np.minimum(drift * np.arange(1, steps + 1), _MOST_LASTING)
    drawn = np.sqrt(1 - share) * drawn + np.sqrt(share) * random.standard_normal((half, 1))
    return np.concatenate([drawn, -drawn])[:paths].astype(np.float32)


def _first_passage(drawn: npt.NDArray[np.float32], reached: _Array) -> npt.NDArray[np.int64]:
    """The step at which each path first reaches the limit; the number of steps when it never does."""
    crossed = drawn >= reached.astype(np.float32)
    passage: npt.NDArray[np.int64] = np.where(crossed.any(axis=1), crossed.argmax(axis=1), drawn.shape[1])
    return passage


def _until_surprise(paths: int, seed: int) -> _Array:
    """When each path meets its surprise, where the rate is one a day: exponential, by equal shares, in an order of its own."""
    shares = (np.random.default_rng([seed, 1]).permutation(paths) + 0.5) / paths
    until: _Array = -np.log(shares)
    return until


def _rate(surprises: pd.DataFrame | None, metric: str, threshold: float) -> float:
    """Surprises per day; NaN where they were not counted."""
    if surprises is None or metric not in surprises.index or threshold not in surprises.columns:
        return np.nan
    return float(surprises.at[metric, threshold])


def _first(starts: pd.DatetimeIndex, mask: npt.NDArray[np.bool_]) -> pd.Timestamp | None:
    return starts[int(mask.argmax())] if mask.any() else None


def _passage_date(starts: pd.DatetimeIndex, passage: npt.NDArray[np.int64], share: float) -> pd.Timestamp | None:
    """The step by which this share of the paths has crossed."""
    nth = int(np.ceil(share * len(passage))) - 1
    step = int(np.partition(passage, nth)[nth])
    return starts[step] if step < len(starts) else None
