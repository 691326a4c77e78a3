"""What recommenders see: the resources of an estate, how they are used, what they cost and what they risk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import DataError
from pipeline.tables.columns import IMPUTED

Key = tuple[str, str, str]
"""Account, region, resource_id."""


@dataclass(frozen=True)
class Estate:
    """Everything known about the resources of some accounts at `as_of`.

    Attributes:
        as_of: naive UTC; nothing after it is looked at.
        lookback_days: days before it whose usage is looked at.
        resources: one row per (account, region, resource_id): service ("ec2", "rds", …), instance_type, state,
            launched_at, tags (a JSON object). Only the key and service must be there.
        usage: one row per (account, region, resource_id, metric, hour): mean, p95, max (percent, or Mbit/s for
            network_* and disk_*), samples, quality_flag (0 good, 1 imputed, 2 flagged).
        prices: one row per (service, region, item, unit) and price_as_of: price_usd, nullable; for instance types also
            vcpu, memory_gib, arch, and where known network_mbps, ebs_mbps, coremark, burstable, hypervisor, gpu,
            instance_store.
        risk: rows of `capacity_risk` with series_id account/region/resource_id/metric; may be empty.
    """

    as_of: datetime
    lookback_days: int
    resources: pd.DataFrame
    usage: pd.DataFrame
    prices: pd.DataFrame
    risk: pd.DataFrame


@dataclass(frozen=True)
class Demand:
    """The observed hours of one metric of one resource, oldest first; imputed hours are left out."""

    hours: npt.NDArray[np.datetime64]
    mean: npt.NDArray[np.float64]
    p95: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]

    def coverage(self, days: int) -> float:
        """Observed hours as a share of the hours in `days`."""
        return min(1.0, len(self.hours) / (24 * days))


def resources_of(estate: Estate, services: Iterable[str]) -> Iterator[tuple[Key, pd.Series]]:
    """The resources of some services, in the order of their keys.

    Raises:
        DataError: a resource that is listed twice.
    """
    wanted = estate.resources.loc[estate.resources["service"].isin(set(services))]
    keys = wanted[["account", "region", "resource_id"]].fillna("").astype(str)
    twice = keys.duplicated()
    if twice.any():
        raise DataError(f"resource {'/'.join(keys.loc[twice].iloc[0])} is listed twice in the inventory")
    for position in keys.reset_index(drop=True).sort_values(["account", "region", "resource_id"]).index:
        account, region, resource_id = keys.iloc[position]
        yield (account, region, resource_id), wanted.iloc[position]


def demand_by_resource(estate: Estate) -> dict[Key, dict[str, Demand]]:
    """The usage observed in the estate's `lookback_days` before `as_of`, by resource and metric."""
    usage = estate.usage
    start = estate.as_of - timedelta(days=estate.lookback_days)
    observed = usage.loc[
        (usage["hour"] >= start)
        & (usage["hour"] < estate.as_of)
        & (usage["quality_flag"].fillna(0) != IMPUTED)
        & np.isfinite(usage["mean"].astype(np.float64))
    ].sort_values(["account", "region", "resource_id", "metric", "hour"])
    found: dict[Key, dict[str, Demand]] = {}
    for (account, region, resource_id, metric), rows in observed.groupby(
        ["account", "region", "resource_id", "metric"], sort=False, dropna=False
    ):
        mean = rows["mean"].to_numpy(dtype=np.float64)
        # A source that delivers one statistic only still tells the level: the mean stands in for what is missing.
        peak = np.fmax(rows["max"].to_numpy(dtype=np.float64), mean)
        p95 = rows["p95"].to_numpy(dtype=np.float64)
        found.setdefault((str(account), str(region), str(resource_id)), {})[str(metric)] = Demand(
            rows["hour"].to_numpy("datetime64[us]"), mean, np.where(np.isnan(p95), peak, p95), peak
        )
    return found


def tags_of(resource: pd.Series) -> dict[str, Any]:
    """The tags of a resource by name, among them what the inventory says of it under `headroom:`.

    Raises:
        DataError: they are no JSON object.
    """
    text = optional_text(resource.get("tags"))
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise DataError(f"tags of {resource['resource_id']} are not JSON: {text[:80]!r}") from error
    if not isinstance(tags, dict):
        raise DataError(f"tags of {resource['resource_id']} are not a JSON object: {text[:80]!r}")
    return tags


def optional_text(value: object) -> str | None:
    """The value as text; None for whatever pandas calls missing."""
    return None if value is None or value is pd.NaT or value is pd.NA or value != value else str(value)
