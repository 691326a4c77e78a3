"""Tables of anomalies."""

from __future__ import annotations

from pipeline.tables.columns import (
    CRITICALITIES,
    SEVERITIES,
    as_of,
    bucket,
    metric,
    moment,
    number,
    resource_key,
    series_id,
    text,
    unit,
)
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE

ANOMALY = Table(
    name="gold.anomaly",
    doc="One hour of one series that enough detectors find anomalous.",
    key=("series_id", "ts"),
    time="ts",
    columns=(
        series_id,
        *resource_key,
        metric,
        unit,
        moment("ts", "Start of the hour."),
        Column(name="value", type=NUMBER, doc="What was observed.", unit="as `unit`"),
        number("expected", "What the strongest detector expected.", "as `unit`"),
        Column(name="score", type=NUMBER, doc="Largest score of the detectors; 0.5 and above is an alert.", ge=0, le=1),
        Column(name="votes", type=WHOLE, doc="Detectors that alerted.", unit="count", ge=1),
        text("detectors", "Their names, by comma."),
        text(
            "severity",
            "How unusual the hour is, by score; low where it is off by less than 5 % of the highest value or of the capacity.",
            values=SEVERITIES,
        ),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
)
INCIDENT = Table(
    name="gold.incident",
    doc="Anomalous hours of one series that belong together, and how grave they are, as believed at `as_of`.",
    key=("as_of", "series_id", "started_at"),
    time="as_of",
    columns=(
        as_of,
        series_id,
        *resource_key,
        metric,
        unit,
        moment("started_at", "Start of its first anomalous hour."),
        moment("ended_at", "End of the last hour in which at least half of a deviation was left."),
        Column(name="is_open", type=FLAG, doc="It went on in the last hour known, less than a day before `as_of`."),
        Column(name="hours", type=WHOLE, doc="From start to end.", unit="hours", ge=1),
        Column(name="anomalous_hours", type=WHOLE, doc="Rows of `gold.anomaly` in it.", unit="count", ge=1),
        moment("worst_at", "Start of its hour furthest from what was expected."),
        Column(name="value", type=NUMBER, doc="What was observed in that hour.", unit="as `unit`"),
        number("expected", "What was expected in that hour.", "as `unit`"),
        number("impact_ratio", "Largest deviation as a share of capacity; null where none is declared.", "ratio", ge=0, le=1),
        Column(name="score", type=NUMBER, doc="Largest score of its hours.", ge=0, le=1),
        text("severity", "The mildest of how unusual, how far and how long, moved by criticality.", values=SEVERITIES),
        text("criticality", "Of the resource, by its tag.", nullable=True, values=CRITICALITIES),
        bucket,
    ),
    may_be_empty=True,
)
