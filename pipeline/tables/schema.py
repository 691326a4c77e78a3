"""How a table is declared, and everything that follows from the declaration alone.

One frozen `Table` gives the Arrow schema, the Iceberg schema, the partitioning, the scope that a run replaces and the structural
expectations. Nothing else in the project lists columns.

To declare and to ask takes the standard library alone, because the DAGs ask the declarations where Airflow parses them, and none
of the pipeline's packages is installed there. What needs a package imports it when it is called.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.tables.types import DATE, PRECISION, SCALE, TYPES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema

LAYERS = ("bronze", "silver", "gold")

# What an identifier from data looks like, once `tables.identifiers` has coded what else it had: no code stands for a control
# character. Anything else goes to quarantine, never into SQL or a path. (`$` would let a last newline pass.)
IDENTIFIER = r"^(?:[A-Za-z0-9]|%[2-9A-F][0-9A-F])(?:[A-Za-z0-9._:/@+=-]|%[2-9A-F][0-9A-F]){0,511}\Z"


@dataclass(frozen=True)
class Column:
    """One column: its type (one of `TYPES`), its unit, and the bounds every row obeys."""

    name: str
    type: str
    doc: str
    unit: str | None = None
    nullable: bool = False
    ge: float | None = None
    le: float | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ConfigError(f"column {self.name}: type {self.type} does not mean the same in every engine; use one of {TYPES}")

    @property
    def arrow_type(self) -> pa.DataType:
        from pipeline.tables.arrow import ARROW_TYPES

        return ARROW_TYPES[self.type]


@dataclass(frozen=True)
class Scope:
    """The rows that one write replaces: a half-open range of the time column, narrowed by allowed values of other columns."""

    column: str
    start: datetime
    end: datetime
    within: tuple[tuple[str, tuple[str | int, ...]], ...] = ()

    def expression(self) -> BooleanExpression:
        """The same rows as an Iceberg expression."""
        from pyiceberg import expressions

        # Its constructors are pydantic models with positional arguments of their own, which type checkers cannot see.
        iceberg: Any = expressions
        parts = [
            iceberg.GreaterThanOrEqual(self.column, self.start.isoformat()),
            iceberg.LessThan(self.column, self.end.isoformat()),
            *(iceberg.In(column, values) for column, values in self.within),
        ]
        whole: BooleanExpression = iceberg.And(*parts)
        return whole

    def mask(self, data: pa.Table) -> pa.Array:
        """Which rows of `data` lie in the scope."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from pipeline.tables.arrow import TIMESTAMP

        time = data[self.column]
        inside = pc.and_(pc.greater_equal(time, pa.scalar(self.start, TIMESTAMP)), pc.less(time, pa.scalar(self.end, TIMESTAMP)))
        for column, values in self.within:
            inside = pc.and_(inside, pc.is_in(data[column], value_set=pa.array(values, type=data[column].type)))
        return pc.fill_null(inside, False)

    def __str__(self) -> str:
        narrowed = "".join(f", {column} in {_abbreviated(values)}" for column, values in self.within)
        return f"{self.column} in [{self.start.isoformat()}, {self.end.isoformat()}){narrowed}"


@dataclass(frozen=True)
class Build:
    """What a table's SQL cannot say of how it is built.

    Attributes:
        by: a function in place of SQL, as `module.function`; called with interval, lake and settings, it returns the rows.
        reads: what this function reads: tables, views, or inputs of `sql/inputs`.
        when: empty for as soon as what it reads is there; `always` for after silver, also where a check of silver failed; `last`
            for after all else that does not wait for it; `monitor` for by the DAG `monitor`, and not in a day's run.
        checked: whether its rows are held to their expectations.
        recorded: whether how that went is on record. What later runs add to an earlier one's months is of no run alone: a run of
            before, made again, would have another record.
        about: the column that names the table a row is about. Then `build` replaces the rows about bronze and silver; those about
            gold are written by the steps that make it.
        catches_up: days before a run's are built with it where something was landed since they were built: a price list states
            prices of long ago. Such a table has `landings`, how many of its day each row was chosen from.
        outdated: an input with the days, as `ts`, that are built with a run's because what they are made of changed. One that
            states how far back it reads the table is asked for as many days after the run's, which look back on it.
        period_s: seconds, from midnight, whose rows depend on no others of the table: it is built for any number of them. The DAG
            `monitor` has its own, of whole five minutes: of what it touches of longer ones those are built that are over.
    """

    by: str = ""
    reads: tuple[str, ...] = ()
    when: Literal["", "always", "last", "monitor"] = ""
    checked: bool = True
    recorded: bool = True
    about: str = ""
    catches_up: bool = False
    outdated: str = ""
    period_s: int = 86_400


@dataclass(frozen=True)
class Passing:
    """Rows that are of use for a while: `maintain` removes those that are this many days older than the table's newest row.

    Attributes:
        days: for which they are kept, or the setting that says so.
        column: the one that tells them; empty where all rows are.
        word: what it says of them.
    """

    days: int | str
    column: str = ""
    word: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: `layer.table`.
        doc: what a row is, in one sentence.
        key: the columns that identify a row.
        time: the timestamp column that scopes are cut by; `as_of` for tables that record what was believed at a moment.
        columns: in order, without the partition column, which is derived from `time`.
        partition: `day` or `month`, an identity date column derived from `time`.
        may_be_empty: a run without rows empties the scope; otherwise it is refused.
        build: how it is built, as far as its SQL does not say so.
        passing: rows that are not kept for good, if there are such.
        by_month: an interval stands for billing periods, which are restated whole: months that it touches, and the one before.
    """

    name: str
    doc: str
    key: tuple[str, ...]
    time: str
    columns: tuple[Column, ...]
    partition: Literal["day", "month"] = "month"
    may_be_empty: bool = False
    build: Build = Build()
    passing: Passing | None = None
    by_month: bool = False

    def __post_init__(self) -> None:
        known = [column.name for column in self.columns]
        for name in (*self.key, self.time):
            if name not in known:
                raise ConfigError(f"{self.name}: {name} is not one of its columns {known}")
        if self.layer not in LAYERS:
            raise ConfigError(f"{self.name}: the layer is bronze, silver or gold")

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    @property
    def short_name(self) -> str:
        return self.name.partition(".")[2]

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns and, last, the partition column."""
        doc = f"The {self.partition} of `{self.time}`, for partition pruning."
        return (*self.columns, Column(name=self.partition, type=DATE, doc=doc))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names, without the partition column."""
        return tuple(column.name for column in self.columns)

    def covering(self, interval: Interval) -> Interval:
        """What of the table an interval stands for: itself, or the billing periods that may have changed."""
        return interval.billing_periods() if self.by_month else interval

    def touched_by(self, interval: Interval) -> Interval:
        """What of the table an interval is about: itself, or the whole months that it touches."""
        return interval.whole_months() if self.by_month else interval

    def column(self, name: str) -> Column:
        for column in self.all_columns:
            if column.name == name:
                return column
        raise ConfigError(f"{self.name} has no column {name!r}")

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([pa.field(c.name, c.arrow_type, nullable=c.nullable) for c in self.all_columns])

    def frame(self, rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
        """The rows as a frame that has the declared columns in order, without the partition column, whatever the rows hold.

        Text is `object`, a moment `datetime64[us]`, a whole number or flag that may be null `Int64` or `boolean`.

        Args:
            rows: a column that may be null can be left out; None, NaN and NaT are null.

        Raises:
            DataError: a column that is not declared, a value of another type, or none where there must be one. The message
                names table and column.
        """
        from pipeline.tables.arrow import frame

        return frame(self, rows)

    def empty(self) -> pd.DataFrame:
        """A frame without rows, with the columns and types of `frame`."""
        return self._empty.copy()

    @cached_property
    def _empty(self) -> pd.DataFrame:
        return self.frame(())

    def iceberg_schema(self) -> Schema:
        from pyiceberg.schema import Schema
        from pyiceberg.types import (
            BooleanType,
            DateType,
            DecimalType,
            DoubleType,
            LongType,
            NestedField,
            StringType,
            TimestampType,
        )

        money = DecimalType(PRECISION, SCALE)
        types = (StringType(), LongType(), DoubleType(), BooleanType(), DateType(), TimestampType(), money)
        iceberg = dict(zip(TYPES, types, strict=True))
        fields = [
            NestedField(field_id=number, name=c.name, field_type=iceberg[c.type], required=not c.nullable, doc=c.doc)
            for number, c in enumerate(self.all_columns, start=1)
        ]
        return Schema(*fields)

    def iceberg_partition_spec(self) -> PartitionSpec:
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import IdentityTransform

        source_id = len(self.all_columns)
        return PartitionSpec(PartitionField(source_id, 1000, IdentityTransform(), self.partition))

    def scope(self, interval: Interval, **within: tuple[str | int, ...]) -> Scope:
        """What a run over `interval` replaces: its rows, or for a table by `as_of` what was believed at its end."""
        narrowed = tuple(sorted(within.items()))
        if self.time == "as_of":
            return Scope("as_of", interval.as_of, interval.as_of + timedelta(microseconds=1), narrowed)
        return Scope(self.time, interval.start, interval.end, narrowed)

    def structural_expectations(self) -> Iterator[dict[str, Any]]:
        """The declaration in Great Expectations' own format: nulls, bounds, allowed values, patterns and the key."""
        for c in self.all_columns:
            if not c.nullable:
                yield _expect("expect_column_values_to_not_be_null", f"{c.name} is part of every row.", column=c.name)
            if c.ge is not None or c.le is not None:
                note = f"{c.name} lies within its declared bounds{f' ({c.unit})' if c.unit else ''}."
                yield _expect("expect_column_values_to_be_between", note, column=c.name, min_value=c.ge, max_value=c.le)
            if c.values:
                note = f"{c.name} is one of the declared words."
                yield _expect("expect_column_values_to_be_in_set", note, column=c.name, value_set=list(c.values))
            if c.pattern:
                note = f"{c.name} is an identifier that is safe in paths and queries."
                yield _expect("expect_column_values_to_match_regex", note, column=c.name, regex=c.pattern)
        note = f"A row of {self.name} is one {' × '.join(self.key)}; a repeated key counts something twice."
        if len(self.key) == 1:
            yield _expect("expect_column_values_to_be_unique", note, column=self.key[0])
        else:
            yield _expect("expect_compound_columns_to_be_unique", note, column_list=list(self.key))


BUCKETS = 64


def bucket_of(series_id: str) -> int:
    """The bucket of a series: stable across processes, machines and versions."""
    return zlib.crc32(series_id.encode()) % BUCKETS


def buckets_of(shard: int, shards: int) -> tuple[int, ...]:
    """The buckets that one of `shards` parts of the work covers."""
    return tuple(bucket for bucket in range(BUCKETS) if bucket % shards == shard)


def _expect(kind: str, notes: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "severity": "critical", "kwargs": kwargs, "notes": notes}


def _abbreviated(values: tuple[str | int, ...]) -> str:
    shown = ", ".join(str(value) for value in values[:4])
    return f"({shown}{', …' if len(values) > 4 else ''})"
