"""CPU credits of burstable types, simulated.

Source: EC2 user guide, "CPU credits and baseline performance": a credit is one vCPU at 100 % for a minute; the earnings of a day
are the most that is kept.
"""

from __future__ import annotations

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
    most, so_far = _DAY * baseline, np.cumsum(change, axis=1)
    after, lowest = so_far[:, -1], so_far.min(axis=1)
    before = np.hstack([np.zeros((len(change), 1)), so_far])
    # What a day takes from a full balance by its end, and its deepest fall from any height.
    rest = (after[:, None] - before).min(axis=1)
    fall = (np.maximum.accumulate(before, axis=1) - before).max(axis=1)
    balance, runs_out = np.zeros(_PATHS), np.zeros(_PATHS, dtype=bool)
    for day in np.random.default_rng(_SEED).integers(0, len(change), size=(_NEXT_DAYS, _PATHS)):
        runs_out |= (balance + lowest[day] < 0) | (fall[day] > most)
        balance = np.clip(np.minimum(balance + after[day], most + rest[day]), 0.0, most)
    return float(runs_out.mean())
