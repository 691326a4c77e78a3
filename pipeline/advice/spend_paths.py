"""Which ways what is spent by the day may go from here: paths from the days of the past alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Paths of a series; each comes with its mirror image.
PATHS = 1000
#: The level of today is the median of so many days: whole weeks, few enough to be of today.
LEVEL_DAYS = 14
#: From how many of the last days it is drawn how a day lies about its level.
DRAWN_DAYS = 60
#: What is thought of the movement of a level in a day before anything is known of it (in logarithms), and as how many observed
#: changes that counts.
MOVEMENT_BEFORE, COUNTS_AS = 0.02, 4.0


def spend_paths(history: Floats, steps: int) -> Floats:
    """(PATHS, steps) paths of the days after the history: a level that wanders from the present one, and days about it.

    The level moves as a random walk of its logarithm without a trend, for a trend of spending seldom lasts as long as a
    commitment: as much in a day as levels `LEVEL_DAYS` apart have moved, with `MOVEMENT_BEFORE` weighed in. A day's ratio to its
    level is drawn from the last `DRAWN_DAYS`, whatever the day of the week. The same history has the same paths.

    Args:
        history: (days,) spent on each day, oldest first, 0 or more; one day at least.
        steps: days ahead, one or more.

    Raises:
        ValueError: no days, or an amount below 0 or not finite.
    """
    if len(history) == 0 or not (np.isfinite(history) & (history >= 0)).all():
        raise ValueError("the history is empty or has a day that is negative or not finite; expected what was spent on each day")
    random = np.random.default_rng(0)
    half = random.standard_normal((PATHS // 2, steps))
    walk = np.cumsum(np.concatenate([half, -half]), axis=1)
    level = float(np.median(history[-LEVEL_DAYS:]))
    about = _about_the_level(history)
    drawn = about[random.integers(len(about), size=(PATHS, steps))]
    paths: Floats = level * np.exp(_movement(history) * walk) * drawn
    return paths


def _movement(history: Floats) -> float:
    """Standard deviation of the change of the level's logarithm in a day."""
    prior = MOVEMENT_BEFORE**2 * LEVEL_DAYS
    # Changes overlap: as many as there are levels apart are independent.
    observed, count = _squared_changes(history), max(len(history) / LEVEL_DAYS - 1, 0.0)
    if len(observed) == 0:
        return MOVEMENT_BEFORE
    return float(np.sqrt((observed.mean() * count + prior * COUNTS_AS) / (count + COUNTS_AS) / LEVEL_DAYS))


def _squared_changes(history: Floats) -> Floats:
    """Of levels `LEVEL_DAYS` apart, in logarithms; empty where the history is shorter."""
    if len(history) < 2 * LEVEL_DAYS:
        return np.empty(0)
    levels = np.median(np.lib.stride_tricks.sliding_window_view(history, LEVEL_DAYS), axis=1)
    before, after = levels[:-LEVEL_DAYS], levels[LEVEL_DAYS:]
    known = (before > 0) & (after > 0)
    changes: Floats = np.log(after[known] / before[known]) ** 2
    return changes


def _about_the_level(history: Floats) -> Floats:
    """Ratio of each of the last days to the median of the days around it; 1 where that is 0."""
    padded = np.pad(history, (LEVEL_DAYS // 2, (LEVEL_DAYS - 1) // 2), constant_values=np.nan)
    around = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, LEVEL_DAYS), axis=1)
    ratio = np.divide(history, around, out=np.ones_like(history), where=around > 0)
    return ratio[-DRAWN_DAYS:]
