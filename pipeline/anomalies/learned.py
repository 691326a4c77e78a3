"""What detectors that learn have in common: what is told of a sample, when a model is trained on what, and when a score is high.

A model is trained at fixed moments of the calendar on the samples before each, and judges those that follow until the next. So
no sample is judged by what came after it, and two runs that see the same past train the same model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.anomalies.catalogued import choose, measure
from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge, smallest_scale, usual_of_hour
from pipeline.errors import ConfigError
from pipeline.features.series import names, of_samples

Floats = npt.NDArray[np.float64]
#: Scores of some samples by a model trained on others, higher where a sample is more unusual: training, judged → their scores.
Learner = Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]]
#: What is known of each sample when it arrives: clock, values, usual value of the hour → (rows, features).
Teller = Callable[[npt.NDArray[np.datetime64], Floats, Floats], Floats]

#: A model needs complete samples of six days: the week that is the shortest history hardly ever begins with a sample.
_LEAST_DAYS, LEAST_SAMPLES = 6, 96
# After so many the usual value of each hour is known, which makes a sample complete.
_USUAL_DAYS = 3
#: What samples are blurred by before they are learned from, in their own deviations: else a flat series teaches nothing.
_BLUR = 0.1
USUALLY_HIGHEST = 0.99
# A thousandth of the floor under a spread stands for "all scores alike".
_LEAST_RANGE = 1e-6


def alert_at(ratio: float) -> Any:
    """The option of a detector that learns which says when its score is an alert, with a default of its own."""
    return Field(
        ratio,
        ge=0.5,
        le=100,
        description="Score that is an alert, as a multiple of the way from the median to the 99th percentile of the training's.",
    )


def check_history(name: str, options: BaseModel, read_hours: int) -> None:
    """Make sure that a detector can judge every sample that follows the hours that it is given to learn from.

    Args:
        name: of the detector.
        options: of any detector; those without `retrain_hours` learn nothing.
        read_hours: from the first hour that is read to the first that is judged.

    Raises:
        ConfigError: at its last training before, too little was known, so it would judge nothing and say nothing of it.
    """
    retrain_hours = getattr(options, "retrain_hours", None)
    before = 24 * (_LEAST_DAYS + (_USUAL_DAYS if isinstance(options, TrainedOptions) else 0))
    if retrain_hours is not None and retrain_hours + before > read_hours:
        raise ConfigError(
            f"detectors: {name} has retrain_hours={retrain_hours} and needs {before} hours before a training; "
            f"detect_history_hours={read_hours} must be {retrain_hours + before} at least"
        )


class TrainedOptions(BaseModel):
    """What a detector is trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        28, ge=7, le=365, description="Days before a training that it learns from; `detect_history_hours` bounds what is read."
    )
    retrain_hours: int = Field(168, ge=1, le=8760, description="Hours from one training to the next, counted from 1970 on.")


class CataloguedOptions(TrainedOptions):
    """The same of one that may be told features of the catalogue."""

    catalogue: int = Field(
        0,
        ge=0,
        le=len(names("hour")),
        description="Features of the catalogue by the hour that it is told besides, of each series, "
        "the best by importance and mutual information in each training.",
    )


class LearnedOptions(CataloguedOptions):
    """The same of one that learns what scores are high, and when its score is an alert."""

    alert_ratio: float = alert_at(2.0)
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of everything that is drawn at random.")


def trainings(
    clock: npt.NDArray[np.datetime64], complete: npt.NDArray[np.bool_], history_days: int, retrain_hours: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Which rows are learned from, and which follow until the next training: one pair for each that has enough to learn from.

    That is 96 complete rows of its history, the first of them six days before or earlier. A series of days has 96 in no month:
    it asks for a longer history.

    Args:
        clock: as `arrival_clock` gives it.
        complete: rows of which everything is known that the model is told.
        history_days: days before a training.
        retrain_hours: from one training to the next.
    """
    if not len(clock):
        return
    hours = clock.astype("datetime64[h]").astype(np.int64) // retrain_hours
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0]))
    for first, end in zip(starts, np.append(starts, len(clock))[1:], strict=True):
        moment = np.datetime64(int(hours[first]) * retrain_hours, "h").astype("datetime64[us]")
        oldest = int(np.searchsorted(clock, moment - np.timedelta64(history_days, "D")))
        known = np.flatnonzero(complete[oldest:first]) + oldest
        if len(known) >= LEAST_SAMPLES and moment - clock[known[0]] >= np.timedelta64(_LEAST_DAYS, "D"):
            yield known, np.arange(first, end)


def describe(clock: npt.NDArray[np.datetime64], values: Floats, usual: Floats) -> Floats:
    """(rows, 4) what a model is told of each sample: value, distance from its hour's usual one, change, distance from the day.

    All are in the unit of the series and known when the sample arrives; NaN where one of them is not.
    """
    past = pd.Series(values, index=pd.DatetimeIndex(clock))
    before = past.ffill().shift().to_numpy(dtype=np.float64)
    day = past.rolling("24h", closed="left", min_periods=1).mean().to_numpy(dtype=np.float64)
    return np.column_stack([values, values - usual, values - before, values - day])


def scaled(training: Floats, judged: Floats, level: float) -> tuple[Floats, Floats]:
    """Both in deviations of the training from its mean, column by column; nothing varies by less than 1 % of the level."""
    centre = training.mean(axis=0)
    spread = np.fmax(training.std(axis=0), smallest_scale(np.array(level)))
    return (training - centre) / spread, (judged - centre) / spread


def excess_of(training: Floats, judged: Floats, alert_ratio: float) -> Floats:
    """By how many times a score exceeds what is an alert; 0 at the median of the training's scores and below."""
    middle, high = np.quantile(training, [0.5, USUALLY_HIGHEST])
    excess: Floats = np.fmax(judged - middle, 0.0) / (alert_ratio * max(float(high - middle), _LEAST_RANGE))
    return excess


def detect_by(
    learner: Learner,
    ts: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    options: LearnedOptions,
    tell: Teller = describe,
) -> Detection:
    """What a learner says of each sample, trained on the samples before it alone.

    Args:
        learner: is given the scaled descriptions of the training and of what is judged, and a generator for what it draws.
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: of training and threshold; `catalogue` features come before what is told, where any are asked for.
        tell: what the learner is told of each sample, from the clock, the values and the usual value of each hour.

    Returns:
        `expected` is the usual value of the hour, as `seasonal_mad` knows it; there is no band, for distance does not decide.
        Nothing is judged before complete samples of six days were seen: the usual value of an hour is known after three days.

    Raises:
        ValueError: a missing timestamp.
    """
    clock, observed = arrival_clock(ts), finite(values)
    usual, _ = usual_of_hour(ts, clock, observed, f"{options.history_days}D")
    told = tell(clock, observed, usual)
    excess = np.full(len(observed), np.nan)
    known_besides = of_samples(clock, observed) if options.catalogue else None
    complete: npt.NDArray[np.bool_] = np.asarray(np.isfinite(told).all(axis=1))
    # Sums of linear algebra depend on how many threads share them.
    with threadpool_limits(limits=1):
        for known, block in trainings(clock, complete, options.history_days, options.retrain_hours):
            new = block[complete[block]]
            if not len(new):
                continue
            drawn = np.random.default_rng(options.seed)
            level = float(np.median(np.abs(observed[known])))
            training, judged = scaled(told[known], told[new], level)
            if known_besides is not None:
                chosen = choose(known_besides[known], np.abs(observed - usual)[known], options.catalogue)
                besides = measure(known_besides[known], known_besides[new], chosen, level)
                # First, for what a learner looks at last is what it was told.
                training, judged = (np.column_stack(pair) for pair in zip(besides, (training, judged), strict=True))
            blurred = training + drawn.normal(0.0, _BLUR, training.shape)
            excess[new] = excess_of(*learner(blurred, judged, drawn), options.alert_ratio)
    return judge(clock, observed, excess, usual)
