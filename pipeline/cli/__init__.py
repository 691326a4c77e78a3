"""The command line: one command per step, with the names that the DAGs' tasks have, and tools to look at the lake."""

from __future__ import annotations

import sys

import typer

from pipeline.cli import (
    advice,
    alerts,
    allocation,
    anomalies,
    billing,
    cost,
    dataset,
    explain,
    explore,
    fleet,
    lake,
    monitor,
    own_files,
    sources,
    steps,
)
from pipeline.cli.output import errors
from pipeline.errors import ConfigError, HeadroomError

app = typer.Typer(
    name="pipeline",
    help="Headroom: capacity and cost forecasts, anomalies and recommendations for an AWS estate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (steps, monitor, own_files, explore, dataset, sources, advice, explain, anomalies, allocation, billing, cost, lake):
    app.add_typer(part.app)
app.add_typer(alerts.app, name="alert")
app.add_typer(fleet.app, name="fleet")


def main() -> None:
    """Run a command; errors that Headroom raises on purpose are one line, not a traceback."""
    try:
        app()
    except HeadroomError as error:
        errors.print(f"[bold red]error[/] {type(error).__name__}: ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
