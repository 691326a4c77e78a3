"""How the resources of recommendations were used, hour by hour: what `explain` and the report draw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pipeline.lake import Lake
from pipeline.report.frames import json_object
from pipeline.tables.columns import GOOD
from pipeline.tables.schema import Scope
from pipeline.tables.usage import METRIC_HOURLY

_KEY = ["account", "region", "resource_id"]
_READ = ("series_id", *_KEY, "metric", "unit", "hour", "p95", "mean", "max", "expected_samples", "quality_flag")


def days_looked_at(evidence: Mapping[str, Any], otherwise: int) -> int:
    """How many days the rule looked at."""
    return int(evidence.get("window_days") or 7 * evidence.get("weeks", 0) or otherwise)


def read_hours(said: pd.DataFrame, as_of: datetime, lake: Lake, most_days: int | None = None) -> pd.DataFrame:
    """The hours that were measured of what recommendations are about, in what each of their rules looked at.

    Args:
        said: rows of `gold.recommendation` as the lake has them.
        as_of: of their run; nothing after it is read.
        lake: where they are read.
        most_days: no more days than so many.

    Returns:
        One row per recommendation, series and hour, in this order: recommendation_id, series_id, metric, unit, hour, value
        (the P95 of the hour's samples, which is what is forecast; the mean where a source gives no more), max, and
        expected_samples, the periods in an hour. Hours that were filled in, or seen by less than half, are not here.
    """
    looked = [days_looked_at(json_object(text), lake.settings.lookback_days) for text in said["evidence_json"]]
    days = [min(each, most_days or each) for each in looked]
    columns = ["recommendation_id", "series_id", "metric", "unit", "hour", "value", "max", "expected_samples"]
    if said.empty:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
    resources = tuple(sorted(set(said["resource_id"])))
    scope = Scope("hour", as_of - timedelta(days=max(days)), as_of, (("resource_id", resources),))
    rows = lake.read(METRIC_HOURLY, scope, _READ).to_pandas()
    rows = rows[rows["quality_flag"] == GOOD]
    about = said[["recommendation_id", *_KEY]].assign(since=pd.Timestamp(as_of) - pd.to_timedelta(days, unit="D"))
    found = about.merge(rows, on=_KEY)
    found = found[found["hour"] >= found["since"]].assign(value=lambda frame: frame["p95"].fillna(frame["mean"]))
    order = ["recommendation_id", "metric", "unit", "series_id", "hour"]
    return found.sort_values(order, kind="stable", ignore_index=True)[columns]
