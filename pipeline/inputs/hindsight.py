"""What was known at an origin, and what came in the days after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pipeline.advice.currency import judge_the_current
from pipeline.advice.estate import Estate
from pipeline.advice.hindsight import HORIZON_DAYS, Past, Window
from pipeline.inputs import read, read_series
from pipeline.inputs.estate import BILLED, SPARE_TIME, read_bill_days, read_listed, read_prices
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.capacity import CAPACITY_RISK

#: How long after its origin a window is read.
AFTER = timedelta(days=HORIZON_DAYS)


def read_past(window: Window, lake: Lake, settings: Settings) -> Past:
    """One window as it is judged; nothing of after its end is read. Bills have no versions: they are as the lake has them now.

    A rule sees no forecast of then: only in a lake in which every day was run then would there be one, and what is judged must
    not depend on that. Usage, inventories and prices are those of before the origin.
    """
    origin, until = window.origin, window.until
    before = read_bill_days(lake, origin - BILLED, origin)
    then = Estate(
        as_of=origin,
        lookback_days=settings.lookback_days,
        resources=read_listed(origin, lake, settings),
        usage=read_series(lake, "usage", since=origin - timedelta(days=settings.lookback_days), as_of=origin),
        prices=read_prices(lake, before, origin),
        risk=CAPACITY_RISK.empty(),
        weeks=read_series(lake, "spare_time", since=origin - SPARE_TIME, as_of=origin),
        bill=before,
    )
    then, _ = judge_the_current(then)
    usage_after = read_series(lake, "usage_after", since=origin, as_of=until)
    after = replace(then, as_of=until, lookback_days=HORIZON_DAYS, usage=usage_after)
    # The day before the origin says what was before.
    changes = read(lake, "changed_since", since=origin - timedelta(days=1), as_of=until)
    changes = changes.loc[changes["config_changed_at"].notna(), ["account", "region", "resource_id"]]
    bill = read_bill_days(lake, origin, until)
    return Past(window, then, after.demand, frozenset(changes.itertuples(index=False, name=None)), bill)
