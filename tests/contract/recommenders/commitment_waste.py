"""Commitments of which a part is paid for nothing, those that are used, and those that end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation
from tests.support.spending import PLAN, charged, spending

RESERVED = "arn:aws:ec2:us-east-1:9:reserved-instances/1"


def used(commitment: str, usd: float, unused: float) -> list[Any]:
    """So much of a commitment is used in a day, and so much is not."""
    return [
        charged(usd / 0.8, charged_as="covered", commitment_id=commitment),
        charged(
            0.0, charged_as="unused", commitment_id=commitment, usage_type="ComputeSP:1yrNoUpfront", has_resource=False
        ).assign(effective_usd=unused),
    ]


def listed(commitment: str, ends: str) -> dict[str, Any]:
    return {"resource_id": commitment, "service": "commitment", "account": "9", "tags": json.dumps({"headroom:ends": ends})}


WASTE = [*used(PLAN, 80.0, 20.0), *used(RESERVED, 95.0, 5.0)]
ENDING = [
    listed(PLAN, "2026-05-01"),
    listed(RESERVED, "2026-06-01"),
    listed("gone", "2026-03-01"),
    listed("unseen", "2027-03-01"),
]

SITUATIONS = {
    "a fifth for nothing, and a twentieth": Situation(
        spending(*WASTE),
        {
            # 20 of 100 dollars a day, in 730 / 24 days.
            PLAN: Says(
                "release",
                "80.0 % of it was used",
                {
                    "monthly_cost_usd": pytest.approx(100 * 730 / 24),
                    "savings_low_usd": 0.0,
                    "savings_monthly_usd": 0.0,
                    "savings_high_usd": pytest.approx(20 * 730 / 24),
                },
            ),
            RESERVED: Says("keep", r"95.0 % .* \$152.08 a month"),
        },
    ),
    "ends": Situation(
        spending(*WASTE, resources=ENDING),
        {
            PLAN: Says("investigate", "ends on 2026-05-01, in 47 days"),
            RESERVED: Says("keep", "95.0 %"),
            "gone": Says("keep", "Ended on 2026-03-01"),
            "unseen": Says("insufficient_data", "nothing of it"),
        },
    ),
    # Bought four days ago.
    "young": Situation(
        spending(*(rows.tail(4) for rows in used(PLAN, 80.0, 20.0)), charged(9.0)),
        {PLAN: Says("release", "in the last 4 days", {"savings_high_usd": pytest.approx(20 * 730 / 24)})},
    ),
    "cents": Situation(spending(*used(PLAN, 0.2, 0.1)), {PLAN: Says("keep", r"66.7 %")}),
}
OPTIONS = {
    "min_utilisation_pct": Changed(99, spending(*WASTE)),
    "min_unused_usd": Changed(700, spending(*WASTE)),
    "ends_within_days": Changed(30, spending(*WASTE, resources=ENDING)),
}
