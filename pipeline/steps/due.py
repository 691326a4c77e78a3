"""Whether it is time to train: by schedule, because forecasts got worse, or because options or the detectors changed."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.errors import SourceError
from pipeline.forecasting.drift import decide_training
from pipeline.inputs.drift import limits, trained_at
from pipeline.registry.detectors import read_asked
from pipeline.registry.trainings import read_options
from pipeline.steps._declaration import Step
from pipeline.steps._voters import read_shipped
from pipeline.tables.forecasts import DRIFT
from pipeline.tables.schema import Scope

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
STEP = Step(role="trainer", reads=("gold.drift", "inputs.newest_training"), gate=True)


def due(interval: Interval, lake: Lake, settings: Settings) -> int:
    """1 where a training is asked for as of the interval's end, else 0; the log says why or why not."""
    asked, why = reason(interval, lake, settings)
    log.info("training as of %s is %s: %s", interval.as_of, "due" if asked else "not due", why)
    return int(asked)


def reason(interval: Interval, lake: Lake, settings: Settings) -> tuple[bool, str]:
    """Whether schedule, drift, changed options or another vote ask for a training as of the interval's end, and why or why not.

    By the rule that fills `gold.drift.retrain`, asked again because trainings and days have passed since: drift is what
    `gold.drift` said last, within the week before.
    """
    as_of = interval.as_of
    week = Scope("as_of", as_of - timedelta(days=7), as_of + timedelta(microseconds=1))
    rows = lake.read(DRIFT, week).to_pylist()
    newest = max((row["as_of"] for row in rows), default=None)
    drifted = sorted(f"{row['metric']} by {row['granularity']}" for row in rows if row["as_of"] == newest and row["drifted"])
    trained = trained_at(lake, as_of)
    changed = [*changed_options(settings, trained), *changed_vote(settings)] if trained else []
    return decide_training(as_of, trained, drifted, limits(settings), changed=changed)


def changed_options(settings: Settings, trained: datetime) -> list[str]:
    """Forecasters whose options are others than the training as of that moment was given; none where nobody can tell."""
    try:
        before = read_options(settings, trained)
    except SourceError as error:
        log.warning("whether options have changed since the training as of %s is not known: %s", trained, error)
        return []
    now = settings.options.get("forecasters", {})
    return [] if before is None else sorted(name for name in {*before, *now} if before.get(name, {}) != now.get(name, {}))


def changed_vote(settings: Settings) -> list[str]:
    """`the detectors`, where others vote, or with other options, than in their last training; none where nobody can tell."""
    try:
        before = read_asked(settings)
    except SourceError as error:
        log.warning("whether the detectors have changed since their last training is not known: %s", error)
        return []
    return [] if before in (None, read_shipped(settings).sha256()) else ["the detectors"]
