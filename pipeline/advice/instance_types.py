"""What one EC2 instance type can do beside another, from the price list's specifications."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from pipeline.tables.money import specification
from pipeline.tables.types import NUMBER

# General purpose, compute, memory and storage families: what a workload can move to without being rebuilt.
_ORDINARY = r"^(?:a|c|m|r|t|i|im|is|d|h|x|z)\d"

# Share of its vCPUs that a type may use for good, when it runs on CPU credits.
# Source: EC2 user guide, burstable performance instances (T3, T3a, T4g) and Flex instances.
_BASELINE_BY_SIZE = {
    "nano": 0.05,
    "micro": 0.10,
    "small": 0.20,
    "medium": 0.20,
    "large": 0.30,
    "xlarge": 0.40,
    "2xlarge": 0.40,
}
_FLEX_BASELINE = 0.40


def catalogue(listed: pd.DataFrame) -> pd.DataFrame:
    """The price list of one region with what follows from it, for types whose vCPUs and memory are known.

    Args:
        listed: indexed by instance type; columns price_usd, price_as_of, and what `bronze.price` knows of an instance type:
            vcpu, memory_gib, and where known the others of `specification`.

    Returns:
        The same rows, the cheapest first and unpriced ones last, with every one of these columns, and family, ordinary (a
        workload may move there) and baseline (the share of the vCPUs that may be used for good).
    """
    types = listed.reindex(columns=["price_usd", "price_as_of", *(column.name for column in specification)])
    types = types.loc[types["vcpu"].notna() & types["memory_gib"].notna()].copy()
    name = types.index.to_series().astype(str)
    types["family"] = name.str.partition(".")[0]
    size = name.str.partition(".")[2]
    flex = types["family"].str.endswith("-flex")
    types["burstable"] = types["burstable"].eq(True) | types["family"].str.match(r"^t\d") | flex
    types["gpu"] = types["gpu"].fillna(0.0)
    types["instance_store"] = types["instance_store"].eq(True)
    types["baseline"] = 1.0
    types.loc[types["burstable"], "baseline"] = size.map(_BASELINE_BY_SIZE).fillna(0.05)
    types.loc[flex, "baseline"] = _FLEX_BASELINE
    types["ordinary"] = name.str.match(_ORDINARY) & ~size.str.startswith("metal") & (types["gpu"] == 0)
    numbers = ["price_usd", *(column.name for column in specification if column.type == NUMBER)]
    types[numbers] = types[numbers].astype(np.float64)
    return types.rename_axis("item").sort_values(["price_usd", "vcpu", "memory_gib", "item"], na_position="last")


def cpu_ratio(types: pd.DataFrame, now: pd.Series, largest_credit: float) -> pd.Series:
    """CPU capacity of each type as a multiple of the present one's.

    By CoreMark where both have been measured, else by vCPUs: the same number of vCPUs differs by up to 3.6 between
    families. CoreMark is one benchmark over all threads, hence a limit to the credit given.

    Args:
        types: as `catalogue` gives them.
        now: the present type's row.
        largest_credit: a vCPU counts for at most this many of the present type's.
    """
    by_vcpu = types["vcpu"].to_numpy(dtype=np.float64) / float(now["vcpu"])
    by_coremark = np.minimum(types["coremark"].to_numpy(dtype=np.float64) / float(now["coremark"]), largest_credit * by_vcpu)
    return pd.Series(np.where(np.isnan(by_coremark), by_vcpu, by_coremark), index=types.index)


def generation(name: str) -> int:
    """The number in a type's family, 6 of `m6a.xlarge`; 0 where there is none."""
    found = re.match(r"[a-z]+(\d+)", name)
    return int(found[1]) if found else 0


def platform_differences(now: pd.Series, target: pd.Series) -> list[str]:
    """What else changes with the type, in Compute Optimizer's words."""

    def text(value: Any) -> str:
        return "" if pd.isna(value) else str(value)

    differences = []
    if text(now["arch"]) != text(target["arch"]):
        differences.append("Architecture")
    if text(now["hypervisor"]) != text(target["hypervisor"]):
        differences.append("Hypervisor")
    if bool(now["instance_store"]) != bool(target["instance_store"]):
        differences.append("InstanceStoreAvailability")
    return differences


def describe_beside(now: pd.Series, target: pd.Series) -> str:
    """A type beside the present one, for people: "newer generation, as many vCPUs, 1.36 × the CPU".

    Args:
        now: a row of a catalogue.
        target: another, with its `cpu_ratio`.
    """
    before, after = (generation(str(each.name)) for each in (now, target))
    age = "newer" if after > before else "older" if after < before else "same"
    vcpus = "as many vCPUs" if target["vcpu"] == now["vcpu"] else f"{target['vcpu']:g} vCPUs instead of {now['vcpu']:g}"
    memory = "" if target["memory_gib"] == now["memory_gib"] else f", {target['memory_gib'] / now['memory_gib']:.3g} × the memory"
    return f"{age} generation, {vcpus}, {target['cpu_ratio']:.3g} × the CPU{memory}"
