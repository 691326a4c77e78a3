"""Bring your own metrics: one CSV or Parquet file, long or wide, into `bronze.metric_sample`.

Long has one row per sample: resource, metric, ts, value, and where they vary unit, statistic, account, region, period.
Wide has one row per resource and ts, and one column per metric. The unit is always stated, by a column or an option:
whether 0.8 is a ratio or a percentage is never guessed. Values land as they are; silver converts them, and quarantines
what lies outside its unit's bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.sources import _bronze, _files, inventory_file
from pipeline.sources._batch import Batch
from pipeline.tables.columns import STATED_UNITS, StatedUnit

NAME = "csv"
TABLES = ("bronze.metric_sample",)

# In a column, CloudWatch's own words are understood too.
UNIT_WORDS = f"(?i:{'|'.join((*STATED_UNITS, 'bytes/second', 'megabits/second'))})"

# An identifier reaches paths, queries and spreadsheets: no formula (`=`, `+`, `-`, `@` first), no blank or quote, and,
# checked beside the pattern, no parent folder.
IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}"
STATISTIC = r"(?i:average|maximum|minimum|sum|samplecount|p\d{1,2}(\.\d{1,2})?)"
METRIC = r"[A-Za-z][A-Za-z0-9._:/-]{0,127}"
LONGEST_PERIOD_S = 86_400


class Options(BaseModel):
    """Where the file lies and how to read it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="The file: .csv, .csv.gz or .parquet.")
    layout: Literal["long", "wide"] = Field(
        default="long",
        description="long: one row per sample; wide: one row per resource and ts, one column per metric.",
    )
    units: dict[str, StatedUnit] = Field(
        default_factory=dict,
        max_length=200,
        description='Unit per metric, e.g. {"cpu_utilization": "ratio"}. Of a wide file only these columns are read.',
    )
    unit: StatedUnit | None = Field(
        default=None, description="Unit of every metric that `units` does not name, where the file has no unit column."
    )
    time_column: str = Field(
        default="ts", min_length=1, max_length=200, description="Column with the start of a sample's period."
    )
    resource_column: str = Field(
        default="resource_id",
        min_length=1,
        max_length=200,
        description="Column naming the resource; `series_id` serves in its place.",
    )
    resource_id: str | None = Field(
        default=None, pattern=f"^{IDENTIFIER}$", description="The resource of every sample, where the file names none."
    )
    metric_column: str = Field(default="metric", min_length=1, max_length=200, description="Column naming the metric (long).")
    value_column: str = Field(default="value", min_length=1, max_length=200, description="Column with the sample (long).")
    statistic: str = Field(
        default="Average",
        pattern=f"^{STATISTIC}$",
        description="What a sample is of its period (Average, Maximum, p95 …), where the file has no such column.",
    )
    account: str = Field(default="local", pattern=f"^{IDENTIFIER}$", description="Account, where the file has no account column.")
    region: str = Field(default="local", pattern=f"^{IDENTIFIER}$", description="Region, where the file has no region column.")
    inventory: Path | None = Field(
        default=None,
        description="Inventory, as inventory_file reads it, that says which account and region a resource is in, where the file "
        "does not.",
    )
    period_s: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_PERIOD_S,
        description="Seconds a sample stands for. Unset: the file's period_s column, else its commonest step.",
    )
    timezone: str = Field(default="UTC", max_length=64, description="IANA time zone of timestamps that carry no offset.")

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no IANA time zone named {value!r}") from error
        return value


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The file's samples of the interval, ordered by ts, resource and metric. An empty cell is no sample.

    Raises:
        SourceError: the file cannot be read.
        ConfigError: no unit is stated for a metric.
        DataError: a column is absent, or a row holds something that is not a moment, number, unit or plain identifier.
    """
    samples = _samples(options.model_dump_json(), *map(_files.version, _paths(options)))
    first, end = np.searchsorted(samples["ts"].to_numpy(), np.array([interval.start, interval.end], dtype="datetime64[us]"))
    chosen = samples.iloc[first:end]
    landed = _bronze.rows("bronze.metric_sample", {"source": NAME, **{name: chosen[name] for name in chosen.columns}})
    yield from _bronze.batch("bronze.metric_sample", options.path.name, landed)


def span(options: Options) -> Interval:
    """The days that the file has samples of; raises as `fetch` does."""
    moments = _samples(options.model_dump_json(), *map(_files.version, _paths(options)))["ts"]
    return _bronze.days(options.path, *((moments.iloc[0], moments.iloc[-1]) if len(moments) else (None, None)))


@lru_cache(maxsize=1)
def _samples(options_json: str, *versions: tuple[int, int] | None) -> pd.DataFrame:  # noqa: ARG001 a changed file is another file
    """The whole file, ordered. A backfill asks for one day after the other; the file is parsed once."""
    options = Options.model_validate_json(options_json)
    data = _files.read(options.path)
    resource = "series_id" if _only_series_id(options, data) else options.resource_column
    _files.require(options.path, data, [options.time_column] if options.resource_id else [options.time_column, resource])
    samples = _long(options, data, resource) if options.layout == "long" else _wide(options, data, resource)
    samples = samples[samples["value"].notna()]
    if options.inventory is not None:
        samples = _placed(samples, options)
    if "period_s" not in samples:
        samples = samples.assign(period_s=options.period_s or _commonest_step(options.path, samples))
    order = np.lexsort((_rank(samples["metric"]), _rank(samples["resource_id"]), samples["ts"].to_numpy()))
    return samples.iloc[order].reset_index(drop=True)


def _paths(options: Options) -> list[Path]:
    return [path for path in (options.path, options.inventory) if path is not None]


def _placed(samples: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The samples in the account and region where the inventory says that their resource is, unless the file says where.

    Raises:
        DataError: the inventory has a resource of that id in several places.
    """
    asked = inventory_file.Options(path=options.inventory, account=options.account, region=options.region)
    places = inventory_file.read_places(asked, samples["resource_id"].cat.categories)
    unsaid = (samples["account"] == options.account) & (samples["region"] == options.region)
    listed = samples["resource_id"].isin(list(places)) & unsaid
    ids = samples["resource_id"].cat
    moved = {}
    for position, name in enumerate(("account", "region")):
        by_id = np.array([places.get(each, ("", ""))[position] for each in ids.categories], dtype=object)[ids.codes]
        moved[name] = pd.Categorical(np.where(listed, by_id, samples[name].astype("object")))
    return samples.assign(**moved)


def _only_series_id(options: Options, data: pa.Table) -> bool:
    return options.resource_column not in data.column_names and "series_id" in data.column_names


def _shared(options: Options, data: pa.Table, resource: str) -> dict[str, Any]:
    """What both layouts say the same way: whose samples these are, and when."""
    return {
        "account": _words(options.path, data, "account", options.account, IDENTIFIER),
        "region": _words(options.path, data, "region", options.region, IDENTIFIER),
        "resource_id": _words(options.path, data, resource, options.resource_id or "", IDENTIFIER),
        "ts": _files.moments(options.path, options.time_column, data[options.time_column], options.timezone),
    }


def _long(options: Options, data: pa.Table, resource: str) -> pd.DataFrame:
    _files.require(options.path, data, [options.metric_column, options.value_column])
    metric = _words(options.path, data, options.metric_column, "", METRIC)
    columns = _shared(options, data, resource) | {
        "metric": metric,
        "statistic": _words(options.path, data, "statistic", options.statistic, STATISTIC),
        "value": _files.numbers(options.path, options.value_column, data[options.value_column]),
        "unit": _units(options, data, metric),
    }
    if options.period_s is None and "period_s" in data.column_names:
        period = _files.numbers(options.path, "period_s", data["period_s"])
        whole = (period >= 1) & (period <= LONGEST_PERIOD_S) & (period % 1 == 0)
        _files.refuse(options.path, "period_s", data["period_s"], ~whole, f"whole seconds from 1 to {LONGEST_PERIOD_S}")
        columns["period_s"] = period.astype("int64")
    return pd.DataFrame(columns)


def _wide(options: Options, data: pa.Table, resource: str) -> pd.DataFrame:
    """The metrics' columns below each other."""
    reserved = {options.time_column, resource, "account", "region"}
    metrics = list(options.units) or [name for name in data.column_names if name not in reserved]
    _files.require(options.path, data, metrics)
    if not metrics:
        raise DataError(f"{options.path}: no column of a metric beside {sorted(reserved)}")
    unsafe = [name for name in metrics if not _safe(name, METRIC)]
    if unsafe:
        raise DataError(f"{options.path}: column {unsafe[0]!r}: expected the name of a metric like {METRIC} without '..'")
    shared = pd.DataFrame(_shared(options, data, resource))
    every = pd.concat([shared] * len(metrics), ignore_index=True)
    codes = np.repeat(np.arange(len(metrics)), len(shared))
    unit = pd.Categorical([_unit_of(options, name) for name in metrics], categories=STATED_UNITS)
    return every.assign(
        metric=_coded(codes, metrics),
        statistic=_constant(options.statistic, len(every)),
        value=np.concatenate([_files.numbers(options.path, name, data[name]) for name in metrics]),
        unit=unit[codes],
    )


def _words(path: Path, data: pa.Table, column: str, default: str, pattern: str) -> pd.Categorical:
    """A column of words that match the pattern, or the default on every row where the file has no such column."""
    if column not in data.column_names:
        return _constant(default, len(data))
    found = _files.words(path, column, data[column])
    # The entry appended last stands for an empty cell.
    unsafe = np.array([not _safe(word, pattern) for word in found.categories] + [True])
    _files.refuse(path, column, data[column], unsafe[np.asarray(found.codes)], f"a name like {pattern} without '..'")
    return found


def _constant(word: str, length: int) -> pd.Categorical:
    return _coded(np.zeros(length, dtype=np.int8), [word])


def _coded(codes: Any, words: list[str]) -> pd.Categorical:
    """Codes are an array, which pandas takes but its types do not know."""
    return pd.Categorical.from_codes(codes, categories=pd.Index(words))


def _safe(name: str, pattern: str) -> bool:
    return re.fullmatch(pattern, name) is not None and ".." not in name


def _rank(words: pd.Series) -> npt.NDArray[np.int64]:
    """Place of each row's word in alphabetical order."""
    rank = np.argsort(np.argsort(words.cat.categories.to_numpy(dtype=str), kind="stable"))
    ranks: npt.NDArray[np.int64] = rank[words.cat.codes.to_numpy()]
    return ranks


def _units(options: Options, data: pa.Table, metric: pd.Categorical) -> pd.Categorical:
    if "unit" in data.column_names:
        return _words(options.path, data, "unit", "", UNIT_WORDS)
    unit = pd.Categorical([_unit_of(options, name) for name in metric.categories], categories=STATED_UNITS)
    return unit[np.asarray(metric.codes)]


def _unit_of(options: Options, metric: str) -> str:
    unit = options.units.get(metric, options.unit)
    if unit is None:
        raise ConfigError(
            f"{options.path}: the unit of metric {metric!r} is not stated; add a column `unit`, or the option unit or "
            f"units={{{metric!r}: …}}, with one of {', '.join(STATED_UNITS)}"
        )
    return unit


def _commonest_step(path: Path, samples: pd.DataFrame) -> int:
    """Seconds; the commonest step between a series' consecutive samples in the whole file, the shortest on a tie."""
    if samples.empty:
        return 1
    series = samples.groupby(["account", "region", "resource_id", "metric"], sort=False, observed=True).ngroup().to_numpy()
    moments = samples["ts"].to_numpy()
    order = np.lexsort((moments, series))
    same = np.diff(series[order]) == 0
    steps = np.diff(moments[order])[same] / np.timedelta64(1, "s")
    seconds, counts = np.unique(np.round(steps[steps >= 1]).astype(np.int64), return_counts=True)
    if not len(seconds):
        raise DataError(f"{path}: no series has two samples at different times, so their period is unknown; state period_s")
    commonest = int(seconds[np.argmax(counts)])
    if commonest > LONGEST_PERIOD_S:
        raise DataError(f"{path}: the commonest step is {commonest} s, expected at most {LONGEST_PERIOD_S}; state period_s")
    return commonest
