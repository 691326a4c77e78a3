"""The table of what one unit of use costs."""

from __future__ import annotations

from pipeline.tables.columns import COUNTED, number, text
from pipeline.tables.money import CHARGE_DAILY
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import MONEY

_KEPT = ("billing_period", "source", "provider", "payer", "currency", "ts", "account", "service")
UNIT_COST = Table(
    name="gold.unit_cost",
    doc="What one vCPU hour, GB-month or request of a service in an account cost on one day.",
    key=(*_KEPT, "per"),
    time="billing_period",
    columns=(
        *(CHARGE_DAILY.column(name) for name in _KEPT),
        text("per", "What is counted.", values=COUNTED),
        Column(name="quantity", type=MONEY, doc="How much of it was used.", unit="as `per`"),
        Column(
            name="cost",
            type=MONEY,
            doc="Of that use: effective, billed where the bill states no effective cost.",
            unit="currency",
        ),
        Column(name="left_out_cost", type=MONEY, doc="Of the same service's usage, what is not counted so.", unit="currency"),
        number("unit_cost", "Cost of one; null on a day without one.", "currency per `per`"),
        number("left_out_ratio", "What is left out of all usage of the service; null where that cost nothing.", "ratio"),
    ),
    may_be_empty=True,
    by_month=True,
    build=Build(by="pipeline.inputs.unit_costs.read_unit_costs", reads=("inputs.unit_charges",)),
)
