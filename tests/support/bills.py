"""Lines of bills as landing has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline.interval import Interval
from pipeline.settings import Settings
from pipeline.steps import perform

PERIOD = datetime(2026, 3, 1)


def line(day: int = 2, number: int = 1, **over: Any) -> dict[str, Any]:
    """A FOCUS line of a dollar on a day of March, but for what is said."""
    said = {"provider_name": "AWS", "billing_account_id": "9", "sub_account_id": "1", "service_name": "EC2", "region_id": "r"}
    said |= {"charge_category": "Usage", "billing_currency": "USD", "billing_period_start": "2026-03-01"}
    said |= {"billed_cost": "1", "effective_cost": "1", "list_cost": "1"}
    known = {"source": "billing", "format": "focus_1_0", "export": "e", "execution": "x", "files": 1, "schema_hash": "0" * 16}
    known |= {"billing_period": PERIOD, "line_number": number, "charge_start": PERIOD.replace(day=day)}
    return known | said | over


#: The tables from a bill's lines to its cost by the day, in the order in which they are built.
COST = ("silver.bill", "silver.charge_daily", "silver.cost_daily")


def build_cost(settings: Settings, interval: Interval, restated_limit: float = 1000) -> int:
    """The rows of the last; of a closed period, which March is, as much may change as `restated_limit` says."""
    settings = settings.model_copy(update={"restated_limit": restated_limit})
    return [perform("build", interval, target=name, settings=settings) for name in COST][-1]
