"""Write the page of what is so now: each series' newest minutes beside their forecast, and the anomalies of the last hours."""

from __future__ import annotations

import logging
from datetime import datetime

from pipeline.inputs.status import read_status
from pipeline.interval import Interval
from pipeline.lake import Lake, reports
from pipeline.report.status import render_status
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps.ingest import now

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.status_now",
        "inputs.status_course",
        "inputs.status_points",
        "inputs.series_seen_from",
        "inputs.dataset_mix",
        "inputs.open_alerts",
        "gold.anomaly",
    ),
    always=True,
    parts_of_days=True,
)


def status(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Publish `status.html` as of the interval's end, unless the one that is there is of a later moment that has come.

    Returns:
        Series that it tells of.
    """
    return status_at(interval, lake, settings, now())


def status_at(interval: Interval, lake: Lake, settings: Settings, moment: datetime) -> int:
    """The same at a moment, naive UTC."""
    found = read_status(lake, interval.as_of)
    if reports.publish_status(lake.storage, interval.as_of, render_status(found), moment):
        log.info("status: %s", settings.status_address)
    else:
        log.info("status: %s is of a later moment, and stays", settings.status_address)
    return len(found.now)
