"""Whether a bill was stated anew since the interval's end, so that it can have what was charged on its days."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pipeline import plugs
from pipeline.errors import SourceError
from pipeline.interval import OLDER, Interval
from pipeline.steps._declaration import Step

if TYPE_CHECKING:
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
STEP = Step(role="ingest", takes_target=True, gate=True)


def bill_stated(interval: Interval, lake: Lake, settings: Settings, *, target: str, period: str = "") -> int:  # noqa: ARG001
    """1 where there is nothing to wait for, else 0; the log says why.

    Args:
        interval: the run's data interval.
        lake: is not asked.
        settings: with the source's options.
        target: a source of bills.
        period: the billing period, YYYY-MM; empty for that of the interval's last day. One that ended before, or `older`, is not
            waited for: it is stated anew only where something of it changes.

    Raises:
        DataError: what lies there is no export.
    """
    source = plugs.load("sources", target)
    running = f"{max(day.start for day in interval.split_days()):%Y-%m}"
    if not hasattr(source, "stated_at") or period == OLDER or (period or running) < running:
        return 1
    try:
        stated = source.stated_at(Interval.month(running).late_in_month, plugs.options("sources", target, settings))
    except SourceError as error:
        log.info("%s %s is not there yet: %s", target, running, error)
        return 0
    if stated is not None and stated < interval.end:
        log.info("%s %s was last stated at %s, before the end of %s", target, running, f"{stated:%Y-%m-%d %H:%M}", interval)
        return 0
    log.info("%s %s %s", target, running, f"was stated at {stated:%Y-%m-%d %H:%M}" if stated else "has no manifest to wait for")
    return 1
