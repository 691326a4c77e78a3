"""Volumes of several types."""

from __future__ import annotations

import json

from tests.support.rule_cases import Says, Situation, estate_of


def _volume(name: str, kind: str | None, gib: str | None) -> dict[str, object]:
    tags = {"headroom:volume_type": kind, "headroom:size_gib": gib}
    return {"resource_id": name, "service": "ebs", "tags": json.dumps(tags)}


_PRICES = [
    {"service": "ebs", "item": f"{kind} storage", "unit": "GB-month", "price_usd": usd}
    for kind, usd in (("gp2", 0.1), ("gp3", 0.08))
]
SITUATIONS = {
    "volumes": Situation(
        estate_of([_volume("vol-2", "gp2", "100"), _volume("vol-3", "gp3", "8"), _volume("vol-4", None, None)], _PRICES),
        {
            "vol-2": Says("rightsize", "costs less", {"current_config": "gp2, 100 GiB", "savings_monthly_usd": 2.0}),
            "vol-3": Says("keep", "not gp2"),
            "vol-4": Says("insufficient_data", "does not say"),
        },
    )
}
