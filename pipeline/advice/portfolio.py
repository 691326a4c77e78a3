"""Which recommendations can be followed together, and what they save then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.tables.columns import ACTIONS, PASSIVE

# What ends a resource excludes all else that is said of it.
_FIRST = ("terminate", "stop")
_ORDER = (*_FIRST, *(action for action in ACTIONS if action not in _FIRST))


def portfolio(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill in what can be done together: at most one change per resource, so that the savings add up.

    What is to be investigated stands beside a change, as it saves nothing by itself: a disk fills on a smaller type as well. On a
    resource that ends nothing else is to be done.

    Args:
        rows: the rows of all rules, in the columns of `gold.recommendation`.

    Returns:
        The rows sorted by rank and id, with portfolio_rank (1 = the most saved; null for rows that change nothing or
        lose against another rule on the same resource) and portfolio_savings_usd (0 for these; null without a price).

    Source: Cost Optimization Hub's de-duplication per resource; stopping comes before resizing.
    """
    ordered = rows.assign(_order=rows["action"].map(_ORDER.index)).sort_values(
        ["account", "region", "resource_id", "_order", "recommendation_id"], kind="stable"
    )
    first = ~ordered.duplicated(["account", "region", "resource_id"])
    ends = (
        ordered["action"].isin(_FIRST).groupby([ordered[name] for name in ("account", "region", "resource_id")]).transform("any")
    )
    chosen = (first & ~ordered["action"].isin(PASSIVE)) | ((ordered["action"] == "investigate") & ~ends)
    ordered["portfolio_savings_usd"] = ordered["savings_monthly_usd"].where(chosen, 0.0)
    ranked = (
        ordered.loc[chosen]
        .sort_values(["savings_monthly_usd", "recommendation_id"], ascending=[False, True], na_position="last")
        .index
    )
    ordered["portfolio_rank"] = pd.Series(np.arange(1, len(ranked) + 1), index=ranked).reindex(ordered.index).astype("Int64")
    return ordered.drop(columns="_order").sort_values(
        ["portfolio_rank", "recommendation_id"], na_position="last", ignore_index=True
    )
