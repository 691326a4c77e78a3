"""Which recommendations can be followed together, in which order, and what they save then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.advice.bill import RESERVATION, SAVINGS_PLAN
from pipeline.tables.columns import ACTIONS, EXCLUSIVE_GROUPS, SET_ASIDE

_RESOURCE = ["account", "region", "resource_id"]
# Of like changes of a resource a charge beside its price comes first, and in each group what saves the most.
_WITHIN = ["_order", "exclusive_group", "_saved", "recommendation_id"]


def portfolio(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill in what can be done together: of the changes of one resource one of each group, so that the savings add up.

    Stop → schedule → rightsize → another type or generation: each saves of what those before it leave. With half of the hours
    off, a smaller type saves half. A group that is no action's own, such as `engine`, ends a charge beside the price, and
    leaves the price as it is. Of like changes of one group the one that saves the most is done. What is to be investigated
    stands beside a change, as it saves nothing by itself: a disk fills on a smaller type as well. On a resource that ends
    nothing else is to be done. What a person has set aside is as if it had not been said. A payer's instances are covered by a
    Compute Savings Plan or by reservations of their families, whichever saves more: never by both.

    Args:
        rows: the rows of all rules, in the columns of `gold.recommendation`.

    Returns:
        The rows sorted by rank and id, with portfolio_rank (1 = the most saved, but of one resource in the order above; null for
        rows that change nothing or lose against another of their group) and portfolio_savings_usd (0 for these; null without a
        price).

    Source: Cost Optimization Hub's de-duplication per resource; stopping comes before resizing.
    """
    ordered = rows.assign(_order=rows["action"].map(ACTIONS.index), _saved=-rows["savings_monthly_usd"]).sort_values(
        [*_RESOURCE, *_WITHIN], kind="stable"
    )
    resource = ordered.groupby(_RESOURCE, sort=False).ngroup()
    asked = ~ordered["status"].isin(SET_ASIDE)
    asked &= ~_covered_otherwise(ordered[asked]).reindex(ordered.index, fill_value=False)
    changes = asked & ordered["action"].isin(EXCLUSIVE_GROUPS)
    is_end = changes & (ordered["exclusive_group"] == "end")
    ends = is_end.groupby(resource).transform("any")
    first = ~ordered.assign(_resource=resource)[["_resource", "exclusive_group"]].where(changes).duplicated()
    chosen = (changes & first & (~ends | is_end)) | (asked & (ordered["action"] == "investigate") & ~ends)
    ordered["portfolio_savings_usd"] = (ordered["savings_monthly_usd"] * _left(ordered, resource, chosen & changes)).where(
        chosen, 0.0
    )
    mine = ordered.assign(_resource=resource).loc[chosen]
    # A change comes before those of its resource that save of what it leaves.
    key = (
        mine["portfolio_savings_usd"][::-1].groupby(mine["_resource"][::-1]).cummax().where(mine["portfolio_savings_usd"].notna())
    )
    ranked = (
        mine.assign(_key=key)
        .sort_values(["_key", "_resource", *_WITHIN], ascending=[False, *[True] * 5], na_position="last")
        .index
    )
    ordered["portfolio_rank"] = pd.Series(np.arange(1, len(ranked) + 1), index=ranked).reindex(ordered.index).astype("Int64")
    return ordered.drop(columns=["_order", "_saved"]).sort_values(
        ["portfolio_rank", "recommendation_id"], na_position="last", ignore_index=True
    )


def _covered_otherwise(asked: pd.DataFrame) -> pd.Series:
    """Which purchases are of a payer's instances that another kind of commitment covers for less in sum; a tie is the plan's."""
    is_reserved = (asked["service"] == RESERVATION) & asked["resource_id"].str.startswith("ec2/")
    bought = asked[(asked["action"] == "purchase") & (is_reserved | (asked["service"] == SAVINGS_PLAN))]
    saved = bought.groupby(["account", "service"])["savings_monthly_usd"].sum().unstack("service")
    saved = saved.reindex(columns=[SAVINGS_PLAN, RESERVATION]).fillna(0.0)
    best = np.where(saved[RESERVATION] > saved[SAVINGS_PLAN], RESERVATION, SAVINGS_PLAN)
    other: pd.Series = bought["service"] != bought["account"].map(pd.Series(best, index=saved.index))
    return other


def _left(ordered: pd.DataFrame, resource: pd.Series, counted: pd.Series) -> pd.Series:
    """What share of the cost of its resource the counted changes before each row leave."""
    of_the_price = ordered["exclusive_group"].isin(EXCLUSIVE_GROUPS.values())
    saved = (ordered["savings_monthly_usd"] / ordered["monthly_cost_usd"]).where(counted & of_the_price)
    leaves = 1 - saved.astype(np.float64).where(np.isfinite(saved.astype(np.float64)), 0.0)
    after: pd.Series = leaves.groupby(resource).cumprod()
    return after.groupby(resource).shift(fill_value=1.0)
