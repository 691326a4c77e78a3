"""Tables of what it costs: bills, prices, cost by the day."""

from __future__ import annotations

from pipeline.tables.columns import account, made_safe, moment, number, provenance, source, text
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import DATE, FLAG, NUMBER, WHOLE

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
BILLING_LINE = Table(
    name="bronze.billing_line",
    doc="One line of a billing export, as exported.",
    key=("load_id", "line_number"),
    time="ts",
    columns=(
        source,
        text("format", "focus_1_0, focus_1_2, cur_2_0, daily_cost, or withdrawn: no charge of the day any more."),
        Column(name="billing_period", type=DATE, doc="First day of the billing period."),
        Column(name="line_number", type=WHOLE, doc="Line in the export, from 1.", ge=1),
        moment("ts", "Start of the charge period."),
        text("line_json", "The whole line as a JSON object."),
        *provenance,
        made_safe,
    ),
    partition="day",
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
        Column(name="billed_usd", type=NUMBER, doc="What the invoice says.", unit="usd", nullable=True),
        Column(
            name="effective_usd",
            type=NUMBER,
            doc="Amortised cost: for trends and forecasts.",
            unit="usd",
            nullable=True,
        ),
        Column(name="list_usd", type=NUMBER, doc="At list price.", unit="usd", nullable=True),
        Column(name="lines", type=WHOLE, doc="Billing lines behind the row.", unit="count", ge=1),
    ),
    may_be_empty=True,
)
