"""The tables of where budgets stand, and how they came there."""

from __future__ import annotations

from pipeline.tables.columns import BUDGET_PERIODS, COST_MEANINGS, as_of, moment, number, text
from pipeline.tables.cost_forecast import QUANTILE_COLUMNS
from pipeline.tables.money import currency
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import MONEY, NUMBER

_SPENT = {"p10": "with a chance of 10 %", "p50": "more likely than not", "p90": "with a chance of 90 %"}
BUDGET_STATUS = Table(
    name="gold.budget_status",
    doc="Where the running period of one budget stands, as believed at `as_of`.",
    key=("as_of", "budget"),
    time="as_of",
    columns=(
        as_of,
        text("budget", "Its name in the file that the setting `budgets` names."),
        text("scope", "Whose cost counts, as the file says it; `all` where it names nobody."),
        text("cost", "Which cost: what the invoice says, or amortised, billed where none is stated.", values=COST_MEANINGS),
        currency,
        text("period", "How long its periods are.", values=BUDGET_PERIODS),
        moment("period_start", "Midnight that begins the period."),
        moment("period_end", "Midnight that ends it."),
        Column(name="amount", type=MONEY, doc="What may be spent in the period.", unit="currency"),
        Column(name="actual", type=MONEY, doc="Charged for its days so far.", unit="currency"),
        Column(
            name="expected",
            type=NUMBER,
            doc="Mean of what it comes to at its end; null where the bills have ended.",
            unit="currency",
            nullable=True,
        ),
        *(
            Column(name=name, type=NUMBER, doc=f"The {level:g} quantile of that.", unit="currency", nullable=True)
            for name, level in QUANTILE_COLUMNS.items()
        ),
        Column(
            name="p_breach",
            type=NUMBER,
            doc="Chance that it comes to more than the amount; null where nobody knows.",
            unit="ratio",
            ge=0,
            le=1,
            nullable=True,
        ),
        *(
            moment(
                f"spent_{level}",
                f"Day from which on the amount is exceeded {chance}; null where it is not at the end of the period.",
                nullable=True,
            )
            for level, chance in _SPENT.items()
        ),
        Column(name="actual_over_pct", type=NUMBER, doc="Highest of its shares that is spent.", unit="percent", nullable=True),
        Column(
            name="forecast_over_pct", type=NUMBER, doc="Highest of its shares that is expected.", unit="percent", nullable=True
        ),
        text(
            "drivers_json",
            "What will cost most beyond its share of the amount, by the days before the period, as a list of JSON objects: "
            "account, service, expected, planned, over.",
        ),
        text("left_out", "Other currencies in which the scope was charged in the period; they do not count.", nullable=True),
        text("model", "Forecasters and schedules behind it; `billed` where nothing more is expected.", nullable=True),
        number("skill", "As of `gold.cost_forecast`, the least of its parts.", "ratio"),
        moment(
            "complete_through",
            "The last day that all bills of the scope have; those that ended a month ago do not count.",
            nullable=True,
        ),
    ),
    may_be_empty=True,
)
COST_COURSE = Table(
    name="gold.cost_course",
    doc="What one budget's scope, or everything, comes to by the end of one day of the running month, as believed at `as_of`.",
    key=("as_of", "budget", "currency", "ts"),
    time="as_of",
    columns=(
        as_of,
        text("budget", "Its name in the file that the setting `budgets` names; `none` of everything by the calendar month."),
        text("scope", "Whose cost counts, as the file says it; `all` where it names nobody."),
        text("cost", "Which cost: what the invoice says, or amortised, billed where none is stated.", values=COST_MEANINGS),
        currency,
        moment("period_start", "Midnight from which on all is cumulated."),
        moment("period_end", "Midnight that ends the period."),
        moment("ts", "Midnight that begins the day, to the end of which all is cumulated."),
        Column(
            name="actual",
            type=MONEY,
            doc="Charged; null of days that not all bills have yet.",
            unit="currency",
            nullable=True,
        ),
        Column(
            name="planned",
            type=MONEY,
            doc="Of the amount, evenly by day; null where nothing is planned.",
            unit="currency",
            nullable=True,
        ),
        Column(
            name="expected",
            type=NUMBER,
            doc="Mean of what it comes to; null where the bills have ended.",
            unit="currency",
            nullable=True,
        ),
        *(
            Column(name=name, type=NUMBER, doc=f"The {level:g} quantile of that.", unit="currency", nullable=True)
            for name, level in QUANTILE_COLUMNS.items()
        ),
        moment("complete_through", "The last day that all bills of the scope have.", nullable=True),
    ),
    may_be_empty=True,
)
