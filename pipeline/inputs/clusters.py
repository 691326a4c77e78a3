"""What clusters of resources are made from, read from the lake."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline.inputs import read
from pipeline.inputs.resources import read_resources
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings

#: How far back the hours of a profile lie: whole weeks of a year, so that no season counts twice.
PROFILED = timedelta(weeks=52)


def read_week_profile(interval: Interval, lake: Lake) -> pd.DataFrame:
    """What each resource does at each hour of the week, in the 52 weeks before the interval's end."""
    return read(lake, "week_profile", since=interval.as_of - PROFILED, as_of=interval.as_of)


def read_clusters_before(interval: Interval, lake: Lake) -> pd.DataFrame:
    """account, region, resource_id and cluster of the newest run before that found any, and the highest number yet."""
    return read(lake, "clusters_before", as_of=interval.as_of)


def read_machines(interval: Interval, lake: Lake, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Resources that were seen in the days that recommenders look at, prices, and what the run recommends to change."""
    as_of = interval.as_of
    resources = read_resources(lake, as_of, as_of - timedelta(days=settings.lookback_days))
    return resources, read(lake, "prices", as_of=as_of), read(lake, "changes_recommended", as_of=as_of)
