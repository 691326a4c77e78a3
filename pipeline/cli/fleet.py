"""The synthetic fleet as a file, for whoever wants it outside of the lake."""

from __future__ import annotations

from datetime import MAXYEAR, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline import plugs
from pipeline.cli.output import console
from pipeline.errors import ConfigError

app = typer.Typer(help="The synthetic fleet, outside of the lake.", no_args_is_help=True)


class Granularity(StrEnum):
    """Rows per day or per hour; in two words each."""

    DAY = "day"
    HOUR = "hour"
    DAILY = "daily"
    HOURLY = "hourly"


#: What the source calls those.
_SAME = {Granularity.DAILY: Granularity.DAY, Granularity.HOURLY: Granularity.HOUR}


class Format(StrEnum):
    """What a file may be."""

    CSV = "csv"
    PARQUET = "parquet"


@app.callback()
def fleet() -> None:
    """The synthetic fleet, outside of the lake."""


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", help="File to write; its ending follows from the format.")] = Path("fleet"),
    servers: Annotated[int, typer.Option("--servers", min=1, max=10_000, help="Number of servers.")] = 120,
    years: Annotated[
        int | None, typer.Option("--years", min=1, max=20, help="Whole years from the first day; 4 by default.")
    ] = None,
    start_date: Annotated[str, typer.Option("--start-date", help="First day, as YYYY-MM-DD.")] = "2022-01-01",
    end_date: Annotated[str | None, typer.Option("--end-date", help="Last day, in place of --years.")] = None,
    granularity: Annotated[Granularity, typer.Option("--granularity", help="Rows per day or per hour.")] = Granularity.DAY,
    format_: Annotated[Format, typer.Option("--format", help="csv or parquet.")] = Format.CSV,
    compress: Annotated[bool, typer.Option("--compress", help="CSV with gzip; Parquet always is.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal files.")] = 42,
    archetypes: Annotated[
        Path | None, typer.Option("--archetypes", help="TOML file of archetypes, as pipeline/samples/archetypes.toml is.")
    ] = None,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Without whose a server is.")] = False,
    no_calendar: Annotated[bool, typer.Option("--no-calendar", help="Without what follows from the day.")] = False,
) -> None:
    """Write the reference fleet, generated and not measured, in the documented wide form."""
    first = _read_day("--start-date", start_date)
    days = _count_days(first, years, end_date)
    source = plugs.load("sources", "fleet")
    by = _SAME.get(granularity, granularity).value
    given = {"preset": "reference", "servers": servers, "start": first, "days": days, "granularity": by}
    options = plugs.check_options("sources", "fleet", {**given, "seed": seed})
    ending = ".parquet" if format_ is Format.PARQUET else ".csv.gz" if compress else ".csv"
    path = output if output.name.endswith(ending) else output.with_name(output.name + ending)
    rows = source.export_reference(path, options, archetypes, metadata=not no_metadata, calendar=not no_calendar)
    console.print(f"wrote {path}: {rows:,} rows of {servers:,} servers over {days:,} days", markup=False, soft_wrap=True)


def _count_days(first: date, years: int | None, end_date: str | None) -> int:
    if end_date is None:
        # The day before the same day so many years later; 29 February has none, and counts to 1 March.
        later = first.year + (years or 4)
        if later > MAXYEAR:
            raise ConfigError(f"--start-date {first}: {years or 4} years on is after {MAXYEAR}, the last year that there is")
        last = date(later, 3, 1) if (first.month, first.day) == (2, 29) else first.replace(year=later)
        return (last - first).days
    if years is not None:
        raise ConfigError("give --years or --end-date, not both")
    days = (_read_day("--end-date", end_date) - first).days + 1
    if days < 1:
        raise ConfigError(f"--end-date {end_date} lies before --start-date {first}")
    return days


def _read_day(option: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise ConfigError(f"{option} is a day as YYYY-MM-DD; got {text!r}") from None
