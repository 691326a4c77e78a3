"""Tables of whom a cost belongs to, and of what became of a cost that was final."""

from __future__ import annotations

from pipeline.tables.columns import (
    ALLOCATION_METHODS,
    BY_COMMITMENT,
    BY_DISCOUNT,
    BY_GONE,
    BY_NEW,
    BY_OTHER,
    BY_RATE,
    BY_USAGE,
    SHARED,
    moment,
    text,
)
from pipeline.tables.money import CHARGE_DAILY
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import MONEY, NUMBER

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

_DRIVEN = ("provider", "payer", "currency", "account", "service")
_PARTS = {
    BY_USAGE: "By more or less use, at the list prices of before.",
    BY_RATE: "By list prices.",
    BY_DISCOUNT: "By negotiated prices against list.",
    BY_COMMITMENT: "By Savings Plans and reservations against these.",
    BY_NEW: "What was not used in the month before.",
    BY_GONE: "What is not used any more.",
    BY_OTHER: "By what has no use: fees, tax, credits, corrections.",
    SHARED: "By shares of shared costs, which move with what others cost.",
}
COST_DRIVER = Table(
    name="gold.cost_driver",
    doc="Why what a value of a dimension is charged for a service in an account changed from the bill of one month to the next.",
    key=("billing_period", *_DRIVEN, "dimension", "value"),
    time="billing_period",
    columns=(
        moment("billing_period", "First of the month whose bill is compared with that of the month before."),
        *(CHARGE_DAILY.column(name) for name in _DRIVEN),
        *(COST_ALLOCATION.column(name) for name in ("dimension", "value")),
        *(
            Column(name=name, type=MONEY, doc=doc, unit="currency")
            for name, doc in {
                "cost_before": "Effective cost in the month before, billed where the bill states none.",
                "cost": "Likewise in this one, as far as it is billed.",
                "change": "The one less the other, which the parts sum to.",
                **_PARTS,
            }.items()
        ),
    ),
    may_be_empty=True,
    by_month=True,
    build=Build(by="pipeline.inputs.allocation.explain_months", reads=("inputs.driver_charges", "silver.tag_set")),
)


def _moved(meaning: str, doc: str) -> tuple[Column, ...]:
    """A cost of before, of now, and by how much it moved."""
    said = {
        f"old_{meaning}": f"{doc} before; null where nothing was charged.",
        f"new_{meaning}": f"{doc} now; null where nothing is charged.",
    }
    delta = Column(name=f"{meaning}_delta", type=MONEY, doc="Now less before.", unit="currency")
    return (*(Column(name=name, type=MONEY, doc=each, unit="currency", nullable=True) for name, each in said.items()), delta)


COST_RESTATEMENT = Table(
    name="silver.cost_restatement",
    doc="What an export said of a service in an account for a closed billing period, and then said otherwise.",
    key=("billing_period", "source", "export", "provider", "payer", "currency", "account", "service", "first_seen_at"),
    time="billing_period",
    columns=(
        *(CHARGE_DAILY.column(name) for name in ("billing_period", "source")),
        text("export", "What the export is called from one execution to the next."),
        *(CHARGE_DAILY.column(name) for name in ("provider", "payer", "currency", "account", "service")),
        moment("first_seen_at", "When what it says now was landed."),
        *_moved("billed", "What the invoice said"),
        *_moved("effective", "Amortised"),
    ),
    may_be_empty=True,
    by_month=True,
)
