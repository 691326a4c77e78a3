"""EBS volumes of type gp2: gp3 serves as much for less, and its IOPS and throughput do not depend on its size."""

from __future__ import annotations

from collections.abc import Mapping
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

# gp2: 3 IOPS for each GiB, at least 100 and at most 16,000; from 170 GiB on more than 128 MiB/s, from 334 GiB on 250.
_IOPS_PER_GIB, _LEAST_IOPS, _MOST_IOPS = 3.0, 100.0, 16_000.0
_SMALL_GIB, _SMALL_MIBPS, _MOST_MIBPS = 170.0, 128.0, 250.0


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours needed to size by what was measured.")
    headroom_pct: float = Field(
        20, ge=0, le=75, description="Share of IOPS and throughput to keep free above what was measured (Compute Optimizer: 20)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every volume: upgrade where it is gp2 and gp3 is cheaper, keep where not, insufficient_data where nobody says.

    gp3 has 3,000 IOPS and 125 MiB/s at no charge. It is given more where more was measured; where nothing was measured, as much
    as the gp2 volume has for good, so that nothing is lost. gp2's bursts of 3,000 IOPS are below what gp3 has always.

    Source: Cloud Intelligence Dashboards, gp2 → gp3: storage × 0.8, IOPS above 3,000 and MiB/s above 125 by the measured need.
    """
    prices = volume_prices(estate)
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: PriceLists) -> Row:
    volume = volume_of(case)
    if volume is None:
        return case.insufficient("The inventory does not say of which type and size it is.")
    case = described(case, prices, volume)
    if volume.kind != "gp2":
        return case.keep(f"A volume of type {volume.kind}, which is not gp2.")
    target, figures, observed = _target(case, options, volume)
    case = replace(case, evidence={**case.evidence, "observed": observed, "thresholds": {"headroom_pct": options.headroom_pct}})
    then = price_volume(prices, case.region, target)
    saving = None if case.price is None or then is None else case.price.monthly_usd - then.monthly_usd
    if saving is not None and saving <= 0:
        return case.keep(f"{target} would not be cheaper. {figures}")
    note = "Change its type back, six hours later at the earliest."
    change = Change(str(target), saving, chance=1.0, confidence=1.0, risk_level=0, effort="low", rollback_note=note)
    return case.recommend("upgrade", f"gp3 costs less and is at least as fast; it is changed while in use. {figures}", change)


def _target(case: Case, options: Options, volume: Volume) -> tuple[Volume, str, Mapping[str, float]]:
    """The gp3 volume, why it has what it has, and what that rests on."""
    need = measured_need(case, options.min_coverage_pct)
    if need is None:
        iops = min(max(_IOPS_PER_GIB * volume.gib, _LEAST_IOPS), _MOST_IOPS)
        mibps = _SMALL_MIBPS if volume.gib <= _SMALL_GIB else min(_MOST_MIBPS, iops * 256 / 1024)
        # gp2's first throughput step is a burst; below it gp3's 125 MiB/s are the same for good.
        mibps = GP3_MIBPS if mibps <= _SMALL_MIBPS else mibps
        figures = f"Its load was not measured, so that it keeps what gp2 has for good: {iops:g} IOPS."
        observed: dict[str, float] = {}
    else:
        free = 1 - options.headroom_pct / 100
        iops, mibps = need.iops / free, need.mibps / free
        figures = f"At most {need.iops:,.0f} IOPS and {need.mibps:,.1f} MiB/s were asked for in {case.days} days."
        observed = {"iops_max": round(need.iops, 3), "mibps_max": round(need.mibps, 3)}
    iops = float(round(min(max(iops, GP3_IOPS), GP3_MOST_IOPS)))
    mibps = float(round(min(max(mibps, GP3_MIBPS), iops / 4)))
    return Volume("gp3", volume.gib, iops, mibps), figures, observed
