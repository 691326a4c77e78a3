"""The page of an evaluation of detectors: what each found of what people labelled, and its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from pipeline import __version__
from pipeline.report.charts import Curves, Line, Mark, Scale, time_chart
from pipeline.report.curves import STYLES, Curve, curve_chart, swatch
from pipeline.report.page import FOLDER, fill

# Points that lie together in one of so many parts of both axes are one: no part is as wide as a pixel.
_PARTS = 600


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


def render_evaluation(scores: pd.DataFrame, drawn: Sequence[Drawn], what: str, plots: bool = True) -> str:
    """The page as HTML that loads nothing from anywhere.

    Args:
        scores: a row per detector, as `evaluate_series` gives them.
        drawn: of the same detectors.
        what: what they were scored on.
        plots: whether there are charts; there are as many of a kind as it takes for no line to look like another.
    """
    together = [drawn[first : first + len(STYLES)] for first in range(0, len(drawn), len(STYLES))]
    return fill(
        "evaluation",
        scores=scores.to_dict("records"),
        together=[([(swatch(n), each.name) for n, each in enumerate(some)], _charts(some)) for some in together if plots],
        drawn=[(each, [(one.name, _overview(one)) for one in each.overviews if plots]) for each in drawn],
        what=what,
        style=(FOLDER / "report.css").read_text(encoding="utf-8").strip(),
        version=__version__,
    )


def _charts(drawn: Sequence[Drawn]) -> list[tuple[str, Markup]]:
    """The charts that show some detectors beside each other, with their titles."""
    by_threshold = [(each.name, each.sensitivity["multiple"].tolist(), each.sensitivity["f1"].tolist()) for each in drawn]
    kinds = (
        ("ROC of raw scores", [(each.name, *each.roc) for each in drawn], ("false ratio", "recall"), 1.0),
        ("Precision over recall of raw scores", [(each.name, *each.pr) for each in drawn], ("recall", "precision"), 1.0),
        ("Event F1 by threshold", by_threshold, ("multiples of the detector's own threshold", "event F1"), 4.0),
    )
    return [
        (title, curve_chart(title, [_thin(name, x, y, largest_x) for name, x, y in curves], axes, largest_x))
        for title, curves, axes, largest_x in kinds
    ]


def _thin(name: str, x: Sequence[float], y: Sequence[float], largest_x: float) -> Curve:
    """The curve without points that nobody could tell from the one before; its last stays."""
    points = np.column_stack([np.asarray(x) / largest_x, y])
    moved = (np.diff(np.floor(points * _PARTS), axis=0) != 0).any(axis=1)
    kept = np.flatnonzero(np.append(True, moved) | (np.arange(len(points)) == len(points) - 1)).tolist()
    return Curve([float(x[place]) for place in kept], [float(y[place]) for place in kept], name)


def _overview(one: Overview) -> Markup:
    at = dict(zip(one.ts, one.value, strict=True))
    marks = [Mark(moment, at[moment], "low", f"labelled {moment:%Y-%m-%d %H:%M}") for moment in one.labelled]
    marks += [Mark(moment, at[moment], "critical", f"alert {moment:%Y-%m-%d %H:%M}") for moment in one.alerts]
    lines = Curves([Line(one.ts, one.value, "observed", "value")])
    return time_chart(one.name, lines, Scale(""), marks=marks, size=(1080, 200))
