"""The command `billing`: which executions of bills count, and the release of one that is held."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.feedback import land_feedback, refuse_empty
from pipeline.cli.options import read_month, read_settings
from pipeline.cli.output import console
from pipeline.errors import ConfigError

app = typer.Typer()
billing_app = typer.Typer(help="Release a bill that says something else of a closed period.", no_args_is_help=True)
app.add_typer(billing_app, name="billing")


@billing_app.command()
def accept(
    export: Annotated[str, typer.Argument(help="As the message that holds it says.", metavar="EXPORT")],
    period: Annotated[str, typer.Argument(help="Its billing period, YYYY-MM.", metavar="PERIOD")],
    execution: Annotated[str, typer.Argument(help="Which execution of it, as the message says.", metavar="EXECUTION")],
    reason: Annotated[str, typer.Option("--reason", help="Why what it says now is right.")],
) -> None:
    """What an execution says of a closed period is right: the next run publishes it, and others are held as before."""
    from pipeline.inputs import ask
    from pipeline.inputs.bills import name_of
    from pipeline.lake import open_lake
    from pipeline.tables.columns import ACCEPTED_BILL

    refuse_empty(reason)
    month = read_month("PERIOD", period)
    lake = open_lake(read_settings())
    loads = ask(lake, "bill_loads", start=month.start, end=month.end).to_pylist()
    known = {name_of(load) for load in loads}
    subject = f"{export} {period} {execution}"
    if subject not in known:
        listed = "; ".join(sorted(known)) or f"nothing was landed of {period}"
        raise ConfigError(f"no newest landing is called {subject!r}, of EXPORT PERIOD EXECUTION there are: {listed}")
    land_feedback(lake, month.start, ACCEPTED_BILL, subject, reason)
    console.print(
        f"{subject} is accepted: `python -m pipeline build --day {month.start:%Y-%m-%d}` publishes it, and so does a run of that "
        "month or of the first half of the next",
        soft_wrap=True,
    )
