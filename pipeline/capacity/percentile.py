"""One percentile of one array: asked for of every resource, where numpy's own takes five times as long to say the same."""

from __future__ import annotations

import numpy as np

from pipeline.forecasting.panel import Floats


def percentile(values: Floats, pct: float) -> float:
    """What `np.percentile(values, pct)` says, to the last bit.

    Args:
        values: (n,) at least one, none of them NaN.
        pct: 0 to 100.
    """
    place = (len(values) - 1) * (pct / 100)
    lower = int(place)
    upper = min(lower + 1, len(values) - 1)
    ordered = np.partition(values, (lower, upper))
    below, above, share = float(ordered[lower]), float(ordered[upper]), place - lower
    step = above - below
    return below + step * share if share < 0.5 else above - step * (1 - share)
