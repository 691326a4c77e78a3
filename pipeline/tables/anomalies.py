"""Tables of anomalies."""

from __future__ import annotations

from pipeline.tables.columns import SEVERITIES, bucket, metric, moment, number, resource_key, series_id, text, unit
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import NUMBER, WHOLE

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
        text("severity", "By score.", values=SEVERITIES),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
)
