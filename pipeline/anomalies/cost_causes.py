"""What an event of a bill is made of: its resources, with place and tags, by what they cost beyond the weeks before."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from pipeline.tables.columns import UNNAMED

#: What a cause is told by.
PARTS = ("account", "service", "region", "usage_type", "resource_id", "tags")
#: Days before an event that say what its parts should have cost, and causes that are named.
BEFORE, CAUSES = 28, 5
_WEEK = 7


def rank_causes(daily: pd.DataFrame, first: date, last: date, impact: float) -> list[dict[str, Any]]:
    """The causes of an event, the largest share of its impact first; those that moved against it are left out.

    What a part should have cost on a weekday is the median of that weekday in the four weeks before, where a day without cost
    counts as nothing. A resource is one part, with the newest of its tags, and with what it cost under each where it had several
    within the event; what belongs to none is told apart by them.

    Args:
        daily: `ts` (midnight), the columns of `PARTS`, `cost`; of the event's node from `BEFORE` days before its first day.
        impact: of the event; its sign says which causes count.

    Returns:
        At most `CAUSES` with the columns of `PARTS`, actual, expected, impact, and `tagged`: tags, first_day, last_day and cost
        of each, the oldest first, where a resource had several in the event's days; else empty.
    """
    if daily.empty:
        return []
    start = np.datetime64(first, "D")
    place = (daily["ts"].to_numpy().astype("datetime64[D]") - start).astype(np.int64) + BEFORE
    told_apart = daily[[*PARTS]].assign(tags=daily["tags"].where(daily["resource_id"] == UNNAMED, ""))
    keys = told_apart.groupby(list(PARTS), sort=True).ngroup().to_numpy()
    days = BEFORE + int((np.datetime64(last, "D") - start).astype(np.int64)) + 1
    inside = (place >= 0) & (place < days)
    cost = np.zeros((days, keys.max() + 1))
    np.add.at(cost, (place[inside], keys[inside]), daily["cost"].to_numpy(dtype=np.float64)[inside])
    usual = np.median(cost[:BEFORE].reshape(-1, _WEEK, cost.shape[1]), axis=0)
    expected = usual[np.arange(days - BEFORE) % _WEEK].sum(axis=0)
    actual = cost[BEFORE:].sum(axis=0)
    beyond = actual - expected
    newest = daily.assign(key=keys).sort_values(["ts", "tags"]).drop_duplicates("key", keep="last")
    words = newest.set_index("key")[list(PARTS)]
    in_event = daily.assign(key=keys)[inside & (place >= BEFORE)]
    order = np.argsort(-beyond * np.sign(impact), kind="stable")[:CAUSES]
    return [
        {
            **{name: str(words.at[key, name]) for name in PARTS},
            **{
                word: round(float(value[key]), 6)
                for word, value in (("actual", actual), ("expected", expected), ("impact", beyond))
            },
            "tagged": _tell_tags(in_event[in_event["key"] == key]),
        }
        for key in order
        if beyond[key] * impact > 0
    ]


def _tell_tags(daily: pd.DataFrame) -> list[dict[str, Any]]:
    """What a part cost under each of its tags, and when; nothing where they stayed the same."""
    if daily["tags"].nunique() < 2:
        return []
    same = daily["tags"].map(_in_order).rename("same")
    told = daily.groupby(same).agg(tags=("tags", "first"), first_day=("ts", "min"), last_day=("ts", "max"), cost=("cost", "sum"))
    if len(told) < 2:
        return []
    days = ("first_day", "last_day")
    return [
        {"tags": row["tags"], **{name: f"{row[name]:%Y-%m-%d}" for name in days}, "cost": round(float(row["cost"]), 6)}
        for row in told.sort_values([*days, "tags"]).to_dict("records")
    ]


def _in_order(tags: str) -> str:
    """Tags as one text, whatever the order of their keys, which months may have each their own."""
    try:
        return json.dumps(json.loads(tags), sort_keys=True)
    except ValueError:
        return tags
