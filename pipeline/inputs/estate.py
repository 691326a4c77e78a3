"""The estate as recommenders see it, read from the lake."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.advice.measures import MOST_DAYS
from pipeline.advice.weeks import MOST_WEEKS
from pipeline.inputs import read
from pipeline.inputs.resources import read_resources
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings

# An answer, and the first time that something was seen, are forgotten after so long.
_REMEMBERED = timedelta(days=400)


def read_answers(interval: Interval, lake: Lake) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The newest answer to each recommendation, and when earlier runs saw each for the first time, by `recommendation_id`."""
    since, as_of = interval.as_of - _REMEMBERED, interval.as_of
    return read(lake, "answers", since=since, as_of=as_of), read(lake, "seen_before", since=since, as_of=as_of)


def read_estate(interval: Interval, lake: Lake, settings: Settings) -> Estate:
    """What was known about the estate at the interval's end."""
    as_of, since = interval.as_of, interval.as_of - timedelta(days=settings.lookback_days)
    resources = read_resources(lake, as_of, since).rename(columns={"tags_json": "tags"})
    changed = read(lake, "changed_since", since=as_of - timedelta(days=MOST_DAYS + 1), as_of=as_of)
    return Estate(
        as_of=as_of,
        lookback_days=settings.lookback_days,
        resources=resources.merge(changed, how="left", on=["account", "region", "resource_id"], validate="1:1"),
        usage=read(lake, "usage", since=since, as_of=as_of),
        prices=read(lake, "prices", as_of=as_of),
        risk=read(lake, "preventable_risk", as_of=as_of),
        activity=read(lake, "activity", since=as_of - timedelta(days=MOST_DAYS), as_of=as_of),
        weeks=read(lake, "spare_time", since=as_of - timedelta(weeks=MOST_WEEKS), as_of=as_of),
    )
