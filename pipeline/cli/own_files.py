"""Commands about a user's own files; nothing of the lake is read or written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import (
    UNCERTAINTY,
    HowToRead,
    Plots,
    ThresholdMultiplier,
    UncertaintySamples,
    lay_option,
    read_reading,
    read_settings,
)
from pipeline.cli.output import console, print_frame, show_progress, show_said
from pipeline.cli.plot import draw_alerts
from pipeline.settings import Settings

app = typer.Typer()
#: Series that `detect` draws in the terminal.
_DRAWN = 2


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV with series_id, metric, ts, value, or a column per series.")],
    horizon: Annotated[int, typer.Option("--horizon", min=1, max=1000, help="Periods ahead: hours or days, as the series are.")],
    windows: Annotated[
        int, typer.Option("--windows", min=1, max=100, help="Rolling-origin windows, back from each series' end.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for forecasts.parquet and scores.parquet.")],
    models: Annotated[str, typer.Option("--models", help="Forecasters by comma; `default` is what the pipeline uses.")] = (
        "default,seasonal_naive"
    ),
    option: HowToRead = None,
) -> None:
    """Backtest forecasters on a user's own series and print how good they are."""
    from pipeline.own_files.backtest import evaluate_series, read_series

    with show_said():
        series = read_series(file, read_reading(option))
    names = tuple(name.strip() for name in models.split(",") if name.strip())
    with show_progress("backtesting") as advance:
        options = read_settings().options.get("forecasters")
        summary = evaluate_series(
            series, horizon=horizon, windows=windows, models=names, out_dir=out, progress=advance, options=options
        )
    print_frame(summary, f"{horizon} periods ahead, {windows} windows")
    console.print(f"wrote {out / 'forecasts.parquet'} and {out / 'scores.parquet'}", markup=False)


@app.command()
def evaluate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files with a column label beside what `detect` reads; the shipped development set when none is named."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for scores.csv, thresholds.csv and evaluation.html.")] = Path(
        "evaluation"
    ),
    detectors: Annotated[
        str, typer.Option("--detectors", help="Detectors by comma; the setting `detectors` when not given.")
    ] = "",
    windows: Annotated[
        Path | None, typer.Option("--windows", help="JSON of file → [[first, last], …] that labels them instead of a column.")
    ] = None,
    plots: Plots = None,
    log: Annotated[bool, typer.Option("--log", help="Keep each detector's figures as a run in MLflow.")] = False,
    threshold_multiplier: ThresholdMultiplier = None,
    prophet_uncertainty_samples: UncertaintySamples = None,
    option: HowToRead = None,
) -> None:
    """Score detectors on what people labelled: events, ranks, samples, delay and other thresholds, in a table and a page.

    As in: python -m pipeline evaluate labelled.csv --detectors prophet_interval --threshold-multiplier 1.5 --no-plots
    """
    from pipeline.own_files.evaluate import WRITTEN, evaluate_series, read_files

    settings = read_settings(plots=plots)
    names = tuple(name.strip() for name in detectors.split(",") if name.strip()) or settings.detectors
    for name, value in (("threshold_multiplier", threshold_multiplier), (UNCERTAINTY, prophet_uncertainty_samples)):
        settings = lay_option(settings, "detectors", "prophet_interval", name, value, names)
    options = settings.options.get("detectors", {})
    with show_said():
        series = read_files(files or [], windows, read_reading(option))
        with show_progress("evaluating") as advance:
            scores = evaluate_series(series, names, out, options=options, plots=settings.plots, progress=advance)
    shown = ["detector", "f1", "precision", "recall", "false_per_day", "pr_auc", "roc_auc", "vus_pr", "delay_hours"]
    shown.append("calibration_error")
    print_frame(scores[shown].round(3), f"{scores['events'].iloc[0]} events; false alerts per series and day")
    written = [out / name for name in WRITTEN]
    if log:
        from pipeline.registry.evaluations import log_evaluation

        log_evaluation(settings, scores[scores["detector"].isin(names)], options, written)
        console.print("each detector is a run of the experiment in MLflow")
    console.print(f"wrote {written[0]}, {written[1]} and {written[2]}", markup=False)


@app.command()
def replay(
    file: Annotated[
        Path, typer.Argument(help="Parquet or CSV of a trace: resource_id, timestamp, cpu_percent, and memory_percent or none.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for replay.html and the tables as CSV.")],
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices",
            help="CSV of instance_type, price_usd, vcpu, memory_gib; the shipped list if not given.",
            show_default=False,
        ),
    ] = None,
    instance_type: Annotated[str, typer.Option("--instance-type", help="What every resource is taken to be.")] = "m5.4xlarge",
    lookback: Annotated[
        int | None,
        typer.Option("--lookback", min=2, max=365, help="Days before a cutoff; by the file's length.", show_default=False),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", min=1, max=90, help="Days after a cutoff; by the file's length.", show_default=False),
    ] = None,
    option: HowToRead = None,
) -> None:
    """Replay sizing rules on a user's own trace: what each would have saved, and what it would have broken."""
    from pipeline.own_files.replay import replay_file

    with show_said():
        result = replay_file(file, out, prices, instance_type, (lookback, horizon), read_reading(option))
    found = result.found
    shown = result.rules[["rule", "saving_pct", "violating_pct", "added_hours_pct"]].merge(
        result.equal.loc[result.equal["risk"] == result.equal["risk"].iloc[0], ["rule", "beside_pct"]], how="left", on="rule"
    )
    shown = shown.rename(columns={"beside_pct": "at_equal_risk"}).round(2)
    print_frame(shown, f"{len(found.hours)} windows: {found.lookback_days} days before, {found.horizon_days} after")
    console.print(
        f"at_equal_risk: points of saving beside Compute Optimizer's default; stated chances: Brier {result.brier[0]:.4f}, "
        f"of the base rate {result.brier[1]:.4f}; wrote {out / 'replay.html'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def score_files(path: Path, out: Path, detector: str, option: list[str] | None, settings: Settings) -> None:
    """Score a file, or every CSV of a folder, for anomalies, by the options of the settings."""
    from pipeline.own_files.detect import PAGE, detect_path, write_page

    reading = read_reading(option)
    with show_progress("scoring") as advance, show_said():
        options = settings.options.get("detectors", {}).get(detector)
        written = detect_path(path, out, detector=detector, progress=advance, options=options, reading=reading)
    alerts, alerting, series, unjudged = (
        sum(getattr(each, name) for each in written) for name in ("alerts", "alerting", "series", "unjudged")
    )
    gravest = write_page(written, out)
    for one in gravest[:_DRAWN]:
        console.print(draw_alerts(one, console.width), markup=False, highlight=False, soft_wrap=True)
    files = "1 file" if len(written) == 1 else f"{len(written):,} files"
    silent = f"; of {unjudged:,} series too little is known to judge any sample" if unjudged else ""
    console.print(
        f"scored {files} into {out}: {alerts:,} {'alert' if alerts == 1 else 'alerts'} in {alerting:,} of {series:,} series; "
        f"an anomaly_score of 0.5 and above is an alert{silent}; {out / PAGE} draws the gravest",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
