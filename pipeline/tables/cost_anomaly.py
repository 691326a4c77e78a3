"""Tables of what was unusual in bills, and of which days of them were judged."""

from __future__ import annotations

from pipeline.tables.columns import COST_ANSWERS, as_of, moment, number, source, text
from pipeline.tables.money import currency, payer, provider
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE

#: The levels of the hierarchy that cost is judged on, the highest first.
NODE_LEVELS = ("total", "account", "service", "usage_type", "resource")
COST_ANOMALY = Table(
    name="gold.cost_anomaly",
    doc="Days in which a part of a bill cost unusually much or little, at the deepest part that explains it, as of `as_of`.",
    key=("as_of", "anomaly_id"),
    time="as_of",
    columns=(
        as_of,
        text(
            "anomaly_id",
            "sha256 of the node and its first day, 16 digits; stays while what a later run finds has a day in common with it.",
            pattern=r"^[0-9a-f]{16}\Z",
        ),
        source,
        provider,
        payer,
        currency,
        text(
            "level",
            "Of its node: all of the bill, or an account, a service in it, a usage type of that; a resource where others of its "
            "usage type moved the other way, so that the usage type hides it.",
            values=NODE_LEVELS,
        ),
        text("account", "Of the node; null where it is all of the bill.", nullable=True),
        text("service", "Of the node; null above the services.", nullable=True),
        text("usage_type", "Of the node; null above the usage types.", nullable=True),
        text("resource_id", "Of the node; null above the resources.", nullable=True),
        text("seen_at", "Levels at which it was unusual, its own among them or explained by it, by comma."),
        moment("first_day", "Midnight that begins its first day."),
        moment("last_day", "Midnight that begins its last day."),
        Column(name="is_open", type=FLAG, doc="Its last day is the last that was judged."),
        Column(name="days", type=WHOLE, doc="From the first to the last.", unit="count", ge=1),
        Column(name="actual_cost", type=NUMBER, doc="Effective cost of its days.", unit="currency"),
        Column(name="expected_cost", type=NUMBER, doc="What these should have cost.", unit="currency"),
        Column(name="impact_cost", type=NUMBER, doc="Actual less expected; below 0 where it cost less.", unit="currency"),
        number("impact_share", "Of what the node usually costs in 30 days; null where it costs nothing.", "ratio"),
        text("days_json", "A list of its days as JSON objects: day, actual, expected."),
        text(
            "causes_json",
            "What it is made of, the largest share first, as a list of JSON objects: account, service, region, usage_type, "
            "resource_id, tags (the newest), actual, expected, impact; and tagged, where a resource had several tags in these "
            "days: a list of tags, first_day, last_day and cost of each.",
        ),
        text(
            "answer",
            "What a person said of it; then nobody is told of it. Null where nobody did.",
            nullable=True,
            values=COST_ANSWERS,
        ),
    ),
    may_be_empty=True,
)
COST_JUDGED = Table(
    name="gold.cost_judged",
    doc="Which days of a bill a run held to what they should have cost.",
    key=("as_of", "source", "provider", "payer", "currency"),
    time="as_of",
    columns=(
        as_of,
        source,
        provider,
        payer,
        currency,
        moment("judged_from", "First day that was judged; null where the bill has too few days.", nullable=True),
        moment("judged_through", "Last day: its bill was landed a day and more after it ended.", nullable=True),
        Column(name="nodes", type=WHOLE, doc="Nodes of the hierarchy; 0 where no day is complete.", unit="count", ge=0),
        Column(
            name="restated", type=WHOLE, doc="Events of days judged before, which an earlier run did not see.", unit="count", ge=0
        ),
        text(
            "rule_version",
            "Of the rules that judged; null where a run before they had one may not have looked at resources.",
            nullable=True,
        ),
        text("planned_json", "What was announced of these days when they were judged, as JSON; null before.", nullable=True),
    ),
    may_be_empty=True,
)
