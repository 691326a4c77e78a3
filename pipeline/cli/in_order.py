"""Steps and tables by name, one after the other in one process, as a run of a DAG performs them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rich.markup import escape

from pipeline.cli.output import console, show_said
from pipeline.errors import ConfigError, DataError, HeadroomError
from pipeline.interval import Interval
from pipeline.settings import Settings
from pipeline.steps import SERVES_AS_IT_IS, STEPS, list_builds, order_daily
from pipeline.tables.operations import QUARANTINE


def perform_in_order(names: Collection[str], interval: Interval, settings: Settings) -> None:
    """Perform steps, and build tables, by name; where a check of silver stops that, publish and tell first what is wrong.

    Where a table fails that serves some steps as it is, only what else waits for it is not made, or fails of the same, as a step
    that reads the same file; the error comes last.
    """
    waits, stopped = order_daily(), dict[str, HeadroomError]()
    for name in names:
        lacks = next((each for each in waits.get(name, ()) if each in stopped and name not in SERVES_AS_IT_IS.get(each, ())), "")
        if lacks and not (name in STEPS and STEPS[name].always):
            stopped[name] = stopped[lacks]
            continue
        try:
            _perform_all(name, interval, settings)
        except (ConfigError, DataError) as error:
            if name in SERVES_AS_IT_IS or str(error) in map(str, stopped.values()):
                label = name if name in STEPS else f"build {name}"
                console.print(f"[red]✗[/] {escape(f'{label} {interval}: {error}')}", highlight=False, soft_wrap=True)
                stopped[name] = error
                continue
            if isinstance(error, DataError) and name.startswith("silver.") and interval.is_whole_days:
                for table in (QUARANTINE.name, *list_builds("gold", "always")):
                    if table != name:
                        perform_step("build", interval, settings, target=table)
                for step in (each for each in names if each in STEPS and STEPS[each].always):
                    perform_step(step, interval, settings)
            raise
    if stopped:
        raise next(iter(stopped.values()))


def _perform_all(name: str, interval: Interval, settings: Settings) -> None:
    """One table, or one step over all sources or shards that it has."""
    if name not in STEPS:
        perform_step("build", interval, settings, target=name)
    elif STEPS[name].takes_target:
        for source in settings.sources:
            perform_step(name, interval, settings, target=source)
    else:
        shards = settings.shards if STEPS[name].sharded else 1
        for shard in range(shards):
            perform_step(name, interval, settings, shard=shard, shards=shards)


def perform_step(
    step: str, interval: Interval, settings: Settings, *, target: str = "", shard: int = 0, shards: int = 1, **options: Any
) -> None:
    """Perform one step, and print how it went."""
    from pipeline import steps

    label = " ".join(part for part in (step, target, f"shard {shard + 1}/{shards}" if shards > 1 else "") if part)
    with console.status(escape(f"{label} {interval}")), show_said():
        rows = steps.perform(step, interval, target=target, shard=shard, shards=shards, settings=settings, **options)
    console.print(f"[green]✓[/] {escape(label)} [dim]{interval}[/] {rows:,} rows", highlight=False, soft_wrap=True)
