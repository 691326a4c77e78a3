"""What is done for a day, in which order: read from the text of the SQL and from what tables and steps declare.

The DAG and the command line share it. It needs none of the pipeline's packages, because Airflow parses the DAGs without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from pipeline import tables
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.settings import ROOT
from pipeline.steps._declaration import STEPS

SQL = ROOT / "sql"
#: The steps of a day's run, each with those that it waits for. `silver` stands for the tables of silver and those that are always
#: built after it, `last` for the tables that are built last.
DAILY: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "features": ("silver",),
    "forecast": ("silver",),
    "forecast_cost": ("silver", "gold.cost_allocation"),
    "budgets": ("silver", "gold.cost_allocation"),
    "detect": ("silver",),
    "incidents": ("detect",),
    "cost_anomalies": ("silver",),
    "hindsight": ("silver",),
    "risk": ("forecast",),
    "recommend": ("risk", "incidents", "hindsight", "budgets", "cost_anomalies"),
    "savings": ("recommend",),
    "clusters": ("recommend",),
    "alert": ("last",),
    "report": ("last", "alert"),
}
#: What was published of a table serves these steps also where its build failed; whatever else waits for it is not made then.
SERVES_AS_IT_IS: dict[str, tuple[str, ...]] = {"gold.cost_allocation": ("forecast_cost", "budgets")}
#: The steps of a run of the DAG `monitor` between its tables and its rules, in their order.
MONITOR = ("detect", "incidents")
# Comments and texts may name tables that a query does not read.
_NO_SQL = re.compile(r"--[^\n]*|'[^']*'")
# What is asked, and has tables behind it.
_QUERIES = ("views.", "inputs.", "alerts.")
_RELATION = re.compile(r"\b(?:bronze|silver|gold|views|inputs)\.[a-z][a-z0-9_]*")


def list_builds(layer: str = "", when: str | None = None) -> tuple[str, ...]:
    """The tables that `build` makes, of one layer or of all, in the order of their declarations.

    Args:
        layer: silver or gold; both when empty.
        when: only those whose declaration says so, see `tables.schema.Build`; by default all of a day's run.
    """
    stated = {name: table.build.when for name, table in tables.ALL.items() if name.startswith(layer)}
    named = [name for name, its in stated.items() if (its != "monitor" if when is None else its == when)]
    return tuple(name for name in named if not explain_not_built(name))


def order_monitor() -> tuple[str, ...]:
    """The tables and steps that a run of the DAG `monitor` makes before it asks its rules, in order."""
    return (*list_builds(when="monitor"), *MONITOR)


def order_builds() -> tuple[str, ...]:
    """The tables that `build` makes, in order; those that are built last are left out, for they are about a whole run."""
    return tuple(name for name in order_daily() if name in tables.ALL and tables.ALL[name].build.when != "last")


def explain_not_built(name: str) -> str:
    """Why `build` does not make a table; empty where it does."""
    writers = [step for step, declared in STEPS.items() if name in declared.writes]
    if writers:
        return f"it is written by the step {' and '.join(writers)}"
    if tables.get(name).build.by or _file(name).exists():
        return ""
    return f"it has no SQL in {_file(name).relative_to(ROOT)}, and no step declares that it writes it"


def read_tables(name: str) -> set[str]:
    """The tables that a build, a view or an input reads in the end, through views and inputs."""
    table = tables.ALL.get(name)
    return _in_the_end(table.build.reads if table and table.build.by else _named_in(_file(name)))


def refuse_part_of_day(step: str, target: str, interval: Interval) -> None:
    """Refuse a part of a day for what is made of whole ones.

    Raises:
        ConfigError: naming the step or table, and what it needs.
    """
    if interval.is_whole_days:
        return
    what, needed = step, timedelta(days=1)
    if STEPS[step].parts_of_days and step != "build":
        return
    if step == "build":
        declared = tables.get(target).build
        # Of longer periods a run of minutes builds those that are over.
        what, needed = target, timedelta(seconds=min(declared.period_s, 300) if declared.when == "monitor" else declared.period_s)
        if not any((each - datetime.min) % needed for each in (interval.start, interval.end)):
            return
    if needed < timedelta(days=1):
        raise ConfigError(f"{what} is built for whole periods of {needed.total_seconds():g} s from midnight, got {interval}")
    end = (interval.end - timedelta(microseconds=1)).date() + timedelta(days=1)
    raise ConfigError(
        f"{what} works on whole UTC days, got {interval}: a part of a day would be taken for all of it; "
        f"say --from {interval.start:%Y-%m-%d} --to {end}"
    )


def list_reads(step: str, target: str = "") -> tuple[str, ...]:
    """The tables that a step reads in the end to make others of them; for `build`, those behind its target."""
    read = read_tables(target) if step == "build" else _in_the_end(STEPS[step].reads)
    return tuple(sorted(read - {target, *STEPS[step].writes}))


def list_next(step: str, target: str = "") -> tuple[str, ...]:
    """The steps and tables of a day's run that wait for a step, or for the table that it builds."""
    done = target if step == "build" else step
    return tuple(name for name, before in order_daily().items() if done in before)


def list_made_of(tables_read: Iterable[str]) -> tuple[str, ...]:
    """The tables that are built, and the steps of a day's run, that read nothing but some tables and what is made of these."""
    known, found = set(tables_read), []
    for name in order_daily():
        own = {name} if name in tables.ALL else set(STEPS[name].writes)
        read = (read_tables(name) if name in tables.ALL else _in_the_end(STEPS[name].reads)) - own
        if read and read <= known:
            known |= own
            found.append(name)
    return tuple(found)


def _in_the_end(named: Iterable[str]) -> set[str]:
    return {each for one in _every(named) for each in (read_tables(one) if one.startswith(_QUERIES) else {one})}


def _every(named: Iterable[str]) -> Iterable[str]:
    """The same, with every rule of `sql/alerts` for the word `alerts`."""
    for one in named:
        yield from (f"alerts.{file.stem}" for file in sorted((SQL / "alerts").glob("*.sql"))) if one == "alerts" else (one,)


@cache
def _named_in(file: Path) -> tuple[str, ...]:
    return tuple(_RELATION.findall(_NO_SQL.sub("", file.read_text())))


def order_daily() -> dict[str, tuple[str, ...]]:
    """Every step and every table of a day's run, in order, each with those of them that it waits for.

    A table of silver waits for what is ingested, one of gold for all of silver, and each for what it reads. One that is built
    always waits for silver alone, one that is built last for everything but the steps that wait for such tables.

    Raises:
        ConfigError: some of them wait for each other, or for something that is not part of the run.
    """
    silver, always, last = list_builds("silver"), list_builds("gold", "always"), list_builds("gold", "last")
    waits: dict[str, tuple[str, ...]] = {name: ("ingest", *_inputs(name)) for name in silver}
    waits |= dict.fromkeys(always, silver)
    waits |= {name: (*silver, *_inputs(name)) for name in list_builds("gold", "")}
    stand_for = {"silver": (*silver, *always), "last": last}
    steps = {step: tuple(name for each in before for name in stand_for.get(each, (each,))) for step, before in DAILY.items()}
    waits |= {step: before for step, before in steps.items() if "last" not in DAILY[step]}
    waits |= dict.fromkeys(last, tuple(name for name in waits if not any(name in before for before in waits.values())))
    return _sorted({name: tuple(dict.fromkeys(before)) for name, before in (waits | steps).items()})


def _inputs(name: str) -> Iterable[str]:
    """What of a day's run makes the tables that a build reads."""
    read = read_tables(name) - {name}
    yield from (step for step in DAILY if read.intersection(STEPS[step].writes))
    yield from (table for table in list_builds() if table in read)


def _sorted(waits: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The same, each after those that it waits for; what may come now comes in the order given."""
    ordered: dict[str, tuple[str, ...]] = {}
    while len(ordered) < len(waits):
        ready = [name for name, before in waits.items() if name not in ordered and all(each in ordered for each in before)]
        if not ready:
            stuck = [f"{name} waits for {', '.join(before)}" for name, before in waits.items() if name not in ordered]
            raise ConfigError(f"a day's run has no order: {'; '.join(stuck)}")
        ordered[ready[0]] = waits[ready[0]]
    return ordered


def _file(name: str) -> Path:
    layer, _, short = name.partition(".")
    return SQL / layer / f"{short}.sql"
