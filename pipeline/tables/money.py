"""Tables of what it costs: bills, prices, cost by the day."""

from __future__ import annotations

from pipeline.tables.columns import (
    BILL_FORMATS,
    DATA_SETS,
    INVOICE_STATES,
    account,
    made_safe,
    moment,
    number,
    provenance,
    region,
    source,
    text,
)
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import FLAG, MONEY, NUMBER, WHOLE

# What an instance type is.
specification = (
    number("vcpu", "Virtual CPUs.", "count"),
    number("memory_gib", "Memory.", "GiB"),
    text("arch", "x86_64 or arm64.", nullable=True),
    number("network_mbps", "Network baseline.", "mbps"),
    number("ebs_mbps", "EBS baseline.", "mbps"),
    text("hypervisor", "xen, nitro …", nullable=True),
    Column(name="burstable", type=FLAG, doc="Runs on CPU credits.", nullable=True),
    Column(name="instance_store", type=FLAG, doc="Has local disks.", nullable=True),
    number("gpu", "GPUs.", "count"),
    number("coremark", "CoreMark iterations per second, all threads.", "1/s"),
)
# What every line of an export has beside the columns of its own.
exported_line = (
    source,
    text("format", "Of the export.", values=(*BILL_FORMATS, *DATA_SETS)),
    text("export", "What the export is called from one execution to the next."),
    text("execution", "Which execution of it: the exporter's own id, or a hash of its files."),
    Column(name="files", type=WHOLE, doc="Files of the execution.", unit="count", ge=1),
    text("schema_hash", "Of the names of the export's columns, in their order."),
    moment("billing_period", "Midnight that begins the billing period, which is a month."),
    Column(name="line_number", type=WHOLE, doc="Line of the execution, from 1.", ge=1),
)
# And what one of a bill has.
line = (
    *exported_line,
    moment("charge_start", "Start of the charge period; null where the line has none.", nullable=True),
    text("tag_set", "Hash of the line's tags; null where it has none, or they cannot be read.", nullable=True),
)


def _exported(*names: str) -> tuple[Column, ...]:
    """Columns as an export has them, in snake case: text, whatever type they had there."""
    return tuple(text(name, f"As exported: {name}.", nullable=True) for name in names)


FOCUS_LINE = Table(
    name="bronze.focus_line",
    doc="One line of a FOCUS export; its object has every column of the export, of which those are declared that silver reads.",
    key=("load_id", "line_number"),
    time="billing_period",
    columns=(
        *line,
        *_exported(
            *("provider_name", "service_provider_name", "billing_account_id", "sub_account_id", "billing_currency", "invoice_id"),
            *("invoice_issuer_name", "billing_period_start", "billing_period_end", "charge_period_start", "charge_period_end"),
            "service_name",
            *("region_id", "sku_id", "x_usage_type", "resource_id", "charge_category", "charge_class", "pricing_category"),
            *("commitment_discount_id", "consumed_quantity", "consumed_unit", "pricing_quantity", "pricing_unit"),
            *("billed_cost", "effective_cost", "list_cost", "contracted_cost", "tags"),
        ),
        *provenance,
        made_safe,
    ),
    partition="day",
    by_month=True,
)
CUR_LINE = Table(
    name="bronze.cur_line",
    doc="One line of a Cost and Usage Report, 2.0 or legacy; its object has every column of the report, in the names of 2.0.",
    key=("load_id", "line_number"),
    time="billing_period",
    columns=(
        *line,
        *_exported(
            *("bill_payer_account_id", "bill_invoice_id", "bill_invoicing_entity"),
            *("bill_billing_period_start_date", "bill_billing_period_end_date"),
            *("line_item_line_item_type", "line_item_usage_start_date", "line_item_usage_end_date"),
            *("line_item_usage_account_id", "line_item_product_code", "product_servicecode", "product_region_code"),
            *("line_item_usage_type", "line_item_resource_id", "line_item_currency_code", "line_item_unblended_cost"),
            *("line_item_usage_amount", "pricing_unit", "pricing_term", "pricing_public_on_demand_cost"),
            *("reservation_reservation_a_r_n", "reservation_effective_cost", "reservation_unused_recurring_fee"),
            *("reservation_unused_amortized_upfront_fee_for_billing_period", "savings_plan_savings_plan_a_r_n"),
            *("savings_plan_savings_plan_effective_cost", "savings_plan_total_commitment_to_date"),
            *("savings_plan_used_commitment", "resource_tags"),
        ),
        *provenance,
        made_safe,
    ),
    partition="day",
    by_month=True,
)
#: Lines of bills, by family of formats.
LINES = (FOCUS_LINE, CUR_LINE)
BILLING_PERIOD = Table(
    name="bronze.billing_period",
    doc="One line of FOCUS 1.4's data set Billing Period: whether an invoice issuer's period is open or closed.",
    key=("load_id", "line_number"),
    time="billing_period",
    columns=(
        *exported_line,
        *_exported(
            *("invoice_issuer_name", "billing_period_start", "billing_period_end", "billing_period_status"),
            *("billing_period_created", "billing_period_last_updated"),
        ),
        *provenance,
        made_safe,
    ),
    partition="day",
    by_month=True,
)
INVOICE_DETAIL = Table(
    name="bronze.invoice_detail",
    doc="One line of FOCUS 1.4's data set Invoice Detail: a line of an invoice, as it was issued.",
    key=("load_id", "line_number"),
    time="billing_period",
    columns=(
        *exported_line,
        *_exported(
            *("invoice_issuer_name", "billing_account_id", "billing_currency", "invoice_id", "invoice_detail_id"),
            *("reference_invoice_id", "invoice_issue_status", "invoice_issue_date", "billing_period_start"),
            *("billing_period_end", "charge_category", "billed_cost"),
        ),
        *provenance,
        made_safe,
    ),
    partition="day",
    by_month=True,
)
# What has a price.
priced = (
    text("service", "ec2, ebs, elb …"),
    text("region", "Region of the price."),
    text("item", "Instance type, or the name of what is sold."),
    text("unit", "hour, GB-month …"),
)
PRICE = Table(
    name="bronze.price",
    doc="One list price from the day it was first seen, with the attributes of what it buys.",
    key=("load_id", "service", "region", "item", "unit", "ts"),
    time="ts",
    columns=(
        source,
        moment("ts", "Day from which the price is known."),
        text("provider", "Who sells it."),
        *priced,
        Column(name="price_usd", type=NUMBER, doc="On-demand list price per unit.", unit="usd"),
        text("instance_family", "Family of an instance type.", nullable=True),
        *specification,
        *provenance,
    ),
    partition="day",
)
PRICE_HELD = Table(
    name="silver.price",
    doc="One list price from the moment it is valid: it holds until the next of its item, however long that is.",
    key=("service", "region", "item", "unit", "ts"),
    time="ts",
    columns=(
        source,
        moment("ts", "Moment from which the price is known."),
        *priced,
        Column(name="price_usd", type=NUMBER, doc="On-demand list price per unit.", unit="usd", ge=0),
        *specification,
        Column(
            name="landings", type=WHOLE, doc="Landings of its day among which it was chosen; more than these make it old.", ge=1
        ),
    ),
    may_be_empty=True,
    build=Build(catches_up=True),
)
provider = text("provider", "Who bills.")
payer = text("payer", "Account that the bill is for.")
currency = text("currency", "Billing currency.", pattern=r"^[A-Z]{3}\Z")
billing_period = moment("billing_period", "Midnight that begins the billing period, which is a month.")


def _costs(nullable: bool = True) -> tuple[Column, ...]:
    """Cost in four meanings, in the row's currency."""
    meanings = {
        "billed_cost": "What the invoice says.",
        "effective_cost": "Amortised: for trends, allocation and forecasts.",
        "list_cost": "At list price.",
        "contracted_cost": "At the negotiated price, before commitments.",
    }
    return tuple(
        Column(name=name, type=MONEY, doc=doc, unit="currency", nullable=nullable or name != "billed_cost")
        for name, doc in meanings.items()
    )


BILL = Table(
    name="silver.bill",
    doc="The execution of one export for one billing period, provider and payer: what was landed of it, and whether it counts.",
    key=("source", "export", "billing_period", "provider", "payer"),
    time="billing_period",
    columns=(
        source,
        text("export", "What the export is called from one execution to the next."),
        billing_period,
        provider,
        payer,
        text("format", "Of the lines.", values=BILL_FORMATS),
        text("execution", "The exporter's own id, or a hash of the files."),
        text("load_id", "Of the landing that has the lines.", pattern=r"^[0-9a-f]{64}\Z"),
        moment("ingested_at", "When that was landed."),
        Column(name="files", type=WHOLE, doc="Files of the execution.", unit="count", ge=1),
        text("schema_hash", "Of the names of the export's columns, in the order of one of its files."),
        Column(name="lines", type=WHOLE, doc="Lines landed: those that count and those that were refused.", unit="count", ge=1),
        Column(name="lines_refused", type=WHOLE, doc="Of these, in quarantine.", unit="count", ge=0),
        Column(name="refused_cost", type=MONEY, doc="Billed by refused lines, where that can be read.", unit="currency"),
        text(
            "currency", "Billing currency of the lines that count; null where none does.", nullable=True, pattern=r"^[A-Z]{3}\Z"
        ),
        *_costs(),
        Column(name="uninvoiced_lines", type=WHOLE, doc="Lines without the id of an invoice.", unit="count", ge=0),
        moment(
            "said_closed_at",
            "When it was landed that the period is closed, by the data set Billing Period, of every issuer of the lines; null "
            "where it is not said.",
            nullable=True,
        ),
        moment("complete_through", "Midnight of the last day that has usage; null where none has.", nullable=True),
        text(
            "superseded_by",
            "Export that says the same and counts in this one's place; null where this one counts.",
            nullable=True,
        ),
    ),
    may_be_empty=True,
    build=Build(
        by="pipeline.inputs.bills.read_bills", reads=("inputs.bill_loads", "inputs.bill_overlaps", "inputs.accepted_bills")
    ),
    by_month=True,
)
CHARGE_DAILY = Table(
    name="silver.charge_daily",
    doc="What one resource, usage, commitment and set of tags was charged on one day, of the exports that count.",
    key=(
        "billing_period", "source", "provider", "payer", "currency", "ts", "account", "service", "region", "usage_type",
        "resource_id", "charge_category", "charge_class", "pricing_category", "commitment_id", "tag_set", "unit",
    ),
    time="billing_period",
    columns=(
        billing_period,
        source,
        provider,
        payer,
        currency,
        moment("ts", "Midnight that begins the day of the charge, also of a day before its billing period."),
        account,
        text("service", "Service name as billed."),
        region,
        text("usage_type", "Usage type, or the SKU where the bill has none."),
        text("resource_id", "The cloud's own id; `none` of what belongs to no resource."),
        text("charge_category", "Usage, Purchase, Tax, Credit, Adjustment."),
        text("charge_class", "Correction, of what corrects an earlier invoice; else `none`."),
        text("pricing_category", "Standard, Committed, Dynamic or Other, as billed."),
        text("commitment_id", "Of the commitment that covers or is charged; else `none`."),
        text("tag_set", "Of `silver.tag_set`; `none` where there are no tags."),
        text("unit", "Of the quantity; `none` where there is none."),
        Column(name="quantity", type=MONEY, doc="Used, or priced where no use is stated.", unit="unit", nullable=True),
        *_costs(nullable=False),
        Column(name="lines", type=WHOLE, doc="Billing lines behind the row.", unit="count", ge=1),
    ),
    may_be_empty=True,
    by_month=True,
)  # fmt: skip
INVOICE = Table(
    name="silver.invoice",
    doc="One invoice of a payer beside the charges that name it, of billing periods and payers with the data set Invoice Detail.",
    key=("billing_period", "payer", "invoice_id", "currency"),
    time="billing_period",
    columns=(
        billing_period,
        payer,
        text("invoice_id", "The issuer's own; `none` of charges that have no invoice."),
        text("currency", "Billing currency; `none` where an invoice states none that can be read."),
        text("issuer", "Who issues it; null where there is no invoice.", nullable=True),
        text(
            "issue_status",
            "Open, Issued or Voided, as the issuer says; null where there is no invoice, or it says none of these.",
            nullable=True,
        ),
        Column(name="charged_lines", type=WHOLE, doc="Lines of the bill that name it, without tax.", unit="count", ge=0),
        Column(name="charged_tax_lines", type=WHOLE, doc="Those that are tax.", unit="count", ge=0),
        Column(name="charged_cost", type=MONEY, doc="Billed by these lines, without tax.", unit="currency"),
        Column(name="charged_tax", type=MONEY, doc="Tax of these lines.", unit="currency"),
        Column(name="invoice_lines", type=WHOLE, doc="Lines of the invoice.", unit="count", ge=0),
        Column(name="unread_lines", type=WHOLE, doc="Of these, whose amount or currency cannot be read.", unit="count", ge=0),
        Column(name="invoiced_cost", type=MONEY, doc="What it says, without tax; nothing where voided.", unit="currency"),
        Column(name="invoiced_tax", type=MONEY, doc="Tax on the invoice; nothing where voided.", unit="currency"),
        Column(name="tolerance", type=MONEY, doc="What rounding explains, by FOCUS's own formula.", unit="currency"),
        text("state", "What the comparison comes to.", values=INVOICE_STATES),
    ),
    may_be_empty=True,
    by_month=True,
)
TAG_SET = Table(
    name="silver.tag_set",
    doc="The tags of lines of one billing period, each set once.",
    key=("billing_period", "source", "tag_set"),
    time="billing_period",
    columns=(
        billing_period,
        source,
        text("tag_set", "Hash of the tags.", pattern=r"^[0-9a-f]{16}\Z"),
        text("tags_json", "The tags as a JSON object, keys in order."),
    ),
    may_be_empty=True,
    by_month=True,
)
COST_DAILY = Table(
    name="silver.cost_daily",
    doc="Cost of one service in one account, region and charge category on one day.",
    key=("source", "provider", "account", "service", "region", "charge_category", "currency", "ts"),
    time="ts",
    columns=(
        source,
        text("provider", "Who bills."),
        account,
        text("service", "Service name as billed."),
        text("region", "Region as billed; `global` where there is none."),
        text("charge_category", "Usage, Purchase, Tax, Credit, Adjustment."),
        text("currency", "Billing currency.", pattern=r"^[A-Z]{3}\Z"),
        moment("ts", "Midnight that begins the day of the charge."),
        Column(name="billed_cost", type=NUMBER, doc="What the invoice says.", unit="currency", nullable=True),
        Column(
            name="effective_cost",
            type=NUMBER,
            doc="Amortised cost: for trends and forecasts.",
            unit="currency",
            nullable=True,
        ),
        Column(name="list_cost", type=NUMBER, doc="At list price.", unit="currency", nullable=True),
        Column(name="lines", type=WHOLE, doc="Billing lines behind the row.", unit="count", ge=1),
    ),
    may_be_empty=True,
    build=Build(outdated="cost_outdated"),
)
