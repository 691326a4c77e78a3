"""The risk of every series of some forecasts, as it is and under other demand or capacity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pipeline.capacity import surprise
from pipeline.capacity.crossing import THRESHOLDS_PCT, Context, capacity_risk

#: How much a resource's criticality counts.
WEIGHTS = {"High": 1.0, "Medium": 0.6, "Low": 0.3}
#: Figures that are shown as they are and as they would be.
COMPARED = ("risk_level", "p_cross_7d", "p_cross_30d", "p_cross_90d", "headroom_ratio")
_KEY = ["series_id", "granularity", "threshold_pct"]


@dataclass(frozen=True)
class Change:
    """What demand and capacity are multiplied by."""

    growth: float = 1.0
    resize: float = 1.0

    def limits(self) -> dict[float, float]:
        """Share of today's capacity → the threshold that is then crossed by what crosses it today."""
        return {threshold * self.resize / self.growth: threshold for threshold in THRESHOLDS_PCT}


NO_CHANGE = Change()


@dataclass(frozen=True)
class Past:
    """What was known about series when they were forecast.

    Attributes:
        surprises: counted in days, from `surprise.count`, for the limits of every change that is asked about.
        peak_pct: highest share of capacity ever used, by series_id.
        criticality: weight 0–1 by series_id.
    """

    surprises: pd.DataFrame
    peak_pct: pd.Series
    criticality: pd.Series


def assess(forecasts: pd.DataFrame, as_of: datetime, past: Past, quantile: float, change: Change = NO_CHANGE) -> pd.DataFrame:
    """Risk of every series of some forecasts in percent, with demand and capacity multiplied.

    Args:
        forecasts: long; columns series_id, metric, granularity, ts, quantile, value in percent of today's capacity.
        as_of: when they were made.
        past: what was known then.
        quantile: the level whose first crossing is reported.
        change: what demand and capacity are multiplied by.

    Returns:
        The rows of `capacity_risk` by granularity: a series that is forecast by the hour and by the day has both.
    """
    limits = change.limits()
    by_day = surprise.rates([past.surprises[past.surprises["limit"].isin(limits)]]).rename(columns=limits)
    peak_pct = past.peak_pct * (change.growth / change.resize)
    return pd.concat(
        capacity_risk(
            part.assign(value=part["value"] * change.growth),
            pd.Series(100.0 * change.resize, index=part["series_id"].unique()),
            as_of,
            quantile=quantile,
            context=Context(past.criticality, peak_pct, by_day if granularity == "day" else pd.DataFrame()),
        )
        for granularity, part in forecasts.groupby("granularity")
    )


def compare(forecasts: pd.DataFrame, as_of: datetime, past: Past, quantile: float, change: Change) -> pd.DataFrame:
    """Risk as it is (`*_now`) and as it would be, the highest priority then first; arguments as of `assess`."""
    now = assess(forecasts, as_of, past, quantile)[[*_KEY, *COMPARED]]
    then = assess(forecasts, as_of, past, quantile, change)
    both = then[["priority", "first_crossing_at", *_KEY, *COMPARED]].merge(now, on=_KEY, suffixes=("", "_now"))
    columns = [*_KEY, "first_crossing_at", *(name for one in COMPARED for name in (f"{one}_now", one))]
    return both.sort_values(["priority", *_KEY], ascending=[False, True, True, True], ignore_index=True)[columns]


def weigh_criticality(series: Iterable[str], resources: pd.DataFrame) -> pd.Series:
    """Weight 0–1 by series_id; NaN where a series' resource states no criticality, or an unknown one.

    Args:
        series: names, account/region/resource_id/metric.
        resources: columns account, region, resource_id and criticality.
    """
    names = pd.Series(series).astype(str)
    keys = names.str.rsplit("/", n=1).str[0]
    resource = resources["account"] + "/" + resources["region"] + "/" + resources["resource_id"]
    weights = pd.Series(resources["criticality"].str.capitalize().map(WEIGHTS).to_numpy(), index=resource)
    return pd.Series(keys.map(weights).to_numpy(), index=names)
