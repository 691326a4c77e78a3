"""CPU credits of burstable types, simulated.

Source: EC2 user guide, "CPU credits and baseline performance": a credit is one vCPU at 100 % for a minute; the earnings of a day
are the most that is kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

_DAY = 24
_PATHS = 200
_NEXT_DAYS = 30
# Any number does: the same demand has the same chance in every process.
_SEED = 20_140_701


def exhaustion_probability(use: npt.NDArray[np.float64], baseline: float) -> float:
    """The chance that credits run out, with demand above the baseline, on one of the next 30 days.

    Whole days of those observed are drawn at random. There are no credits to begin with: what the first day asks for above the
    baseline must be earned before.

    Args:
        use: of consecutive hours, as a share of the vCPUs of the type.
        baseline: what the type earns, as a share of its vCPUs.
    """
    change = baseline - use[: len(use) // _DAY * _DAY].reshape(-1, _DAY)
    if len(change) and change.min() >= 0:
        return 0.0
    most, so_far = _DAY * baseline, np.cumsum(change, axis=1)
    after, lowest = so_far[:, -1], so_far.min(axis=1)
    before = np.hstack([np.zeros((len(change), 1)), so_far])
    # What a day takes from a full balance by its end, and its deepest fall from any height.
    rest = (after[:, None] - before).min(axis=1)
    fall = (np.maximum.accumulate(before, axis=1) - before).max(axis=1)
    drawn = _draw(len(change))
    runs_out = (fall > most)[drawn].any(axis=0)
    lowest, after, at_most = lowest[drawn], after[drawn], np.minimum(most + rest[drawn], most)
    balance = np.zeros(_PATHS)
    for day in range(_NEXT_DAYS):
        runs_out |= balance + lowest[day] < 0
        balance = np.maximum(np.minimum(balance + after[day], at_most[day]), 0.0)
    return float(runs_out.mean())


@lru_cache(maxsize=64)
def _draw(known: int) -> npt.NDArray[np.int64]:
    """(days, paths) which of so many days known comes next."""
    return np.random.default_rng(_SEED).integers(0, known, size=(_NEXT_DAYS, _PATHS))
