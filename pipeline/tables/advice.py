"""Tables of recommendations."""

from __future__ import annotations

from pipeline.tables.columns import (
    ACTIONS,
    ANSWERS,
    STATUSES,
    account,
    as_of,
    moment,
    number,
    provenance,
    region,
    resource_id,
    source,
    text,
)
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE


def _usd(name: str, doc: str) -> Column:
    return Column(name=name, type=NUMBER, doc=doc, unit="usd", ge=0)


RECOMMENDATION_ANSWER = Table(
    name="bronze.recommendation_answer",
    doc="What a person answered to one recommendation: a new row for each answer, the newest counts.",
    key=("load_id", "recommendation_id", "ts"),
    time="ts",
    columns=(
        source,
        moment("ts", "`as_of` of the run that was answered, which is the newest; runs of it and later ones respect it."),
        text("recommendation_id", "The recommendation."),
        text("answer", "accepted, snoozed or dismissed.", values=ANSWERS),
        text("reason", "Why, in the words of who answered."),
        moment("until", "Snoozed until then.", nullable=True),
        *provenance,
    ),
    partition="day",
)
RECOMMENDATION_BACKTEST = Table(
    name="gold.recommendation_backtest",
    doc="What following all answers of one rule of 30 days before would have saved and broken by the end of one day.",
    key=("ts", "rule_id", "is_reference"),
    time="ts",
    columns=(
        moment("ts", "Midnight that begins the window's last day; windows do not overlap."),
        moment("origin_at", "When the window begins: what the rule knew is of before."),
        text("rule_id", "The recommender, or a sizing rule that it is compared with."),
        text("rule_version", "Its version; null of what is compared.", nullable=True),
        Column(name="is_reference", type=FLAG, doc="A sizing rule of `replay`, in a family's sizes; it recommends nothing here."),
        Column(name="resources", type=WHOLE, doc="Resources judged, of which the days after are known.", unit="count", ge=0),
        Column(name="changes", type=WHOLE, doc="Of them, those that the rule would have changed.", unit="count", ge=0),
        _usd("cost_before_usd", "What the resources judged cost in the window, at list price; 0 for one without."),
        _usd("cost_after_usd", "What they would have cost."),
        _usd("promised_usd", "What the rule expected to save in the window."),
        # Not `_usd`: a purchase is paid to its end.
        Column(
            name="saved_usd",
            type=NUMBER,
            doc="What would have been saved until what broke too much was taken back; below 0 where purchases lost money.",
            unit="usd",
        ),
        Column(name="hours", type=WHOLE, doc="Hours of changed resources that were observed.", unit="hours", ge=0),
        Column(name="added_hours", type=WHOLE, doc="Of them, those in which what was changed was missed.", unit="hours", ge=0),
        Column(
            name="violating",
            type=WHOLE,
            doc="Changes that would have been taken back: missed in more than 1 % of the hours, what was stopped in any; "
            "purchases that lost money.",
            unit="count",
            ge=0,
        ),
        Column(name="chances", type=WHOLE, doc="Changes of which a chance was stated.", unit="count", ge=0),
        number(
            "stated",
            "Mean of the chances stated: of demand above the size, or that the change does not hold.",
            "ratio",
            ge=0,
            le=1,
        ),
        number("observed", "Share of these that came true.", "ratio", ge=0, le=1),
    ),
    may_be_empty=True,
)
RECOMMENDATION_STATUS = Table(
    name="gold.recommendation_status",
    doc="Where one recommendation of the last 32 days stands in one run, also where it is not seen any more.",
    key=("as_of", "recommendation_id"),
    time="as_of",
    columns=(
        as_of,
        text("recommendation_id", "The recommendation."),
        text("rule_id", "The recommender."),
        account,
        region,
        resource_id,
        text("action", "What it said when it was last seen.", values=ACTIONS),
        text(
            "status",
            "Where it stands: also what was followed, see `gold.savings`; expired where three runs or more did not see it.",
            values=STATUSES,
        ),
        text("answer_reason", "Why it was answered so.", nullable=True),
        moment("first_seen_at", "`as_of` of the first run that saw it."),
        moment("last_seen_at", "`as_of` of the last run that saw it."),
        Column(name="times_seen", type=WHOLE, doc="Runs that saw it.", unit="count", ge=1),
        number("savings_monthly_usd", "Expected saving in a month, when it was last seen.", "usd"),
    ),
    may_be_empty=True,
)
RECOMMENDATION = Table(
    name="gold.recommendation",
    doc="What one rule says about one resource, as believed at `as_of`; `keep` and `insufficient_data` are answers too.",
    key=("as_of", "recommendation_id"),
    time="as_of",
    columns=(
        as_of,
        text("recommendation_id", "sha256 of rule and resource, 16 digits.", pattern=r"^[0-9a-f]{16}\Z"),
        text("rule_id", "The recommender."),
        text("rule_version", "Its version."),
        account,
        region,
        text("service", "Service of the resource."),
        resource_id,
        text("action", "What to do.", values=ACTIONS),
        text("reason", "Why, with the figures."),
        text("current_config", "What runs now.", nullable=True),
        text("target_config", "What should run.", nullable=True),
        text(
            "evidence_json", "What was `observed`, the `thresholds` that it was held to, and how much was seen, as a JSON object."
        ),
        number("monthly_cost_usd", "Cost now, at list price.", "usd", ge=0),
        number(
            "savings_monthly_usd",
            "Expected saving in a month: high and low by the chance that the change holds; null without a price, negative "
            "where it costs more.",
            "usd",
        ),
        number(
            "savings_low_usd",
            "Saving in a month in which the change is taken back, half way on average; or the least, where it is not known.",
            "usd",
        ),
        number("savings_high_usd", "Saving in a month in which the change holds: the difference at list price.", "usd"),
        number(
            "savings_after_discounts_usd",
            "Expected saving in a month at what is really paid, by the bill: what a commitment covers saves nothing before that "
            "ends; null without a price, or where the bill has nothing of the resource.",
            "usd",
        ),
        moment(
            "price_as_of",
            "Day the list prices are from, which may be years before `as_of`; of what is read off a bill, its last day.",
            nullable=True,
        ),
        number(
            "breach_probability",
            "Chance that demand exceeds the target within 30 days; null where nothing says, as where saturation hides demand.",
            "ratio",
            ge=0,
            le=1,
        ),
        Column(name="confidence", type=NUMBER, doc="How much evidence there is.", unit="ratio", ge=0, le=1),
        Column(name="risk_level", type=WHOLE, doc="0 very low … 4 very high, the largest over the dimensions.", ge=0, le=4),
        text("effort", "very_low … very_high."),
        Column(name="restart_needed", type=FLAG, doc="The resource restarts."),
        Column(name="rollback_possible", type=FLAG, doc="The change can be undone."),
        text("rollback_note", "How."),
        text(
            "exclusive_group",
            "Of the changes of a resource in one group one can be made, and beside `end` no other; null where nothing changes.",
            nullable=True,
        ),
        Column(
            name="portfolio_rank",
            type=WHOLE,
            doc="Place in the portfolio; null outside it.",
            nullable=True,
            ge=1,
        ),
        text("status", "Where it stands; null where nothing is to be done.", nullable=True, values=STATUSES),
        text("answer_reason", "Why a person answered it so.", nullable=True),
        moment("first_seen_at", "`as_of` of the first run that saw it; 14 days unseen make it new again.", nullable=True),
        number(
            "portfolio_savings_usd",
            "Saving that adds up: of each group one change, and of what the changes before it leave.",
            "usd",
        ),
        text(
            "record",
            "What following its rule before would have come to, as a sentence; null where nothing is to be done.",
            nullable=True,
        ),
    ),
    may_be_empty=True,
)
