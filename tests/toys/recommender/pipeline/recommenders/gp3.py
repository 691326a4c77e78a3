"""EBS volumes of type gp2: gp3 serves as much for less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, tags_of
from pipeline.advice.prices import monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"ebs"})


def recommend(estate: Estate) -> pd.DataFrame:
    """One row for every volume: rightsize where it is a gp2 volume, keep where not, insufficient_data where nobody says."""
    prices = price_lists(estate, "ebs", "GB-month")
    return recommendations([_judge(case, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, prices: Mapping[str, pd.DataFrame]) -> Row:
    tags = tags_of(case.resource)
    kind, gib = tags.get("headroom:volume_type"), tags.get("headroom:size_gib")
    if kind is None or gib is None:
        return case.insufficient("The inventory does not say of which type and size it is.")
    now, then = (monthly_price(prices, case.region, f"{each} storage", float(gib)) for each in (kind, "gp3"))
    case = replace(case, config=f"{kind}, {gib} GiB", price=now, evidence={"size_gib": float(gib)})
    if kind != "gp2":
        return case.keep(f"A volume of type {kind}, which is not gp2.")
    saving = None if now is None or then is None else now.monthly_usd - then.monthly_usd
    note = "Change its type back, six hours later at the earliest."
    change = Change(f"gp3, {gib} GiB", saving, chance=1.0, confidence=1.0, risk_level=0, effort="low", rollback_note=note)
    return case.recommend("rightsize", f"gp3 serves {gib} GiB at least as fast as gp2 and costs less.", change)
