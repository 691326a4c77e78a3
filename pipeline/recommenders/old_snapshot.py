"""EBS snapshots that are old, and that neither an image nor a backup policy needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, tags_of
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.prices import monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"ebs-snapshot"})

# Tags of those who also delete what they made: AWS Backup and Data Lifecycle Manager.
_POLICY_TAGS = ("aws:backup:source-resource", "aws:dlm:lifecycle-policy-id", "dlm:managed")
#: What the inventory says of a snapshot of which no image is made.
NO_IMAGE = "none"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_age_days: int = Field(365, ge=30, le=3650, description="Old from this age on (Cloud Intelligence Dashboards: 12 months).")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every snapshot: delete, keep or insufficient_data.

    A snapshot shares blocks with the others of its volume, and to delete it frees only its own: at least nothing, at most all
    that it refers to. Of the only snapshot of a volume all is freed. How much it refers to the inventory says, or it is no more
    than the volume's size. What is sure is what is expected.

    Source: Cloud Intelligence Dashboards, snapshots older than 12 months.
    """
    prices = price_lists(estate, "ebs", "GB-month")
    judged = list(cases(estate, __name__, RULE_VERSION, SERVICES))
    of_volume = Counter((*case.key[:2], facts_of(case.resource).get("volume", "")) for case in judged)
    return recommendations([_judge(case, options, prices, of_volume) for case in judged])


def _judge(
    case: Case, options: Options, prices: Mapping[str, pd.DataFrame], of_volume: Mapping[tuple[str, str, str], int]
) -> Row:
    facts, age = facts_of(case.resource), case.age_days()
    gib = number_of(facts, "size_gib")
    if age is None or gib is None:
        return case.insufficient("The inventory does not say how old and how large it is.")
    tier = facts.get("tier", "standard")
    full = number_of(facts, "full_gib")
    most = gib if full is None else full
    evidence = {"size_gib": gib, "observed": {"age_days": int(age)}, "thresholds": {"age_days": options.min_age_days}}
    case = replace(case, config=f"{tier}, {gib:g} GiB", evidence=evidence)
    if age < options.min_age_days:
        return case.keep(f"{age:.0f} days old, which is less than {options.min_age_days}.")
    if policy := next((name for name in _POLICY_TAGS if name in tags_of(case.resource)), None):
        return case.keep(f"{age:.0f} days old, and made by a policy, which also deletes it ({policy}).")
    image = facts.get("image")
    if image is None:
        return case.insufficient(f"{age:.0f} days old, but the inventory does not say whether an image needs it.")
    if image != NO_IMAGE:
        return case.keep(f"{age:.0f} days old, and needed by the image {image}.")
    price = monthly_price(prices, case.region, f"snapshot {tier}", most)
    is_only = of_volume[*case.key[:2], facts.get("volume", "")] == 1 and "volume" in facts
    saved = None if price is None else price.monthly_usd
    change = Change(
        target=None,
        saving_usd=saved,
        least_usd=None if saved is None else saved if is_only and full is not None else 0.0,
        chance=1.0,
        confidence=0.5,
        risk_level=2,
        effort="low",
        rollback_possible=False,
        rollback_note="None: what is in it is lost. Copy it to the archive tier where that must not be.",
    )
    shared = "the only one of its volume" if is_only else "one of several of its volume, which share blocks"
    reason = f"{age:.0f} days old, {shared}; no image and no policy needs it."
    return replace(case, price=price).recommend("delete", reason, change)
