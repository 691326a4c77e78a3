"""Tables of what became of recommendations: which were followed, and what that really saved."""

from __future__ import annotations

from pipeline.tables.columns import (
    ACTIONS,
    ANSWERS,
    COST_BASES,
    DEMAND_BASES,
    EVIDENCE,
    VERDICTS,
    account,
    as_of,
    moment,
    number,
    region,
    resource_id,
    text,
)
from pipeline.tables.schema import IDENTIFIER, Column, Table
from pipeline.tables.types import FLAG, WHOLE

_recommendation_id = text("recommendation_id", "The recommendation.", pattern=r"^[0-9a-f]{16}\Z")
SAVINGS = Table(
    name="gold.savings",
    doc="What became of one recommendation of the last 125 days that changes something, as far as one run knows.",
    key=("as_of", "recommendation_id"),
    time="as_of",
    columns=(
        as_of,
        _recommendation_id,
        text("rule_id", "The recommender."),
        account,
        region,
        text("service", "Service of the resource."),
        resource_id,
        text(
            "team",
            "Whose the resource is, by the rules of allocation; null where they name no team, or no bill has it.",
            nullable=True,
        ),
        text("action", "What it said before the change, or last.", values=ACTIONS),
        text("answer", "What a person answered, as far as it stood then.", nullable=True, values=ANSWERS),
        moment("first_seen_at", "`as_of` of the first run that saw it."),
        moment("last_seen_at", "`as_of` of the last run that saw it, of the last 125 days."),
        Column(name="times_seen", type=WHOLE, doc="Runs of these days that saw it.", unit="count", ge=1),
        number(
            "promised_monthly_usd", "Expected saving in a month at list price, as it was said before the change, or last.", "usd"
        ),
        number("portfolio_monthly_usd", "The same, as far as the portfolio counted it: these add up.", "usd"),
        text(
            "status",
            "implemented: followed, and not known yet what that saves; verified; regressed. Null where nothing shows it.",
            nullable=True,
            values=VERDICTS,
        ),
        text("reason", "Why the status, with the figures.", nullable=True),
        moment("changed_on", "First day that shows the change; null where none does.", nullable=True),
        moment("ended_on", "First day that shows something else again; null while it lasts.", nullable=True),
        text("shown_by", "What shows the change.", nullable=True, values=EVIDENCE),
        text("former_config", "What the resource was.", nullable=True),
        text("became_config", "What it became.", nullable=True),
        Column(
            name="is_counted",
            type=FLAG,
            doc="Its saving counts in sums: not where another recommendation that saves more was followed by the same change.",
        ),
        text("source", "Of the bill; null where no bill has the resource.", nullable=True, pattern=IDENTIFIER),
        text("currency", "Of the costs.", nullable=True, pattern=r"^[A-Z]{3}\Z"),
        text(
            "cost_basis", "Effective cost of the bill, or list price of the hours that it ran.", nullable=True, values=COST_BASES
        ),
        text(
            "demand_basis",
            "Whether use is as observed on the day, or as was to be expected before.",
            nullable=True,
            values=DEMAND_BASES,
        ),
        moment("measured_from", "First day that is measured.", nullable=True),
        moment("measured_through", "Last day.", nullable=True),
        Column(name="days", type=WHOLE, doc="Days measured; 92 at most.", unit="count", ge=0, le=92),
        number("before_cost", "As many days of what it cost before.", "currency"),
        number("demand_cost", "What other use than before adds to that.", "currency"),
        number("price_cost", "What other prices than before, and other discounts, add to that.", "currency"),
        number("expected_cost", "What the days would have cost without the change: the sum of these three.", "currency"),
        number("actual_cost", "What they cost.", "currency"),
        number("saved_cost", "Expected less actual; below 0 where it costs more.", "currency"),
        number("saved_low", "What was saved at least, with a chance of 90 %.", "currency"),
        number("saved_high", "What was saved at most, with a chance of 90 %.", "currency"),
    ),
    may_be_empty=True,
)
SAVINGS_DAILY = Table(
    name="gold.savings_daily",
    doc="One day after a recommendation was followed: what was paid, and what would have been paid, as far as one run knows.",
    key=("as_of", "recommendation_id", "ts"),
    time="as_of",
    columns=(
        as_of,
        _recommendation_id,
        moment("ts", "Midnight that begins the day."),
        text("currency", "Of the costs.", pattern=r"^[A-Z]{3}\Z"),
        number("actual_cost", "What was paid.", "currency"),
        number("expected_cost", "What would have been paid without the change.", "currency"),
        number("saved_cost", "Expected less actual.", "currency"),
        number("saved_low", "At least, with a chance of 90 %.", "currency"),
        number("saved_high", "At most, with a chance of 90 %.", "currency"),
        number("cumulated_cost", "Saved since the change, to this day.", "currency"),
        number("cumulated_low", "At least, with a chance of 90 %.", "currency"),
        number("cumulated_high", "At most, with a chance of 90 %.", "currency"),
    ),
    may_be_empty=True,
)
