"""Tables as files for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import Any

import pandas as pd

from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.text import disarmed

# Every file is of one `as_of`, which its folder names.
COLUMNS = tuple(name for name in RECOMMENDATION.names if name != RECOMMENDATION.time)

MONEY = frozenset(column.name for column in RECOMMENDATION.columns if column.unit == "usd")


def recommendations_csv(recommendation: pd.DataFrame) -> str:
    """`gold.recommendation` as CSV, the portfolio first; text that could run as a formula begins with an apostrophe."""
    ordered = recommendation.assign(_rank=pd.to_numeric(recommendation["portfolio_rank"]).fillna(float("inf"))).sort_values(
        ["_rank", "resource_id", "rule_id", "recommendation_id"], kind="stable"
    )
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in ordered[list(COLUMNS)].itertuples(index=False):
        writer.writerow([_field(value, name in MONEY) for name, value in zip(COLUMNS, row, strict=True)])
    return out.getvalue()


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
