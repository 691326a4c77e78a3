"""Whether what a step read is still what the lake says: a step that was stopped and goes on later must not win over a newer one.

Content is compared, not versions. Of an Iceberg table, what was committed since the read is looked at by the range of time that
each commit states: compaction states none, and another day's build another. Of bronze, the days' objects have hashes for names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Snapshot

from pipeline.errors import ConflictError
from pipeline.lake.bronze import day_of
from pipeline.tables.schema import Scope, Table

SCOPE, START, END, WITHIN = "headroom.scope", "headroom.start", "headroom.end", "headroom.within"
# In place of a range where a commit changes files and no content.
COMPACTION = {START: "", END: ""}
Within: TypeAlias = tuple[tuple[str, tuple[str | int, ...]], ...]
"""Allowed values of columns, as in a `Scope`."""


@dataclass(frozen=True)
class Window:
    """Moments that a query reads; None is without bound. Of its last moment, only what was believed at it counts.

    Attributes:
        within: what narrows it further.
    """

    first: datetime | None = None
    last: datetime | None = None
    within: Within = ()

    def has(self, start: datetime, end: datetime) -> bool:
        """Whether the half-open range has moments in common with the window."""
        begun = self.last is None or start < self.last or (start == self.last and end - start <= timedelta(microseconds=1))
        return begun and (self.first is None or end > self.first)

    def has_day(self, day: str) -> bool:
        """Whether moments of a UTC day lie in the window."""
        first = datetime.fromisoformat(day)
        return (self.last is None or first < self.last) and (self.first is None or first + timedelta(days=1) > self.first)

    def asks(self, day: str) -> bool:
        """Whether a query may look into a UTC day's folder: also into that of its last moment, of which events have rows."""
        return (self.first is None or day >= self.first.date().isoformat()) and (
            self.last is None or day <= self.last.date().isoformat()
        )


def window_of(params: Mapping[str, Any]) -> Window:
    """What a query's parameters say of its time: the range between its moments, or all until its only one."""
    moments = sorted(value for value in params.values() if isinstance(value, datetime))
    if not moments:
        return Window()
    return Window(moments[0] if len(moments) > 1 else None, moments[-1])


def narrowed(stated: Mapping[str, int | None], table: str, span: Window) -> Window:
    """What a query reads of a table: from as many days before its first moment as its head states, until its last one.

    Args:
        stated: the head's window, see `sql.windows`.
        table: `layer.table`.
        span: the query's first moment and its last one.
    """
    days = stated.get(table, stated.get(""))
    return Window(None if days is None or span.first is None else span.first - timedelta(days=days), span.last)


@dataclass
class Fence:
    """What was read through one lake so far, to be looked at again before something is published.

    Attributes:
        ours: the snapshots that were written through the same lake.
    """

    load: Callable[[Table], IcebergTable | None]
    list_objects: Callable[[Table, list[str]], list[str]]
    ours: set[int] = field(default_factory=set)
    _tables: dict[tuple[str, Window], tuple[Table, int | None]] = field(default_factory=dict)
    _days: dict[tuple[str, str], tuple[Table, list[str]]] = field(default_factory=dict)

    def saw_table(self, table: Table, window: Window, iceberg: IcebergTable | None) -> None:
        """A table's rows of a window were read; the first read counts."""
        self._tables.setdefault((table.name, window), (table, _head(iceberg)))

    def saw_days(self, table: Table, window: Window, objects: Mapping[str, list[str]]) -> None:
        """The objects of some of bronze's days were read; days after the window hold nothing that counts."""
        for day, files in objects.items():
            # A query that ends at midnight looks into the next day's folder, where none of its moments lie.
            if Window(None, window.last).has_day(day):
                self._days.setdefault((table.name, day), (table, files))

    def landed(self, table: Table, day: str, file: str) -> None:
        """An object of our own is no change that another made."""
        if (table.name, day) in self._days:
            self._days[table.name, day] = (table, sorted([*self._days[table.name, day][1], file]))

    def wrote(self, iceberg: IcebergTable, before: int | None) -> None:
        """A commit of our own, on the head `before`."""
        self.ours |= {snapshot.snapshot_id for snapshot in _since(iceberg, before)}

    def refuse_stale(self) -> None:
        """Raise where what was read has changed since.

        Raises:
            ConflictError: naming the table and what was published or landed meanwhile.
        """
        # A table is looked at once, of however many windows it was read.
        now = {table.name: self.load(table) for table in {table.name: table for table, _ in self._tables.values()}.values()}
        for (name, window), (_, head) in self._tables.items():
            for snapshot in _since(now[name], head):
                if snapshot.snapshot_id not in self.ours and _touches(snapshot, window):
                    what = _said(snapshot, SCOPE) or "rows"
                    raise ConflictError(f"{name}: {what} changed since this step read it; run the step again")
        for name, day, files in self._relisted():
            if sorted(files) != sorted(self._days[name, day][1]):
                raise ConflictError(f"{name}: day {day} was landed again since this step read it; run the step again")

    def _relisted(self) -> Iterator[tuple[str, str, list[str]]]:
        by_table: dict[str, tuple[Table, list[str]]] = {}
        for (name, day), (table, _) in self._days.items():
            by_table.setdefault(name, (table, []))[1].append(day)
        for name, (table, days) in by_table.items():
            found: dict[str, list[str]] = {day: [] for day in days}
            for file in self.list_objects(table, days):
                found[day_of(file)].append(file)
            for day, files in found.items():
                yield name, day, files


def summary_of(scope: Scope) -> dict[str, str]:
    """What a commit states of itself in its snapshot."""
    range_of_time = {START: scope.start.isoformat(), END: scope.end.isoformat()}
    return {SCOPE: str(scope), **range_of_time, WITHIN: json.dumps(dict(scope.within))}


def window_of_scope(scope: Scope | None) -> Window:
    """What reading one scope reads; everything where there is none."""
    return Window(scope.start, scope.end, scope.within) if scope else Window()


def _head(iceberg: IcebergTable | None) -> int | None:
    snapshot = iceberg.current_snapshot() if iceberg is not None else None
    return snapshot.snapshot_id if snapshot else None


def _since(iceberg: IcebergTable | None, head: int | None) -> Iterator[Snapshot]:
    """The snapshots after a head, newest first; all that are left where it was expired."""
    snapshot = iceberg.current_snapshot() if iceberg is not None else None
    while iceberg is not None and snapshot is not None and snapshot.snapshot_id != head:
        yield snapshot
        parent = snapshot.parent_snapshot_id
        snapshot = iceberg.snapshot_by_id(parent) if parent is not None else None


def _touches(snapshot: Snapshot, window: Window) -> bool:
    """Whether a commit may have changed rows of the window; one that does not say what it changed may."""
    start, end = _said(snapshot, START), _said(snapshot, END)
    if start is None or end is None:
        return True
    if not start or not window.has(datetime.fromisoformat(start), datetime.fromisoformat(end)):
        return False
    narrowed = json.loads(_said(snapshot, WITHIN) or "{}")
    return all(set(values) & set(narrowed.get(column, values)) for column, values in window.within)


def _said(snapshot: Snapshot, name: str) -> str | None:
    summary: Any = snapshot.summary
    said: str | None = summary[name] if summary else None
    return said
