"""What a daily run and a look at each view cost in Athena, its tasks on Fargate, and the lake in S3, from what is on record.

Athena bills the compressed bytes of the columns that a query reads, in the files that it cannot rule out, and S3 the requests: a
projected day of bronze in the query's window is listed, whether or not it has objects, and each object is read. All are known
without running anything: from a query's SQL, the window in its head, and the sizes of column chunks that Parquet's footers and
Iceberg's manifests state. The figures are upper bounds: what else a filter may skip is not counted. A view is priced as when
nobody filters it: it reads all there is.

Fargate bills the size of a container by the second, a minute at least. How long each step took is in `bronze.run_event`; the
start of its container is not, and neither are the services that always run: Airflow, MLflow, Postgres, endpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import pyarrow.parquet as pq
from pyarrow import fs

from pipeline import tables
from pipeline.inputs.clusters import PROFILED
from pipeline.inputs.dataset_compat import HOURS_READ, days_read
from pipeline.inputs.drift import WINDOW as DRIFT_WINDOW
from pipeline.inputs.estate import ACTIVITY, ANSWERS_HOLD, BILLED, NEW_AGAIN, RECORD, SPARE_TIME, reach_of_changes
from pipeline.inputs.hindsight import AFTER
from pipeline.inputs.input_drift import COMPARED
from pipeline.inputs.resources import REMEMBERED
from pipeline.inputs.savings import CHARGED, SAID
from pipeline.inputs.silences import reach_of_silences
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.lake.beginning import DAYS_AHEAD, first_day
from pipeline.lake.bronze import list_days, list_objects
from pipeline.lake.fence import Window, narrowed
from pipeline.lake.relations import rows_within
from pipeline.settings import Settings
from pipeline.steps import role_of
from pipeline.steps.cost_anomalies import CAUSES_READ
from pipeline.steps.cost_anomalies import READ as COST_READ
from pipeline.steps.train_detectors import LEARNED
from pipeline.tables.catalogue import reach
from pipeline.tables.schema import LAYERS, Table

# List prices of us-east-1 in US dollars, as of 2026-01; other regions differ by up to half.
# https://aws.amazon.com/athena/pricing/ and https://aws.amazon.com/s3/pricing/
ATHENA_USD_PER_TB = 5.0
ATHENA_LEAST_BYTES = 10_000_000
S3_USD_PER_GB_MONTH = 0.023
S3_USD_PER_LIST = 0.005 / 1000
S3_USD_PER_GET = 0.0004 / 1000
# Of a Parquet file the footer and the columns.
GETS_PER_FILE = 2
# https://aws.amazon.com/fargate/pricing/, Linux on x86.
FARGATE_USD_PER_VCPU_HOUR = 0.04048
FARGATE_USD_PER_GB_HOUR = 0.004445
FARGATE_LEAST_S = 60.0
# vCPU and GB of the containers of `infra/`, by role: what `step_sizes` says by default.
SIZES = {"ingest": (1, 4), "transform": (1, 4), "trainer": (4, 16), "publisher": (2, 8)}


# How far back the steps ask, by what they read. `:start` is that of the run.
SINCE: dict[str, Callable[[Settings], timedelta]] = {
    "inputs.anomalous_points": lambda settings: timedelta(days=1, hours=settings.detect_history_hours),
    **dict.fromkeys(
        ("inputs.forecast_before", "inputs.points_beside"),
        lambda settings: timedelta(days=1, hours=settings.detect_history_hours),
    ),
    **dict.fromkeys(("inputs.silences", "inputs.ended"), lambda settings: timedelta(days=1) + reach_of_silences(settings)),
    "inputs.activity": lambda _: ACTIVITY,
    "inputs.answers": lambda _: ANSWERS_HOLD,
    "inputs.changed_since": reach_of_changes,
    "inputs.commitment_days": lambda _: CHARGED,
    "inputs.cost_charges": lambda settings: timedelta(days=settings.history_days),
    "inputs.allocated_charges": lambda settings: timedelta(days=settings.history_days),
    "inputs.cost_complete": lambda _: COST_READ,
    "inputs.cost_feedback": lambda _: COST_READ,
    "inputs.cost_nodes": lambda _: COST_READ,
    "inputs.cost_standing": lambda _: COST_READ,
    "inputs.cost_resources": lambda _: CAUSES_READ,
    "inputs.cost_restated_later": lambda settings: timedelta(days=settings.history_days),
    "inputs.dataset_correlation": days_read,
    "inputs.dataset_days": days_read,
    "inputs.dataset_hours": lambda _: HOURS_READ,
    "inputs.demand_daily": lambda settings: timedelta(days=settings.history_days),
    "inputs.demand_hourly": lambda settings: timedelta(hours=settings.history_hours),
    "inputs.drift_evidence": lambda _: 2 * DRIFT_WINDOW,
    "inputs.explored_days": lambda settings: timedelta(days=settings.history_days),
    "inputs.explored_hours": lambda settings: timedelta(days=settings.history_days),
    "inputs.feature_days": lambda _: timedelta(days=1 + reach("day")),
    "inputs.feature_hours": lambda _: timedelta(days=1, hours=reach("hour")),
    "inputs.input_values": lambda _: COMPARED,
    "inputs.inventory_days": lambda _: SAID,
    "inputs.judged_series": lambda settings: timedelta(hours=settings.detect_history_hours),
    "inputs.labelled_points": lambda settings: LEARNED + timedelta(hours=settings.detect_history_hours),
    "inputs.metrics_daily": lambda settings: timedelta(days=settings.history_days),
    "inputs.metrics_hourly": lambda settings: timedelta(hours=settings.history_hours),
    "inputs.points_so_far": lambda settings: timedelta(days=1, hours=settings.detect_history_hours),
    "inputs.points": lambda settings: timedelta(days=1, hours=settings.detect_history_hours),
    "inputs.recommended_changes": lambda _: SAID,
    "inputs.resource_charges": lambda _: CHARGED,
    "inputs.resource_days": lambda _: SAID,
    "inputs.resource_discounts": lambda settings: timedelta(days=settings.lookback_days),
    "inputs.resource_hours": lambda _: CHARGED,
    "inputs.resources": lambda _: REMEMBERED,
    "inputs.rule_record": lambda _: RECORD,
    "inputs.seen_before": lambda _: NEW_AGAIN,
    "inputs.spend_by_day": lambda _: BILLED,
    "inputs.tags_by_day": lambda _: SAID,
    "inputs.spare_time": lambda _: SPARE_TIME,
    "inputs.unit_list_prices": lambda _: CHARGED,
    "inputs.week_profile": lambda _: PROFILED,
    "inputs.usage_after": lambda _: AFTER,
    "inputs.usage": lambda settings: timedelta(days=settings.lookback_days),
}


@dataclass(frozen=True)
class Scan:
    """What one query reads at most.

    Attributes:
        lists: requests that list a day of bronze.
        gets: requests for objects and for Iceberg's metadata.
    """

    name: str
    reads: tuple[str, ...]
    bytes: int
    lists: int = 0
    gets: int = 0

    @property
    def usd(self) -> float:
        """What Athena asks for it, which counts at least 10 MB of a query and whole megabytes, and S3 for the requests."""
        megabytes = math.ceil(max(self.bytes, ATHENA_LEAST_BYTES) / 1e6)
        return megabytes / 1e6 * ATHENA_USD_PER_TB + self.lists * S3_USD_PER_LIST + self.gets * S3_USD_PER_GET


@dataclass(frozen=True)
class _Files:
    """What a window leaves of one table: compressed bytes by column, and requests."""

    bytes: dict[str, int]
    lists: int
    gets: int


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
    known: dict[tuple[str, Window], _Files] = {}
    found = []
    for name in sql.names():
        windows = windows_of(name, interval, lake.settings)
        used = columns_read(sql.text(name))
        total = lists = gets = 0
        for relation, columns in used.items():
            window = windows[relation]
            if (relation, window) not in known:
                with lake.explain_errors(relation):
                    known[relation, window] = _files(lake, tables.get(relation), window, interval)
            files = known[relation, window]
            total += sum(files.bytes.get(column, 0) for column in columns)
            lists, gets = lists + files.lists, gets + files.gets
        found.append(Scan(name, tuple(sorted(used)), total, lists, gets))
    return found


def windows_of(name: str, interval: Interval, settings: Settings) -> dict[str, Window]:
    """The moments of each table's rows that a query of the run reads, without bounds for a view that nobody filters."""
    text = sql.text(name)
    query, stated = sql.parse(text), sql.windows(text)
    first = interval.end - SINCE[name](settings) if name in SINCE else interval.end
    first = interval.start if "start" in sql.parameters(query) else first
    found = {}
    for relation in sql.tables_behind(query):
        found[relation] = narrowed(stated, relation, Window(first, interval.end)) if stated else Window()
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


@cache
def _declared() -> Any:
    """The columns of all tables as sqlglot looks them up, which it takes as long to prepare as to follow a query."""
    from sqlglot.schema import MappingSchema

    columns: dict[str, Any] = {}
    for table in tables.ALL.values():
        columns.setdefault(f"x_{table.layer}", {})[table.short_name] = {c.name: "varchar" for c in table.all_columns}
    return MappingSchema(columns, dialect="athena")


@lru_cache(maxsize=256)
def columns_read(text: str) -> dict[str, set[str]]:
    """The stored columns that a query reads in the end, through views, by `layer.table`."""
    import sqlglot
    from sqlglot.optimizer.pushdown_projections import pushdown_projections
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    # Which value a parameter has does not change what is read.
    sent = sql.to_athena(text, "x", dict.fromkeys(sql.parameters(sql.parse(text)), 0))
    query: Any = qualify(sqlglot.parse_one(sent, dialect="athena"), schema=_declared(), dialect="athena")
    query = pushdown_projections(query)
    found: dict[str, set[str]] = {}
    for scope in traverse_scope(query):
        for alias, source in scope.sources.items():
            if isinstance(source, sqlglot.exp.Table):
                relation = f"{source.db.removeprefix('x_')}.{source.name}"
                found.setdefault(relation, set()).update(column.name for column in scope.columns if column.table == alias)
    return found


def _files(lake: Lake, table: Table, window: Window, interval: Interval) -> _Files:
    """What a window leaves of a table's files; the column that a path states has no bytes."""
    if table.layer != "bronze":
        iceberg = lake.iceberg(table)
        snapshot = iceberg.current_snapshot() if iceberg is not None else None
        if iceberg is None or snapshot is None:
            return _Files({}, 0, 0)
        names = {field.field_id: field.name for field in iceberg.schema().fields}
        files = [task.file for task in iceberg.scan(row_filter=rows_within(table, window)).plan_files()]
        sizes = _summed((names[key], size) for file in files for key, size in (file.column_sizes or {}).items() if key in names)
        # The table's metadata and the list of its manifests, too.
        return _Files(sizes, 0, 2 + len(snapshot.manifests(iceberg.io)) + GETS_PER_FILE * len(files))
    first = window.first or datetime.combine(first_day(lake.storage), datetime.min.time())
    last = window.last or interval.end + timedelta(days=DAYS_AHEAD)
    days = [day for day in list_days(table, lake.storage) if Window(first, last).asks(day)]
    objects = list_objects(table, lake.storage, days)
    footers = (pq.ParquetFile(path, filesystem=lake.storage.filesystem).metadata for path in objects)
    sizes = _summed(
        (footer.row_group(group).column(position).path_in_schema, footer.row_group(group).column(position).total_compressed_size)
        for footer in footers
        for group in range(footer.num_row_groups)
        for position in range(footer.num_columns)
    )
    return _Files(sizes, max(0, (last.date() - first.date()).days + 1), GETS_PER_FILE * len(objects))


def _summed(sizes: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for name, size in sizes:
        total[name] = total.get(name, 0) + size
    return total
