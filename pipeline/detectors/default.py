"""What is far from the usual value of its hour, new, and more than a lone flicker: one frozen rule for all series."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.calm import calm_excess
from pipeline.anomalies.detection import (
    FEWEST_ALIKE,
    Detection,
    Silence,
    arrival_clock,
    finite,
    hour_of_week,
    judge,
    seen_before,
    smallest_scale,
    usual_of_hour,
)
from pipeline.anomalies.novelty import novelty_excess
from pipeline.anomalies.ordered import median_of_three, quantiles_before

#: A bump as wide as three samples alerts at a lower height, as a share of that of a lone sample.
_BUMP_RATIO = 5.5 / 7
#: Where a series is mostly flat and now and then is not: so many of its usual steps away from flat are no alert.
_USUAL_STEPS = 3.0
#: A sample far from the usual must be new by so much; one that is very new must be only so far away.
_LITTLE_NEW, _VERY_NEW = 0.15, 1.5
_HARDLY_FAR_DEVIATIONS = 1.0


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        28, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    alert_deviations: float = Field(7.0, ge=0.1, le=100, description="Robust deviations from the usual value that are an alert.")
    calm_deviations: float = Field(
        6.0, ge=0.1, le=1000, description="The same of a series with normal noise; two thirds of it for two in three samples."
    )
    announced_hours: int = Field(
        6, ge=1, le=720, description="How long an incident stays announced: until then only a much worse sample alerts again."
    )
    worse_ratio: float = Field(3.0, ge=1, le=100, description="By how many times it must be worse.")


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its distance from the usual one of its hour, unless it has been seen before.

    An alert is a sample that is all of: far from the median of the same hour (working days apart from weekends) of the preceding
    days, 28 by default, by itself or as the median of three; larger than three of the series' usual steps; and somewhat new.
    What is very new needs to be hardly far. Where the series deviates as normal noise does, with a light tail, it is enough to be
    far outside of that noise, new or not. The excess of each condition is taken, and the smallest of those that must all hold.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        An excess of 1 where all of it just holds; announced once in six hours, unless it is three times as bad. `expected` is the
        seasonal median, the band seven deviations around it: what lies outside may have been seen before, and what is very new,
        or outside of normal noise, is flagged inside of it as well.

    Raises:
        ValueError: a missing timestamp.

    Source: Hampel (1974) on a seasonal median, joined with nearest-neighbour novelty as in KNN-CAD. Its constants were chosen
    once, on the development halves of two public sets (README, "How good it is").
    """
    clock, observed = arrival_clock(ts), finite(values)
    expected, spread = usual_of_hour(ts, clock, observed, f"{options.history_days}D")
    distance = np.abs(observed - expected)
    # Where nothing is usual yet, nothing is far from it.
    deviations = np.nan_to_num((observed - expected) / spread)
    bump = np.abs(median_of_three(deviations))
    far = np.fmax(np.abs(deviations), bump / _BUMP_RATIO) / options.alert_deviations
    steps = distance / (_USUAL_STEPS * _usual_step(clock, distance, smallest_scale(expected), options.history_days))
    new = np.nan_to_num(novelty_excess(ts, clock, observed, options.history_days)[0])
    unusual = np.fmin(np.fmin(far, steps), new / _LITTLE_NEW)
    unheard = np.fmin(np.abs(deviations) / _HARDLY_FAR_DEVIATIONS, new / _VERY_NEW)
    # What stands in for a weekend's hour at first is not the middle of it.
    residual = np.where(seen_before(observed, hour_of_week(ts)) < FEWEST_ALIKE, np.nan, observed - expected)
    calm = calm_excess(clock, residual, smallest_scale(expected), options.history_days, options.calm_deviations)
    excess, margin = np.fmax(np.fmax(unusual, unheard), calm), options.alert_deviations * spread
    silence = Silence(options.announced_hours, options.worse_ratio)
    return judge(clock, observed, excess, expected, (expected - margin, expected + margin), silence)


def _usual_step(
    clock: npt.NDArray[np.datetime64], distance: npt.NDArray[np.float64], floor: npt.NDArray[np.float64], days: int
) -> npt.NDArray[np.float64]:
    """The median of the earlier distances that are more than nothing; NaN until there are two."""
    steps = np.where(distance > 2 * floor, distance, np.nan)
    usual: npt.NDArray[np.float64] = quantiles_before(clock, steps, np.timedelta64(days, "D"), 2, (0.5,))[0]
    return usual
