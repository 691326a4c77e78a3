"""Commands that look: at the lake, at the settings, at this machine."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column
from rich.table import Table as RichTable

from pipeline.cli.options import Day, From, To, read_interval, read_settings
from pipeline.cli.output import console, print_frame
from pipeline.errors import ConfigError, redacted
from pipeline.given import CONFIG_FILE, PREFIX
from pipeline.interval import Interval
from pipeline.tables.text import disarmed

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer()
tables_app = typer.Typer(help="The tables and views of the lake.", no_args_is_help=True)
app.add_typer(tables_app, name="tables")
lake_app = typer.Typer(help="The lake as a whole.", no_args_is_help=True)
app.add_typer(lake_app, name="lake")


@tables_app.command("show")
def tables_show(
    table: Annotated[str | None, typer.Argument(help="Table or view to describe; all when not given.")] = None,
) -> None:
    """What tables and views there are, or one table's columns, or what a view is and reads."""
    from pipeline import tables
    from pipeline.lake import open_lake, sql

    if table is None:
        lake = open_lake(read_settings())
        grid = RichTable(Column("table", no_wrap=True), "a row is", "written")
        for each in tables.ALL.values():
            grid.add_row(each.name, escape(each.doc), "yes" if lake.exists(each) else "")
        console.print(grid)
        grid = RichTable("view", "what it shows")
        for view in sql.views():
            grid.add_row(view, sql.header(view).partition("\n")[0].removeprefix(f"{view}: "))
        console.print(grid)
        return
    if table in sql.views():
        console.print(sql.header(table), markup=False, highlight=False)
        console.print(f"\nColumns {', '.join(sql.parse(sql.text(table)).named_selects)}", markup=False, highlight=False)
        return
    sql.check_name(table)
    shown = tables.get(table)
    console.print(f"[bold]{shown.name}[/]: {escape(shown.doc)}")
    console.print(f"key {', '.join(shown.key)}; replaced by {shown.time}; partitioned by {shown.partition}")
    grid = RichTable(*(Column(name, no_wrap=True) for name in ("column", "type")), "unit", "null", "bounds", "meaning")
    for c in shown.all_columns:
        bounds = ", ".join(c.values) or " … ".join("" if b is None else f"{b:g}" for b in (c.ge, c.le)).strip(" …")
        grid.add_row(*map(escape, (c.name, c.type, c.unit or "", "yes" if c.nullable else "", bounds, c.doc)))
    console.print(grid)


@tables_app.command("create")
def tables_create(
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First UTC day that may be landed, YYYY-MM-DD; by default the one set before, at first 2021-01-01. Athena looks "
            "for objects of every day since.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Create what is declared and not there yet: databases, tables and views; columns that a declaration added are added."""
    from pipeline.lake import open_lake

    settings, done = read_settings(), 0
    if first and settings.catalog != "glue":
        raise ConfigError("--from says where Athena begins to look for objects; without Glue every day is found by its folder")
    first_day = Interval.day(first).start.date() if first else None
    for name, changed in open_lake(settings).create_tables(first_day):
        console.print(f"{'[green]made[/]' if changed else '[dim]kept[/]'} {name}", highlight=False)
        done += changed
    console.print(f"{done} created, changed or, as every view, replaced")


@tables_app.command("drop")
def tables_drop(name: Annotated[str, typer.Argument(help="Table whose stored columns this version declares no more.")]) -> None:
    """Forget a table of another version, with its files, so that it can be made anew; one that fits is refused."""
    from pipeline import tables
    from pipeline.lake import open_lake

    open_lake(read_settings()).drop(tables.get(name))
    console.print(f"dropped {name}", highlight=False)


@lake_app.command("recover")
def lake_recover() -> None:
    """Make a lost catalog anew from the files in the lake; what the catalog knows already stays as it is."""
    from pipeline.lake import open_lake
    from pipeline.lake.recovery import recover

    lake = open_lake(read_settings())
    done = bad = 0
    for table, path, trouble in recover(lake.catalog, lake.storage):
        done, bad = done + (not trouble), bad + bool(trouble)
        console.print(f"{'[red]bad [/]' if trouble else '[green]made[/]'} {table.name}: ", end="")
        console.print(trouble or path, markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{done} tables are known again" if done or bad else "the catalog knows every table whose files lie in the lake"
    )
    if bad:
        raise typer.Exit(1)


@app.command("sql")
def sql_command(
    name: Annotated[
        str, typer.Argument(help="Table, view or input, as in silver.metric_hourly, server_metrics or inputs.points.")
    ],
) -> None:
    """Print the SQL behind a table, a view or what a step reads."""
    from pipeline.lake import sql

    sys.stdout.write(sql.text(name if "." in name else f"{sql.VIEWS}.{name}"))


@app.command()
def query(
    statement: Annotated[str, typer.Argument(help="One SELECT in Athena's SQL over layer.table and views.view.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows to print.")] = 50,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
) -> None:
    """Ask the lake."""
    from pipeline.lake import open_lake, sql

    sql.check_relations(sql.parse(statement))
    rows = open_lake(read_settings()).query(statement)
    if csv:
        from pyarrow import csv as arrow_csv

        arrow_csv.write_csv(_disarmed(rows), sys.stdout.buffer)
        return
    print_frame(rows.slice(0, limit).to_pandas(), f"{rows.num_rows} rows" + (f", first {limit}" if rows.num_rows > limit else ""))


def _disarmed(rows: pa.Table) -> pa.Table:
    """The rows with the text that a spreadsheet or a terminal may get."""
    import pyarrow as pa

    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            column = rows[place].combine_chunks().dictionary_encode()
            words = pa.array([None if word is None else disarmed(word) for word in column.dictionary.to_pylist()], pa.string())
            rows = rows.set_column(place, field, words.take(column.indices))
    return rows


@app.command()
def check(
    table: Annotated[str | None, typer.Argument(help="Table to check; all that were written when not given.")] = None,
) -> None:
    """Hold the stored rows of each table to its declaration; exit 1 where one fails."""
    from pipeline import tables
    from pipeline.lake import open_lake
    from pipeline.quality.validate import run_expectations
    from pipeline.steps.ingest import now

    lake = open_lake(read_settings())
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

    lake, interval = open_lake(read_settings()), read_interval(day, start, end)
    found = cost_of_run.scans(lake, interval)
    with_views = [each for each in found if each.name.startswith("views.")]
    builds = [each for each in found if each not in with_views]
    for title, chosen in ((f"building {interval}", builds), ("one look at a whole view", with_views)):
        # A name that is cut cannot be looked up; what it reads may be folded.
        query = Column("query", no_wrap=True, min_width=max(len(each.name) for each in chosen))
        grid = RichTable(query, Column("reads", overflow="fold"), "bytes", "LIST", "GET", "USD", title=title)
        for each in chosen:
            counts = (f"{number:,}" for number in (each.bytes, each.lists, each.gets))
            grid.add_row(each.name, ", ".join(each.reads), *counts, f"{each.usd:.6f}")
        totals = (f"{sum(numbers):,}" for numbers in zip(*((e.bytes, e.lists, e.gets) for e in chosen), strict=True))
        grid.add_row("all", "", *totals, f"{sum(each.usd for each in chosen):.6f}")
        console.print(grid)
    ran = cost_of_run.tasks(lake, interval)
    grid = RichTable("task", "seconds", "vCPU", "GB", "USD", title=f"tasks of the run over {interval} that are on record")
    for task in ran:
        name = " ".join(part for part in (task.step, task.target, str(task.shard)) if part)
        grid.add_row(escape(name), f"{task.wall_s:.1f}", *(str(number) for number in task.size), f"{task.usd:.6f}")
    grid.add_row("all", f"{sum(task.wall_s for task in ran):.1f}", "", "", f"{sum(task.usd for task in ran):.6f}")
    console.print(grid)
    grid = RichTable("layer", "objects", "bytes", "USD a month", title="stored")
    for held in cost_of_run.stored(lake):
        grid.add_row(held.layer, f"{held.objects:,}", f"{held.bytes:,}", f"{held.usd_per_month:.6f}")
    console.print(grid)
    console.print(
        f"us-east-1's list prices in USD: {cost_of_run.ATHENA_USD_PER_TB:g} per TB scanned (10 MB a query at least), "
        f"{cost_of_run.S3_USD_PER_LIST * 1000:g} and {cost_of_run.S3_USD_PER_GET * 1000:g} per 1,000 requests LIST and GET, "
        f"{cost_of_run.FARGATE_USD_PER_VCPU_HOUR:g} per vCPU-hour and {cost_of_run.FARGATE_USD_PER_GB_HOUR:g} per GB-hour "
        f"(a minute a task at least), {cost_of_run.S3_USD_PER_GB_MONTH:g} per GB and month stored; services that always run "
        "are not in it",
        highlight=False,
    )


@app.command("settings")
def settings_command() -> None:
    """Every setting and every option of the plugs, its value and what it is for."""
    from pipeline.cli.settings import settings_grids

    for grid in list(settings_grids(read_settings())):
        console.print(grid)
    console.print(
        f"set one by {PREFIX}<NAME> in the environment or in {CONFIG_FILE}; "
        f"an option under [options.<folder>.<plug>] there, or in {PREFIX}OPTIONS as JSON",
        markup=False,
    )


@app.command()
def doctor() -> None:
    """Whether this machine can run Headroom; one line per check, exit 1 where one fails."""
    from pipeline.upkeep.doctor import checks

    bad = 0
    for name, ok, detail in checks(read_settings()):
        bad += not ok
        console.print(f"{'[green]ok  [/]' if ok else '[red]bad [/]'} {name}: ", end="")
        console.print(redacted(detail), markup=False, highlight=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)
