"""Which rule sent a charge where, in words."""

from __future__ import annotations

import pandas as pd

from pipeline.allocation.decide import Charges, decide
from pipeline.allocation.rules import Rules

_SAME = ["resource_id", "dimension", "value", "method", "rule", "reason", "currency"]


def explain(charges: Charges, rules: Rules) -> pd.DataFrame:
    """One row for each way that charges go in each dimension, dimensions in the order of the rules.

    Args:
        charges: with `effective_cost`, `billed_cost` and `currency` beside what rules look at.
        rules: that are asked.

    Returns:
        resource_id, dimension, value (`among several` where it is shared), method, rule, reason, currency, first_day and
        last_day, and cost: effective, or billed where there is none.
    """
    rows = charges.rows.to_pandas()
    cost = rows["effective_cost"].where(rows["effective_cost"].notna(), rows["billed_cost"])
    parts = []
    for dimension in rules.dimension:
        found, verdicts = decide(charges, rules, dimension)
        said = [verdicts[place] for place in found]
        ways = pd.DataFrame(
            {
                "resource_id": rows["resource_id"],
                "dimension": dimension,
                "value": [each.value or "among several" for each in said],
                "method": [each.method for each in said],
                "rule": [each.rule for each in said],
                "reason": [each.reason for each in said],
                "currency": rows["currency"],
                "ts": rows["ts"],
                "cost": cost,
            }
        )
        grouped = ways.groupby(_SAME, sort=True)
        parts.append(grouped.agg(first_day=("ts", "min"), last_day=("ts", "max"), cost=("cost", "sum")).reset_index())
    return pd.concat(parts, ignore_index=True)
