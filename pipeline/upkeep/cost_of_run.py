"""What a daily run and a look at each view cost in Athena, its tasks on Fargate, and the lake in S3, from what is on record.

Athena bills the compressed bytes of the columns that a query reads, in the files that it cannot rule out. Both are known without
running anything: from a query's SQL and from the sizes of column chunks that Parquet's footers and Iceberg's manifests state. The
figures are upper bounds: bronze is narrowed to the run's days, as partitions are; what else a filter may skip is not counted.

Fargate bills the size of a container by the second, a minute at least. How long each step took is in `bronze.run_event`; the
start of its container is not, and neither are the services that always run: Airflow, MLflow, Postgres, endpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from pyarrow import fs

from pipeline import tables
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.steps import role_of
from pipeline.tables.schema import LAYERS, Scope, Table

# List prices of us-east-1 in US dollars, as of 2026-01; other regions differ by up to half.
# https://aws.amazon.com/athena/pricing/ and https://aws.amazon.com/s3/pricing/
ATHENA_USD_PER_TB = 5.0
ATHENA_LEAST_BYTES = 10_000_000
S3_USD_PER_GB_MONTH = 0.023
# https://aws.amazon.com/fargate/pricing/, Linux on x86.
FARGATE_USD_PER_VCPU_HOUR = 0.04048
FARGATE_USD_PER_GB_HOUR = 0.004445
FARGATE_LEAST_S = 60.0
# vCPU and GB of the containers of `infra/`, by role: what `step_sizes` says by default.
SIZES = {"ingest": (1, 4), "transform": (1, 4), "trainer": (4, 16), "publisher": (2, 8)}


@dataclass(frozen=True)
class Scan:
    """What one query reads at most."""

    name: str
    reads: tuple[str, ...]
    bytes: int

    @property
    def usd(self) -> float:
        """What Athena asks for it; a query counts at least 10 MB, and by whole megabytes."""
        megabytes = math.ceil(max(self.bytes, ATHENA_LEAST_BYTES) / 1e6)
        return megabytes / 1e6 * ATHENA_USD_PER_TB


@dataclass(frozen=True)
class Task:
    """One container of a run.

    Attributes:
        wall_s: how long its step took when it last ran.
    """

    step: str
    target: str
    shard: int
    wall_s: float

    @property
    def size(self) -> tuple[int, int]:
        """vCPU and GB of memory, those of a publisher for a step that is no more."""
        return SIZES.get(role_of(self.step, self.target), SIZES["publisher"])

    @property
    def usd(self) -> float:
        vcpus, gb = self.size
        hours = max(self.wall_s, FARGATE_LEAST_S) / 3600
        return hours * (vcpus * FARGATE_USD_PER_VCPU_HOUR + gb * FARGATE_USD_PER_GB_HOUR)


@dataclass(frozen=True)
class Stored:
    """What one layer holds, all of Iceberg's metadata and older files included."""

    layer: str
    objects: int
    bytes: int

    @property
    def usd_per_month(self) -> float:
        return self.bytes / 1e9 * S3_USD_PER_GB_MONTH


def scans(lake: Lake, interval: Interval) -> list[Scan]:
    """One entry per query: what the run's builds and steps read, and what a whole view reads."""
    sizes: dict[tuple[str, bool], dict[str, int]] = {}
    found = []
    for name in sql.names():
        of_the_run = not name.startswith(f"{sql.VIEWS}.")
        used = columns_read(sql.text(name))
        total = 0
        for relation, columns in used.items():
            narrowed = of_the_run and relation.startswith("bronze.")
            if (relation, narrowed) not in sizes:
                table = tables.get(relation)
                with lake.explain_errors(relation):
                    sizes[relation, narrowed] = _column_bytes(lake, table, table.scope(interval) if narrowed else None)
            total += sum(sizes[relation, narrowed].get(column, 0) for column in columns)
        found.append(Scan(name, tuple(sorted(used)), total))
    return found


def tasks(lake: Lake, interval: Interval) -> list[Task]:
    """One entry per task of the run over the interval that is on record, as it last ran."""
    rows = lake.query(sql.text("gold.run_stat"), {"start": interval.start, "end": interval.end}).to_pylist()
    ran = [row for row in rows if row["start_at"] == interval.start]
    return [
        Task(row["step"], "" if row["target"] == row["step"] else row["target"], row["shard"], row["wall_s"])
        for row in sorted(ran, key=lambda row: row["finished_at"])
    ]


def stored(lake: Lake) -> list[Stored]:
    """What each layer holds."""
    found = []
    for layer in LAYERS:
        selector = fs.FileSelector(f"{lake.storage.root}/{layer}", allow_not_found=True, recursive=True)
        with lake.explain_errors(layer):
            files = [info.size for info in lake.storage.filesystem.get_file_info(selector) if info.type == fs.FileType.File]
        found.append(Stored(layer, len(files), sum(files)))
    return found


def columns_read(text: str) -> dict[str, set[str]]:
    """The stored columns that a query reads in the end, through views, by `layer.table`."""
    import sqlglot
    from sqlglot.optimizer.pushdown_projections import pushdown_projections
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    schema: dict[str, Any] = {}
    for table in tables.ALL.values():
        schema.setdefault(f"x_{table.layer}", {})[table.short_name] = {c.name: "varchar" for c in table.all_columns}
    # Which value a parameter has does not change what is read.
    sent = sql.to_athena(text, "x", dict.fromkeys(sql.parameters(sql.parse(text)), 0))
    query: Any = qualify(sqlglot.parse_one(sent, dialect="athena"), schema=schema, dialect="athena")
    query = pushdown_projections(query)
    found: dict[str, set[str]] = {}
    for scope in traverse_scope(query):
        for alias, source in scope.sources.items():
            if isinstance(source, sqlglot.exp.Table):
                relation = f"{source.db.removeprefix('x_')}.{source.name}"
                found.setdefault(relation, set()).update(column.name for column in scope.columns if column.table == alias)
    return found


def _column_bytes(lake: Lake, table: Table, scope: Scope | None) -> dict[str, int]:
    """Compressed bytes by column over a table's files; the column that a path states has none."""
    if table.layer != "bronze":
        iceberg = lake.iceberg(table)
        if iceberg is None:
            return {}
        names = {field.field_id: field.name for field in iceberg.schema().fields}
        files = (task.file.column_sizes or {} for task in iceberg.scan().plan_files())
        return _summed((names[key], size) for sizes in files for key, size in sizes.items() if key in names)
    footers = (pq.ParquetFile(path, filesystem=lake.storage.filesystem).metadata for path in lake.bronze_files(table, scope))
    return _summed(
        (footer.row_group(group).column(position).path_in_schema, footer.row_group(group).column(position).total_compressed_size)
        for footer in footers
        for group in range(footer.num_row_groups)
        for position in range(footer.num_columns)
    )


def _summed(sizes: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for name, size in sizes:
        total[name] = total.get(name, 0) + size
    return total
