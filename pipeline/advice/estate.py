"""What recommenders see: the resources of an estate, how they are used, what they cost and what they risk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import DataError
from pipeline.tables.columns import IMPUTED

HOURS_PER_MONTH = 730.0
_GROUP_TAGS = ("aws:autoscaling:groupName", "eks:cluster-name", "eks:nodegroup-name", "karpenter.sh/nodepool")
_GROUP_TAG_PREFIXES = ("kubernetes.io/cluster/", "alpha.eksctl.io/")
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


def hourly_prices(estate: Estate, service: str) -> dict[str, pd.DataFrame]:
    """The instance prices of a service by region, indexed by item: the newest known at `as_of`, else the oldest."""
    listed = estate.prices.loc[(estate.prices["service"] == service) & (estate.prices["unit"] == "hour")]
    age = pd.Timestamp(estate.as_of) - listed["price_as_of"]
    listed = listed.assign(_later=age < pd.Timedelta(0), _distance=age.abs(), _price=listed["price_usd"])
    listed = listed.sort_values(["_later", "_distance", "_price"]).drop_duplicates(["region", "item"])
    listed = listed.drop(columns=["_later", "_distance", "_price"])
    return {str(region): rows.set_index("item").sort_index() for region, rows in listed.groupby("region")}


def not_judged(
    estate: Estate, resource: pd.Series, metrics: Mapping[str, Demand], days: int, min_coverage_pct: float
) -> str | None:
    """Why no rule may judge this instance by its own load: member of a group, too young, seen too little; else None."""
    group = _group_of(resource)
    if group:
        return f"Member of {group}: its size belongs to the group, not to one member."
    launched = resource.get("launched_at")
    if launched is not None and not pd.isna(launched):
        age = (pd.Timestamp(estate.as_of) - pd.Timestamp(launched)) / pd.Timedelta(days=1)
        if age < days:
            return f"Launched {max(age, 0):.1f} days ago; {days} days of history are needed."
    cpu = metrics.get("cpu_utilization")
    if cpu is None:
        return f"No CPU utilization in the last {days} days."
    coverage_pct = 100 * cpu.coverage(days)
    if coverage_pct < min_coverage_pct:
        return (
            f"CPU utilization covers {coverage_pct:.1f} % of the last {days} days "
            f"({len(cpu.hours)} of {24 * days} hours); {min_coverage_pct:g} % are needed."
        )
    return None


def is_running(resource: pd.Series) -> bool:
    """Whether the instance runs; an inventory without states lists running ones."""
    state = resource.get("state")
    return state is None or pd.isna(state) or str(state) == "running"


def _group_of(resource: pd.Series) -> str | None:
    for name, value in sorted(_tags(resource).items()):
        if name in _GROUP_TAGS:
            return f"{name}={value}"
        if name.startswith(_GROUP_TAG_PREFIXES):
            return name
    return None


def _tags(resource: pd.Series) -> dict[str, Any]:
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
    return None if value is None or value is pd.NaT or value is pd.NA or value != value else str(value)
