"""What one EC2 instance type can do beside another, from the price list's specifications."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_prices, price_lists
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


Type: TypeAlias = Mapping[str, Any]
"""A row of a catalogue, with its name as `item`."""


def types_by_region(estate: Estate) -> dict[str, Types]:
    """The catalogues of the instance types of an estate's regions, worked out once for all rules."""
    return estate.once(
        "types_by_region",
        lambda: {region: Types(catalogue(listed)) for region, listed in price_lists(estate, "ec2", "hour").items()},
    )


def type_prices(estate: Estate) -> dict[tuple[str, str | None], Price]:
    """What a month of each of their types costs, by region and type, where its price is known."""
    return estate.once(
        "type_prices",
        lambda: monthly_prices({region: types.listed for region, types in types_by_region(estate).items()}, HOURS_PER_MONTH),
    )


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


@dataclass(frozen=True, eq=False)
class Types:
    """A catalogue as arrays and rows, for whoever asks of every resource which types have what it needs.

    Attributes:
        listed: as `catalogue` gives it.
    """

    listed: pd.DataFrame

    @cached_property
    def rows(self) -> dict[str, Type]:
        """Each type with its `item`, the name."""
        return {str(row["item"]): cast(Type, row) for row in self.listed.reset_index(names="item").to_dict("records")}

    @cached_property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The columns, and `item`."""
        return {"item": self.listed.index.to_numpy(), **{str(name): self.listed[name].to_numpy() for name in self.listed}}

    def movable_from(self, now: Type, options: Movable) -> Choice:
        """Where a workload may move to from a type, whatever it needs there; worked out once for all that are of that type."""
        asked = (now["item"], options)
        if asked not in self._movable:
            self._movable[asked] = _movable(self, now, options)
        return self._movable[asked]

    @cached_property
    def _movable(self) -> dict[tuple[str, Movable], Choice]:
        return {}


@dataclass(frozen=True)
class Movable:
    """To which types a workload may move at all.

    Attributes:
        arch, burstable: also to another architecture; also to types on CPU credits.
        largest_credit: see `cpu_ratio`.
    """

    arch: bool
    burstable: bool
    largest_credit: float


@dataclass(frozen=True, eq=False)
class Choice:
    """Some types of a catalogue, in its order, beside a present one.

    Attributes:
        places: theirs in the catalogue.
        cpu_ratio: theirs, as `cpu_ratio` says.
    """

    types: Types
    places: npt.NDArray[np.int64]
    cpu_ratio: npt.NDArray[np.float64]

    @cached_property
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Those that have been asked for."""
        return {}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A column of theirs."""
        if name not in self.columns:
            self.columns[name] = self.types.arrays[name][self.places]
        return self.columns[name]

    def where(self, wanted: npt.NDArray[np.bool_]) -> Choice:
        """Those of them that are wanted."""
        return Choice(self.types, self.places[wanted], self.cpu_ratio[wanted])

    def __iter__(self) -> Iterator[Type]:
        """Their rows, with `cpu_ratio`, one after another: mostly the first will do."""
        for place, ratio in zip(self.places, self.cpu_ratio, strict=True):
            yield {**self.types.rows[str(self.types.arrays["item"][place])], "cpu_ratio": float(ratio)}


def _movable(types: Types, now: Type, options: Movable) -> Choice:
    column = types.arrays
    allowed = column["ordinary"].astype(bool) & (column["item"] != now["item"])
    if not options.arch:
        allowed &= column["arch"] == now["arch"]
    if not (options.burstable or now["burstable"]):
        allowed &= ~column["burstable"].astype(bool)
    if now["hypervisor"] == "nitro":
        # Going back to the older hypervisor would trade drivers and generation for a few cents.
        allowed &= column["hypervisor"] != "xen"
    if now["instance_store"]:
        allowed &= column["instance_store"].astype(bool)
    ratio = cpu_ratio(types.listed, now, options.largest_credit).to_numpy(dtype=np.float64)
    return Choice(types, np.flatnonzero(allowed), ratio[allowed])


def cpu_ratio(types: pd.DataFrame, now: Mapping[str, Any] | pd.Series, largest_credit: float) -> pd.Series:
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


def platform_differences(now: Type, target: Type) -> list[str]:
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


def describe_beside(now: Type, target: Type) -> str:
    """A type beside the present one, for people: "newer generation, as many vCPUs, 1.36 × the CPU".

    Args:
        now: a row of a catalogue.
        target: another, with its `cpu_ratio`.
    """
    before, after = (generation(str(each["item"])) for each in (now, target))
    age = "newer" if after > before else "older" if after < before else "same"
    vcpus = "as many vCPUs" if target["vcpu"] == now["vcpu"] else f"{target['vcpu']:g} vCPUs instead of {now['vcpu']:g}"
    memory = "" if target["memory_gib"] == now["memory_gib"] else f", {target['memory_gib'] / now['memory_gib']:.3g} × the memory"
    return f"{age} generation, {vcpus}, {target['cpu_ratio']:.3g} × the CPU{memory}"
