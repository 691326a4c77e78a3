"""The formats that a bill may have, and the one spelling in which bronze keeps their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.errors import DataError
from pipeline.tables.columns import INVOICES_1_4, PERIODS_1_4

FOCUS, CUR, PERIODS, INVOICES = "bronze.focus_line", "bronze.cur_line", "bronze.billing_period", "bronze.invoice_detail"


class Format(NamedTuple):
    """How one kind of export is recognised, and what of it is read at landing.

    Attributes:
        table: of its family.
        required: columns that every such export has, as it spells them.
        period_start, owner, charge_start, tags: the columns that say when, whose, and the tags, as bronze spells them;
            the last two empty where it has no charges.
        absent: columns that no such export has.
    """

    name: str
    table: str
    required: frozenset[str]
    period_start: str
    owner: str
    charge_start: str = ""
    tags: str = ""
    absent: frozenset[str] = frozenset()

    @property
    def has_charges(self) -> bool:
        """Whether its lines are those of a bill."""
        return bool(self.charge_start)

    def lacking(self, columns: Iterable[str]) -> list[str]:
        """What an export of these columns has not."""
        there = {in_snake_case(name) for name in columns}
        return sorted(name for name in self.required if in_snake_case(name) not in there)


_FOCUS = frozenset(
    {
        "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
        "ChargeCategory", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost",
        "ListCost", "ServiceCategory", "ServiceName", "SubAccountId",
    }
)  # fmt: skip
_LEGACY = frozenset(
    {
        "bill/BillingPeriodStartDate", "bill/PayerAccountId", "lineItem/LineItemType", "lineItem/ProductCode",
        "lineItem/UnblendedCost", "lineItem/UsageAccountId", "lineItem/UsageStartDate", "lineItem/UsageType",
    }
)  # fmt: skip
_CUR = frozenset(
    {
        "bill_billing_period_start_date", "bill_payer_account_id", "line_item_line_item_type",
        "line_item_product_code", "line_item_unblended_cost", "line_item_usage_account_id",
        "line_item_usage_start_date", "line_item_usage_type", "product",
    }
)  # fmt: skip
# The columns that no other data set of FOCUS has are the statuses.
_PERIODS = frozenset({"BillingPeriodEnd", "BillingPeriodStart", "BillingPeriodStatus", "InvoiceIssuerName"})
_INVOICES = frozenset(
    {
        "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "ChargeCategory", "InvoiceDetailId",
        "InvoiceId", "InvoiceIssueStatus", "InvoiceIssuerName",
    }
)  # fmt: skip
_FOCUS_NAMES = ("billing_period_start", "billing_account_id", "charge_period_start", "tags")
_CUR_NAMES = ("bill_billing_period_start_date", "bill_payer_account_id", "line_item_usage_start_date", "resource_tags")

# The first that fits counts. 1.4 has another column for the provider, and none for sub accounts where there are none; 1.2 is told
# from 1.0 by columns that it added and made mandatory; 1.1 and 1.3 only add columns that nothing here reads. A legacy report has
# columns of the product, and no map of them.
FORMATS = (
    Format("focus_1_4", FOCUS, _FOCUS - {"SubAccountId"} | {"ServiceProviderName"}, *_FOCUS_NAMES, frozenset({"ProviderName"})),
    Format("focus_1_2", FOCUS, _FOCUS | {"InvoiceId", "PricingCurrency"}, *_FOCUS_NAMES),
    Format("focus_1_0", FOCUS, _FOCUS, *_FOCUS_NAMES),
    Format("cur_2_0", CUR, _CUR, *_CUR_NAMES),
    Format("cur_legacy", CUR, _LEGACY, *_CUR_NAMES),
    Format(INVOICES_1_4, INVOICES, _INVOICES, "billing_period_start", "billing_account_id"),
    Format(PERIODS_1_4, PERIODS, _PERIODS, "billing_period_start", "invoice_issuer_name"),
)
#: Columns from which the amortised cost of a type of a report's lines is made.
AMORTISED = {
    "SavingsPlanCoveredUsage": ("savings_plan_savings_plan_effective_cost",),
    "SavingsPlanRecurringFee": ("savings_plan_total_commitment_to_date", "savings_plan_used_commitment"),
    "DiscountedUsage": ("reservation_effective_cost",),
    "RIFee": ("reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee"),
}
#: Exports that are taken for one of these, by columns that tell them apart.
_OTHERS = (
    ("Oracle Cloud's cost report", frozenset({"lineItem/referenceNo", "lineItem/intervalUsageStart"})),
    ("Azure's cost details", frozenset({"MeterCategory", "CostInBillingCurrency"})),
    ("Google Cloud's own billing export", frozenset({"billing_account_id", "usage_start_time"})),
    ("a table of Cost Explorer, which has sums instead of charges", frozenset({"Total costs($)"})),
)


def detect(path: str, columns: Sequence[str]) -> Format:
    """The format whose required columns are all there.

    Raises:
        DataError: none is; the message names what the nearest one lacks.
    """
    found = _detected(tuple(columns))
    if found is not None:
        return found
    other = next((name for name, telling in _OTHERS if telling <= set(columns)), "")
    if other:
        raise DataError(f"{path}: {other}, which is not read; export FOCUS, or of AWS CUR 2.0, instead")
    nearest = min(FORMATS, key=lambda known: len(known.lacking(columns)) / len(known.required))
    raise DataError(
        f"{path}: neither FOCUS 1.0–1.4 nor a Cost and Usage Report; "
        f"for {nearest.name} it lacks the columns {nearest.lacking(columns)}"
    )


@lru_cache(maxsize=64)
def _detected(columns: tuple[str, ...]) -> Format | None:
    return next((known for known in FORMATS if not known.lacking(columns) and known.absent.isdisjoint(columns)), None)


@lru_cache(maxsize=4096)
def in_snake_case(name: str) -> str:
    """A column's name as bronze has it: `BilledCost` is `billed_cost`, `reservation/ReservationARN` is
    `reservation_reservation_a_r_n`, as AWS itself spells it in Parquet."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[A-Za-z0-9])(?=[A-Z])", "_", name).lower()).strip("_") or "column"


def spell(columns: Sequence[str], taken: Iterable[str]) -> list[str]:
    """The names of an export's columns in bronze, each its own: those that fall on one that is taken get a number."""
    seen, spelled = set(taken), []
    for name in map(in_snake_case, columns):
        own = next(each for each in (name, *(f"{name}_{number}" for number in range(2, len(columns) + 3))) if each not in seen)
        seen.add(own)
        spelled.append(own)
    return spelled
