"""What the columns of somebody else's data set mean, stated as a mapping, and its rows as samples: what is lost is counted.

Two mappings are known, of layouts as their publishers document them.

`google_2019`: table `instance_usage` of the cluster traces of May 2019, `average_usage.cpus` and the like as columns (CSV) or
structs (Parquet, as BigQuery exports it). Time is in microseconds since 600 s before the trace began, on 1 May 2019 at 00:00
PDT. CPU and memory are shares of the largest machine's, and no utilisation of any: metrics of names of their own. What an alloc
set reserves is left out, for the tasks in it are rows as well.

`azure_2019`: files `vm_cpu_readings` of the public data set V2, without a header: seconds since the trace began, machine, and
minimum, maximum and mean of its CPU in percent over five minutes. On which day it began is not published: `origin` states it.

Source: github.com/google/cluster-data, `clusterdata_trace_format_v3.proto` and `ClusterData2019.md`;
github.com/Azure/AzurePublicDataset, `AzurePublicDatasetV2.md` and its notebook.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.reading import cells
from pipeline.reading.names import METRIC, STATISTIC
from pipeline.reading.sheet import Sheet
from pipeline.tables.columns import SILVER_NAMES, StatedUnit, TimeFormat

Preset = Literal["google_2019", "azure_2019"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
_SECONDS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_SINCE, _UNTIL = np.datetime64("2000-01-01", "us"), np.datetime64("2100-01-01", "us")
_GOOGLE_CPU, _GOOGLE_MEMORY = "cpu_of_largest_machine", "memory_of_largest_machine"
_KNOWN: dict[str, dict[str, Any]] = {
    "google_2019": {
        "time_column": "start_time",
        "end_column": "end_time",
        "time_format": "epoch_us",
        "origin": datetime(2019, 5, 1, 6, 50),
        "resource_columns": ("collection_id", "instance_index"),
        "where": {"collection_type": ("0",)},
        "metrics": {
            "average_usage.cpus": {"metric": _GOOGLE_CPU, "unit": "ratio"},
            "maximum_usage.cpus": {"metric": _GOOGLE_CPU, "unit": "ratio", "statistic": "Maximum"},
            "average_usage.memory": {"metric": _GOOGLE_MEMORY, "unit": "ratio"},
            "maximum_usage.memory": {"metric": _GOOGLE_MEMORY, "unit": "ratio", "statistic": "Maximum"},
        },
    },
    "azure_2019": {
        "columns": ("timestamp", "vm_id", "min_cpu", "max_cpu", "avg_cpu"),
        "time_column": "timestamp",
        "time_format": "epoch_s",
        "period_s": 300,
        "resource_columns": ("vm_id",),
        "metrics": {
            "avg_cpu": {"metric": "cpu_utilization", "unit": "percent"},
            "max_cpu": {"metric": "cpu_utilization", "unit": "percent", "statistic": "Maximum"},
            "min_cpu": {"metric": "cpu_utilization", "unit": "percent", "statistic": "Minimum"},
        },
    },
}


class Mapped(BaseModel):
    """What the values of one column, or of one metric of a long file, are for the lake."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(pattern=f"^{METRIC}$", description="The metric, as views and rules know it, or a name of its own.")
    unit: StatedUnit = Field(description="Unit of the values, once multiplied by the factor.")
    factor: float = Field(default=1.0, gt=0, le=1e15, description="What each value is multiplied by.")
    statistic: str = Field(default="Average", pattern=f"^{STATISTIC}$", description="What a value is of its period.")

    @field_validator("metric")
    @classmethod
    def _metric_as_in_silver(cls, value: str) -> str:
        return SILVER_NAMES.get(value.lower(), value)


class Mapping(BaseModel):
    """What the columns of a data set mean; all of it is stated, and nothing guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Preset | None = Field(
        default=None, description=f"A published layout, {' or '.join(PRESETS)}; what else is stated wins over it."
    )
    columns: tuple[str, ...] = Field(
        default=(), max_length=500, description="Names of the columns of a CSV that has no header, in their order."
    )
    time_column: str = Field(default="", max_length=200, description="Column with the start of a sample's period.")
    time_format: TimeFormat = Field(
        default="iso",
        description="How moments are written: iso (UTC where there is no offset), or as seconds, milliseconds or microseconds "
        "since `origin`.",
    )
    origin: datetime | None = Field(
        default=None,
        description="Moment, in UTC, at which counts of time begin; unset: 1970, or as published.",
    )
    period_s: int | None = Field(default=None, ge=1, le=86_400, description="Seconds that a sample stands for.")
    end_column: str = Field(
        default="", max_length=200, description="Column with the end of a sample's period, in place of `period_s`."
    )
    resource_columns: tuple[str, ...] = Field(
        default=(), max_length=8, description="Columns that name the resource; of several, joined by a slash."
    )
    resource_id: str = Field(default="", max_length=255, description="The resource of every sample, where no column names one.")
    metric_column: str = Field(default="", max_length=200, description="Of a long file, the column that names the metric.")
    value_column: str = Field(default="", max_length=200, description="Of a long file, the column of values.")
    metrics: dict[str, Mapped] = Field(
        default_factory=dict,
        max_length=200,
        description="What each column of values, or of a long file each metric by its name there, is: "
        '{"avg": {"metric": "cpu_utilization", "unit": "ratio"}}, and where they are needed factor and statistic. Others are not '
        "read.",
    )
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, max_length=20, description='Rows that are read, by the words of columns: {"machine": ["1", "2"]}.'
    )
    resources_ratio: float = Field(
        default=1.0, gt=0, le=1, description="Share of the resources that is read, the same ones each time, by their names."
    )

    @model_validator(mode="before")
    @classmethod
    def _layout_is_known(cls, given: Any) -> Any:
        known = _KNOWN.get(str(given.get("preset"))) if isinstance(given, dict) else None
        return {**known, **given} if known else given

    @field_validator("origin")
    @classmethod
    def _origin_is_utc(cls, value: datetime | None) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None and value.tzinfo else value

    @model_validator(mode="after")
    def _all_is_stated(self) -> Self:
        if not self.time_column:
            raise ValueError("expected time_column, or a preset")
        if not self.metrics:
            raise ValueError("expected metrics, or a preset: which columns are read, and what they are")
        if bool(self.resource_columns) == bool(self.resource_id):
            raise ValueError("expected resource_columns, or resource_id for all rows, and not both")
        if bool(self.end_column) == (self.period_s is not None):
            raise ValueError("expected period_s, the seconds that a sample stands for, or end_column, and not both")
        if bool(self.metric_column) != bool(self.value_column):
            raise ValueError("expected metric_column and value_column, both of a long file or none")
        if self.origin is not None and self.time_format == "iso":
            raise ValueError("origin is where counts of time begin: expected time_format as epoch_s beside it")
        if self.preset == "azure_2019" and self.origin is None:
            raise ValueError("the publisher does not say on which day the trace began: expected origin, as 2019-07-01")
        return self

    @model_validator(mode="after")
    def _columns_are_told_apart(self) -> Self:
        said = [(its.metric, its.statistic.lower()) for its in self.metrics.values()]
        if twice := [] if self.metric_column else [each for each in dict.fromkeys(said) if said.count(each) > 1]:
            metric, statistic = twice[0]
            raise ValueError(f"several columns are {statistic} of {metric}, of which one would count: expected a metric for each")
        return self

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that are read."""
        values = (self.metric_column, self.value_column) if self.metric_column else tuple(self.metrics)
        every = (self.time_column, self.end_column, *self.resource_columns, *self.where, *values)
        return tuple(dict.fromkeys(name for name in every if name))

    def choose(self, names: list[str]) -> list[str]:
        """Of the columns of a file those that are read: a struct where one of its fields is.

        All where one that is needed is absent, so that what there is can be told.
        """
        behind = {one: [name for name in names if one == name or one.startswith(f"{name}.")] for one in self.needed}
        return [name for name in names if any(name in some for some in behind.values())] if all(behind.values()) else names


@dataclass(frozen=True)
class Traced:
    """The samples of a piece of a file.

    Attributes:
        samples: resource, metric, unit, statistic, period_s, ts, value; NaN where a cell is no number.
        rows: of the file, `rows` in all: `not_asked`, `undated` (no moment, so on no day), `unnamed` (no resource).
        cells: by metric, of the rows that are read: `cells`, and `blank` of them (no samples).
        undated: the first row of the piece without a moment; None where each has one.
    """

    samples: pd.DataFrame
    rows: Counter[str]
    cells: Counter[tuple[str, str]]
    undated: int | None = None


def read_trace(sheet: Sheet, mapping: Mapping) -> Traced:
    """The samples of a file, or of a piece of one.

    Raises:
        DataError: a column of the mapping is absent, or of a type that can be neither text, number nor moment.
    """
    sheet = replace(sheet, data=_flat(sheet.data))
    sheet.require(mapping.needed)
    length = sheet.data.num_rows
    asked = np.ones(length, dtype=bool)
    for column, kept in mapping.where.items():
        asked &= cells.words(sheet, column).isin(kept)
    names = _names(sheet, mapping, length)
    if mapping.resources_ratio < 1:
        limit = mapping.resources_ratio * 2**32
        asked &= np.array([zlib.crc32(str(name).encode()) < limit for name in names.categories], dtype=bool)[names.codes]
    ts = _moments(sheet, mapping.time_column, mapping)
    undated = asked & np.isnat(ts)
    read = asked & ~undated
    unnamed = np.array([not name for name in names.categories], dtype=bool)[names.codes]
    rows = Counter(rows=length, not_asked=int((~asked).sum()), undated=int(undated.sum()), unnamed=int((read & unnamed).sum()))
    common = {"resource": names, "period_s": _periods(sheet, mapping, ts), "ts": ts}
    counted: Counter[tuple[str, str]] = Counter()
    parts = []
    for values, chosen, mapped in _columns(sheet, mapping, read):
        blank = chosen & np.isnan(values)
        counted[mapped.metric, "cells"] += int(chosen.sum())
        counted[mapped.metric, "blank"] += int(blank.sum())
        filled = chosen & ~blank
        said = {"metric": mapped.metric, "unit": mapped.unit, "statistic": mapped.statistic}
        value = np.where(np.isinf(values), np.nan, values * mapped.factor)[filled]
        parts.append(pd.DataFrame({name: each[filled] for name, each in common.items()}).assign(**said, value=value))
    first = int(undated.argmax()) if undated.any() else None
    order = ["resource", "metric", "unit", "statistic", "period_s", "ts", "value"]
    return Traced(pd.concat(parts, ignore_index=True)[order], rows, counted, first)


def _columns(sheet: Sheet, mapping: Mapping, read: cells.Flags) -> Iterator[tuple[cells.Floats, cells.Flags, Mapped]]:
    """Values, the rows that they count in, and what they are."""
    if not mapping.metric_column:
        for column, mapped in mapping.metrics.items():
            yield cells.read_numbers(sheet, column), read, mapped
        return
    named, values = cells.words(sheet, mapping.metric_column), cells.read_numbers(sheet, mapping.value_column)
    for word, mapped in mapping.metrics.items():
        yield values, read & (named == word), mapped


def _names(sheet: Sheet, mapping: Mapping, length: int) -> pd.Categorical:
    """The resource of each row; empty where one of its columns is."""
    if not mapping.resource_columns:
        constant: Any = np.zeros(length, dtype=np.int64)
        return pd.Categorical.from_codes(constant, categories=pd.Index([mapping.resource_id]))
    first, *more = (pd.Series(cells.words(sheet, name)).astype("object") for name in mapping.resource_columns)
    for each in more:
        first = first.where(first != "") + "/" + each.where(each != "")
    return pd.Categorical(first.fillna("").astype("object"))


def _moments(sheet: Sheet, column: str, mapping: Mapping) -> cells.Moments:
    """Naive UTC microseconds, NaT where a cell is no moment of 2000 to 2099."""
    if mapping.time_format == "iso":
        return cells.read_moments(sheet, column)[0]
    began = np.datetime64(mapping.origin or datetime(1970, 1, 1), "us")
    count = cells.read_numbers(sheet, column) * _SECONDS[mapping.time_format]
    least, most = ((each - began).astype(np.int64) for each in (_SINCE, _UNTIL))
    inside = (count >= least) & (count < most)
    found = np.full(len(count), np.datetime64("NaT", "us"))
    found[inside] = began + np.round(count[inside]).astype(np.int64).astype("timedelta64[us]")
    return found


def _periods(sheet: Sheet, mapping: Mapping, ts: cells.Moments) -> Any:
    """Whole seconds of each row's period; 0, which the rule `bad_period` refuses, where its end is no moment after its start."""
    if mapping.period_s is not None:
        return np.full(len(ts), mapping.period_s)
    seconds = (_moments(sheet, mapping.end_column, mapping) - ts) / np.timedelta64(1, "s")
    return np.where(seconds > 0, np.round(seconds), 0).astype(np.int64)


def _flat(data: pa.Table) -> pa.Table:
    """The fields of structs as columns, `struct.field`, and texts as texts."""
    while any(pa.types.is_struct(kind) for kind in data.schema.types):
        data = data.flatten()
    plain = [each.with_type(each.type.value_type) if pa.types.is_dictionary(each.type) else each for each in data.schema]
    return data.cast(pa.schema(plain))
