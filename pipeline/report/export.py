"""Tables as files for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import Any

import pandas as pd

from pipeline.report.findings import Findings
from pipeline.report.frames import numbers
from pipeline.report.owners import list_owners, owner_of
from pipeline.report.sections.sources import caveats
from pipeline.report.workbook import Kind, Sheet, write_workbook
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.columns import PASSIVE
from pipeline.tables.text import disarmed

# Every file is of one `as_of`, which its folder names.
COLUMNS = tuple(name for name in RECOMMENDATION.names if name != RECOMMENDATION.time)

MONEY = frozenset(column.name for column in RECOMMENDATION.columns if column.unit == "usd")

# Of the workbook: the evidence is for machines.
_SHEET_COLUMNS = (
    *("portfolio_rank", "action", "account", "team", "region", "service", "resource_id", "current_config", "target_config"),
    *("monthly_cost_usd", "portfolio_savings_usd", "savings_monthly_usd", "savings_low_usd", "savings_high_usd"),
    *("savings_after_discounts_usd", "price_as_of", "breach_probability", "confidence", "risk_level", "effort"),
    *("restart_needed", "rollback_possible", "rollback_note", "status", "answer_reason", "first_seen_at"),
    *("rule_id", "rule_version", "reason", "record", "recommendation_id"),
)
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(MONEY, "money"),
    **dict.fromkeys(("breach_probability", "confidence"), "ratio"),
    **dict.fromkeys(("portfolio_rank", "risk_level"), "number"),
    **dict.fromkeys(("price_as_of", "first_seen_at"), "date"),
}


def recommendations_csv(recommendation: pd.DataFrame) -> str:
    """`gold.recommendation` as CSV, the portfolio first; text that could run as a formula begins with an apostrophe."""
    ordered = _portfolio_first(recommendation)
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in ordered[list(COLUMNS)].itertuples(index=False):
        writer.writerow([_field(value, name in MONEY) for name, value in zip(COLUMNS, row, strict=True)])
    return out.getvalue()


def recommendations_xlsx(findings: Findings) -> bytes:
    """What is to be done, as a workbook: a sheet of recommendations, the portfolio first, one of sums by account and team, and
    one of what to know before, as the report says above all: what is synthetic, replayed, missing or assumed.

    Money is a number in dollars, a day a date, and every text a text. What is kept, or not judged, is in the CSV alone.
    """
    every = findings.recommendation
    does = _portfolio_first(every[~every["action"].isin(PASSIVE)])
    does = does.assign(team=owner_of(findings, does, "team"))
    columns = [(name, _KINDS.get(name, "text")) for name in _SHEET_COLUMNS]
    rows = [[_value(value) for value in row] for row in does[list(_SHEET_COLUMNS)].itertuples(index=False)]
    known: list[tuple[str, Kind]] = [("kind", "text"), ("what", "text")]
    before = Sheet("Know before", known, [[each["kind"], each["text"]] for each in caveats(findings)])
    return write_workbook([Sheet("Recommendations", columns, rows), _sums(findings, does), before])


def _sums(findings: Findings, does: pd.DataFrame) -> Sheet:
    """What the portfolio saves by account and team, and altogether; what costs more counts against it."""
    columns: list[tuple[str, Kind]] = [
        *(("by", "text"), ("name", "text"), ("recommendations", "number")),
        *(("portfolio_savings_usd", "money"), ("cost_usd", "money")),
    ]
    rows: list[list[Any]] = [
        [kind, owner.name, owner.recommendations, owner.saving_usd, owner.cost.get("USD")]
        for kind in ("account", "team")
        for owner in list_owners(findings, kind)
    ]
    counted = does["portfolio_rank"].notna()
    total = numbers(does.loc[counted, "portfolio_savings_usd"]).sum()
    return Sheet("Sums", columns, [*rows, ["all", "", int(counted.sum()), float(total), None]])


def _portfolio_first(recommendation: pd.DataFrame) -> pd.DataFrame:
    ranked = recommendation.assign(_rank=pd.to_numeric(recommendation["portfolio_rank"]).fillna(float("inf")))
    return ranked.sort_values(["_rank", "resource_id", "rule_id", "recommendation_id"], kind="stable")


def _value(value: Any) -> Any:
    """A cell of a frame as plain Python has it."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def _field(value: Any, is_money: bool) -> str:
    """Numbers stay numbers, also negative ones, and money is in cents; only text can be a formula."""
    if pd.isna(value):
        return ""
    if isinstance(value, str):
        return disarmed(value)
    if is_money:
        return f"{float(value):.2f}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
