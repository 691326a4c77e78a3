"""Tables of whom a cost belongs to."""

from __future__ import annotations

from pipeline.tables.columns import ALLOCATION_METHODS, text
from pipeline.tables.money import CHARGE_DAILY
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import NUMBER

#: What an allocated cost keeps of the charges behind it.
KEPT = ("billing_period", "source", "provider", "payer", "currency", "ts", "account", "service", "charge_category")
#: The four meanings of a cost.
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
COST_ALLOCATION = Table(
    name="gold.cost_allocation",
    doc="What a service in an account was charged on one day for one value of a dimension; its values sum to all.",
    key=(*KEPT, "dimension", "value", "method", "rule"),
    time="billing_period",
    columns=(
        *(CHARGE_DAILY.column(name) for name in KEPT),
        text("dimension", "Way to divide all cost: team, project … as the rules name them.", pattern=r"^[a-z][a-z0-9_]{0,30}\Z"),
        text("value", "Whom it belongs to; `unallocated` where nothing says so."),
        text("method", "How that was decided.", values=ALLOCATION_METHODS),
        text("rule", "What decided: a tag's key, an account, a rule or a shared cost by name; `none` where nothing did."),
        Column(name="share", type=NUMBER, doc="Of what was charged; 1 where nobody shares it.", unit="ratio", ge=0, le=1),
        *(CHARGE_DAILY.column(name) for name in COSTS),
    ),
    may_be_empty=True,
    by_month=True,
    build=Build(by="pipeline.inputs.allocation.allocate_costs", reads=("inputs.allocation_charges", "silver.tag_set")),
)
