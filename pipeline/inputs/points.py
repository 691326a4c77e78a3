"""The points that detectors score."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings


def read_points(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """The hours of the interval and of `detect_history_hours` before it, for one shard of the series, in order of time."""
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    return read(lake, "points", since=since, as_of=interval.end, shard=shard, shards=shards)


def read_points_so_far(hours: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """Some hours of a day and all before them that its day's run will see, for one shard of the series, in order of time.

    They begin where those of the day begin, so that detectors know of each hour what they will know in that run.
    """
    since = midnight_before(hours.start) - timedelta(hours=settings.detect_history_hours)
    return read(lake, "points_so_far", since=since, as_of=hours.end, shard=shard, shards=shards)


def midnight_before(moment: datetime) -> datetime:
    """The midnight that a moment's day begins with."""
    return datetime.combine(moment.date(), datetime.min.time())
