"""What data look like: a page and pictures of the lake's metrics, or of a user's own file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Day, From, HowToRead, To, read_interval, read_reading, read_settings
from pipeline.cli.output import console, show_progress, show_said
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.exploration.observed import Observed
    from pipeline.interval import Interval

app = typer.Typer()


@app.command()
def explore(
    file: Annotated[
        Path | None, typer.Argument(help="Parquet or CSV with timestamp,value or a column per series; the lake when not given.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Only this metric; repeatable. By default the five that most is known of."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for explore.html and a PNG per picture.")] = Path("explored"),
    option: HowToRead = None,
    day: Day = None,
    start: From = None,
    end: To = None,
) -> None:
    """Draw what data look like: distributions, hours and weekdays, correlations, trend and season, gaps."""
    from pipeline.own_files import explore as exploration

    if file is not None and (day or start or end):
        raise ConfigError(f"--day, --from and --to name days of the lake; {file} is explored whole")
    if file is None and option:
        raise ConfigError("--option says how a file is read; name one, or leave it out for the lake")
    mix = ""
    with show_said():
        if file is None:
            observed, mix = _read_lake(read_interval(day, start, end))
        else:
            observed = exploration.read_file(file, read_reading(option))
    with show_progress("drawing") as advance:
        page = exploration.explore(observed, out, metric or (), advance, mix)
    if mix:
        console.print(mix, markup=False, highlight=False, soft_wrap=True)
    console.print(f"wrote {page} and a PNG of each picture beside it", markup=False, soft_wrap=True)


def _read_lake(interval: Interval) -> tuple[Observed, str]:
    """What was observed, and which share of the resources is of which kind."""
    from pipeline.inputs import read
    from pipeline.inputs.findings import read_mix
    from pipeline.inputs.resources import read_resources
    from pipeline.lake import open_lake
    from pipeline.own_files.explore import from_lake
    from pipeline.report.sections.sources import tell_kinds

    lake = open_lake(read_settings())
    bounds = {"since": interval.start, "as_of": interval.end}
    days, hours = read(lake, "explored_days", **bounds), read(lake, "explored_hours", **bounds)
    mix = tell_kinds(read_mix(lake, interval.end))
    return from_lake(f"The lake, {interval}", days, hours, read_resources(lake, interval.end)), mix
