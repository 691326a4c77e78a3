"""What EBS volumes are, can do, and cost.

Source: Amazon EBS volume types (performance and limits by type) and Amazon EBS pricing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.advice.case import Case
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.prices import Price, monthly_price, price_lists

#: What gp3 has at no extra charge, and at most.
GP3_IOPS, GP3_MIBPS, GP3_MOST_IOPS, GP3_MOST_MIBPS = 3000.0, 125.0, 16_000.0, 1000.0
#: Provisioned IOPS of io2 above these are cheaper; their price is not listed.
_IO2_FIRST_TIER = 32_000.0
_STORAGE = {"standard": "magnetic storage"}
_UNITS = ("GB-month", "IOPS-month", "MBps-month")

PriceLists = Mapping[str, Mapping[str, pd.DataFrame]]


@dataclass(frozen=True)
class Volume:
    """What a volume is.

    Attributes:
        kind: gp2, gp3, io1, io2, st1, sc1 or standard.
        iops, mibps: provisioned, where the type has it; None where the inventory does not say.
        instances: ids of those it is attached to.
    """

    kind: str
    gib: float
    iops: float | None
    mibps: float | None
    instances: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = {
            "gp3": [(self.iops, "IOPS"), (self.mibps, "MiB/s")],
            "io1": [(self.iops, "IOPS")],
            "io2": [(self.iops, "IOPS")],
        }
        parts = [f"{value:g} {unit}" for value, unit in more.get(self.kind, []) if value is not None]
        return ", ".join([self.kind, f"{self.gib:g} GiB", *parts])


def volume_of(case: Case) -> Volume | None:
    """The volume as the inventory describes it; None where it does not say of which type and size it is."""
    return volume_from(facts_of(case.resource))


def volume_from(facts: Mapping[str, str]) -> Volume | None:
    """The same from what an inventory says under `headroom:`."""
    kind, gib = facts.get("volume_type"), number_of(facts, "size_gib")
    if kind is None or gib is None:
        return None
    attached = tuple(name for name in facts.get("attached_to", "").split(",") if name)
    return Volume(kind, gib, number_of(facts, "iops"), number_of(facts, "throughput_mibps"), attached)


def volume_prices(estate: Estate) -> PriceLists:
    """The list prices of volumes, by unit and region."""
    return {unit: price_lists(estate, "ebs", unit) for unit in _UNITS}


def price_volume(prices: PriceLists, region: str, volume: Volume) -> Price | None:
    """What a volume costs a month; None where a part of it has no listed price, or is not stated."""

    def listed(item: str, unit: str, units: float) -> Price | None:
        return monthly_price(prices[unit], region, item, units)

    parts = [listed(_STORAGE.get(volume.kind, f"{volume.kind} storage"), "GB-month", volume.gib)]
    if volume.kind == "gp3":
        for item, unit, had, free in (
            ("gp3 provisioned IOPS above 3000", "IOPS-month", volume.iops, GP3_IOPS),
            ("gp3 provisioned throughput above 125", "MBps-month", volume.mibps, GP3_MIBPS),
        ):
            if had is not None and had > free:
                parts.append(listed(item, unit, had - free))
    if volume.kind in ("io1", "io2"):
        item = "io1 IOPS" if volume.kind == "io1" else "io2 IOPS first tier"
        known = volume.iops is not None and (volume.kind == "io1" or volume.iops <= _IO2_FIRST_TIER)
        parts.append(listed(item, "IOPS-month", volume.iops) if known and volume.iops is not None else None)
    known_parts = [part for part in parts if part is not None]
    if len(known_parts) < len(parts):
        return None
    return Price(sum(part.monthly_usd for part in known_parts), min(part.as_of for part in known_parts))


@dataclass(frozen=True)
class Need:
    """The most that a volume was asked for in a period of the days looked at: operations and MiB in a second."""

    iops: float
    mibps: float


def measured_need(case: Case, min_coverage_pct: float) -> Need | None:
    """What a volume was asked for; None where too little was seen.

    Reads and writes at their highest at once: the sum is not less than what was asked for together. A period is the mean over
    some minutes, which hides shorter bursts; what is free above it is for them.
    """
    names = ("VolumeReadOps", "VolumeWriteOps", "VolumeReadBytes", "VolumeWriteBytes")
    seen = [case.usage.get(name) for name in names]
    if any(one is None or 100 * one.coverage(case.days) < min_coverage_pct for one in seen):
        return None
    read, write, read_bytes, write_bytes = (one for one in seen if one is not None)
    iops = sum(float(np.max(one.max * one.periods)) / 3600 for one in (read, write))
    # Mbit/s → MiB/s.
    mibps = sum(float(np.max(one.max)) for one in (read_bytes, write_bytes)) * 1e6 / 8 / 2**20
    return Need(iops, mibps) if np.isfinite(iops) else None


def described(case: Case, prices: PriceLists, volume: Volume) -> Case:
    """The case with what the volume is and costs."""
    evidence = {"size_gib": volume.gib, "attached_to": list(volume.instances)}
    return replace(case, config=str(volume), price=price_volume(prices, case.region, volume), evidence=evidence)
