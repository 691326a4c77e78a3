"""Columns and vocabularies that several tables share."""

from __future__ import annotations

from pipeline.tables.schema import IDENTIFIER, MOMENT, NUMBER, TEXT, WHOLE, Column


def text(name: str, doc: str, *, nullable: bool = False, values: tuple[str, ...] = (), pattern: str | None = None) -> Column:
    return Column(name=name, type=TEXT, doc=doc, nullable=nullable, values=values, pattern=pattern)


def number(name: str, doc: str, unit: str | None, *, ge: float | None = None, le: float | None = None) -> Column:
    """A nullable measurement."""
    return Column(name=name, type=NUMBER, doc=doc, unit=unit, nullable=True, ge=ge, le=le)


def moment(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name=name, type=MOMENT, doc=doc, unit="UTC", nullable=nullable)


UNITS = ("percent", "mbps", "count", "ms", "usd")
SEVERITIES = ("low", "medium", "high", "critical")
ACTIONS = ("rightsize", "stop", "terminate", "upsize", "investigate", "keep", "insufficient_data")
source = text("source", "The plug that the row came from.", pattern=IDENTIFIER)
load_id = text("load_id", "sha256 of source, shard, day and payload: the landed object.", pattern="^[0-9a-f]{64}$")
ingested_at = moment("ingested_at", "When the row was landed; the only clock reading in the lake.")
provenance = (load_id, ingested_at)
account = text("account", "Account that owns the resource.", pattern=IDENTIFIER)
region = text("region", "Region of the resource.", pattern=IDENTIFIER)
resource_id = text("resource_id", "The cloud's own id, or the fleet's server name.", pattern=IDENTIFIER)
resource_key = (account, region, resource_id)
series_id = text("series_id", "account/region/resource/metric: one metric of one resource.", pattern=IDENTIFIER)
metric = text("metric", "Canonical metric name, or the source's own where it is not one of ours.", pattern=IDENTIFIER)
unit = text("unit", "Unit of the values.", values=UNITS)
as_of = moment("as_of", "What was known then: the end of the run's data interval.")
granularity = text("granularity", "Length of the series' periods.", values=("hour", "day"))
bucket = Column(
    name="bucket", type=WHOLE, doc="Hash of `series_id`, 0–63; a shard is the buckets with one remainder.", ge=0, le=63
)
