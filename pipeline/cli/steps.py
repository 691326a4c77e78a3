"""One command per step, and whole runs.

A step that takes more than its interval has its command written out here; the others' commands follow from their declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from typer.models import CommandInfo

from pipeline.cli import summary
from pipeline.cli.explore import explore
from pipeline.cli.in_order import perform_in_order, perform_step
from pipeline.cli.options import (
    UNCERTAINTY,
    Day,
    From,
    HowToRead,
    Inventory,
    Option,
    Plots,
    Shard,
    Shards,
    Source,
    SourcePath,
    ThresholdMultiplier,
    To,
    UncertaintySamples,
    lay_option,
    read_interval,
    read_settings,
)
from pipeline.cli.output import console
from pipeline.cli.own_files import score_files
from pipeline.cli.what_if import print_what_if, read_figure
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.settings import Settings
from pipeline.steps import DAILY, STEPS, Step, describe, order_builds, order_daily, refuse_part_of_day

app = typer.Typer()
# What a person does after a step.
NEXT = {
    "ingest": "build",
    "build": "forecast",
    "train": "promote",
    "train in shards": "register",
    "register": "promote",
    "record": "promote",
    "promote": "forecast",
    **dict(pairwise(list(DAILY)[1:])),
}
# Steps whose findings are a part of the summary.
CONCLUSIONS = {
    "promote": summary.accuracy,
    "incidents": summary.incidents,
    "forecast_cost": summary.costs,
    "budgets": summary.budgets,
    "risk": summary.risks,
    "recommend": summary.recommendations,
    "alert": summary.alerts,
}
# Help lists them in this order, as one meets them; a step that is not named here follows.
LISTED = (
    *("ingest", "build", "due", "train", "train_detectors", "register", "record", "promote"),
    *(
        "features",
        "forecast",
        "forecast_cost",
        "budgets",
        "detect",
        "incidents",
        "cost_anomalies",
        "risk",
        "hindsight",
        "recommend",
    ),
    *("clusters", "report", "status", "maintain"),
)


@app.command()
def ingest(
    source: Source = None,
    path: SourcePath = None,
    option: Option = None,
    inventory: Inventory = None,
    day: Day = None,
    start: From = None,
    end: To = None,
) -> None:
    """Land what the sources say about an interval in bronze. `sources show` lists them, `sources show csv` one's options."""
    settings = read_settings(source, path, option, inventory)
    interval = read_interval(day, start, end, settings)
    for name in settings.sources:
        perform_step("ingest", interval, settings, target=name)
    say_next("ingest", interval)


@app.command()
def build(
    table: Annotated[str | None, typer.Argument(help="Table to build; all that are built from SQL when not given.")] = None,
    day: Day = None,
    start: From = None,
    end: To = None,
) -> None:
    """Build silver tables, and the quality of what was landed, for an interval."""
    interval, settings = read_interval(day, start, end), read_settings()
    if table:
        perform_step("build", interval, settings, target=table)
    else:
        perform_in_order(order_builds(), interval, settings)
        say_next("build", interval)


@app.command()
def due(day: Day = None, start: From = None, end: To = None) -> None:
    """Whether schedule or drift ask for a training, and why or why not."""
    _show_due(read_interval(day, start, end))


@app.command()
def train(
    day: Day = None,
    start: From = None,
    end: To = None,
    if_due: Annotated[bool, typer.Option("--if-due", help="Only where the last training is old, or gold.drift asks.")] = False,
    shard: Shard = 0,
    shards: Shards = 1,
    plots: Plots = None,
    eda: Annotated[
        bool, typer.Option("--eda/--no-eda", help="First write what `explore` does of the same days into explored/.")
    ] = False,
    prophet_uncertainty_samples: UncertaintySamples = None,
) -> None:
    """Backtest the challengers of every segment, learn detectors from labels, and register what is best as new versions.

    As in: python -m pipeline train --day 2026-04-15 --no-plots --prophet-uncertainty-samples 300
    """
    interval = read_interval(day, start, end)
    settings = read_settings(plots=plots)
    settings = lay_option(settings, "forecasters", "prophet", UNCERTAINTY, prophet_uncertainty_samples, settings.challengers)
    if not if_due or _show_due(interval):
        if eda:
            explore(day=day, start=start, end=end)
        perform_step("train", interval, settings, shard=shard, shards=shards)
        if not shard:
            perform_step("train_detectors", interval, settings)
        say_next("train" if shards == 1 else "train in shards", interval)


@app.command()
def promote(
    day: Day = None,
    start: From = None,
    end: To = None,
    rollback: Annotated[
        str | None, typer.Option("--rollback", help="Segment as metric/granularity to take back to its previous champion.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Reason of a rollback, for the record.")] = "by hand",
) -> None:
    """Decide which registered challengers become champions, or take one segment back."""
    settings = read_settings()
    if rollback:
        from pipeline.lake import open_lake
        from pipeline.registry.champion import roll_back

        metric, _, granularity = rollback.partition("/")
        decision = roll_back(settings, open_lake(settings), metric, granularity, why)
        served = f"{metric}/{granularity} is served by {decision['champion']} version {decision['champion_version']} again"
        console.print(served, markup=False)
        return
    interval = read_interval(day, start, end)
    perform_step("promote", interval, settings)
    _conclude("promote", interval, settings)


@app.command()
def detect(
    path: Annotated[
        Path | None,
        typer.Argument(help="File, or folder of CSVs, with timestamp,value or a column per series: score these instead."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the scored files.")] = None,
    detector: Annotated[str, typer.Option("--detector", help="Detector for files.")] = "default",
    threshold_multiplier: ThresholdMultiplier = None,
    option: HowToRead = None,
    day: Day = None,
    start: From = None,
    end: To = None,
    shard: Shard = 0,
    shards: Shards = 1,
) -> None:
    """Judge the hours of the lake's series in an interval, or score a user's own files.

    As in: python -m pipeline detect samples.csv --out scored --detector prophet_interval --threshold-multiplier 1.5
    """
    settings = read_settings()
    used = settings.detectors if path is None else (detector,)
    settings = lay_option(settings, "detectors", "prophet_interval", "threshold_multiplier", threshold_multiplier, used)
    if path is None:
        if option:
            raise ConfigError("--option says how to read a file: detect PATH --out DIR --option name=value")
        interval = read_interval(day, start, end)
        perform_step("detect", interval, settings, shard=shard, shards=shards)
        _conclude("detect", interval, settings)
        return
    if out is None:
        raise ConfigError("detect PATH needs --out DIR for the scored files")
    score_files(path, out, detector, option, settings)


@app.command()
def risk(
    day: Day = None,
    start: From = None,
    end: To = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Print the risk under --growth and --resize instead; nothing is published.")
    ] = False,
    growth: Annotated[str, typer.Option("--growth", help="Percent by which demand grows: 20 or 20% is × 1.2.")] = "0%",
    resize: Annotated[str, typer.Option("--resize", help="Factor on capacity: 2 or 2x is twice as much.")] = "1x",
    resource: Annotated[str, typer.Option("--resource", help="Only this resource_id.", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows to print.")] = 20,
) -> None:
    """Publish the risk that capacity runs out, from the forecasts as of the interval's end; or ask what if."""
    grown, factor = read_figure("--growth", growth, "%"), read_figure("--resize", resize, "x")
    if not what_if:
        if grown != 0.0 or factor != 1.0 or resource:
            raise ConfigError("--growth, --resize and --resource belong to --what-if: a published risk is of the estate as it is")
        interval, settings = read_interval(day, start, end), read_settings()
        perform_step("risk", interval, settings)
        _conclude("risk", interval, settings)
        return
    from pipeline.lake import open_lake
    from pipeline.steps import risk as step

    settings = read_settings()
    as_of = read_interval(day, start, end).as_of if day or start or end else None
    rows = step.what_if(open_lake(settings), settings, grown, factor, resource, as_of)
    print_what_if(rows, f"if demand × {1 + grown / 100:g} and capacity × {factor:g}", limit)


@app.command()
def report(day: Day = None, start: From = None, end: To = None) -> None:
    """Write the run's report as one HTML file."""
    settings = read_settings()
    interval = read_interval(day, start, end)
    perform_step("report", interval, settings)
    console.print(f"open {settings.report_address(interval.as_of)}")


@app.command()
def run(
    source: Source = None,
    path: SourcePath = None,
    option: Option = None,
    inventory: Inventory = None,
    day: Day = None,
    start: From = None,
    end: To = None,
    day_by_day: Annotated[
        bool,
        typer.Option(
            "--day-by-day/--at-once",
            help="Replay one run per day, each with what was known then, or one run over all days as of their end.",
        ),
    ] = False,
) -> None:
    """Run every step of the daily pipeline, as the DAG capacity_daily does, and say what was found.

    `sources show` lists the sources, `sources show csv` one's options.
    """
    settings = read_settings(source, path, option, inventory)
    interval = read_interval(day, start, end, settings)
    if not interval.is_whole_days:
        raise ConfigError(f"run makes whole UTC days, got {interval}; `monitor` makes parts of a day")
    for part in list(interval.split_days()) if day_by_day else [interval]:
        run_interval(part, settings)
    summary.show(console, settings, interval)


def plain_command(name: str, step: Step) -> Callable[..., None]:
    """The command of a step that takes an interval, and a shard where it is sharded."""

    def whole(day: Day = None, start: From = None, end: To = None) -> None:
        interval, settings = read_interval(day, start, end), read_settings()
        perform_step(name, interval, settings)
        _conclude(name, interval, settings)

    def sharded(day: Day = None, start: From = None, end: To = None, shard: Shard = 0, shards: Shards = 1) -> None:
        interval, settings = read_interval(day, start, end), read_settings()
        perform_step(name, interval, settings, shard=shard, shards=shards)
        _conclude(name, interval, settings)

    return sharded if step.sharded else whole


def run_interval(interval: Interval, settings: Settings) -> None:
    """What `capacity_daily` does over one interval, in one process."""
    perform_in_order(order_daily(), interval, settings)


def _show_due(interval: Interval) -> bool:
    """Whether schedule or drift ask for a training; also printed, with the reason."""
    from pipeline.lake import open_lake
    from pipeline.steps.due import reason

    settings = read_settings()
    refuse_part_of_day("due", "", interval)
    asked, why = reason(interval, open_lake(settings), settings)
    console.print(f"training as of {interval.as_of} is {'' if asked else 'not '}due: {why}", highlight=False)
    return asked


def _conclude(step: str, interval: Interval, settings: Settings) -> None:
    """Print what a step's part of the run found, and what is next."""
    from pipeline.lake import open_lake

    if step in CONCLUSIONS:
        lake = open_lake(settings)
        CONCLUSIONS[step](console, lake, interval.as_of, summary.read_kpis(lake, interval.as_of))
    say_next(step, interval)


def say_next(step: str, interval: Interval) -> None:
    """Print the command that comes after a step's, for the same days."""
    if step in NEXT:
        form = "%Y-%m-%d" if interval.is_whole_days else "%Y-%m-%dT%H:%M:%S"
        days = interval.start.strftime(form), interval.end.strftime(form)
        asked = f"--day {days[0]}" if interval == Interval.day(interval.start.date()) else f"--from {days[0]} --to {days[1]}"
        console.print(f"next: python -m pipeline {NEXT[step]} {asked}", highlight=False, soft_wrap=True)


def _add_plain_commands() -> None:
    """Give every step without a command of its own here the plain one."""
    # `alert` has commands of its own below it: see `cli.alerts`.
    written = {"alert", *(_name(command) for command in app.registered_commands)}
    for name, step in STEPS.items():
        if name not in written:
            app.command(name, help=describe(name))(plain_command(name, step))
    app.registered_commands.sort(key=lambda each: LISTED.index(_name(each)) if _name(each) in LISTED else len(LISTED))


def _name(command: CommandInfo) -> str:
    return command.name or (command.callback.__name__ if command.callback else "")


_add_plain_commands()
