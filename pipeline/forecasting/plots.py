"""Pictures of a backtest: accuracy and coverage by lead time, and the worst series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.forecasting import metrics
from pipeline.forecasting.selection import BASELINE

#: Series listed as those a segment's proposed model does worst on.
WORST_SERIES = 20


def plot_training(file: Path, title: str, summary: pd.DataFrame, leads: pd.DataFrame) -> None:
    """Error by lead time, and how often each interval held what it promised."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    error, held = figure.subplots(1, 2)
    for model, curve in leads.groupby("model"):
        error.plot(curve["lead"], curve["scaled_pinball"], label=model, linewidth=1.3)
    error.set(xlabel="lead time, periods", ylabel="scaled pinball loss", title=title)
    nominal = sorted(metrics.INTERVALS)
    for row in summary.to_dict("records"):
        held.plot(nominal, [100 * row[f"coverage_{level}"] for level in nominal], marker="o", label=row["model"])
    held.plot(nominal, nominal, color="grey", linestyle=":", label="as promised")
    held.set(xlabel="interval, %", ylabel="actuals inside, %", title="coverage", ylim=(0, 103))
    held.legend(fontsize=8)
    figure.savefig(file, dpi=80)


def plot_model(file: Path, title: str, model: str, scored: pd.DataFrame, summary: pd.DataFrame, leads: pd.DataFrame) -> None:
    """One model beside the seasonal naive: error by lead time, coverage by lead time, and the series it does worst on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5))
    FigureCanvasAgg(figure)
    error, held, worst = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.05, right=0.995, bottom=0.12, top=0.85, wspace=0.28)
    figure.suptitle(title)
    for name in dict.fromkeys((BASELINE, model)):
        curve, color = leads.loc[leads["model"] == name], "C0" if name == model else "grey"
        error.plot(curve["lead"], curve["scaled_pinball"], label=name, color=color)
        held.plot(curve["lead"], 100 * curve["coverage_90"], label=name, color=color)
    error.set(xlabel="lead time, periods", ylabel="scaled pinball loss", ylim=(0, None), title="accuracy by lead time")
    error.legend(fontsize=8)
    held.axhline(90, color="grey", linestyle=":")
    row = summary.loc[summary["model"] == model].iloc[0]
    found = ", ".join(f"{level}: {row[f'coverage_{level}']:.0%}" for level in sorted(metrics.INTERVALS))
    held.set(
        xlabel="lead time, periods", ylabel="actuals inside the 90 % interval, %", ylim=(0, 103), title=f"coverage ({found})"
    )
    last = scored.loc[scored["model"] == model].nlargest(WORST_SERIES, "scaled_pinball").iloc[::-1]
    place = np.arange(len(last))
    worst.barh(place, last["scaled_pinball"], color="#b5d3ea")
    worst.set(yticks=[], xlabel="scaled pinball loss", title=f"worst {len(last)} of {row['series']} series")
    for at, name in zip(place, last["series_id"], strict=True):
        worst.annotate(name, (0, at), (3, 0), textcoords="offset points", va="center", fontsize=7, parse_math=False)
    figure.savefig(file, dpi=70)
