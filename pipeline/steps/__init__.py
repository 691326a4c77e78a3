"""The steps of the pipeline: plain functions that the DAGs' tasks and the command line both call, through `perform`.

One module of this folder is one step, found by its file's name, and declares itself by `STEP = Step(…)`; a module whose name
begins with `_` is no step. To ask what steps there are, and in which order, takes none of the pipeline's packages.
"""

from __future__ import annotations

import importlib
import logging
import resource
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import settings as settings_module
from pipeline.errors import ConfigError, ConflictError, PartialError
from pipeline.steps._daily import (
    DAILY,
    MONITOR,
    SERVES_AS_IT_IS,
    list_builds,
    list_made_of,
    list_next,
    list_reads,
    order_builds,
    order_daily,
    order_monitor,
    refuse_part_of_day,
)
from pipeline.steps._declaration import PLAIN, STEPS, Role, Step, describe, get, role_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.interval import Interval
    from pipeline.lake import Did, Lake
    from pipeline.settings import Settings

__all__ = [
    "DAILY",
    "MONITOR",
    "PLAIN",
    "SERVES_AS_IT_IS",
    "STEPS",
    "Role",
    "Step",
    "cpu_seconds",
    "describe",
    "get",
    "list_builds",
    "list_made_of",
    "list_next",
    "list_reads",
    "order_builds",
    "order_daily",
    "order_monitor",
    "perform",
    "refuse_part_of_day",
    "role_of",
]

log = logging.getLogger(__name__)
# Of a step that another writer overtook.
ATTEMPTS = 3
# They say at INFO what they do inside, in the log of every task.
CHATTY = ("great_expectations", "great_expectations.data_context.types.base", "pyiceberg")


def perform(
    step: str,
    interval: Interval,
    *,
    target: str = "",
    shard: int = 0,
    shards: int = 1,
    settings: Settings | None = None,
    tell: Callable[[Mapping[str, Did]], None] = lambda _: None,
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
        tell: called once it went well, with what was done to each table that the step is about.
        options: what else the step takes.

    Returns:
        Rows (or versions, or decisions) that the step stands for.

    Raises:
        ConfigError: no such step, or a part of a day for one that works on whole days.
        ConflictError: other writers overtook it every time; otherwise whatever the step raises, after the failure is recorded.
    """
    from pipeline.logs import keep_log
    from pipeline.tables.operations import BOOKKEEPING

    declared = get(step)
    refuse_part_of_day(step, target, interval)
    if not 0 <= shard < shards:
        raise ConfigError(f"{step}: of {shards} shards, the last is {shards - 1}; got {shard}")
    settings = settings or settings_module.load()
    for library in CHATTY:
        logging.getLogger(library).setLevel(logging.INFO if settings.log_level == "DEBUG" else logging.WARNING)
    if declared.takes_target:
        options["target"] = target
    if declared.sharded:
        options |= {"shard": shard, "shards": shards}
    with keep_log(settings, step=step, target=target, interval=str(interval), shard=shard):
        rows, lake = _attempt(declared, step, interval, settings, options)
    tell({name: done for name, done in lake.did.items() if name == target or name not in BOOKKEEPING})
    return rows


def _attempt(declared: Step, step: str, interval: Interval, settings: Settings, options: dict[str, Any]) -> tuple[int, Lake]:
    """What a step stands for, and the lake that it wrote to; how it went is on record, also where it failed."""
    from pipeline.lake import open_lake

    function = getattr(importlib.import_module(f"pipeline.steps.{step}"), step)
    wall, cpu = time.perf_counter(), cpu_seconds()
    outcome, rows = "failed", 0
    lake = open_lake(settings)
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                # The lake words its own errors; this is for what else asks AWS, such as MLflow for its files.
                with lake.explain_errors(step, options.get("target", ""), interval):
                    rows = int(function(interval, lake, settings, **options))
                outcome = "done" if lake.changes or (declared.registering and rows) else "unchanged"
                break
            except PartialError as error:
                rows, outcome = error.rows, "partial"
                log.warning("%s %s: %s", step, interval, error)
                break
            except ConflictError as error:
                if attempt == ATTEMPTS:
                    raise
                log.warning("%s %s: %s; it is run again now", step, interval, error)
                # What the step read is not what the lake says any more: another lake, which has read nothing.
                lake = open_lake(settings)
    finally:
        spent = time.perf_counter() - wall, cpu_seconds() - cpu
        log.debug("%s %s: %s, %d rows, %.3f s, %.3f CPU s", step, interval, outcome, rows, *spent)
        try:
            # Tasks that are mapped by billing period are apart on record, too.
            what = " ".join(filter(None, (options.get("target", ""), options.get("period", ""))))
            _record(lake, interval, _Went(step, what, options.get("shard", 0), outcome, rows, *spent))
        except Exception as error:  # telemetry never decides how a step ends
            said = str(error).partition("\n")[0]
            log.warning("%s %s: could not record how the step went: %s: %s", step, interval, type(error).__name__, said)
    return rows, lake


def cpu_seconds() -> float:
    """CPU seconds of this process and of the children it has waited for, of which Prophet's optimiser is one."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


class _Went(NamedTuple):
    """How a step went."""

    step: str
    target: str
    shard: int
    outcome: str
    rows: int
    wall_s: float
    cpu_s: float


def _record(lake: Lake, interval: Interval, went: _Went) -> None:
    import pyarrow as pa

    from pipeline.steps.ingest import now
    from pipeline.tables.operations import RUN_EVENT

    table = RUN_EVENT
    event = {
        "source": "headroom",
        "ts": interval.end,
        "start_at": interval.start,
        "step": went.step,
        "target": went.target or went.step,
        "shard": went.shard,
        "outcome": went.outcome,
        "rows": went.rows,
        "wall_s": round(went.wall_s, 3),
        "cpu_s": round(max(went.cpu_s, 0.0), 3),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    schema = pa.schema([f for f in table.arrow_schema if f.name in event])
    lake.land(table, pa.Table.from_pylist([event], schema=schema), source="headroom", shard=went.step, ingested_at=now())
