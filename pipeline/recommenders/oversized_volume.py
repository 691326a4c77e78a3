"""EBS volumes with more provisioned IOPS or throughput than they are asked for.

Their size is left alone: a volume cannot be made smaller, and how full it is only its machine knows.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.volumes import (
    GP3_IOPS,
    GP3_MIBPS,
    GP3_MOST_IOPS,
    GP3_MOST_MIBPS,
    Need,
    PriceLists,
    Volume,
    described,
    measured_need,
    price_volume,
    volume_of,
    volume_prices,
)

RULE_VERSION = "1"
SERVICES = frozenset({"ebs"})

_PROVISIONED = ("gp3", "io1", "io2")
_LEAST_IOPS = 100.0


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours of reads and writes needed to judge.")
    headroom_pct: float = Field(
        20, ge=0, le=75, description="Share of IOPS and throughput to keep free above what was measured (Compute Optimizer: 20)."
    )
    allow_gp3: bool = Field(
        False, description="Also move io1 and io2 volumes to gp3, which is a little slower to answer and less durable than io2."
    )
    min_savings_usd: float = Field(1, ge=0, le=10_000, description="Smallest monthly saving worth a change.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every volume: rightsize, keep or insufficient_data.

    The target has the largest reads and writes of any period, together, and headroom. A type without provisioned IOPS is kept.

    Source: AWS Compute Optimizer, EBS volume recommendations.
    """
    prices = volume_prices(estate)
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: PriceLists) -> Row:
    volume = volume_of(case)
    if volume is None:
        return case.insufficient("The inventory does not say of which type and size it is.")
    case = described(case, prices, volume)
    if volume.kind not in _PROVISIONED:
        return case.keep(f"A volume of type {volume.kind}, whose IOPS are not provisioned.")
    if volume.iops is None or (volume.kind == "gp3" and volume.mibps is None):
        return case.insufficient("The inventory does not say how many IOPS and MiB/s it has.")
    if not volume.instances:
        return case.insufficient("Attached to nothing, so that what it will be asked for is not known.")
    unknown = case.too_young()
    need = measured_need(case, options.min_coverage_pct)
    if unknown or need is None:
        return case.insufficient(
            unknown or f"Its reads and writes were not seen in {options.min_coverage_pct:g} % of the last {case.days} days."
        )
    evidence = {
        **case.how_much_was_seen("VolumeReadOps"),
        "observed": {"iops_max": round(need.iops, 3), "mibps_max": round(need.mibps, 3)},
        "thresholds": {"headroom_pct": options.headroom_pct},
    }
    return _resize(replace(case, evidence={**case.evidence, **evidence}), options, prices, volume, need)


def _resize(case: Case, options: Options, prices: PriceLists, volume: Volume, need: Need) -> Row:
    target = _target(options, volume, need)
    figures = f"At most {need.iops:,.0f} IOPS and {need.mibps:,.1f} MiB/s were asked for in {case.days} days."
    if target == replace(volume, instances=()):
        return case.keep(f"It has no more than it needs. {figures}")
    then = price_volume(prices, case.region, target)
    saving = None if case.price is None or then is None else case.price.monthly_usd - then.monthly_usd
    if saving is not None and saving < max(options.min_savings_usd, 0.01):
        return case.keep(f"{target} would save less than it is worth. {figures}")
    change = Change(
        str(target),
        saving,
        chance=1.0,
        confidence=case.usage["VolumeReadOps"].coverage(case.days),
        risk_level=1,
        effort="low",
        rollback_note="Raise its IOPS and throughput again, six hours later at the earliest.",
    )
    return case.recommend("rightsize", f"More is provisioned than is used. {figures}", change)


def _target(options: Options, volume: Volume, need: Need) -> Volume:
    """The cheapest volume of the same size with what is needed; never more than there is now."""
    free = 1 - options.headroom_pct / 100
    iops, mibps, now = need.iops / free, need.mibps / free, volume.iops or 0.0
    to_gp3 = options.allow_gp3 and iops <= GP3_MOST_IOPS and mibps <= GP3_MOST_MIBPS
    if volume.kind == "gp3" or to_gp3:
        most_mibps = volume.mibps if volume.kind == "gp3" and volume.mibps is not None else GP3_MOST_MIBPS
        wanted_mibps = float(round(min(max(mibps, GP3_MIBPS), most_mibps)))
        # gp3 has at most 0.25 MiB/s for each of its IOPS.
        wanted = max(iops, GP3_IOPS, 4 * wanted_mibps)
        return Volume("gp3", volume.gib, float(round(min(wanted, max(now, GP3_IOPS)))), wanted_mibps)
    return Volume(volume.kind, volume.gib, float(round(min(max(iops, _LEAST_IOPS), now))), volume.mibps)
