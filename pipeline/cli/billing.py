"""The command `billing`: which executions of bills count, and the release of one that is held."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import read_settings
from pipeline.cli.output import console
from pipeline.errors import ConfigError
from pipeline.interval import Interval

if TYPE_CHECKING:
    from pipeline.lake import Lake

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
    month = _month(period)
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


def land_feedback(lake: Lake, month: datetime, said: tuple[str, str], subject: str, reason: str) -> None:
    """Keep what a person says of a thing for good.

    Args:
        lake: where it is kept.
        month: of what it is about.
        said: of which kind of thing, and what.
        subject: which of them.
        reason: why.

    Raises:
        ConfigError: no reason is given, or nobody knows who says so.
    """
    import pyarrow as pa

    from pipeline.steps.ingest import now
    from pipeline.tables.feedback import FEEDBACK_EVENT as TABLE

    refuse_empty(reason)
    kind, verb = said
    row = {"source": "person", "ts": month, "subject_kind": kind, "subject_id": subject, "verb": verb}
    row |= {"actor": _actor(), "reason": reason.strip()}
    schema = pa.schema([field for field in TABLE.arrow_schema if field.name in row])
    shard = f"{kind}-{month:%Y-%m}"
    lake.land(TABLE, pa.Table.from_pylist([row], schema=schema), source="person", shard=shard, ingested_at=now())


def refuse_empty(reason: str) -> None:
    """Raise a ConfigError where no reason is given."""
    if not reason.strip():
        raise ConfigError("--reason is empty: who reads it later must know why")


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError(
            "the account under which this runs has no name: say in the variable USER who releases the bill"
        ) from None


def _month(period: str) -> Interval:
    try:
        first = datetime.strptime(period, "%Y-%m")
    except ValueError:
        raise ConfigError(f"PERIOD {period!r} is no month; expected YYYY-MM") from None
    return Interval.day(f"{first:%Y-%m-%d}").whole_months()
