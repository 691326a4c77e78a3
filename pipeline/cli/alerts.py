"""The command `alert`: the step itself, and what a person does about alerts."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import summary
from pipeline.cli.options import Day, From, To, read_settings
from pipeline.cli.output import console
from pipeline.cli.steps import plain_command
from pipeline.steps import STEPS, describe

app = typer.Typer(invoke_without_command=True)


@app.callback(help=describe("alert"))
def alert(context: typer.Context, day: Day = None, start: From = None, end: To = None) -> None:
    if context.invoked_subcommand is None:
        plain_command("alert", STEPS["alert"])(day, start, end)


@app.command("list")
def list_() -> None:
    """The alerts that are not over, the gravest first, and the messages that wait."""
    from pipeline.lake import open_lake
    from pipeline.steps.ingest import now

    summary.alerts(console, open_lake(read_settings()), now())


@app.command()
def ack(
    alert_id: Annotated[str, typer.Argument(help="Id that the message states, or how it begins.")],
    reason: Annotated[str, typer.Option("--reason", help="What you do about it; others read it.")],
) -> None:
    """Take an alert: it is told no more until it is over, or graver than it is now."""
    from pipeline.lake import open_lake
    from pipeline.steps.alert import acknowledge
    from pipeline.steps.ingest import now

    row = acknowledge(open_lake(read_settings()), alert_id, reason, now())
    console.print(f"{row['alert_id']} is acknowledged: {row['subject']} {row['cause']} ({row['rule']})", markup=False)


@app.command()
def send() -> None:
    """Hand over the messages that wait, as the next run would."""
    from pipeline.lake import open_lake
    from pipeline.steps.alert import send as send_waiting

    settings = read_settings()
    ended = send_waiting(open_lake(settings), settings)
    console.print("; ".join(f"messages {state}: {number}" for state, number in sorted(ended.items())) or "no message waits")
