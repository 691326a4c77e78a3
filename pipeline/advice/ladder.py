"""The sizes that a sizing rule chooses from, when rules are compared on past days."""

from __future__ import annotations

import re
from typing import cast

import numpy as np
import pandas as pd

from pipeline.advice.instance_types import cpu_ratio
from pipeline.capacity.replay import Ladder
from pipeline.capacity.sizing import CPU, MEMORY
from pipeline.errors import ConfigError

_CREDIT = 1.5
# Families that differ in memory per vCPU alone.
_KIN = ("c", "m", "r")


def make_ladder(types: pd.DataFrame, instance_type: str, with_memory: bool) -> Ladder:
    """The sizes to choose from: of the type's own family, and with memory known of the families that differ in that alone.

    A size that costs no less than another that has as much of everything is left out.

    Raises:
        ConfigError: the type has no price, or nothing is cheaper.
    """
    if instance_type not in types.index or pd.isna(types.loc[instance_type, "price_usd"]):
        raise ConfigError(f"the price list has no price for {instance_type!r}; state --instance-type")
    now = cast(pd.Series, types.loc[instance_type])
    family = str(now["family"])
    letter = re.match(r"[a-z]+", family)
    related = {family}
    if with_memory and letter and letter[0] in _KIN:
        related |= {each + family[len(letter[0]) :] for each in _KIN}
    # In the order of the catalogue: the cheapest first.
    near = types.loc[types["family"].isin(related) & types["ordinary"] & (types["price_usd"] < now["price_usd"])]
    near = near.assign(cpu=cpu_ratio(near, now, _CREDIT), memory=near["memory_gib"] / now["memory_gib"])
    kept = [
        name
        for place, (name, row) in enumerate(near.iterrows())
        if not ((near["cpu"].iloc[:place] >= row["cpu"]) & (near["memory"].iloc[:place] >= row["memory"])).any()
    ]
    if not kept:
        raise ConfigError(f"the price list has nothing cheaper than {instance_type} in {', '.join(sorted(related))}")
    chosen = near.loc[kept]
    capacity = {CPU: np.append(chosen["cpu"].to_numpy(np.float64), 1.0)}
    if with_memory:
        capacity[MEMORY] = np.append(chosen["memory"].to_numpy(np.float64), 1.0)
    price = np.append(chosen["price_usd"].to_numpy(np.float64), float(now["price_usd"]))
    return Ladder((*map(str, kept), instance_type), price, capacity)
