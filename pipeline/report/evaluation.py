"""The page of an evaluation of detectors: what each found of what people labelled, and its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from pipeline import __version__
from pipeline.report.charts import Curves, Line, Mark, Scale, time_chart
from pipeline.report.curves import Curve, curve_chart, swatch
from pipeline.report.page import FOLDER, fill

#: Points of a curve that are drawn at most; more are closer together than a pixel.
_POINTS = 600


@dataclass(frozen=True)
class Overview:
    """One series with what was labelled and what a detector told people.

    Attributes:
        name: of the series.
        ts, value: its samples.
        labelled, alerts: moments.
    """

    name: str
    ts: Sequence[pd.Timestamp]
    value: Sequence[float]
    labelled: Sequence[pd.Timestamp]
    alerts: Sequence[pd.Timestamp]


@dataclass(frozen=True)
class Drawn:
    """What is drawn of one detector: its curves, what other thresholds would give, and series with its alerts."""

    name: str
    roc: tuple[Sequence[float], Sequence[float]]
    pr: tuple[Sequence[float], Sequence[float]]
    sensitivity: pd.DataFrame
    overviews: Sequence[Overview]


def render_evaluation(scores: pd.DataFrame, drawn: Sequence[Drawn], what: str) -> str:
    """The page as HTML that loads nothing from anywhere.

    Args:
        scores: a row per detector, as `evaluate_series` gives them.
        drawn: of the same detectors; without any there are no charts.
        what: what they were scored on.
    """
    charts = (
        [
            (
                "ROC of raw scores",
                _together("ROC of raw scores", [(each.name, *each.roc) for each in drawn], ("false ratio", "recall")),
            ),
            (
                "Precision over recall of raw scores",
                _together("Precision over recall", [(each.name, *each.pr) for each in drawn], ("recall", "precision")),
            ),
            (
                "Event F1 by threshold",
                _together(
                    "Event F1 by threshold",
                    [(each.name, each.sensitivity["multiple"].tolist(), each.sensitivity["f1"].tolist()) for each in drawn],
                    ("multiples of the detector's own threshold", "event F1"),
                    4.0,
                ),
            ),
        ]
        if drawn
        else []
    )
    return fill(
        "evaluation",
        scores=scores.to_dict("records"),
        charts=charts,
        legend=[(swatch(number), each.name) for number, each in enumerate(drawn)],
        drawn=[(each, [(one.name, _overview(one)) for one in each.overviews]) for each in drawn],
        what=what,
        style=(FOLDER / "report.css").read_text(encoding="utf-8").strip(),
        version=__version__,
    )


def _together(
    title: str, curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], axes: tuple[str, str], largest_x: float = 1.0
) -> Markup:
    return curve_chart(title, [Curve(_thin(x), _thin(y), name) for name, x, y in curves], axes, largest_x)


def _thin(values: Sequence[float]) -> list[float]:
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), _POINTS)).astype(np.int64))
    return [float(values[place]) for place in places]


def _overview(one: Overview) -> Markup:
    at = dict(zip(one.ts, one.value, strict=True))
    marks = [Mark(moment, at[moment], "low", f"labelled {moment:%Y-%m-%d %H:%M}") for moment in one.labelled]
    marks += [Mark(moment, at[moment], "critical", f"alert {moment:%Y-%m-%d %H:%M}") for moment in one.alerts]
    lines = Curves([Line(one.ts, one.value, "observed", "value")])
    return time_chart(one.name, lines, Scale(""), marks=marks, size=(1080, 200))
