"""Tables of what bills will say, and how that came true."""

from __future__ import annotations

from pipeline.tables.columns import (
    ALL,
    COST_KINDS,
    COST_LEVELS,
    COST_MEANINGS,
    COST_PERIODS,
    QUANTILES,
    USAGE,
    as_of,
    moment,
    number,
    text,
)
from pipeline.tables.money import currency
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import FLAG, MONEY, NUMBER, WHOLE

#: The columns with quantiles, each with its level.
QUANTILE_COLUMNS = {f"p{round(100 * level):02d}": level for level in QUANTILES}
# Whose cost it is.
node = (
    text("provider", "Who bills, or `all`."),
    text("account", "Account that is charged, or `all`."),
    text("service", "Service as billed, or `all`."),
    text("team", "Of `gold.cost_allocation`'s dimension of that name; `unallocated` where it says nothing, or `all`."),
    currency,
)
COST_FORECAST = Table(
    name="gold.cost_forecast",
    doc="What one provider's, account's, service's or team's cost of one day, month or quarter will be, as believed at `as_of`.",
    key=("as_of", "cost", "provider", "account", "service", "team", "currency", "kind", "granularity", "ts"),
    time="as_of",
    columns=(
        as_of,
        text("cost", "Which cost: what the invoice says, or amortised, billed where none is stated.", values=COST_MEANINGS),
        *node,
        text("level", "What of these are `all`.", values=COST_LEVELS),
        text("kind", "What is charged, or `all`.", values=(*COST_KINDS, ALL)),
        text("granularity", "Length of the period.", values=COST_PERIODS),
        moment("ts", "Midnight that begins the period."),
        Column(name="billed", type=MONEY, doc="Of the period, billed by then; counted in what follows.", unit="currency"),
        Column(
            name="mean",
            type=MONEY,
            doc="Expected. Parts add up exactly: teams to services, services to accounts, kinds to all, days to months.",
            unit="currency",
        ),
        *(
            Column(name=name, type=NUMBER, doc=f"Its {level:g} quantile, of paths that add up.", unit="currency")
            for name, level in QUANTILE_COLUMNS.items()
        ),
        text("model", "Forecasters and schedules behind it; `billed` where nothing more is expected."),
        number(
            "skill",
            "1 − pinball loss of the forecaster ÷ that of the seasonal naive, in money, over the last three months; 0 where the "
            "naive itself serves, null where history is too short to tell.",
            "ratio",
        ),
        moment("complete_through", "The last day that was billed wholly; nothing later was learnt from."),
    ),
    partition="day",
    may_be_empty=True,
)
COST_FORECAST_SCORE = Table(
    name="gold.cost_forecast_score",
    doc="One day, month or quarter of one node's cost as forecast at `as_of`, beside what was charged once all of it was billed.",
    key=("last_day", "as_of", "cost", "provider", "account", "service", "team", "currency", "kind", "granularity"),
    time="last_day",
    columns=(
        as_of,
        text("cost", "Which cost: what the invoice says, or amortised, billed where none is stated.", values=COST_MEANINGS),
        *node,
        text("level", "What of these are `all`.", values=COST_LEVELS),
        text("kind", "What is charged: use, or `all`.", values=(USAGE, ALL)),
        text("granularity", "Length of the period.", values=COST_PERIODS),
        moment("ts", "Midnight that begins the period."),
        moment("last_day", "Midnight that begins its last day."),
        Column(name="lead", type=WHOLE, doc="Days from `as_of` to its end; 1 for the first day ahead.", unit="days", ge=1),
        text("model", "Forecasters and schedules behind it."),
        moment("complete_through", "The last day that was billed wholly then."),
        Column(name="actual", type=NUMBER, doc="What was charged, as bills say now.", unit="currency"),
        Column(name="mean", type=NUMBER, doc="The mean that was forecast.", unit="currency"),
        Column(name="median", type=NUMBER, doc="The median that was forecast.", unit="currency"),
        Column(name="error", type=NUMBER, doc="Actual − median; above 0 where more was charged.", unit="currency"),
        Column(name="abs_error", type=NUMBER, doc="The error without its sign.", unit="currency", ge=0),
        Column(name="pinball", type=NUMBER, doc="Pinball loss, mean over the quantiles.", unit="currency", ge=0),
        Column(name="hit_50", type=FLAG, doc="The actual lay within 0.25 … 0.75."),
        Column(name="hit_80", type=FLAG, doc="The actual lay within 0.1 … 0.9."),
        Column(name="hit_90", type=FLAG, doc="The actual lay within 0.05 … 0.95."),
        Column(
            name="naive",
            type=NUMBER,
            doc="What was billed of the period then, and the last seven billed days again for the rest.",
            unit="currency",
        ),
        Column(name="naive_abs_error", type=NUMBER, doc="Its error without the sign.", unit="currency", ge=0),
    ),
    partition="month",
    may_be_empty=True,
    by_month=True,
    build=Build(recorded=False),
)
