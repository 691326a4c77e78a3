"""What clusters of resources are made from, read from the lake."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline.inputs import read
from pipeline.inputs.resources import read_resources
from pipeline.interval import Interval
from pipeline.lake import Lake

#: How far back the hours of a profile lie: whole weeks of a year, so that no season counts twice.
PROFILED = timedelta(weeks=52)


def read_week_profile(interval: Interval, lake: Lake) -> pd.DataFrame:
    """What each resource does at each hour of a workday and of a weekend day, in the 52 weeks before the interval's end."""
    return read(lake, "week_profile", since=interval.as_of - PROFILED, as_of=interval.as_of)


def read_clusters_before(interval: Interval, lake: Lake) -> pd.DataFrame:
    """account, region, resource_id and cluster of the newest run before."""
    return read(lake, "clusters_before", as_of=interval.as_of)


def read_machines(interval: Interval, lake: Lake) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Resources as last seen, prices, and what the run recommends to change."""
    as_of = interval.as_of
    return read_resources(lake, as_of), read(lake, "prices", as_of=as_of), read(lake, "changes_recommended", as_of=as_of)
