"""Commands about a user's own files; nothing of the lake is read or written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import read_settings
from pipeline.cli.output import console, print_frame, show_progress

app = typer.Typer()


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV with series_id, metric, ts, value; other columns are ignored.")],
    horizon: Annotated[int, typer.Option("--horizon", min=1, max=1000, help="Periods ahead: hours or days, as the series are.")],
    windows: Annotated[
        int, typer.Option("--windows", min=1, max=100, help="Rolling-origin windows, back from each series' end.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for forecasts.parquet and scores.parquet.")],
    models: Annotated[str, typer.Option("--models", help="Forecasters by comma; `default` is what the pipeline uses.")] = (
        "default,seasonal_naive"
    ),
) -> None:
    """Backtest forecasters on a user's own series and print how good they are."""
    from pipeline.own_files.backtest import evaluate_file

    names = tuple(name.strip() for name in models.split(",") if name.strip())
    with show_progress("backtesting") as advance:
        options = read_settings().options.get("forecasters")
        summary = evaluate_file(
            file, horizon=horizon, windows=windows, models=names, out_dir=out, progress=advance, options=options
        )
    print_frame(summary, f"{horizon} periods ahead, {windows} windows")
    console.print(f"wrote {out / 'forecasts.parquet'} and {out / 'scores.parquet'}")


def score_files(path: Path, out: Path, detector: str) -> None:
    """Score a CSV, or every CSV of a folder, for anomalies."""
    from pipeline.own_files.detect import detect_path

    with show_progress("scoring") as advance:
        options = read_settings().options.get("detectors", {}).get(detector)
        written = detect_path(path, out, detector=detector, progress=advance, options=options)
    console.print(f"scored {len(written)} files into {out}; anomaly_score of 0.5 and above is an alert")
