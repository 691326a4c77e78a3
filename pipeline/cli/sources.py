"""What sources there are, and what can be said to each."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table as RichTable

from pipeline import plugs
from pipeline.cli.output import console
from pipeline.cli.settings import option_rows

app = typer.Typer()
sources_app = typer.Typer(help="The sources of the lake, and their options.", no_args_is_help=True)
app.add_typer(sources_app, name="sources")


@sources_app.command("show")
def sources_show(name: Annotated[str | None, typer.Argument(help="Source to describe; all when not given.")] = None) -> None:
    """What sources there are, or one's options with what they are for, the metrics that are known by name, and an example."""
    if name is None:
        grid = RichTable("source", "what it lands", "tables")
        for each in plugs.names("sources"):
            source = plugs.load("sources", each)
            grid.add_row(each, escape((inspect.getdoc(source) or "").partition("\n")[0]), "\n".join(source.TABLES))
        console.print(grid)
        console.print("`sources show NAME` prints the options of one", markup=False, highlight=False)
        return
    source = plugs.load("sources", name)
    console.print(inspect.getdoc(source) or "", markup=False, highlight=False)
    console.print(f"\nlands {', '.join(source.TABLES)}", markup=False, highlight=False)
    grid = RichTable("option", "value", "bounds", "what it is for")
    # What has to be stated comes first.
    for option, value, bounds, purpose in sorted(option_rows("sources", name), key=lambda row: row[1] != "required"):
        # The purpose says it in words where the bounds are a pattern.
        shown = "" if bounds.startswith("^") else bounds
        grid.add_row(*map(escape, (option.partition(".")[2], value, shown, purpose)))
    if grid.row_count:
        console.print(grid)
    if "bronze.metric_sample" in source.TABLES:
        console.print(_metrics())
    console.print(
        "example",
        getattr(source, "EXAMPLE", f"python -m pipeline ingest --source {name} --day 2026-03-01"),
        sep="\n",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _metrics() -> RichTable:
    from pipeline.tables.columns import CANONICAL_METRICS

    title = "metrics that views and rules know by name; any other is taken as it is called, forecast and judged"
    grid = RichTable("metric", "unit in silver", "what it is", title=title, title_justify="left")
    for metric, (unit, meaning) in CANONICAL_METRICS.items():
        grid.add_row(metric, unit, meaning)
    return grid
