"""Which samples a detector flags, and for how long it goes on, before people are told of anything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import Detection

#: A deviation goes on while this share of it is left.
HOLDS_RATIO = 0.5
#: One that went on for so long is the new level, and no anomaly any more.
NEW_LEVEL = np.timedelta64(7, "D")


def hold(clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], detection: Detection) -> npt.NDArray[np.float64]:
    """How strongly a detector flags each sample: by its own excess, or by one before it whose deviation goes on.

    A detector may be surprised by the first hour of eighteen alone. It flags the other seventeen as well: as long as at least
    half of the deviation from what it expects is left, for seven days at most. So detectors that are surprised at different hours
    of one incident meet, and a sample counts however long the incident has been going on.

    Args:
        clock: as `arrival_clock` gives it.
        values: the series, NaN where missing.
        detection: of this series.

    Returns:
        The largest excess that flags the sample, 1 and above; 0 where none does. Causal.
    """
    strength = np.where(detection.excess >= 1, detection.excess, 0.0)
    deviation = values - detection.expected
    missing = np.isnan(values)
    for first in np.flatnonzero((detection.excess >= 1) & np.isfinite(deviation) & (deviation != 0)):
        after = slice(first + 1, int(np.searchsorted(clock, clock[first] + NEW_LEVEL)))
        over = np.flatnonzero(~(deviation[after] / deviation[first] >= HOLDS_RATIO) & ~missing[after])
        held = slice(after.start, after.start + over[0] if len(over) else after.stop)
        strength[held] = np.where(missing[held], strength[held], np.fmax(strength[held], detection.excess[first]))
    return strength
