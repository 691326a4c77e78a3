"""The estate as recommenders see it, read from the lake."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa

from pipeline.advice.commitment_rates import INSTANCE_USAGE
from pipeline.advice.estate import Estate
from pipeline.advice.measures import MOST_DAYS
from pipeline.advice.weeks import MOST_WEEKS
from pipeline.inputs import ask, read, read_series
from pipeline.inputs.resources import read_resources
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.identifiers import make_safe

#: How far back activity by the day, and hours of spare time, are asked for.
ACTIVITY, SPARE_TIME = timedelta(days=MOST_DAYS), timedelta(weeks=MOST_WEEKS)
#: How far back spending is asked for: a season of it, and what a level moves by.
BILLED = timedelta(days=180)
#: How long an answer holds, and after how long unseen a recommendation is new again.
ANSWERS_HOLD, NEW_AGAIN = timedelta(days=400), timedelta(days=14)
#: How far back a rule's own past counts.
RECORD = timedelta(days=400)


def reach_of_changes(settings: Settings) -> timedelta:
    """How far back changes of state and type are asked for: all days that a rule looks at, and one to see what was before."""
    return timedelta(days=max(MOST_DAYS, settings.lookback_days) + 1)


def read_answers(interval: Interval, lake: Lake) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The newest answer to each recommendation, and when earlier runs saw each for the first time, by `recommendation_id`."""
    as_of = interval.as_of
    return (
        read(lake, "answers", since=as_of - ANSWERS_HOLD, as_of=as_of),
        read(lake, "seen_before", since=as_of - NEW_AGAIN, as_of=as_of),
    )


def read_record(interval: Interval, lake: Lake) -> pd.DataFrame:
    """What following each rule before would have come to, by rule_id and rule_version, and what it is compared with."""
    return read(lake, "rule_record", since=interval.as_of - RECORD, as_of=interval.as_of)


def read_bill(interval: Interval, lake: Lake) -> pd.DataFrame:
    """Usage as it was charged by the day; payers and commitments have names that are safe, as accounts have."""
    return read_bill_days(lake, interval.as_of - BILLED, interval.as_of)


def read_bill_days(lake: Lake, since: datetime, as_of: datetime) -> pd.DataFrame:
    """The same of other days."""
    bill = read(lake, "spend_by_day", since=since, as_of=as_of)
    return bill.assign(**{name: bill[name].map(make_safe).astype("object") for name in ("payer", "commitment_id")})


def read_prices(lake: Lake, bill: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The newest list prices known then; of instances that run something else than Linux those of types that the bill has."""
    prices = ask(lake, "prices", as_of=as_of)
    types = pd.Series(bill["usage_type"].unique(), dtype="object").str.extract(INSTANCE_USAGE, expand=False).dropna()
    if len(types):
        others = ask(lake, "other_prices", as_of=as_of, items=f" {' '.join(sorted(set(types)))} ")
        prices = pa.concat_tables([prices, others])
    frame: pd.DataFrame = prices.to_pandas()
    return frame


def _read_anomalies(interval: Interval, lake: Lake) -> pd.DataFrame:
    """What cost unusually much as of the interval's end; payers have names that are safe, as accounts have."""
    found = read(lake, "gravest_costs", as_of=interval.as_of)
    return found.assign(payer=found["payer"].map(make_safe).astype("object"))


def read_discounts(interval: Interval, lake: Lake, settings: Settings) -> pd.DataFrame:
    """Of each resource of the bill what was charged at list price, and what is paid beside commitments."""
    return read(lake, "resource_discounts", since=billed_since(interval.as_of, settings), as_of=interval.as_of)


def billed_since(as_of: datetime, settings: Settings) -> datetime:
    """From when on charges of resources are looked at; bills are a few days behind usage."""
    return as_of - timedelta(days=settings.lookback_days)


def read_estate(interval: Interval, lake: Lake, settings: Settings) -> Estate:
    """What was known about the estate at the interval's end."""
    as_of, since = interval.as_of, interval.as_of - timedelta(days=settings.lookback_days)
    bill = read_bill(interval, lake)
    return Estate(
        as_of=as_of,
        lookback_days=settings.lookback_days,
        resources=read_listed(as_of, lake, settings),
        usage=read_series(lake, "usage", since=since, as_of=as_of),
        prices=read_prices(lake, bill, as_of),
        risk=read(lake, "preventable_risk", as_of=as_of),
        activity=read(lake, "activity", since=as_of - ACTIVITY, as_of=as_of),
        weeks=read_series(lake, "spare_time", since=as_of - SPARE_TIME, as_of=as_of),
        bill=bill,
        anomalies=_read_anomalies(interval, lake),
        budgets=read(lake, "likely_breaches", as_of=as_of),
    )


def read_listed(as_of: datetime, lake: Lake, settings: Settings) -> pd.DataFrame:
    """The resources that inventories listed in the days that are looked at, and since when each is what it was last."""
    resources = read_resources(lake, as_of, as_of - timedelta(days=settings.lookback_days))
    changed = read(lake, "changed_since", since=as_of - reach_of_changes(settings), as_of=as_of)
    resources = resources.rename(columns={"tags_json": "tags"})
    return resources.merge(changed, how="left", on=["account", "region", "resource_id"], validate="1:1")
