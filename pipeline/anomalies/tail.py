"""How rare a deviation is in a series' own past, as a probability: said beside a score, and never what decides.

Series differ in how many anomalies they have, so alerts at equal rates would be wrong; what the figure says of all is the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

#: Deviations that must be known: of fewer nothing rarer than one in a hundred could be said.
FEWEST = 99
_PAST, _LEARNED = np.timedelta64(28, "D"), np.timedelta64(14, "D")


def tail_probability(clock: npt.NDArray[np.datetime64], deviation: Floats, flagged: npt.NDArray[np.bool_], rows: Whole) -> Floats:
    """Among the deviations of the four weeks before a row and its own, the share of those at least as large.

    Where deviations come in no order of size it is a probability: so often is one so rare. It is never lower than one in as many
    as are known, and where many are equal, as in a flat series, higher than it need be. What was flagged is not compared with,
    nor are the first two weeks of a series, in which what is usual of it is learned.

    Args:
        clock: (n,) as `arrival_clock` gives it; rows at the same moment are not before one another.
        deviation: (n,) how far each value lies from what was expected of it, as it is: divided by a spread that is still being
            learned, it is rarer than it should be. NaN where unknown.
        flagged: (n,) rows that are trouble, which say nothing of what is usual.
        rows: (m,) of which it is asked.

    Returns:
        (m,) above 0, at most 1; NaN where the deviation, or fewer than 99 before it, are known.

    Source: Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World: a conformal p-value without smoothing.
    """
    usual = np.where(flagged | (clock - clock[:1] < _LEARNED), np.nan, deviation)
    known = np.concatenate([[0], np.cumsum(~np.isnan(usual))])
    first, end = np.searchsorted(clock, clock[rows] - _PAST), np.searchsorted(clock, clock[rows])
    count = known[end] - known[first]
    # What is unknown is not above anything.
    above = [np.count_nonzero(usual[a:b] >= own) for a, b, own in zip(first, end, deviation[rows], strict=True)]
    enough = (count >= FEWEST) & ~np.isnan(deviation[rows])
    return np.where(enough, (1 + np.array(above, dtype=np.float64)) / (1 + count), np.nan)
