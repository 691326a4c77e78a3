"""The command line: one command per step, with the names that the DAGs' tasks have, and tools to look at the lake."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from pipeline import settings as settings_module
from pipeline.errors import ConfigError, DataError, HeadroomError
from pipeline.interval import Interval
from pipeline.settings import Settings

app = typer.Typer(
    name="pipeline",
    help="Headroom: capacity and cost forecasts, anomalies and recommendations for an AWS estate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tables_app = typer.Typer(help="The tables of the lake.", no_args_is_help=True)
app.add_typer(tables_app, name="tables")

console = Console()
errors = Console(stderr=True)

Day = Annotated[str | None, typer.Option("--day", help="One UTC day, YYYY-MM-DD.", show_default=False)]
From = Annotated[str | None, typer.Option("--from", help="First UTC day, YYYY-MM-DD.", show_default=False)]
To = Annotated[str | None, typer.Option("--to", help="Day after the last one, YYYY-MM-DD.", show_default=False)]
Source = Annotated[list[str] | None, typer.Option("--source", help="Source to ingest; again for several.", show_default=False)]
SourcePath = Annotated[Path | None, typer.Option("--path", help="File that a csv or billing source reads.", show_default=False)]
Option = Annotated[
    list[str] | None, typer.Option("--option", help="Option of the source as name=value; again for several.", show_default=False)
]
Shard = Annotated[int, typer.Option("--shard", min=0, help="Part of the series, or segments, to work on.")]
Shards = Annotated[int, typer.Option("--shards", min=1, max=64, help="Parts that they are split into.")]


def main() -> None:
    """Run a command; errors that Headroom raises on purpose are one line, not a traceback."""
    try:
        app()
    except HeadroomError as error:
        errors.print(f"[bold red]error[/] {type(error).__name__}: ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


# ---------------------------------------------------------------- steps


@app.command()
def ingest(
    source: Source = None, path: SourcePath = None, option: Option = None, day: Day = None, start: From = None, end: To = None
) -> None:
    """Land what the sources say about an interval in bronze."""
    settings = _settings(source, path, option)
    interval = _interval(day, start, end, settings)
    for name in settings.sources:
        _perform("ingest", interval, settings, target=name)


@app.command()
def build(
    table: Annotated[str | None, typer.Argument(help="Table to build; all that are built from SQL when not given.")] = None,
    day: Day = None,
    start: From = None,
    end: To = None,
) -> None:
    """Build silver tables, and the quality of what was landed, for an interval."""
    interval, settings = _interval(day, start, end), _settings()
    if table:
        _perform("build", interval, settings, target=table)
    else:
        _build_all(interval, settings)


def _build_all(interval: Interval, settings: Settings) -> None:
    """Build every table that is built; where a check of silver stops that, publish what is wrong first."""
    from pipeline.steps import BUILDS

    try:
        for name in BUILDS:
            _perform("build", interval, settings, target=name)
    except DataError:
        if name.startswith("silver."):
            _perform("build", interval, settings, target="gold.quality_result")
        raise


@app.command()
def due(day: Day = None, start: From = None, end: To = None) -> None:
    """Whether schedule or drift ask for a training, and why or why not."""
    _is_due(_interval(day, start, end))


@app.command()
def train(
    day: Day = None,
    start: From = None,
    end: To = None,
    if_due: Annotated[bool, typer.Option("--if-due", help="Only where the last training is old, or gold.drift asks.")] = False,
    shard: Shard = 0,
    shards: Shards = 1,
) -> None:
    """Backtest the challengers of every segment and register the best as new model versions."""
    interval = _interval(day, start, end)
    if not if_due or _is_due(interval):
        _perform("train", interval, _settings(), shard=shard, shards=shards)


@app.command()
def register(day: Day = None, start: From = None, end: To = None) -> None:
    """Make one training of what `train` found in each of several --shards."""
    _perform("register", _interval(day, start, end), _settings())


@app.command()
def record(day: Day = None, start: From = None, end: To = None) -> None:
    """Publish what a training measured; `promote` does so too."""
    _perform("record", _interval(day, start, end), _settings())


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
    settings = _settings()
    if rollback:
        from pipeline.lake import open_lake
        from pipeline.registry.champion import roll_back

        metric, _, granularity = rollback.partition("/")
        decision = roll_back(settings, open_lake(settings), metric, granularity, why)
        console.print(f"{metric}/{granularity} is served by {decision['champion']} version {decision['champion_version']} again")
        return
    _perform("promote", _interval(day, start, end), settings)


@app.command()
def forecast(day: Day = None, start: From = None, end: To = None, shard: Shard = 0, shards: Shards = 1) -> None:
    """Publish the forecasts as of the interval's end, each segment by its champion."""
    _perform("forecast", _interval(day, start, end), _settings(), shard=shard, shards=shards)


@app.command()
def detect(
    path: Annotated[
        Path | None, typer.Argument(help="CSV, or folder of CSVs, with timestamp,value: score these instead.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the scored files.")] = None,
    detector: Annotated[str, typer.Option("--detector", help="Detector for files.")] = "default",
    day: Day = None,
    start: From = None,
    end: To = None,
    shard: Shard = 0,
    shards: Shards = 1,
) -> None:
    """Find anomalous hours of the lake's series in an interval, or score a user's own files."""
    if path is None:
        _perform("detect", _interval(day, start, end), _settings(), shard=shard, shards=shards)
        return
    if out is None:
        raise ConfigError("detect PATH needs --out DIR for the scored files")
    from pipeline.own_files.detect import detect_path

    with _progress("scoring") as advance:
        options = _settings().options.get("detectors", {}).get(detector)
        written = detect_path(path, out, detector=detector, progress=advance, options=options)
    console.print(f"scored {len(written)} files into {out}; anomaly_score of 0.5 and above is an alert")


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
    grown, factor = _figure("--growth", growth, "%"), _figure("--resize", resize, "x")
    if not what_if:
        if grown != 0.0 or factor != 1.0 or resource:
            raise ConfigError("--growth, --resize and --resource belong to --what-if: a published risk is of the estate as it is")
        _perform("risk", _interval(day, start, end), _settings())
        return
    from pipeline.lake import open_lake
    from pipeline.steps import risk as step

    settings = _settings()
    as_of = _interval(day, start, end).as_of if day or start or end else None
    rows = step.what_if(open_lake(settings), settings, grown, factor, resource, as_of)
    shown = f", first {limit}" if len(rows) > limit else ""
    _print_frame(rows.head(limit), f"if demand × {1 + grown / 100:g} and capacity × {factor:g}: {len(rows)} rows{shown}")


def _figure(option: str, text: str, unit: str) -> float:
    """The number of an option that may name its unit."""
    try:
        number = float(text.removesuffix(unit))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{option} is a number, as in 2 or 2{unit}; got {text!r}")
    return number


@app.command()
def recommend(day: Day = None, start: From = None, end: To = None) -> None:
    """Publish what every recommender says about every resource."""
    _perform("recommend", _interval(day, start, end), _settings())


@app.command()
def report(day: Day = None, start: From = None, end: To = None) -> None:
    """Write the run's report as one HTML file."""
    settings = _settings()
    interval = _interval(day, start, end)
    _perform("report", interval, settings)
    console.print(f"open {settings.run_folder(interval.as_of) / 'report.html'}")


@app.command()
def maintain(day: Day = None, start: From = None, end: To = None) -> None:
    """Compact small files, expire snapshots, sweep orphans and verify every landed object."""
    _perform("maintain", _interval(day, start, end), _settings())


# ---------------------------------------------------------------- whole runs


@app.command()
def run(
    source: Source = None,
    path: SourcePath = None,
    option: Option = None,
    day: Day = None,
    start: From = None,
    end: To = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="One run over the whole interval instead of one per day.")] = False,
) -> None:
    """Run every step of the daily pipeline, day by day in order; the same as the capacity_daily DAG."""
    settings = _settings(source, path, option)
    interval = _interval(day, start, end, settings)
    for part in [interval] if at_once else list(interval.split_days()):
        run_interval(part, settings)
    console.print(
        f"[green]done[/] as of {interval.as_of:%Y-%m-%d}; report: {settings.run_folder(interval.as_of) / 'report.html'}"
    )


def run_interval(interval: Interval, settings: Settings) -> None:
    """The steps of `capacity_daily` over one interval, in one process."""
    for name in settings.sources:
        _perform("ingest", interval, settings, target=name)
    _build_all(interval, settings)
    for step in ("forecast", "detect"):
        for shard in range(settings.shards):
            _perform(step, interval, settings, shard=shard, shards=settings.shards)
    for step in ("risk", "recommend"):
        _perform(step, interval, settings)
    _perform("build", interval, settings, target="gold.run_stat")
    _perform("report", interval, settings)


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV with series_id, metric, ts, value; other columns are ignored.")],
    horizon: Annotated[int, typer.Option("--horizon", min=1, max=1000, help="Periods ahead: hours or days, as the series are.")],
    windows: Annotated[
        int, typer.Option("--windows", min=1, max=100, help="Rolling-origin windows, back from each series' end.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for forecasts.parquet and scores.parquet.")],
    models: Annotated[str, typer.Option("--models", help="Forecasters by comma; `default` is what the pipeline uses.")] = (
        "default,seasonal_naive"
    ),
) -> None:
    """Backtest forecasters on a user's own series and print how good they are."""
    from pipeline.own_files.backtest import evaluate_file

    names = tuple(name.strip() for name in models.split(",") if name.strip())
    with _progress("backtesting") as advance:
        options = _settings().options.get("forecasters")
        summary = evaluate_file(
            file, horizon=horizon, windows=windows, models=names, out_dir=out, progress=advance, options=options
        )
    _print_frame(summary, f"{horizon} periods ahead, {windows} windows")
    console.print(f"wrote {out / 'forecasts.parquet'} and {out / 'scores.parquet'}")


# ---------------------------------------------------------------- looking at things


@tables_app.command("show")
def tables_show(table: Annotated[str | None, typer.Argument(help="Table to describe; all when not given.")] = None) -> None:
    """What tables there are, or one table's columns."""
    from pipeline import tables
    from pipeline.lake import open_lake

    if table is None:
        lake = open_lake(_settings())
        grid = RichTable("table", "a row is", "written")
        for each in tables.ALL.values():
            grid.add_row(each.name, each.doc, "yes" if lake.exists(each) else "")
        console.print(grid)
        return
    shown = tables.get(table)
    console.print(f"[bold]{shown.name}[/]: {shown.doc}")
    console.print(f"key {', '.join(shown.key)}; replaced by {shown.time}; partitioned by {shown.partition}")
    grid = RichTable("column", "type", "unit", "null", "bounds", "meaning")
    for c in shown.all_columns:
        bounds = ", ".join(c.values) or " … ".join("" if b is None else f"{b:g}" for b in (c.ge, c.le)).strip(" …")
        grid.add_row(c.name, c.type, c.unit or "", "yes" if c.nullable else "", bounds, c.doc)
    console.print(grid)


@tables_app.command("create")
def tables_create() -> None:
    """Create what is declared and not there yet: databases, tables and views; columns that a declaration added are added."""
    from pipeline.lake import open_lake

    done = 0
    for name, changed in open_lake(_settings()).create_tables():
        console.print(f"{'[green]made[/]' if changed else '[dim]kept[/]'} {name}", highlight=False)
        done += changed
    console.print(f"{done} created, changed or, as every view, replaced")


@app.command("sql")
def sql_command(
    name: Annotated[str, typer.Argument(help="Table or view, as in silver.metric_hourly or server_metrics.")],
) -> None:
    """Print the SQL behind a table or a view."""
    from pipeline.lake import sql

    sys.stdout.write(sql.text(name if "." in name else f"views.{name}"))


@app.command()
def query(
    statement: Annotated[str, typer.Argument(help="One SELECT in Athena's SQL over layer.table and views.view.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows to print.")] = 50,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
) -> None:
    """Ask the lake."""
    from pipeline.lake import open_lake

    rows = open_lake(_settings()).query(statement)
    if csv:
        from pyarrow import csv as arrow_csv

        arrow_csv.write_csv(rows, sys.stdout.buffer)
        return
    _print_frame(
        rows.slice(0, limit).to_pandas(), f"{rows.num_rows} rows" + (f", first {limit}" if rows.num_rows > limit else "")
    )


@app.command()
def check(
    table: Annotated[str | None, typer.Argument(help="Table to check; all that were written when not given.")] = None,
) -> None:
    """Hold the stored rows of each table to its declaration; exit 1 where one fails."""
    from pipeline import tables
    from pipeline.lake import open_lake
    from pipeline.quality.validate import run_expectations
    from pipeline.steps.ingest import now

    lake = open_lake(_settings())
    bad = 0
    for each in [tables.get(table)] if table else [t for t in tables.ALL.values() if t.layer != "bronze" and lake.exists(t)]:
        rows = lake.read(each)
        moment = now()
        results, _ = run_expectations(rows, each, Interval(moment - timedelta(days=1), moment), structural_only=True)
        failed = [r for r in results if not r.success]
        bad += len(failed)
        console.print(f"{'[red]bad [/]' if failed else '[green]good[/]'} {each.name}: {rows.num_rows} rows, {len(results)} rules")
        for r in failed:
            console.print(f"     {r.subject}: {r.rule}: {r.note}", markup=False)
    if bad:
        raise typer.Exit(1)


@app.command("cost-of-run")
def cost_of_run_command(day: Day = None, start: From = None, end: To = None) -> None:
    """What a run's queries and each view scan at most, how long its tasks took, what is stored, and what AWS asks for each."""
    from pipeline.lake import open_lake
    from pipeline.upkeep import cost_of_run

    lake, interval = open_lake(_settings()), _interval(day, start, end)
    found = cost_of_run.scans(lake, interval)
    with_views = [each for each in found if each.name.startswith("views.")]
    builds = [each for each in found if each not in with_views]
    for title, chosen in ((f"building {interval}", builds), ("one look at a whole view", with_views)):
        grid = RichTable("query", "reads", "bytes", "USD", title=title)
        for each in chosen:
            grid.add_row(each.name, ", ".join(each.reads), f"{each.bytes:,}", f"{each.usd:.6f}")
        grid.add_row("all", "", f"{sum(each.bytes for each in chosen):,}", f"{sum(each.usd for each in chosen):.6f}")
        console.print(grid)
    ran = cost_of_run.tasks(lake, interval)
    grid = RichTable("task", "seconds", "vCPU", "GB", "USD", title=f"tasks of the run over {interval} that are on record")
    for task in ran:
        name = " ".join(part for part in (task.step, task.target, str(task.shard)) if part)
        grid.add_row(name, f"{task.wall_s:.1f}", *(str(number) for number in task.size), f"{task.usd:.6f}")
    grid.add_row("all", f"{sum(task.wall_s for task in ran):.1f}", "", "", f"{sum(task.usd for task in ran):.6f}")
    console.print(grid)
    grid = RichTable("layer", "objects", "bytes", "USD a month", title="stored")
    for held in cost_of_run.stored(lake):
        grid.add_row(held.layer, f"{held.objects:,}", f"{held.bytes:,}", f"{held.usd_per_month:.6f}")
    console.print(grid)
    console.print(
        f"us-east-1's list prices in USD: {cost_of_run.ATHENA_USD_PER_TB:g} per TB scanned (10 MB a query at least), "
        f"{cost_of_run.FARGATE_USD_PER_VCPU_HOUR:g} per vCPU-hour and {cost_of_run.FARGATE_USD_PER_GB_HOUR:g} per GB-hour "
        f"(a minute a task at least), {cost_of_run.S3_USD_PER_GB_MONTH:g} per GB and month stored; services that always run "
        "are not in it",
        highlight=False,
    )


@app.command("settings")
def settings_command() -> None:
    """Every setting and every option of the plugs, its value and what it is for."""
    from pipeline.cli.settings import settings_grids

    for grid in list(settings_grids(_settings())):
        console.print(grid)
    console.print(
        f"set one by {settings_module.PREFIX}<NAME> in the environment or in {settings_module.CONFIG_FILE}; "
        f"an option under [options.<folder>.<plug>] there, or in {settings_module.PREFIX}OPTIONS as JSON",
        markup=False,
    )


@app.command()
def doctor() -> None:
    """Whether this machine can run Headroom; one line per check, exit 1 where one fails."""
    from pipeline.upkeep.doctor import checks

    bad = 0
    for name, ok, detail in checks(_settings()):
        bad += not ok
        console.print(f"{'[green]ok  [/]' if ok else '[red]bad [/]'} {name}: ", end="")
        console.print(detail, markup=False, highlight=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)


# ---------------------------------------------------------------- shared


def _settings(source: list[str] | None = None, path: Path | None = None, option: list[str] | None = None) -> Settings:
    """Settings with the sources and source options given on the command line."""
    base = settings_module.load(sources=tuple(source) if source else None)
    given = dict(base.options.get("sources", {}))
    if path is not None or option:
        if len(base.sources) != 1:
            raise ConfigError(f"--path and --option belong to one --source, got {', '.join(base.sources)}")
        extra: dict[str, Any] = dict(_option(text) for text in option or [])
        if path is not None:
            extra["path"] = str(path)
        given[base.sources[0]] = {**given.get(base.sources[0], {}), **extra}
    return base.model_copy(update={"options": {**base.options, "sources": given}})


def _option(text: str) -> tuple[str, Any]:
    """`name=value`; values that look like JSON objects or lists are read as such."""
    import json

    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--option expects name=value, got {text!r}")
    if value[:1] in "[{":
        try:
            return name, json.loads(value)
        except json.JSONDecodeError as error:
            raise ConfigError(f"--option {name}: not JSON: {error}") from error
    return name, value


def _interval(day: str | None, start: str | None, end: str | None, settings: Settings | None = None) -> Interval:
    """The interval that the options name, or the days that a file source spans.

    Raises:
        ConfigError: none or two ways to name it.
    """
    if day and (start or end):
        raise ConfigError("give --day, or --from and --to, not both")
    if day:
        return Interval.day(day)
    if start and end:
        return Interval.days(start, end)
    if settings is not None and not start and not end and len(settings.sources) == 1:
        from pipeline import plugs

        source = plugs.load("sources", settings.sources[0])
        if hasattr(source, "span"):
            spanned: Interval = source.span(plugs.options("sources", settings.sources[0], settings))
            console.print(f"{settings.sources[0]} spans {spanned}")
            return spanned
    raise ConfigError("name the interval: --day YYYY-MM-DD, or --from YYYY-MM-DD --to YYYY-MM-DD")


def _is_due(interval: Interval) -> bool:
    from pipeline.lake import open_lake
    from pipeline.steps.due import reason

    settings = _settings()
    asked, why = reason(interval, open_lake(settings), settings)
    console.print(f"training as of {interval.as_of} is {'' if asked else 'not '}due: {why}", highlight=False)
    return asked


def _perform(
    step: str, interval: Interval, settings: Settings, *, target: str = "", shard: int = 0, shards: int = 1, **options: Any
) -> None:
    from pipeline import steps

    label = " ".join(part for part in (step, target, f"shard {shard + 1}/{shards}" if shards > 1 else "") if part)
    with console.status(f"{label} {interval}"):
        rows = steps.perform(step, interval, target=target, shard=shard, shards=shards, settings=settings, **options)
    console.print(f"[green]✓[/] {label} [dim]{interval}[/] {rows:,} rows", highlight=False)


@contextmanager
def _progress(label: str) -> Iterator[Callable[..., None]]:
    """A bar; the callable takes how much is done, how much there is, and optionally what is being done."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total, doing=label: bar.update(task, completed=done, total=total, description=doing)


def _print_frame(frame: Any, title: str) -> None:
    grid = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in frame.columns:
        grid.add_column(str(name), overflow="fold")
    for values in frame.itertuples(index=False):
        grid.add_row(*[_cell(value) for value in values])
    # A wide result scrolls sideways; squeezed into the window its columns would be single letters.
    wide = Console(width=max(console.width, 14 * len(frame.columns))) if console.is_terminal else Console(width=1000)
    wide.print(grid)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
