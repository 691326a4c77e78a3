"""Commands that answer recommendations: an answer is an event, and no recommendation is edited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from pipeline.cli.options import read_settings
from pipeline.cli.output import console
from pipeline.errors import ConfigError

app = typer.Typer()
recommendation_app = typer.Typer(help="Answer recommendations: later runs respect it.", no_args_is_help=True)
app.add_typer(recommendation_app, name="recommendation")

Id = Annotated[str, typer.Argument(help="recommendation_id, as in views.recommendation_current.", metavar="ID")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]


@recommendation_app.command()
def accept(recommendation_id: Id, reason: Reason) -> None:
    """It will be done; it goes on being shown until it is."""
    _answer(recommendation_id, "accepted", reason)


@recommendation_app.command()
def snooze(
    recommendation_id: Id,
    reason: Reason,
    until: Annotated[str, typer.Option("--until", help="Shown again from this UTC day on, YYYY-MM-DD.")],
) -> None:
    """Not now: it is not shown before a day."""
    try:
        day = datetime.strptime(until, "%Y-%m-%d")
    except ValueError:
        raise ConfigError(f"--until {until!r} is no day; expected YYYY-MM-DD") from None
    _answer(recommendation_id, "snoozed", reason, day)


@recommendation_app.command()
def dismiss(recommendation_id: Id, reason: Reason) -> None:
    """It is not to be done: not shown, and in no portfolio, for 400 days or until another answer."""
    _answer(recommendation_id, "dismissed", reason)


def _answer(recommendation_id: str, answer: str, reason: str, until: datetime | None = None) -> None:
    import pyarrow as pa

    from pipeline.inputs import ask
    from pipeline.lake import open_lake
    from pipeline.steps.ingest import now
    from pipeline.tables.advice import RECOMMENDATION_ANSWER as TABLE

    if not reason.strip():
        raise ConfigError("--reason is empty: who reads it later must know why")
    lake = open_lake(read_settings())
    asked: list[dict[str, Any]] = ask(lake, "answerable", recommendation_id=recommendation_id).to_pylist()
    if not asked:
        raise ConfigError(
            f"the newest run recommends nothing under {recommendation_id!r}; views.recommendation_current has the ids "
            "of all that is to be done"
        )
    [about] = asked
    if until is not None and until <= about["as_of"]:
        raise ConfigError(f"--until {until:%Y-%m-%d} is not after the newest run, {about['as_of']:%Y-%m-%d}")
    row = {"source": "person", "ts": about["as_of"], "recommendation_id": recommendation_id, "answer": answer}
    row |= {"reason": reason.strip(), "until": until}
    schema = pa.schema([field for field in TABLE.arrow_schema if field.name in row])
    lake.land(TABLE, pa.Table.from_pylist([row], schema=schema), source="person", shard=recommendation_id, ingested_at=now())
    what = f"{about['rule_id']}: {about['action']} {about['resource_id']}"
    console.print(f"{what} is {answer}; `recommend` of this day and of later ones respects it.", markup=False, highlight=False)
    if about["record"]:
        console.print(f"{about['rule_id']}, {about['record']}", style="dim", markup=False, highlight=False)
