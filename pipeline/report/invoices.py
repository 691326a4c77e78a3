"""What invoices come to beside the charges of the bills."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report.frames import records
from pipeline.report.selection import SHOWN
from pipeline.report.words import plural
from pipeline.tables.columns import INVOICE_STATES, SETTLED_INVOICES

_AGREES, _DIFFERS, _PROVISIONAL, _NOT_INVOICED, _NO_INVOICE, _UNREAD = INVOICE_STATES
# What a state is called.
_WORDS = {
    _AGREES: "agrees",
    _DIFFERS: "differs",
    _PROVISIONAL: "still open",
    _NO_INVOICE: "no such invoice",
    _UNREAD: "an amount that cannot be read",
}


def sum_up_invoices(invoice: pd.DataFrame) -> list[str]:
    """Sentences: how many invoices agree with the bill, how many do not, and what has none; none where there are none.

    Args:
        invoice: rows of `silver.invoice`.
    """
    if invoice.empty:
        return []
    held, states = invoice[invoice["state"] != _NOT_INVOICED], invoice["state"].value_counts()
    open_ones, disagree = int(states.get(_PROVISIONAL, 0)), int((~invoice["state"].isin(SETTLED_INVOICES)).sum())
    agree = int(states.get(_AGREES, 0))
    said = f"{plural(len(held), 'invoice')} held against the bill: {agree:,} agree within what rounding explains"
    said += f", {open_ones:,} still open and not the same" if open_ones else ""
    said += f", {disagree:,} do not agree." if disagree else "."
    none = invoice[(invoice["state"] == _NOT_INVOICED) & (invoice["charged_cost"] != 0)]
    sums = none.groupby(["billing_period", "currency"], sort=True)["charged_cost"].sum()
    rows = records(sums.reset_index())
    return [
        said,
        *(f"{row['charged_cost']:,.2f} {row['currency']} of {row['billing_period']:%B %Y} has no invoice." for row in rows),
    ]


def list_unlike(invoice: pd.DataFrame) -> list[dict[str, Any]]:
    """Each invoice that is not the same as its charges, the largest difference first: its figures as text.

    Args:
        invoice: rows of `silver.invoice`.
    """
    unlike = invoice[~invoice["state"].isin([_AGREES, _NOT_INVOICED])]
    unlike = unlike.assign(difference=unlike["invoiced_cost"] - unlike["charged_cost"])
    tax = (unlike["invoiced_tax"] - unlike["charged_tax"]).where(unlike["charged_tax_lines"] > 0, 0)
    unlike = unlike.assign(tax=tax, size=unlike["difference"].abs() + tax.abs())
    order = unlike.sort_values(["size", "billing_period", "payer", "invoice_id", "currency"], ascending=[False, *[True] * 4])
    return [_told(row) for row in records(order.head(SHOWN))]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "invoice": row["invoice_id"],
        "month": f"{row['billing_period']:%Y-%m}",
        "payer": row["payer"],
        "currency": row["currency"],
        "invoiced": f"{row['invoiced_cost']:,.2f}",
        "charged": f"{row['charged_cost']:,.2f}",
        "difference": f"{row['difference']:+,.2f}",
        "tax": f"{row['tax']:+,.2f}" if row["tax"] else "",
        "state": _WORDS[row["state"]],
    }
