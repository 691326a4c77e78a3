"""What a type that was proposed would have broken in the days after, for the rules that propose one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.estate import Demand
from pipeline.advice.hindsight import Missed
from pipeline.capacity.replay import BROKEN_RATIO, count_breaches

_METRICS = {"cpu": "cpu_utilization", "memory": "memory_utilization"}


def missed_by_size(
    answer: Mapping[str, Any],
    evidence: Mapping[str, Any],
    seen: Mapping[str, Demand],
    options: object,  # noqa: ARG001 every rule's takes them
) -> Missed:
    """In which hours of the days after demand was above the target, and not above what there was."""
    ts = pd.DatetimeIndex(seen["cpu_utilization"].hours)
    demand = {name: _shares(seen[metric], ts) for name, metric in _METRICS.items() if metric in seen}
    room = {name: np.array([float(evidence[f"{name}_ratio"])]) for name in demand}
    broken, added = count_breaches(demand, room)
    chance = answer["breach_probability"]
    return Missed(
        added[:, 0],
        stated=None if pd.isna(chance) else float(chance),
        # The chance is of demand above the target, also where the present type does not serve it.
        happened=bool(broken.sum() > BROKEN_RATIO * len(ts)),
    )


def _shares(seen: Demand, ts: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    """(h,) demand in some hours as shares of capacity, NaN where it was not observed."""
    observed = pd.Series(seen.p95 / 100, index=pd.DatetimeIndex(seen.hours))
    return np.asarray(observed.reindex(ts), dtype=np.float64)
