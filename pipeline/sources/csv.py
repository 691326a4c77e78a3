"""Bring your own metrics: one CSV or Parquet file, long or wide, into `bronze.metric_sample`.

Long has one row per sample: resource, metric, ts, value, and where they vary unit, statistic, account, region, period.
Wide has one row per resource and ts, and one column per metric. The unit is always stated, by a column or an option:
whether 0.8 is a ratio or a percentage is never guessed. Values land as they are; silver converts them, and quarantines
what lies outside its unit's bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.batch import Batch
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.sources import _bronze, _files

NAME = "csv"

Unit = Literal["percent", "ratio", "mbps", "bytes", "count", "usd"]
UNITS: tuple[str, ...] = ("percent", "ratio", "mbps", "bytes", "count", "usd")

# An identifier reaches paths, queries and spreadsheets: no formula (`=`, `+`, `-`, `@` first), no blank or quote, and,
# checked beside the pattern, no parent folder.
IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}"
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
    units: dict[str, Unit] = Field(
        default_factory=dict,
        max_length=200,
        description='Unit per metric, e.g. {"cpu_utilization": "ratio"}. Of a wide file only these columns are read.',
    )
    unit: Unit | None = Field(
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
    metric_column: str = Field(default="metric", min_length=1, max_length=200, description="Column naming the metric (long).")
    value_column: str = Field(default="value", min_length=1, max_length=200, description="Column with the sample (long).")
    statistic: str = Field(
        default="Average",
        pattern=r"^(Average|Maximum|Minimum|Sum|SampleCount|p\d{1,2}(\.\d{1,2})?)$",
        description="What a sample is of its period (Average, Maximum, p95 …), where the file has no such column.",
    )
    account: str = Field(default="local", pattern=f"^{IDENTIFIER}$", description="Account, where the file has no account column.")
    region: str = Field(default="local", pattern=f"^{IDENTIFIER}$", description="Region, where the file has no region column.")
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
    samples = _bronze.within(_samples(options), interval)
    yield from _bronze.batch("bronze.metric_sample", options.path.name, samples)


def _samples(options: Options) -> pa.Table:
    return _parsed(options.model_dump_json(), _files.version(options.path))


@lru_cache(maxsize=1)
def _parsed(options_json: str, version: tuple[int, int] | None) -> pa.Table:  # noqa: ARG001 a changed file is another file
    """The whole file. A backfill asks for one day after the other; the file is parsed once."""
    options = Options.model_validate_json(options_json)
    data = _files.read(options.path)
    resource = _resource_column(options, data)
    _files.require(options.path, data, [options.time_column, resource])
    frame = _long(options, data, resource) if options.layout == "long" else _wide(options, data, resource)
    for column in ("resource_id", "account", "region"):
        _refuse_unsafe(options.path, column, frame[column], IDENTIFIER)
    _refuse_unsafe(options.path, "metric", frame["metric"], METRIC)
    frame["ts"] = _files.moments(options.path, options.time_column, frame["ts"], options.timezone)
    frame = frame[frame["value"].notna()].reset_index(drop=True)
    if "period_s" not in frame:
        frame["period_s"] = options.period_s or _commonest_step(options.path, frame)
    return _bronze.ordered(
        _bronze.rows("bronze.metric_sample", {"source": NAME, **{name: frame[name] for name in frame.columns}}),
        ("ts", "resource_id", "metric"),
    )


def _resource_column(options: Options, data: pa.Table) -> str:
    if options.resource_column not in data.column_names and "series_id" in data.column_names:
        return "series_id"
    return options.resource_column


def _long(options: Options, data: pa.Table, resource: str) -> pd.DataFrame:
    _files.require(options.path, data, [options.metric_column, options.value_column])
    metric = _text(data, options.metric_column)
    frame = pd.DataFrame(
        {
            "account": _text(data, "account", options.account),
            "region": _text(data, "region", options.region),
            "resource_id": _text(data, resource),
            "metric": metric,
            "statistic": _text(data, "statistic", options.statistic),
            "ts": data[options.time_column].to_pandas(),
            "value": _numbers(options.path, options.value_column, data[options.value_column].to_pandas()),
            "unit": _units(options, data, metric),
        }
    )
    if options.period_s is None and "period_s" in data.column_names:
        period = _numbers(options.path, "period_s", data["period_s"].to_pandas())
        whole = (period >= 1) & (period <= LONGEST_PERIOD_S) & (period % 1 == 0)
        _files.refuse(options.path, "period_s", period, ~whole, f"whole seconds from 1 to {LONGEST_PERIOD_S}")
        frame["period_s"] = period.astype("int64")
    return frame


def _wide(options: Options, data: pa.Table, resource: str) -> pd.DataFrame:
    """One block of rows per metric column, so that row numbers in errors stay those of the file."""
    reserved = {options.time_column, resource, "account", "region"}
    metrics = list(options.units) or [name for name in data.column_names if name not in reserved]
    _files.require(options.path, data, metrics)
    if not metrics:
        raise DataError(f"{options.path}: no column of a metric beside {sorted(reserved)}")
    blocks = [
        pd.DataFrame(
            {
                "account": _text(data, "account", options.account),
                "region": _text(data, "region", options.region),
                "resource_id": _text(data, resource),
                "metric": metric,
                "statistic": options.statistic,
                "ts": data[options.time_column].to_pandas(),
                "value": _numbers(options.path, metric, data[metric].to_pandas()),
                "unit": _unit_of(options, metric),
            }
        )
        for metric in metrics
    ]
    return pd.concat(blocks, ignore_index=True)


def _text(data: pa.Table, column: str, default: str | None = None) -> pd.Series:
    """A column as stripped text, or the default on every row."""
    if column not in data.column_names:
        return pd.Series([default] * len(data), dtype="string")
    return data[column].cast(pa.string()).to_pandas().astype("string").str.strip()


def _units(options: Options, data: pa.Table, metric: pd.Series) -> pd.Series:
    if "unit" in data.column_names:
        unit = _text(data, "unit")
        _files.refuse(options.path, "unit", unit, ~unit.isin(UNITS), f"one of {', '.join(UNITS)}")
        return unit
    return metric.map({name: _unit_of(options, name) for name in metric.dropna().unique()}).astype("string")


def _unit_of(options: Options, metric: str) -> str:
    unit = options.units.get(metric, options.unit)
    if unit is None:
        raise ConfigError(
            f"{options.path}: the unit of metric {metric!r} is not stated; add a column `unit`, or the option unit or "
            f"units={{{metric!r}: …}}, with one of {', '.join(UNITS)}"
        )
    return unit


def _numbers(path: Path, column: str, values: pd.Series) -> pd.Series:
    """Floats; an empty cell is NaN. Whatever else is not a finite number is refused, with its row."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        raise DataError(f"{path}: column {column!r}: expected numbers, got {values.dtype}")
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("float64")
        empty: npt.NDArray[np.bool_] = values.isna().to_numpy()
    else:
        text = values.astype("string").str.strip()
        empty = (text.isna() | text.str.lower().isin(["", "nan", "null"])).to_numpy(dtype=bool)
        numbers = pd.to_numeric(text.mask(empty), errors="coerce").astype("float64")
    _files.refuse(path, column, values, ~empty & ~np.isfinite(numbers.fillna(np.nan).to_numpy(dtype=float)), "a finite number")
    return numbers


def _refuse_unsafe(path: Path, column: str, values: pd.Series, pattern: str) -> None:
    names = values.astype("string")
    unsafe = {name for name in names.unique() if pd.isna(name) or not _safe(name, pattern)}
    if unsafe:
        rows = names.isna() | names.isin([name for name in unsafe if not pd.isna(name)])
        _files.refuse(path, column, names, rows, f"an identifier like {pattern} without '..'")


def _safe(name: str, pattern: str) -> bool:
    import re

    return re.fullmatch(pattern, name) is not None and ".." not in name


def _commonest_step(path: Path, frame: pd.DataFrame) -> int:
    """Seconds; the commonest step between a series' consecutive samples in the whole file, the shortest on a tie."""
    keys = ["account", "region", "resource_id", "metric"]
    ordered = frame.sort_values([*keys, "ts"], kind="stable")
    step = ordered.groupby(keys, sort=False, observed=True)["ts"].diff().dt.total_seconds()
    step = step[step >= 1]
    if step.empty:
        if frame.empty:
            return 1
        raise DataError(f"{path}: no series has two samples at different times, so their period is unknown; state period_s")
    counts = step.round().value_counts()
    seconds = int(counts[counts == counts.max()].index.min())
    if seconds > LONGEST_PERIOD_S:
        raise DataError(
            f"{path}: the commonest step between samples is {seconds} s, expected at most {LONGEST_PERIOD_S}; state period_s"
        )
    return seconds
