"""Tables of what data look like."""

from __future__ import annotations

from pipeline.tables.columns import as_of, number, resource_key, text
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import WHOLE

UTILISATION_CLUSTER = Table(
    name="gold.utilisation_cluster",
    doc="The utilisation profile of one resource, and the cluster of resources that are used alike, as believed at `as_of`.",
    key=("as_of", *(column.name for column in resource_key)),
    time="as_of",
    columns=(
        as_of,
        *resource_key,
        Column(name="cluster", type=WHOLE, doc="Its number, kept over runs; null where it is in none.", nullable=True, ge=1),
        text("description", "What its resources do, in a sentence.", nullable=True),
        text("reason", "Why the resource is in none; null else.", nullable=True),
        Column(name="clusters", type=WHOLE, doc="Clusters in all; 0 where there are none.", unit="count", ge=0, le=8),
        number("silhouette", "Of the resource; null where it joined without a whole week.", "ratio", ge=-1, le=1),
        Column(name="hours", type=WHOLE, doc="Hours behind the profile.", unit="count", ge=1),
        number("in_use_ratio", "Share of them with a tenth of the P95 hour's CPU, or more.", "ratio", ge=0, le=1),
        number("cpu_pct", "CPU while in use, geometric mean over the hours of the week.", "percent", ge=0, le=100),
        number("memory_pct", "Memory, the same.", "percent", ge=0, le=100),
        number("spread_ratio", "Standard deviation of log CPU around the hour of the week.", "ratio", ge=0),
        number("night_ratio", "CPU from 0 to 6 beside that from 9 to 18 of a workday; null where it is off.", "ratio", ge=0),
        number("weekend_ratio", "CPU at weekends beside that of workdays, by the hour; null where it is off.", "ratio", ge=0),
        text("consolidate_into", "Resource that could do its work as well; null where none is known.", nullable=True),
        number("consolidation_saving_usd", "What it costs a month at list price, and would not.", "usd", ge=0),
        text("consolidation_reason", "What both would need together.", nullable=True),
    ),
    may_be_empty=True,
)
