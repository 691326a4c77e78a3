"""Snapshots that are old and needed by nobody, and those that are needed, or young."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.activity import AS_OF, active, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def snapshot(name: str, days: float, **more: Any) -> dict[str, Any]:
    facts = {"size_gib": 100, "volume": f"vol-{name}", "tier": "standard", "image": "none", **more}
    return resource(name, "ebs-snapshot", "completed", launched_at=AS_OF - timedelta(days=days), **facts)


SITUATIONS = {
    "snapshots": Situation(
        active(
            [
                snapshot("snap-old", 400, full_gib=40),
                snapshot("snap-unmeasured", 400),
                snapshot("snap-one", 400, volume="vol-1", full_gib=40),
                snapshot("snap-other", 40, volume="vol-1", full_gib=40),
                snapshot("snap-young", 364),
                snapshot("snap-image", 400, image="ami-1"),
                snapshot("snap-unsaid", 400, image=None),
                snapshot("snap-backup", 400, tags={"aws:backup:source-resource": "x"}),
                snapshot("snap-archive", 400, tier="archive"),
                snapshot("snap-unsized", 400, size_gib=None),
            ]
        ),
        {
            # The only one of its volume: all of its 40 GiB are freed.
            "snap-old": Says(
                "delete", "the only one", {"savings_low_usd": pytest.approx(2.0), "savings_high_usd": pytest.approx(2.0)}
            ),
            "snap-unmeasured": Says("delete", "", {"savings_low_usd": 0.0, "savings_high_usd": pytest.approx(5.0)}),
            "snap-one": Says("delete", "share blocks", {"savings_low_usd": 0.0, "savings_high_usd": pytest.approx(2.0)}),
            "snap-other": Says("keep", "40 days old"),
            "snap-young": Says("keep", "364 days old, which is less than 365"),
            "snap-image": Says("keep", "ami-1"),
            "snap-unsaid": Says("insufficient_data", "whether an image needs it"),
            "snap-backup": Says("keep", "aws:backup:source-resource"),
            "snap-archive": Says("delete", "", {"monthly_cost_usd": pytest.approx(float("nan"), nan_ok=True)}),
            "snap-unsized": Says("insufficient_data", "how old and how large"),
        },
    )
}
OPTIONS = {"min_age_days": Changed(400, active([snapshot("snap-1", 390)]))}
