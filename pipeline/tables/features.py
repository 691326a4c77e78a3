"""Tables of features: a column for each of the catalogue."""

from __future__ import annotations

from pipeline.tables.catalogue import BASE_METRICS, list_features
from pipeline.tables.columns import Granularity, moment, number, resource_key
from pipeline.tables.schema import Column, Passing, Table
from pipeline.tables.types import WHOLE


def _columns(granularity: Granularity) -> tuple[Column, ...]:
    """Bounds of features follow from their formulas and are tested there: to hold 70 columns of a run to them takes seconds."""
    features = list_features(granularity)
    return (
        *resource_key,
        moment("ts", f"Start of the {granularity}."),
        Column(
            name="metrics",
            type=WHOLE,
            doc=f"How many of {', '.join(metric for metric, _ in BASE_METRICS.values())} were observed in it.",
            unit="count",
            ge=1,
            le=len(BASE_METRICS),
        ),
        *(number(f.name, f"{f.formula[0].upper()}{f.formula[1:]}.", f.unit) for f in features),
        Column(name="bucket", type=WHOLE, doc="Hash of account/region/resource_id, 0–63; a shard is some of them.", ge=0, le=63),
    )


FEATURE_HOURLY = Table(
    name="gold.feature_hourly",
    doc="The features of one resource in one hour of the last days, of which the setting `feature_days` says how many.",
    key=(*(column.name for column in resource_key), "ts"),
    time="ts",
    columns=_columns("hour"),
    partition="day",
    may_be_empty=True,
    passing=Passing("feature_days"),
)
FEATURE_DAILY = Table(
    name="gold.feature_daily",
    doc="The features of one resource on one UTC day.",
    key=(*(column.name for column in resource_key), "ts"),
    time="ts",
    columns=_columns("day"),
    may_be_empty=True,
)
