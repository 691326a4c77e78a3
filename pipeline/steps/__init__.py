"""The steps of the pipeline: plain functions that the DAGs' tasks and the command line both call, through `perform`."""

from __future__ import annotations

import importlib
import logging
import resource
import time
from typing import Any

import pyarrow as pa

from pipeline import settings as settings_module
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.tables.operations import RUN_EVENT

log = logging.getLogger(__name__)

STEPS = (
    *("ingest", "build", "forecast", "detect", "risk", "recommend", "report"),
    *("due", "train", "register", "record", "promote", "maintain"),
)
#: What these write first of all is the registry, not the lake.
REGISTERING = ("train", "register")
# What `build` makes from SQL or the calendar, in an order that respects what reads what.
BUILDS = (
    "silver.metric_hourly",
    "silver.metric_daily",
    "silver.resource",
    "silver.calendar",
    "silver.cost_daily",
    "silver.quarantine",
    "gold.quality_result",
    "gold.forecast_score",
    "gold.drift",
)


def perform(
    step: str,
    interval: Interval,
    *,
    target: str = "",
    shard: int = 0,
    shards: int = 1,
    settings: Settings | None = None,
    **options: Any,
) -> int:
    """Run one step over one interval, and record how it went in `bronze.run_event`.

    Args:
        step: one of `STEPS`.
        interval: the run's data interval.
        target: the source to ingest or the table to build; empty for other steps.
        shard: which part of the series a mapped step works on, of `shards`.
        shards: how many parts there are.
        settings: read from environment and file when not given.
        options: what else the step takes.

    Returns:
        Rows (or versions, or decisions) that the step stands for.

    Raises:
        ConfigError: no such step; otherwise whatever the step raises, after the failure is recorded.
    """
    if step not in STEPS:
        raise ConfigError(f"no step named {step!r}; there are {', '.join(STEPS)}")
    if not 0 <= shard < shards:
        raise ConfigError(f"{step}: of {shards} shards, the last is {shards - 1}; got {shard}")
    settings = settings or settings_module.load()
    lake = open_lake(settings)
    function = getattr(importlib.import_module(f"pipeline.steps.{step}"), step)
    if step in ("ingest", "build"):
        options["target"] = target
    if step in ("forecast", "detect", "train"):
        options |= {"shard": shard, "shards": shards}
    wall, cpu = time.perf_counter(), cpu_seconds()
    outcome, rows = "failed", 0
    try:
        # The lake words its own errors; this is for what else asks AWS, such as MLflow for its files.
        with lake.explain_errors(step, target, interval):
            rows = int(function(interval, lake, settings, **options))
        outcome = "done" if lake.changes or (step in REGISTERING and rows) else "unchanged"
    finally:
        spent = time.perf_counter() - wall, cpu_seconds() - cpu
        try:
            _record(lake, interval, step, target, shard, outcome, rows, *spent)
        except Exception:  # telemetry never decides how a step ends
            log.exception("%s %s: could not record how the step went", step, interval)
    return rows


def cpu_seconds() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _record(
    lake: Lake,
    interval: Interval,
    step: str,
    target: str,
    shard: int,
    outcome: str,
    rows: int,
    wall_s: float,
    cpu_s: float,
) -> None:
    from pipeline.steps.ingest import now

    table = RUN_EVENT
    event = {
        "source": "headroom",
        "ts": interval.end,
        "start_at": interval.start,
        "step": step,
        "target": target or step,
        "shard": shard,
        "outcome": outcome,
        "rows": rows,
        "wall_s": round(wall_s, 3),
        "cpu_s": round(max(cpu_s, 0.0), 3),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    schema = pa.schema([f for f in table.arrow_schema if f.name in event])
    lake.land(table, pa.Table.from_pylist([event], schema=schema), source="headroom", shard=step, ingested_at=now())
