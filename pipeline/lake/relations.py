"""What a query reads of each table: the files that its window leaves, noted for the fence and for whoever asks what was opened.

The head of a file of `sql/` states its window, see `sql.windows`. Of an Iceberg table only the files that may have rows in it are
read, as Athena does by the query's own bounds; of bronze the days that the query's bounds leave. A query without a window, which
somebody typed, reads what its bounds leave of all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThanOrEqual, LessThanOrEqual
from pyiceberg.table import Table as IcebergTable

from pipeline import tables
from pipeline.lake import bronze, checksums, sql
from pipeline.lake.catalog import Catalog
from pipeline.lake.fence import Fence, Window, narrowed, window_of
from pipeline.lake.storage import Storage
from pipeline.tables.schema import Scope, Table

_TICK = timedelta(microseconds=1)


@dataclass
class Opened:
    """What a query opened of one table.

    Attributes:
        days: of bronze, whose folders were listed.
        files: objects that may have rows for it.
    """

    days: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)


class Relations:
    """The relations of one query after another.

    Attributes:
        opened: what the last query opened, by table.
    """

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        fence: Fence,
        explain: Callable[..., AbstractContextManager[None]],
        read_rows: Callable[[Table, IcebergTable, Scope | None], pa.Table],
    ) -> None:
        """`explain` words errors; `read_rows` gives an Iceberg table's rows where its files alone would not do."""
        self._catalog, self._storage, self._fence = catalog, storage, fence
        self._explain, self._read_rows = explain, read_rows
        self._windows: dict[str, int | None] = {}
        self._span = Window()
        self.opened: dict[str, Opened] = {}

    def begin(self, text: str, params: dict[str, Any]) -> None:
        """Take up another query."""
        self._windows, self.opened = sql.windows(text), {}
        moments = sorted(value for value in params.values() if isinstance(value, datetime))
        # Without a head nothing is known of what lies before a single moment.
        self._span = Window(moments[0], moments[-1]) if moments and self._windows else window_of(params)

    def window(self, name: str) -> Window:
        """The moments of a table's rows that the query reads, its last one included."""
        if not self._windows:
            return self._span
        return narrowed(self._windows, name, self._span)

    def relation(self, name: str) -> Any:
        """What DuckDB reads for a table: see `duckdb.Relation`."""
        table = tables.get(name)
        if table.layer == "bronze":
            return self._bronze(table)
        iceberg = self._catalog.load(table)
        self._fence.saw_table(table, self.window(name), iceberg)
        if iceberg is None:
            return table.arrow_schema.empty_table()
        checksums.verify_metadata(iceberg)
        tasks = list(iceberg.scan(row_filter=rows_within(table, self._iceberg_window(name))).plan_files())
        plain = not any(task.delete_files for task in tasks) and len(iceberg.schemas()) == 1
        plain = plain and set(table.arrow_schema.names) <= set(iceberg.schema().column_names)
        locations = [task.file.file_path for task in tasks]
        self._opened(name).files += [location.removeprefix("file://").removeprefix("s3://") for location in locations]
        if not tasks:
            return table.arrow_schema.empty_table()
        if not plain:
            return self._read_rows(table, iceberg, self._scope(table))
        checksums.verify(iceberg, locations)
        files = self._opened(name).files
        return files if self._storage.is_local else self._storage.dataset(files, table.arrow_schema)

    def see_all(self, text: str) -> None:
        """Note what a query is about to read elsewhere; DuckDB asks for each relation itself."""
        for name in sorted(sql.tables_behind(sql.parse(text))):
            table, window = tables.get(name), self.window(name)
            with self._explain(table.name):
                if table.layer != "bronze":
                    self._fence.saw_table(table, window, self._catalog.load(table))
                    continue
                days = [day for day in bronze.list_days(table, self._storage) if window.asks(day)]
                files = bronze.list_objects(table, self._storage, days)
                self._note(table, window, bronze.by_day(files, days))

    def objects(self, table: Table) -> list[str]:
        """The objects of a bronze table that were noted for the query."""
        return self._opened(table.name).files

    def _bronze(self, table: Table) -> bronze.DailyObjects:
        window = self.window(table.name)

        def list_some(days: list[str], every: bool) -> list[str]:
            with self._explain(table.name):
                files = bronze.list_objects(table, self._storage, None if every else days)
            self._note(table, window, bronze.by_day(files, days))
            return files

        with self._explain(table.name):
            return bronze.DailyObjects(table, self._storage, list_some)

    def _note(self, table: Table, window: Window, by_day: dict[str, list[str]]) -> None:
        self._fence.saw_days(table, window, by_day)
        opened = self._opened(table.name)
        opened.days |= by_day.keys()
        opened.files += [file for files in by_day.values() for file in files]

    def _opened(self, name: str) -> Opened:
        return self.opened.setdefault(name, Opened())

    def _iceberg_window(self, name: str) -> Window:
        """By which files are left out; without a head nothing is known of what a query compares its moments with."""
        return self.window(name) if self._windows else Window()

    def _scope(self, table: Table) -> Scope | None:
        window = self._iceberg_window(table.name)
        return Scope(table.time, window.first or datetime(1, 1, 1), window.last + _TICK) if window.last else None


def rows_within(table: Table, window: Window) -> BooleanExpression:
    """The rows of an Iceberg table in a window, its last moment included, as Iceberg plans by it: with their partitions."""
    condition: BooleanExpression = AlwaysTrue()
    limits: Any = ((window.first, GreaterThanOrEqual), (window.last, LessThanOrEqual))
    for moment, bounded in limits:
        if moment is not None:
            day = moment.date() if table.partition == "day" else moment.date().replace(day=1)
            condition = And(condition, bounded(table.time, moment.isoformat()), bounded(table.partition, day.isoformat()))
    return condition
