"""Commands that say something of anomalies: later runs respect it, and nothing that was found is edited."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from pipeline.cli.feedback import land_feedback, refuse_empty
from pipeline.cli.options import read_settings
from pipeline.cli.output import console
from pipeline.errors import ConfigError
from pipeline.tables.columns import ANOMALY_ANSWERS, ANOMALY_LABELS, DISMISSED, PLANNED

app = typer.Typer()
anomaly_app = typer.Typer(help="Answer anomalies and label them: later runs respect it.", no_args_is_help=True)
app.add_typer(anomaly_app, name="anomaly")

Id = Annotated[str, typer.Argument(help="anomaly_id, as in views.incident.", metavar="ID")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]
Until = Annotated[str | None, typer.Option("--until", help="Told again from this UTC day on, YYYY-MM-DD.")]


@anomaly_app.command()
def acknowledge(anomaly_id: Id, reason: Reason) -> None:
    """Somebody sees to it; it goes on being shown, with who said so and why in bronze.feedback_event."""
    _say(anomaly_id, ANOMALY_ANSWERS[0], reason)


@anomaly_app.command()
def dismiss(anomaly_id: Id, reason: Reason, until: Until = None) -> None:
    """Nobody is to be told of it, as long as it goes on or until a day."""
    _say(anomaly_id, DISMISSED, reason, until)


@anomaly_app.command()
def planned(anomaly_id: Id, reason: Reason, until: Until = None) -> None:
    """It was meant to be, as a test of load is: nobody is to be told of it, as long as it goes on or until a day."""
    _say(anomaly_id, PLANNED, reason, until)


@anomaly_app.command()
def label(
    anomaly_id: Id,
    verdict: Annotated[str, typer.Argument(help="confirmed: it is an anomaly; refuted: it is none.", metavar="VERDICT")],
    reason: Reason,
) -> None:
    """Whether it is an anomaly: kept in gold.anomaly, and counted in views.detector_feedback."""
    if verdict not in ANOMALY_LABELS:
        raise ConfigError(f"VERDICT {verdict!r} is none; expected {' or '.join(ANOMALY_LABELS)}")
    _say(anomaly_id, verdict, reason)


def _say(anomaly_id: str, verb: str, reason: str, until_day: str | None = None) -> None:
    from pipeline.inputs import ask
    from pipeline.lake import open_lake

    try:
        until = datetime.strptime(until_day, "%Y-%m-%d") if until_day else None
    except ValueError:
        raise ConfigError(f"--until {until_day!r} is no day; expected YYYY-MM-DD") from None
    refuse_empty(reason)
    lake = open_lake(read_settings())
    asked = ask(lake, "named_anomaly", anomaly_id=anomaly_id).to_pylist()
    if not asked:
        raise ConfigError(f"the newest run knows no anomaly {anomaly_id!r}; views.incident has the ids of all of them")
    [about] = asked
    if until is not None and until <= about["as_of"]:
        raise ConfigError(f"--until {until:%Y-%m-%d} is not after the newest run, {about['as_of']:%Y-%m-%d}")
    # A run as of a month's first midnight is of the days before it.
    month = (about["as_of"] - timedelta(seconds=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    land_feedback(lake, month, ("anomaly", verb), anomaly_id, reason, until)
    what = f"{about['metrics']} of {about['resource_id']} since {about['started_at']:%Y-%m-%d %H:%M}"
    console.print(f"{what} is {verb}; `incidents` of this day and of later ones respects it.", markup=False, highlight=False)
