"""When a forecast crosses a share of capacity, and how likely: simulated paths through its quantiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from pipeline.capacity.paths import QuantileFunction, first_passage, normal_paths, surprise_times
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import STEP
from pipeline.tables.columns import SEVERITIES, UNKNOWN, Granularity

#: Shares of capacity whose crossing has a chance: high, very high, saturated.
THRESHOLDS_PCT = (80.0, 90.0, 100.0)
#: How far ahead chances are stated.
HORIZONS_DAYS = (7, 30, 90)
# Correlation of neighbouring steps, and share of the variance that lasts per step ahead. With these stated chances came closest
# to observed ones: by the day on the realistic fleet (7, 30 and 90 days), by the hour on Bitbrains, PlanetLab, CloudWatch and
# Microsoft traces (3 to 7 days).
_DEPENDENCE: dict[Granularity, tuple[float, float]] = {"day": (0.05, 0.0015), "hour": (0.95, 0.0)}
# A crossing likelier than this lifts a series from low to medium.
_NOTEWORTHY = 0.05
# A P95 peak above these shares of capacity is a high and a critical risk.
_HIGH_PCT, _VERY_HIGH_PCT = 80.0, 90.0


@dataclass(frozen=True)
class Context:
    """What is known about series beside their forecasts; whatever is missing changes nothing.

    Attributes:
        criticality: weight 0–1 by series_id.
        historic_peak_pct: highest share of capacity ever used, by series_id; in place of the forecast's own.
        surprises: to expect per day, by metric (rows) and threshold in percent (columns), from `surprise.rates`.
    """

    criticality: pd.Series = field(default_factory=lambda: pd.Series(dtype=np.float64))
    historic_peak_pct: pd.Series = field(default_factory=lambda: pd.Series(dtype=np.float64))
    surprises: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class _Series:
    """One series' forecast from `as_of` on: its steps, their quantiles, and which of them are holidays or close a quarter."""

    series_id: str
    metric: str
    granularity: Granularity
    starts: pd.DatetimeIndex
    quantiles: QuantileFunction
    busy: npt.NDArray[np.bool_]
    capacity: float


def capacity_risk(
    forecast: pd.DataFrame,
    capacity: pd.Series,
    as_of: datetime,
    thresholds_pct: Sequence[float] = THRESHOLDS_PCT,
    horizons_days: Sequence[int] = HORIZONS_DAYS,
    quantile: float = 0.9,
    context: Context | None = None,
) -> pd.DataFrame:
    """The chance that demand crosses shares of its capacity, per series and threshold.

    Marginal quantiles cannot answer "will it cross within 30 days": that needs whole paths. Each path is drawn from a
    Gaussian copula (`paths.normal_paths`) and pushed through each step's own forecast quantile function. Beside what the
    forecast says, each path meets surprises at the rate that their past had (`pipeline.capacity.surprise`): incidents lie
    beyond any quantile of a forecast. Paths depend on the granularity and the number of steps alone: a series has the same
    risk whatever other series stand beside it.

    Args:
        forecast: long; columns series_id, metric, ts, quantile, value, granularity ("hour" or "day"); value in the unit
            of `capacity`. Only steps that start at or after `as_of` count. Quantiles that cross are sorted.
        capacity: provisioned amount by series_id, > 0; 100 for a metric in percent.
        as_of: horizons are counted from here.
        thresholds_pct: percent of capacity.
        horizons_days: a column `p_cross_<days>d` each; NaN where the forecast does not reach that far.
        quantile: the level whose first crossing is reported.
        context: what else is known about the series.

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
    context = context or Context()
    rows: list[dict[str, object]] = []
    for series in _series(_check(forecast, capacity, as_of), capacity):
        peaks = _peaks(series)
        at_quantile = series.quantiles.value_at(quantile)
        for threshold in map(float, thresholds_pct):
            reached = at_quantile >= threshold / 100 * series.capacity
            rows.append(
                {
                    "as_of": as_of,
                    "series_id": series.series_id,
                    "metric": series.metric,
                    "granularity": series.granularity,
                    "threshold_pct": threshold,
                    "quantile": quantile,
                    "first_crossing_at": series.starts[int(reached.argmax())] if reached.any() else None,
                    **_chances(series, threshold, as_of, horizons_days, _rate(context.surprises, series.metric, threshold)),
                    **peaks,
                }
            )
    risk = pd.DataFrame(rows).sort_values(["series_id", "threshold_pct"], ignore_index=True)
    foreseen = [f"foreseen_{days}d" for days in horizons_days]
    risk = risk.drop(columns=foreseen).assign(**_judge(risk, risk[foreseen], context))
    stamps = [name for name in risk.columns if name.endswith("_at") or name == "as_of"]
    return risk.astype(dict.fromkeys(stamps, "datetime64[us]"))


def unknown_risk(too_new: pd.DataFrame, as_of: datetime, quantile: float = 0.9) -> list[dict[str, object]]:
    """Rows of `gold.capacity_risk` for series that are too new to be forecast: no chances, and the level unknown.

    Args:
        too_new: series_id, metric, granularity and how many periods were observed, of series in percent.
        as_of: as of `capacity_risk`.
        quantile: as of `capacity_risk`.
    """
    return [
        {
            "as_of": as_of,
            "series_id": row.series_id,
            "metric": row.metric,
            "granularity": row.granularity,
            "threshold_pct": threshold,
            "quantile": quantile,
            "capacity": 100.0,
            "risk_level": UNKNOWN,
            "reason": f"too new: {row.observed} {row.granularity}{'' if row.observed == 1 else 's'} observed",
        }
        for row in too_new.itertuples()
        for threshold in THRESHOLDS_PCT
    ]


def _series(future: pd.DataFrame, capacity: pd.Series) -> Iterator[_Series]:
    """The series of a checked forecast, by name."""
    every = np.unique(future["ts"].to_numpy())
    busy = calendars.us_holiday(every) | (calendars.quarter_end_ramp(every) > 0)
    for series_id, one in future.groupby("series_id", sort=True):
        starts, quantiles = _quantile_function(one, str(series_id))
        yield _Series(
            series_id=str(series_id),
            metric=str(one["metric"].iloc[0]),
            granularity=one["granularity"].iloc[0],
            starts=starts,
            quantiles=quantiles,
            busy=busy[np.searchsorted(every, starts.to_numpy())],
            capacity=float(capacity.loc[series_id]),
        )


def _chances(
    series: _Series, threshold_pct: float, as_of: datetime, horizons_days: Sequence[int], surprises_per_day: float
) -> dict[str, object]:
    """Chances and dates of crossing one threshold; as `foreseen_<days>d` also the chances without surprises."""
    starts, step = series.starts, STEP[series.granularity]
    scores = normal_paths(len(starts), *_DEPENDENCE[series.granularity])
    expected = first_passage(scores, series.quantiles.score_at(threshold_pct / 100 * series.capacity))
    passage = expected
    if surprises_per_day > 0:
        # In days from as_of; a surprise before the first step of a late forecast falls into that.
        ends = (starts.to_numpy() + step - np.datetime64(as_of)) / np.timedelta64(1, "D")
        passage = np.minimum(expected, np.searchsorted(ends, surprise_times() / surprises_per_day, side="right"))
    chances: dict[str, object] = {}
    for days in horizons_days:
        end = np.datetime64(as_of + timedelta(days=days))
        within, known = int(np.searchsorted(starts, end)), starts[-1].to_datetime64() + step >= end
        chances[f"p_cross_{days}d"] = float((passage < within).mean()) if known else np.nan
        chances[f"foreseen_{days}d"] = float((expected < within).mean()) if known else np.nan
    chances["p_surprise_30d"] = -math.expm1(-30 * surprises_per_day)
    for percent in (10, 50, 90):
        chances[f"crossing_p{percent}_at"] = _passage_date(starts, passage, percent / 100)
    return chances


def _peaks(series: _Series) -> dict[str, object]:
    """The highest P95 of a series over its forecast, and on its busy days."""
    p95 = series.quantiles.value_at(0.95)
    peak, busiest = int(np.argmax(p95)), int(np.argmax(np.where(series.busy, p95, -np.inf)))
    any_busy = series.busy.any()
    return {
        "capacity": series.capacity,
        "peak_p95": p95[peak],
        "peak_at": series.starts[peak],
        "seasonal_peak_p95": p95[busiest] if any_busy else np.nan,
        "seasonal_peak_at": series.starts[busiest] if any_busy else None,
        "headroom_ratio": 1 - p95[peak] / series.capacity,
    }


def _judge(risk: pd.DataFrame, foreseen: pd.DataFrame, context: Context) -> dict[str, pd.Series | npt.NDArray[np.str_]]:
    """Level and priority of every row, by the chances that the forecasts alone give."""
    names = risk["series_id"]
    peak_pct = 100 * risk["peak_p95"] / risk["capacity"]
    likeliest = foreseen.max(axis=1).groupby(names).transform("max")
    level = np.select(
        [peak_pct > _VERY_HIGH_PCT, peak_pct > _HIGH_PCT, likeliest > _NOTEWORTHY], SEVERITIES[:0:-1], default=SEVERITIES[0]
    )
    weight = names.map(context.criticality).fillna(1.0).clip(0.0, 1.0)
    used_pct = names.map(context.historic_peak_pct).fillna(peak_pct)
    return {
        "risk_level": level,
        "priority": (foreseen.mean(axis=1).fillna(0.0) * weight * used_pct).clip(0.0, 100.0),
    }


def _check(forecast: pd.DataFrame, capacity: pd.Series, as_of: datetime) -> pd.DataFrame:
    missing = {"series_id", "metric", "ts", "quantile", "value", "granularity"} - set(forecast.columns)
    if missing:
        raise ValueError(f"forecast lacks the columns {sorted(missing)}")
    future = forecast.loc[forecast["ts"] >= as_of]
    if future.empty:
        raise ValueError(f"no forecast at or after {as_of}")
    unknown = set(future["granularity"].unique()) - set(STEP)
    if unknown:
        raise ValueError(f"granularity is one of {sorted(STEP)}, got {sorted(map(str, unknown))}")
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


def _quantile_function(one: pd.DataFrame, series_id: str) -> tuple[pd.DatetimeIndex, QuantileFunction]:
    """The steps of one series, in order, and what is forecast for them."""
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
    values = np.sort(ordered["value"].to_numpy(dtype=np.float64).reshape(-1, len(levels)), axis=1)
    return starts, QuantileFunction(ndtri(levels), values)


def _rate(surprises: pd.DataFrame, metric: str, threshold: float) -> float:
    """Surprises per day; NaN where they were not counted."""
    if metric not in surprises.index or threshold not in surprises.columns:
        return np.nan
    return float(surprises[threshold].loc[metric])


def _passage_date(starts: pd.DatetimeIndex, passage: npt.NDArray[np.int64], share: float) -> pd.Timestamp | None:
    """The step by which this share of the paths has crossed."""
    nth = int(np.ceil(share * len(passage))) - 1
    step = int(np.partition(passage, nth)[nth])
    return starts[step] if step < len(starts) else None
