"""The command line: one command per step, with the names that the DAGs' tasks have, and tools to look at the lake."""

from __future__ import annotations

import sys
from typing import Annotated

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
from pipeline.cli.options import PROFILE, load_settings
from pipeline.cli.output import console, errors
from pipeline.errors import ConfigError, HeadroomError
from pipeline.profiles import PROFILES, find_set

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


@app.callback()
def choose(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help=f"Settings that go together, below what is set by name: {', '.join(PROFILES)}. Before the command: "
            "`--profile debug monitor`; `--profile debug settings` shows them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Headroom: capacity and cost forecasts, anomalies and recommendations for an AWS estate."""
    PROFILE.set(profile)
    if profile:
        load_settings()
        said = ", ".join(f"{name} = {value}" for name, value in find_set(profile).items())
        console.print(f"profile {profile}: {said}", highlight=False, markup=False, soft_wrap=True)


def main() -> None:
    """Run a command; errors that Headroom raises on purpose are one line, not a traceback."""
    try:
        app()
    except HeadroomError as error:
        errors.print(f"[bold red]error[/] {type(error).__name__}: ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
