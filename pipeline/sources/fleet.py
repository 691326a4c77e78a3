"""A synthetic fleet of servers. Simulation is a source one asks for: nothing falls back to it, and every row says `fleet`.

Preset `reference` follows the documented formulae exactly (175,320 server-days by default); `realistic` is hourly, with
schedules, autocorrelated noise, growth, level shifts, gaps, labelled incidents and, on request, the generator's true
quantiles.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.interval import Interval
from pipeline.sources import _bronze, _realistic, _realistic_telemetry, _realistic_truth
from pipeline.sources._archetypes import ARCHETYPES, read_archetypes
from pipeline.sources._batch import Batch
from pipeline.sources._realistic_demand import METRICS, Server
from pipeline.sources._realistic_incidents import ROOT_CAUSES
from pipeline.sources._reference import metadata, reference_frame
from pipeline.tables.columns import QUANTILES, Granularity

__all__ = ["NAME", "Options", "fetch", "reference_frame"]

NAME = "fleet"
TABLES = ("bronze.metric_sample", "bronze.resource_snapshot", "bronze.incident", "bronze.fleet_truth")
ACCOUNT = "synthetic"
#: Where prices are known, so that recommendations for the realistic fleet carry dollars.
REALISTIC_REGION = "us-east-1"
#: Servers per batch, which bounds the memory of one landing.
SHARD = 250

UNITS = {
    "cpu_utilization": "percent",
    "disk_utilization": "percent",
    "memory_utilization": "percent",
    "network_in": "mbps",
    "network_out": "mbps",
}
#: Columns of the reference frame, in the alphabetical order of the metrics.
REFERENCE_COLUMNS = ("cpu_p95", "disk_p95", "mem_p95", "net_in_p95", "net_out_p95")
#: What an export may leave out: whose a server is, and what follows from the day.
_ABOUT = ("app_name", "business_unit", "criticality", "region", "server_type")
_CALENDAR = ("year", "month", "quarter", "dayofweek", "is_weekend", "is_eoq", "is_holiday")

_DEFAULTS: dict[str, dict[str, Any]] = {
    "reference": {"start": date(2022, 1, 1), "days": 1461, "granularity": "day"},
    "realistic": {"start": date(2025, 4, 1), "days": 548, "granularity": "hour"},
}


class Options(BaseModel):
    """Which fleet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["reference", "realistic"] = Field(
        default="realistic",
        description="reference: the documented daily formulae; realistic: hourly, with everything that makes it hard.",
    )
    servers: int = Field(default=120, ge=1, le=10_000, description="Number of servers.")
    start: date = Field(
        default=date(2022, 1, 1),
        ge=date(2000, 1, 1),
        le=date(2100, 1, 1),
        description="First day of the fleet's life; by default 2022-01-01 (reference) or 2025-04-01 (realistic).",
    )
    days: int = Field(
        default=1461, ge=1, le=7305, description="Days the fleet lives; by default 1461 (reference) or 548 (realistic)."
    )
    granularity: Granularity = Field(
        default="day", description="Period of a sample; by default day (reference) or hour, the only one of realistic."
    )
    seed: int = Field(default=42, ge=0, le=2**32 - 1, description="Equal seeds give equal fleets, in every process.")
    telemetry: Literal["base", "full"] = Field(
        default="base",
        description="base: five metrics; full: each metric of views.server_metrics_wide that a server can have (realistic only).",
    )
    truth: Literal["none", Granularity, "both"] = Field(
        default="none",
        description="Also land true quantiles in bronze.fleet_truth: of each hour, of each day's P95, or both (realistic only).",
    )
    truth_quantiles: tuple[float, ...] = Field(
        default=QUANTILES,
        min_length=1,
        max_length=99,
        description="Levels of the true quantiles, between 0 and 1.",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset_defaults(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        defaults = _DEFAULTS.get(given.get("preset", "realistic"), {})
        return {**defaults, **{name: value for name, value in given.items() if value is not None}}

    @field_validator("truth_quantiles")
    @classmethod
    def _levels(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < level < 1 for level in value) or len(set(value)) != len(value):
            raise ValueError(f"expected different levels between 0 and 1, got {value}")
        return tuple(sorted(value))

    @model_validator(mode="after")
    def _agree(self) -> Options:
        if self.preset == "realistic" and self.granularity == "day":
            raise ValueError("the realistic fleet is hourly; granularity=day belongs to the reference fleet")
        if self.preset == "reference" and self.truth != "none":
            raise ValueError("true quantiles are published by the realistic fleet only; set truth=none")
        if self.preset == "reference" and self.telemetry != "base":
            raise ValueError("the reference fleet has its five documented metrics only; set telemetry=base")
        return self


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The fleet's samples and inventory in the interval; of the realistic fleet also incidents and, on request, the truth.

    Outside the fleet's life there is nothing. Every table is ordered by ts, resource and metric.
    """
    for first in range(0, options.servers, SHARD):
        shard = f"servers-{first // SHARD:03d}"
        block = range(first, min(first + SHARD, options.servers))
        if options.preset == "reference":
            yield from _bronze.batch("bronze.metric_sample", shard, _reference_samples(interval, options, block))
            yield from _bronze.batch(
                "bronze.resource_snapshot", shard, _snapshots(interval, options, _reference_servers(options), block)
            )
            continue
        yield from _bronze.batch("bronze.metric_sample", shard, _realistic_samples(interval, options, block))
        yield from _bronze.batch(
            "bronze.resource_snapshot", shard, _snapshots(interval, options, _realistic_servers(options), block)
        )
        yield from _bronze.batch("bronze.incident", shard, _incidents(interval, options, block))
        if options.truth in ("hour", "both"):
            yield from _bronze.batch("bronze.fleet_truth", f"{shard}-hour", _truth(interval, options, block, 3600))
        if options.truth in ("day", "both"):
            yield from _bronze.batch("bronze.fleet_truth", f"{shard}-day", _truth(interval, options, block, 86_400))


def _periods(interval: Interval, options: Options, period_s: int) -> npt.NDArray[np.int64]:
    """Offsets of the periods of the fleet's life whose start lies in the interval."""
    origin = datetime.combine(options.start, datetime.min.time())
    period = timedelta(seconds=period_s)
    count = options.days * 86_400 // period_s
    # Rounded up: a period that began before the interval belongs to the one before.
    first = max(0, -((origin - interval.start) // period))
    end = min(count, -((origin - interval.end) // period))
    return np.arange(first, max(first, end))


def _moments(options: Options, offsets: npt.NDArray[np.int64], period_s: int) -> npt.NDArray[np.datetime64]:
    return np.datetime64(options.start, "us") + offsets * np.timedelta64(period_s, "s")


def _long(
    names: list[str], when: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], units: dict[str, str] = UNITS
) -> dict[str, Any]:
    """Columns of long rows ordered by ts, server, metric; `values` is (T, S, M) or, with rows per quantile, (T, S, M, Q)."""
    moments, servers, metrics, *levels = values.shape
    each = int(np.prod(levels))
    return {
        "ts": np.repeat(when, servers * metrics * each),
        "resource_id": _words(names, np.tile(np.repeat(np.arange(servers), metrics * each), moments)),
        "metric": _words(list(units), np.tile(np.repeat(np.arange(metrics), each), moments * servers)),
        "value": values.ravel(),
    }


def _words(words: list[str], codes: npt.NDArray[np.int64]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words, pa.string())).cast(pa.string())


# ---------------------------------------------------------------- reference


@lru_cache(maxsize=1)
def _reference(servers: int, start: date, days: int, seed: int, granularity: Granularity) -> npt.NDArray[np.float64]:
    """The whole fleet's values, (T, S, 5): a backfill asks for one day after the other."""
    frame = reference_frame(servers, start, days, seed, granularity)
    values = frame[list(REFERENCE_COLUMNS)].to_numpy().reshape(servers, -1, len(REFERENCE_COLUMNS))
    return np.ascontiguousarray(values.transpose(1, 0, 2))


@lru_cache(maxsize=2)
def _reference_table(servers: int, seed: int) -> pd.DataFrame:
    return metadata(servers, seed)


def _reference_samples(interval: Interval, options: Options, block: range) -> pa.Table:
    period_s = 86_400 if options.granularity == "day" else 3600
    offsets = _periods(interval, options, period_s)
    values = _reference(options.servers, options.start, options.days, options.seed, options.granularity)
    about = _reference_table(options.servers, options.seed).iloc[block.start : block.stop]
    chosen = values[offsets, block.start : block.stop]
    columns = _long(about["server_id"].tolist(), _moments(options, offsets, period_s), chosen)
    region = np.tile(np.repeat(np.arange(len(about)), len(UNITS)), len(offsets))
    return _samples(columns, period_s, "p95", _words(about["region"].tolist(), region))


def _samples(columns: dict[str, Any], period_s: int, statistic: str, region: Any, units: dict[str, str] = UNITS) -> pa.Table:
    position = pc.index_in(columns["metric"], pa.array(list(units), pa.string()))
    statistics = ["Sum" if name in _realistic_telemetry.SUMS else statistic for name in units]
    return _bronze.rows(
        "bronze.metric_sample",
        {
            "source": NAME,
            "account": ACCOUNT,
            "region": region,
            "statistic": pa.array(statistics, pa.string()).take(position),
            "period_s": period_s,
            "unit": pa.array(list(units.values()), pa.string()).take(position),
            **columns,
        },
    )


def _reference_servers(options: Options) -> pd.DataFrame:
    """`name`, `region`, `instance_type`, `tags_json` per server."""
    about = _reference_table(options.servers, options.seed)
    columns = ["app_name", "business_unit", "criticality", "server_type"]
    tags = [json.dumps({"environment": "production", **tag}, sort_keys=True) for tag in about[columns].to_dict("records")]
    types = [_realistic.INSTANCE_TYPES[kind][0] for kind in about["server_type"]]
    return pd.DataFrame({"name": about["server_id"], "region": about["region"], "instance_type": types, "tags_json": tags})


def _snapshots(interval: Interval, options: Options, servers: pd.DataFrame, block: range) -> pa.Table:
    days = _moments(options, _periods(interval, options, 86_400), 86_400)
    chosen = servers.iloc[block.start : block.stop]
    repeated = {name: np.tile(chosen[name].to_numpy(dtype=object), len(days)) for name in chosen.columns}
    return _bronze.rows(
        "bronze.resource_snapshot",
        {
            "source": NAME,
            "account": ACCOUNT,
            "region": repeated["region"],
            "resource_id": repeated["name"],
            "ts": np.repeat(days, len(chosen)),
            "service": "server",
            "instance_type": repeated["instance_type"],
            "state": "running",
            "launched_at": datetime.combine(options.start, datetime.min.time()),
            "tags_json": repeated["tags_json"],
        },
    )


# ---------------------------------------------------------------- realistic


@lru_cache(maxsize=2)
def _fleet(servers: int, days: int, seed: int) -> list[Server]:
    return _realistic.fleet(servers, days, seed)


def _servers(options: Options) -> list[Server]:
    return _fleet(options.servers, options.days, options.seed)


@lru_cache(maxsize=2)
def _simulated(
    servers: int, start: date, days: int, seed: int, first: int, end: int
) -> tuple[npt.NDArray[np.float64], pd.DataFrame]:
    """Values (T, S, 5) in the order of `UNITS`, and incidents, of one block of servers over the whole life."""
    order = [METRICS.index(name) for name in UNITS]
    chosen = _fleet(servers, days, seed)[first:end]
    values = np.empty((days * 24, len(chosen), len(order)))
    incidents = []
    for place, server in enumerate(chosen):
        observed, happened = _realistic.simulate(server, start, days, seed)
        values[:, place] = observed[:, order]
        incidents.append(happened.assign(resource_id=server.name))
    return values, pd.concat(incidents, ignore_index=True)


def _block(options: Options, block: range) -> tuple[npt.NDArray[np.float64], pd.DataFrame]:
    return _simulated(options.servers, options.start, options.days, options.seed, block.start, block.stop)


def _realistic_servers(options: Options) -> pd.DataFrame:
    """`name`, `region`, `instance_type`, `tags_json` per server."""
    servers = _servers(options)
    return pd.DataFrame(
        {
            "name": [server.name for server in servers],
            "region": REALISTIC_REGION,
            "instance_type": [server.instance_type for server in servers],
            "tags_json": [server.tags_json for server in servers],
        }
    )


def _realistic_samples(interval: Interval, options: Options, block: range) -> pa.Table:
    offsets = _periods(interval, options, 3600)
    values, _ = _block(options, block)
    servers, units = _servers(options)[block.start : block.stop], UNITS
    if options.telemetry == "full":
        values, units = _realistic_telemetry.add(servers, values, UNITS, options.seed)
    columns = _long([server.name for server in servers], _moments(options, offsets, 3600), values[offsets], units)
    reported = ~np.isnan(columns["value"])
    kept = pa.array(reported)
    columns = {"ts": columns["ts"][reported], "value": columns["value"][reported]} | {
        name: columns[name].filter(kept) for name in ("resource_id", "metric")
    }
    return _samples(columns, 3600, "Average", REALISTIC_REGION, units)


def _incidents(interval: Interval, options: Options, block: range) -> pa.Table:
    _, incidents = _block(options, block)
    chosen = incidents[incidents["hour"].isin(_periods(interval, options, 3600))]
    chosen = chosen.sort_values(["hour", "resource_id", "kind"], kind="stable")
    return _bronze.rows(
        "bronze.incident",
        {
            "source": NAME,
            "account": ACCOUNT,
            "region": REALISTIC_REGION,
            "resource_id": chosen["resource_id"],
            "ts": _moments(options, chosen["hour"].to_numpy(), 3600),
            "end_at": _moments(options, chosen["end_hour"].to_numpy(), 3600),
            "kind": chosen["kind"],
            "severity": chosen["severity"],
            "root_cause": chosen["kind"].map(ROOT_CAUSES),
        },
    )


def _truth(interval: Interval, options: Options, block: range, period_s: int) -> pa.Table:
    when = _moments(options, _periods(interval, options, period_s), period_s)
    levels = options.truth_quantiles
    order = [METRICS.index(name) for name in UNITS]
    servers = _servers(options)[block.start : block.stop]
    values = np.empty((len(when), len(servers), len(order), len(levels)))
    for place, server in enumerate(servers):
        if period_s == 3600:
            truth = _realistic_truth.hourly_truth(server, options.start, when, levels)
        else:
            truth = _realistic_truth.daily_truth(server, options.start, when, levels, options.seed)
        values[:, place] = truth[:, order]
    columns = _long([server.name for server in servers], when, np.round(values, 6))
    return _bronze.rows(
        "bronze.fleet_truth",
        {
            "source": NAME,
            "account": ACCOUNT,
            "region": REALISTIC_REGION,
            "period_s": period_s,
            "quantile": np.tile(np.array(levels), len(columns["ts"]) // len(levels)),
            **columns,
        },
    )


# ---------------------------------------------------------------- export


def export_reference(
    path: Path, options: Options, archetypes: Path | None = None, *, metadata: bool = True, calendar: bool = True
) -> int:
    """Write the reference fleet in the documented wide form, by the name's ending as CSV (`.csv`, `.csv.gz`) or Parquet.

    Args:
        path: the file; its folder is made.
        options: of the preset `reference`.
        archetypes: a person's file of archetypes; the documented ones when not given.
        metadata: whose a server is: app_name, business_unit, criticality, region, server_type.
        calendar: year, month, quarter, dayofweek, is_weekend, is_eoq, is_holiday.

    Returns:
        Rows written. Equal options give equal bytes.

    Raises:
        ConfigError: the file of archetypes states what cannot be.
    """
    kinds = ARCHETYPES if archetypes is None else read_archetypes(archetypes)
    frame = reference_frame(options.servers, options.start, options.days, options.seed, options.granularity, kinds)
    left_out = (() if metadata else _ABOUT) + (() if calendar else _CALENDAR)
    frame = frame.drop(columns=list(left_out))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.reset_index().to_parquet(path, index=False, compression="zstd")
    elif path.suffix == ".gz":
        # Neither name nor time of the file: equal fleets are equal bytes.
        with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
            zipped.write(frame.to_csv(lineterminator="\n").encode())
    else:
        frame.to_csv(path, lineterminator="\n")
    return len(frame)
