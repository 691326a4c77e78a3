"""Tables of anomalies: what each sample was found to be, and what people are to look at."""

from __future__ import annotations

from pipeline.tables.columns import (
    CRITICALITIES,
    NORMAL,
    SEVERITIES,
    STATES,
    as_of,
    bucket,
    granularity,
    metric,
    moment,
    number,
    resource_key,
    series_id,
    text,
    unit,
)
from pipeline.tables.schema import Column, Passing, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE

ANOMALY_POINT = Table(
    name="gold.anomaly_point",
    doc="One sample of one series as the detectors saw it: its score and its state. Where none flags it, that is all.",
    key=("series_id", "granularity", "ts"),
    time="ts",
    columns=(
        series_id,
        *resource_key,
        metric,
        unit,
        granularity,
        moment("ts", "Start of the period."),
        Column(name="score", type=NUMBER, doc="Largest raw score of the detectors, before anything is kept silent.", ge=0, le=1),
        text("state", "Whether no detector flags it, some do, or enough of them.", values=STATES),
        Column(
            name="is_alert", type=FLAG, doc="People are told of it: it is anomalous, and new or far worse than what they know."
        ),
        number("value", "What was observed; null where no detector flags it, as all that follows.", "as `unit`"),
        number("expected", "What the strongest detector expected.", "as `unit`"),
        number("lower", "Below it that detector takes a value for far; null where it does not go by distance.", "as `unit`"),
        number("upper", "Above it that detector takes a value for far; null where it does not go by distance.", "as `unit`"),
        number("threshold", "Score at and above which a detector flags a sample.", "score", ge=0, le=1),
        Column(name="votes", type=WHOLE, doc="Detectors that flag it.", unit="count", ge=0),
        number("vote_weight", "What they count together; null in what was judged before they had weights.", "votes", ge=0),
        text("detectors", "Their names, by comma.", nullable=True),
        text("scores_json", "Raw score of each detector that was asked, as a JSON object by name.", nullable=True),
        text(
            "severity",
            "How unusual it is, by score; low where it is off by less than 5 % of the highest value or of the capacity.",
            nullable=True,
            values=SEVERITIES,
        ),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
    passing=Passing(30, "state", NORMAL),
)
ANOMALY = Table(
    name="gold.anomaly",
    doc="An incident: anomalous samples of one resource that belong together, over all of its metrics, as believed at `as_of`.",
    key=("as_of", "anomaly_id"),
    time="as_of",
    columns=(
        as_of,
        text(
            "anomaly_id",
            "sha256 of the resource and its first anomalous sample, 16 digits; stays while what a later run finds overlaps it.",
            pattern=r"^[0-9a-f]{16}\Z",
        ),
        *resource_key,
        text("metrics", "Metrics that were anomalous, by comma, in the order of their names."),
        moment("started_at", "Start of its first anomalous sample."),
        moment("ended_at", "End of its last anomalous sample."),
        Column(
            name="is_open",
            type=FLAG,
            doc="The last sample known of one of its series is anomalous, less than a day before `as_of`.",
        ),
        Column(name="hours", type=WHOLE, doc="From start to end.", unit="hours", ge=1),
        Column(name="anomalous_hours", type=WHOLE, doc="Anomalous samples in it, of all metrics.", unit="count", ge=1),
        moment("first_alert_at", "Its first sample of which people were told; null where they knew.", nullable=True),
        Column(name="alerts", type=WHOLE, doc="Samples of which people were told.", unit="count", ge=0),
        text("detectors", "Detectors that flagged samples in it, by comma, in the order of their names."),
        Column(
            name=series_id.name,
            type=series_id.type,
            doc="Its gravest series; what follows is of that.",
            pattern=series_id.pattern,
        ),
        metric,
        unit,
        moment("peak_at", "Start of its sample furthest from what was expected."),
        Column(name="value", type=NUMBER, doc="What was observed there.", unit="as `unit`"),
        number("expected", "What was expected there.", "as `unit`"),
        number("impact_ratio", "Largest deviation as a share of capacity; null where none is declared.", "ratio", ge=0, le=1),
        Column(name="score", type=NUMBER, doc="Largest score of its samples.", ge=0, le=1),
        text("severity", "The mildest of how unusual, how far and how long, moved by criticality.", values=SEVERITIES),
        text("criticality", "Of the resource, by its tag.", nullable=True, values=CRITICALITIES),
        bucket,
    ),
    may_be_empty=True,
)
