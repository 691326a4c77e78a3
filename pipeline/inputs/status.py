"""What the page of what is so now shows, read from the lake."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.inputs import read
from pipeline.inputs.findings import decode, read_mix
from pipeline.lake import Lake
from pipeline.report.selection import AT_MOST
from pipeline.report.status import Status, choose_drawn
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.schema import Scope

# Incidents are grouped by runs of days: the newest of them lies so far back at most.
_GROUPED = timedelta(days=7)


def read_status(lake: Lake, as_of: datetime) -> Status:
    """What is so at a moment, names as their sources gave them: how each series stands, the course of those that are drawn."""
    now = read(lake, "status_now", as_of=as_of)
    drawn = "".join(f" {name} " for name in choose_drawn(now)["series_id"])
    scope = Scope(ANOMALY.time, as_of - _GROUPED, as_of + timedelta(microseconds=1))
    incident = lake.read(ANOMALY, scope).to_pandas()
    return Status(
        as_of=as_of,
        now=decode(now),
        course=decode(read(lake, "status_course", as_of=as_of, series=drawn)),
        point=decode(read(lake, "status_points", as_of=as_of, at_most=AT_MOST)),
        incident=decode(incident[incident["as_of"] == incident["as_of"].max()]),
        alert=decode(read(lake, "open_alerts", as_of=as_of)),
        series_source=decode(read(lake, "series_seen_from", as_of=as_of)),
        mix=read_mix(lake, as_of),
    )
