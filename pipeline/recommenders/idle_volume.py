"""EBS volumes that nothing uses: attached to nothing, or attached and neither read nor written.

What is on them may still be wanted, so that a snapshot comes before the end, and its price is taken off the saving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.measures import MOST_DAYS, busiest_day
from pipeline.advice.prices import monthly_price
from pipeline.advice.volumes import PriceLists, Volume, described, volume_of, volume_prices

RULE_VERSION = "1"
SERVICES = frozenset({"ebs"})

_NOTE = "Make a volume of the snapshot again."


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unattached_days: int = Field(
        32, ge=1, le=MOST_DAYS, description="Attached to nothing for at least so many days (Compute Optimizer: 32)."
    )
    idle_days: int = Field(
        7, ge=1, le=MOST_DAYS, description="… or attached, and unused on each of the last so many days (Trusted Advisor: 7)."
    )
    max_operations_per_day: float = Field(
        1, gt=0, le=10_000, description="Unused is a day with fewer reads and writes than this (Trusted Advisor: 1)."
    )
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of these days' periods needed to call it unused.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every volume: delete, keep or insufficient_data.

    The saving is its price less that of a snapshot. A snapshot has only the blocks that were written: at the least, which is what
    is expected, it is as large as the volume; at the most nothing is in it. A volume for which even that costs more is kept.

    Source: AWS Compute Optimizer, idle volumes; AWS Trusted Advisor, underutilized EBS volumes.
    """
    prices = volume_prices(estate)
    states = {
        str(row["resource_id"]): optional_text(row.get("state"))
        for _, row in estate.resources.loc[estate.resources["service"] == "ec2"].iterrows()
    }
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, options, prices, states) for case in judged])


def _judge(case: Case, options: Options, prices: PriceLists, states: Mapping[str, str | None]) -> Row:
    volume = volume_of(case)
    if volume is None:
        return case.insufficient("The inventory does not say of which type and size it is.")
    case = described(case, prices, volume)
    state = optional_text(case.resource.get("state"))
    if state not in ("available", "in-use"):
        return case.insufficient(f"Its state is {state or 'not stated'}; only an available volume, or one in use, is judged.")
    if state == "available":
        return _unattached(case, options, prices, volume)
    stopped = [name for name in volume.instances if states.get(name) in ("stopped", "stopping")]
    if stopped and len(stopped) == len(volume.instances):
        return case.keep(f"Attached to {', '.join(stopped)}, which is stopped and needs it for its next start.")
    return _attached(case, options, prices, volume)


def _unattached(case: Case, options: Options, prices: PriceLists, volume: Volume) -> Row:
    days = case.in_state_for()
    evidence = {"observed": {"unattached_days": days}, "thresholds": {"unattached_days": options.unattached_days}}
    case = replace(case, evidence={**case.evidence, **evidence})
    if days is None:
        return case.insufficient("Attached to nothing, but nobody knows since when: no inventories of earlier days.")
    if days < options.unattached_days:
        return case.insufficient(
            f"Attached to nothing since {case.resource['state_since']:%Y-%m-%d} at the latest, for {days:.0f} days; "
            f"{options.unattached_days} are needed."
        )
    return _delete(case, prices, volume, f"Attached to nothing for at least {days:.0f} days.", chance=1.0)


def _attached(case: Case, options: Options, prices: PriceLists, volume: Volume) -> Row:
    reads, writes = (busiest_day(case, name, options.idle_days) for name in ("VolumeReadOps", "VolumeWriteOps"))
    coverage = min(reads.coverage, writes.coverage)
    if reads.amount is None or writes.amount is None or 100 * coverage < options.min_coverage_pct:
        return case.insufficient(
            f"Its reads and writes cover {100 * coverage:.1f} % of the last {options.idle_days} days; "
            f"{options.min_coverage_pct:g} % are needed."
        )
    most = reads.amount + writes.amount
    evidence = {
        "window_days": options.idle_days,
        "coverage": round(coverage, 4),
        "observed": {"operations_max_per_day": round(most, 3)},
        "thresholds": {"operations_max_per_day": options.max_operations_per_day},
    }
    case = replace(case, evidence={**case.evidence, **evidence})
    if most >= options.max_operations_per_day:
        return case.keep(f"In use: up to {most:,.0f} reads and writes a day over {options.idle_days} days.")
    reason = f"Attached, but neither read nor written on any of the last {options.idle_days} days."
    return _delete(case, prices, volume, reason, chance=coverage)


def _delete(case: Case, prices: PriceLists, volume: Volume, reason: str, chance: float) -> Row:
    snapshot = monthly_price(prices["GB-month"], case.region, "snapshot standard", volume.gib)
    high = least = None
    if case.price is not None and snapshot is not None:
        high, least = case.price.monthly_usd, case.price.monthly_usd - snapshot.monthly_usd
        if least <= 0:
            return case.keep(f"{reason} A snapshot of it may cost as much as it does.")
    change = Change(
        target=None,
        saving_usd=high,
        least_usd=least,
        chance=1.0,
        confidence=chance,
        risk_level=2,
        effort="low",
        rollback_note=_NOTE,
    )
    return case.recommend("delete", f"{reason} Take a snapshot first.", change)
