"""What somebody else's data set would bring, before it is landed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import read_mapping, read_settings
from pipeline.cli.output import console, print_frame, show_said

app = typer.Typer()


@app.command()
def dataset(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet of somebody else's measurements, or a folder of them.")],
    preset: Annotated[
        str | None, typer.Option("--preset", help="Layout that is known: google_2019 or azure_2019.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            help="What a column means, as time_column=at; again for several. `sources show trace` lists them.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the tables as CSV; printed alone if not given.", show_default=False)
    ] = None,
    mix: Annotated[
        Path | None,
        typer.Option(
            "--mix",
            help="TOML file to write: settings that land the data set and a synthetic fleet beside it.",
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", min=0.001, max=0.999, help="Share of a mix's resources that are the data set's.")
    ] = 0.2,
) -> None:
    """Report how a data set maps, what is lost of it, how its metrics behave, and how well it fits, from 0 to 100."""
    from pipeline.own_files.dataset import TABLES, report_dataset, write_mix

    mapping = read_mapping(preset, option)
    with show_said():
        report = report_dataset(file, mapping, read_settings().min_daily_history)
    for name, title in TABLES.items():
        frame = getattr(report, name)
        if len(frame):
            print_frame(frame, title)
    if out is not None:
        report.write(out)
    console.print(
        f"fits {report.score:.0f} of 100: {report.coverage:.0%} of a server's five metrics, and the mean parts above; "
        f"docs/exploration.md says how each is counted{f'; wrote {out}' if out else ''}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if mix is not None:
        console.print(write_mix(report, mapping, file, share, mix), markup=False, highlight=False, soft_wrap=True)
