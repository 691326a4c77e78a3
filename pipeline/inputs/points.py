"""The points that detectors score."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings


def read_points(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """The hours of the interval and of `detect_history_hours` before it, for one shard of the series, in order of time."""
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    return read(lake, "points", since=since, as_of=interval.end, shard=shard, shards=shards)
