"""Write the page of what is so now: each series' newest minutes beside their forecast, and the anomalies of the last hours."""

from __future__ import annotations

import logging

from pipeline.inputs.status import read_status
from pipeline.interval import Interval
from pipeline.lake import Lake, reports
from pipeline.report.status import render_status
from pipeline.settings import Settings
from pipeline.steps._declaration import Step

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=("inputs.status_course", "inputs.series_seen_from", "inputs.dataset_mix", "inputs.open_alerts", "gold.anomaly"),
    always=True,
    parts_of_days=True,
)


def status(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Publish `status.html` as of the interval's end, unless the one that is there is of a later moment.

    Returns:
        Series that it tells of.
    """
    found = read_status(lake, interval.as_of)
    if reports.publish_status(lake.storage, interval.as_of, render_status(found)):
        log.info("status: %s", settings.status_address)
    else:
        log.info("status: %s is of a later moment, and stays", settings.status_address)
    return int(found.course["series_id"].nunique())
