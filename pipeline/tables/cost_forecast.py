"""Tables of what bills will say."""

from __future__ import annotations

from pipeline.tables.columns import (
    ALL,
    COST_KINDS,
    COST_LEVELS,
    COST_MEANINGS,
    COST_PERIODS,
    QUANTILES,
    as_of,
    moment,
    number,
    text,
)
from pipeline.tables.money import currency
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import MONEY, NUMBER

_LEVELS = {f"p{round(100 * level):02d}": level for level in QUANTILES}
# Whose cost it is.
node = (
    text("provider", "Who bills, or `all`."),
    text("account", "Account that is charged, or `all`."),
    text("service", "Service as billed, or `all`."),
    currency,
)
COST_FORECAST = Table(
    name="gold.cost_forecast",
    doc="What one provider's, account's or service's cost of one day, month or quarter will be, as believed at `as_of`.",
    key=("as_of", "cost", "provider", "account", "service", "currency", "kind", "granularity", "ts"),
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
            doc="Expected. Parts add up exactly: services to accounts, kinds to all, days to months.",
            unit="currency",
        ),
        *(
            Column(name=name, type=NUMBER, doc=f"Its {level:g} quantile, of paths that add up.", unit="currency")
            for name, level in _LEVELS.items()
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
#: The columns with quantiles, each with its level.
QUANTILE_COLUMNS = _LEVELS
