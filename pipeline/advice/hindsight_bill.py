"""What following a rule that buys commitments would have saved and lost, on the bill of days that are over by now.

A rule that can be asked so has, beside `recommend`, a function `covers(answer, rows, rates)`: which rows of a bill are of what
would have been bought, without what the answer left out for want of a rate, by the price lists of then. A commitment is paid to
the end of its term: nothing is taken back, and what it loses in a window counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.bill import by_day, days_of
from pipeline.advice.commitment_rates import Rates
from pipeline.advice.hindsight import HORIZON_DAYS, Past, Total
from pipeline.advice.prices import HOURS_PER_MONTH
from pipeline.capacity.replay import LEAST_AHEAD

#: Of a rule.
Covers = Callable[[Mapping[str, Any], pd.DataFrame, Rates], pd.Series]


def follow_purchases(past: Past, rule: str, version: str, answers: pd.DataFrame, covers: Covers) -> dict[str, Any]:
    """The row of `gold.recommendation_backtest` of one rule.

    What a commitment would have taken the place of, on each day that the bill has of the window, is what it may cover and was
    paid on demand, or by commitments that did not exist at the origin. It is worth no more than that, and than its dollars over
    the share of them that must be used. Days on which it cost more than it was worth count as missed, a purchase that did so
    over the whole window as violating. What the rule left out for want of a rate is left out here, row by row. The chance
    that a rule states is of the whole term, and not held to a month.

    Args:
        past: the window, with the bill before the origin and after it.
        rule, version: of the rule.
        answers: what it says at the origin.
        covers: its own.
    """
    total = Total()
    held, rates = set(past.then.bill["commitment_id"]), Rates(past.then)
    for answer in answers.to_dict("records"):
        named = {str(name): value for name, value in answer.items()}
        bill = past.bill[past.bill["payer"] == named["account"]]
        days = days_of(bill)
        if named["action"] == "insufficient_data" or len(days) < LEAST_AHEAD * HORIZON_DAYS:
            continue
        is_open = (bill["charged_as"] == "on_demand") | ((bill["charged_as"] == "covered") & ~bill["commitment_id"].isin(held))
        hourly = by_day(bill[covers(named, bill, rates) & is_open], "list_usd", days) / 24
        total.resources += 1
        total.cost += 24 * float(hourly.sum())
        if named["action"] != "purchase":
            continue
        evidence = json.loads(named["evidence_json"])
        bought = float(evidence["hourly_usd"])
        saved = np.minimum(hourly, bought / float(evidence["break_even_utilisation"])) - bought
        total.changes += 1
        total.promised += 24 * len(days) / HOURS_PER_MONTH * float(named["savings_monthly_usd"])
        total.saved += 24 * float(saved.sum())
        total.hours += 24 * len(days)
        total.added += 24 * int((saved < 0).sum())
        total.violating += bool(saved.sum() < 0)
    return total.row(past.window, rule, version)
