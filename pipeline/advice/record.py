"""What following a rule before would have come to, in a sentence beside what it recommends now."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from pipeline.tables.columns import PASSIVE

_NOT_REPLAYED = "not replayed: what following it would have broken cannot be told from what was measured"
_NEVER = "not followed before: nothing that it would have said 30 days or more ago could be held to what came"


def add_record(rows: pd.DataFrame, past: pd.DataFrame, replayed: Mapping[str, str]) -> pd.DataFrame:
    """Fill in `record` of all that is to be done.

    Args:
        rows: in the columns of `gold.recommendation`.
        past: a row per rule_id and rule_version, null of what is only compared: changes, violating, promised_usd, saved_usd.
        replayed: the rules that are held to what came, each with the word for what went wrong.
    """
    known = {
        (row["rule_id"], row["rule_version"]): _say(row, replayed[row["rule_id"]])
        for row in past.to_dict("records")
        if row["changes"] and row["rule_id"] in replayed
    }
    said = [
        None if action in PASSIVE else known.get((rule, version), _NEVER) if rule in replayed else _NOT_REPLAYED
        for rule, version, action in zip(rows["rule_id"], rows["rule_version"], rows["action"], strict=True)
    ]
    return rows.assign(record=pd.Series(said, index=rows.index, dtype="object"))


def _say(past: Mapping[Hashable, Any], wrong: str) -> str:
    changes, broke = int(past["changes"]), int(past["violating"])
    windows = "1 window" if changes == 1 else f"{changes:,} windows"
    saved, promised = past["saved_usd"], f"of ${past['promised_usd']:,.0f} promised"
    money = f"saved ${saved:,.0f} {promised}" if saved >= 0 else f"lost ${-saved:,.0f} instead {promised}"
    return f"followed before: {windows} of 30 days, {money}, {f'{broke:,}' if broke else 'none'} {wrong}"
