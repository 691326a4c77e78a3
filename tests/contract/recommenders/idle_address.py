"""Addresses that are associated with something, with nothing, and that cost nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from tests.support.activity import AS_OF, active, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def address(name: str, state: str | None, **facts: Any) -> dict[str, Any]:
    return resource(name, "address", state, public_ip="203.0.113.7", **{"launched_at": pd.NaT, **facts})


_YESTERDAY = AS_OF - timedelta(days=1)
SITUATIONS = {
    "addresses": Situation(
        active(
            [
                address("eip-loose", "unassociated", pool="amazon", state_since=_YESTERDAY),
                address("eip-used", "associated", attached_to="i-1"),
                address("eip-own", "unassociated", pool="ipv4pool-ec2-1"),
                address("eip-managed", "unassociated", managed_by="nat"),
                address("eip-odd", None),
                address("eip-unknown", "unassociated", state_since=pd.NaT),
            ]
        ),
        {
            "eip-loose": Says("delete", "at least 1 days: release", {"savings_monthly_usd": pytest.approx(3.65)}),
            "eip-used": Says("keep", "i-1", {"monthly_cost_usd": pytest.approx(3.65)}),
            "eip-own": Says("keep", "costs nothing"),
            "eip-managed": Says("keep", "Managed by nat"),
            "eip-odd": Says("insufficient_data", "does not say"),
            "eip-unknown": Says("insufficient_data", "nobody knows"),
        },
    )
}
OPTIONS = {"unassociated_days": Changed(7, active([address("eip-1", "unassociated", state_since=_YESTERDAY)]))}
