"""What a later run finds of a bill, held against what an earlier one believed: names that stay, and what was only restated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

import pandas as pd

_NODE = ["account", "service", "usage_type", "resource_id"]


def name_event(owner: str, node: tuple[str, ...], first_day: datetime) -> str:
    """The id of an event by its bill, its node, whose words may be empty at the end, and its first day."""
    node = node[:-1] if len(node) == len(_NODE) and not node[-1] else node
    return hashlib.sha256("\0".join((owner, *node, f"{first_day:%Y-%m-%d}")).encode()).hexdigest()[:16]


def drop_restated(found: pd.DataFrame, before: pd.DataFrame, look_again: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The events without those that the run before would have found, had the bill said then what it says now: it was restated.

    That a day was judged does not say of what: a part of the bill may have been outside what was looked at, or announced.

    Args:
        found: of one bill: account, service, usage_type, resource_id (empty above its level), first_day, last_day.
        before: of the run before, likewise, with judged_from and judged_through; without rows where there was none.
        look_again: what the run before would find in the bill of now, like `found`; asked where it judged all days of an event
            that it did not have.
    """
    if before.empty or found.empty:
        return found
    since, through = before[["judged_from", "judged_through"]].iloc[0]
    missed = (found["first_day"] >= since) & (found["last_day"] <= through) & ~_among(found, before)
    if not missed.any():
        return found
    again = look_again()
    if again.empty:
        return found
    kept: pd.DataFrame = found[~(missed & _among(found, again))]
    return kept


def keep_ids(found: pd.DataFrame, before: pd.DataFrame, owner: str) -> pd.DataFrame:
    """The events with `anomaly_id`: that of the event of the run before with which one has a day and the node in common.

    Of two that were one, the older has its id; one that was two has the id of the older.
    """
    taken: set[str] = set()
    ids: dict[object, str] = {}
    for place, row in found.sort_values("first_day", kind="stable").iterrows():
        node = tuple(str(row[name]) for name in _NODE)
        known = _same(row, before).sort_values("first_day")["anomaly_id"]
        name = next((each for each in known if each not in taken), name_event(owner, node, row["first_day"]))
        while name in taken:
            name = name_event(name, node, row["first_day"])
        ids[place] = name
        taken.add(name)
    return found.assign(anomaly_id=pd.Series(ids, dtype="object"))


def _among(found: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Which events have a day and the node in common with one of the others."""
    return pd.Series([not _same(row, others).empty for _, row in found.iterrows()], index=found.index, dtype=bool)


def _same(row: pd.Series, before: pd.DataFrame) -> pd.DataFrame:
    """The events before of its node that have a day in common with one."""
    mine = (before[_NODE] == row[_NODE].to_numpy()).all(axis=1)
    same: pd.DataFrame = before[mine & (before["first_day"] <= row["last_day"]) & (before["last_day"] >= row["first_day"])]
    return same
