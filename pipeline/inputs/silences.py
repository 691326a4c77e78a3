"""What incidents of missing data are made from, read from the lake."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings

# Beside the shortest history: a silence of seven days that ends where reporting begins, and a habit of a week before it.
_BEFORE = timedelta(days=15)


def reach_of_silences(settings: Settings) -> timedelta:
    """How far before the start of its interval a run asks for silences."""
    return timedelta(hours=settings.detect_history_hours + settings.detect_min_history_hours) + _BEFORE


def read_silences(interval: Interval, lake: Lake, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stretches without a sample up to the interval's end, and the days on which an inventory calls a resource ended."""
    since: datetime = interval.start - reach_of_silences(settings)
    silences = read(lake, "silences", since=since, as_of=interval.end, missing_hours=settings.missing_hours)
    return silences, read(lake, "ended", since=since, as_of=interval.end)
