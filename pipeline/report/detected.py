"""The page of scored files: the series with the gravest alerts, each about that alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from pipeline import __version__
from pipeline.report.charts import Band, Curves, Line, Mark, Scale, time_chart
from pipeline.report.page import FOLDER, fill


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some samples of one series in the order of time, with what a detector says of them.

    Attributes:
        name: of the series, and of its file.
        ts, value: (n,) the samples.
        expected, lower, upper: (n,) what the detector expected, and beyond which a value is far from that; NaN where it has none.
        score: (n,) as announced; `ALERT` and above is an alert.
        alerts: (n,) whether people are told.
    """

    name: str
    ts: npt.NDArray[np.datetime64]
    value: npt.NDArray[np.float64]
    expected: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    alerts: npt.NDArray[np.bool_]


def render_detected(shown: Sequence[Stretch], what: str) -> str:
    """The page as HTML that loads nothing from anywhere; `what` says what was scored and how much of it is shown."""
    return fill(
        "detected",
        what=what,
        shown=[(one.name, float(one.score.max(initial=0.0)), _chart(one)) for one in shown],
        style=(FOLDER / "report.css").read_text(encoding="utf-8").strip(),
        version=__version__,
    )


def _chart(one: Stretch) -> Markup:
    ts = [pd.Timestamp(moment) for moment in one.ts]
    marks = [
        Mark(ts[place], float(one.value[place]), "critical", f"alert {ts[place]:%Y-%m-%d %H:%M}, score {one.score[place]:.2f}")
        for place in np.flatnonzero(one.alerts)
    ]
    bands = [Band(ts, one.lower.tolist(), one.upper.tolist(), "band-90", "as far as expected")]
    lines = [Line(ts, one.value.tolist(), "observed", "value"), Line(ts, one.expected.tolist(), "median", "expected")]
    return time_chart(one.name, Curves(lines, bands), Scale(""), marks=marks, size=(1080, 220))
