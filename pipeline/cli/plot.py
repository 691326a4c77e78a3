"""Series drawn in characters, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from pipeline.report.detected import Stretch

_HEIGHT, _MOST_WIDTH, _TICKS = 12, 110, 5
# A series is broken where nothing was measured for so many times as long as usual.
_GAP = 1.5


def draw_hours(hours: Sequence[datetime], values: Sequence[float], title: str, lines: Mapping[str, float], width: int) -> str:
    """A line through the hours that were measured, broken where one is missing, with a straight one for each of `lines`.

    Args:
        hours: in order, naive UTC.
        values: one for each of them.
        title: above the plot.
        lines: height by what it stands for; the names are below the plot.
        width: columns that there are.

    Returns:
        Lines of plain characters, none of the plot wider than that.
    """
    return _draw(hours, values, title, lines, width)


def draw_alerts(one: Stretch, width: int) -> str:
    """The samples of a series, a cross where people are told, and dots along the bounds of what is expected."""
    moments = one.ts.astype("datetime64[us]").tolist()
    everywhere = np.isfinite(one.value)

    def points(values: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]) -> list[tuple[datetime, float]]:
        return [(moments[row], float(values[row])) for row in np.flatnonzero(chosen & np.isfinite(values))]

    bounds = points(one.lower, everywhere) + points(one.upper, everywhere)
    marks = [("·", bounds), ("×", points(one.value, one.alerts))]
    known = points(one.value, everywhere)
    drawn = _draw([at for at, _ in known], [value for _, value in known], one.name, {}, width, marks)
    named = "× alert" + (", · as far as expected" if bounds else "")
    return f"{drawn}\n  {named}"


def _draw(
    moments: Sequence[datetime],
    values: Sequence[float],
    title: str,
    lines: Mapping[str, float],
    width: int,
    marks: Sequence[tuple[str, Sequence[tuple[datetime, float]]]] = (),
) -> str:
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(width, _MOST_WIDTH), _HEIGHT)
    plotext.title(title)
    begun = moments[0]
    steps = [(after - before) / timedelta(hours=1) for before, after in pairwise(moments)]
    usual = median(steps) if steps else 1.0
    ends = [place + 1 for place, step in enumerate(steps) if step > _GAP * usual]

    def place(moment: datetime) -> float:
        return (moment - begun) / timedelta(hours=1)

    for character, points in marks[:1]:
        plotext.scatter([place(moment) for moment, _ in points], [value for _, value in points], marker=character)
    for first, end in zip([0, *ends], [*ends, len(moments)], strict=True):
        plotext.plot([place(moment) for moment in moments[first:end]], list(values[first:end]), marker="braille")
    for character, points in marks[1:]:
        plotext.scatter([place(moment) for moment, _ in points], [value for _, value in points], marker=character)
    for height in lines.values():
        plotext.hline(height)
    tops = [*values, *lines.values()]
    plotext.ylim(min(0.0, *values, 0.0), 1.05 * max(tops) if max(tops) > 0 else 1.0)
    length = place(moments[-1])
    ticks = [length * number / (_TICKS - 1) for number in range(_TICKS)] if length else [0.0]
    plotext.xticks(ticks, [f"{begun + timedelta(hours=tick):%m-%d %Hh}" for tick in ticks])
    drawn = [line.rstrip() for line in plotext.uncolorize(plotext.build()).splitlines()]
    named = [f"  ── {height:,.4g}: {name}" for name, height in lines.items()]
    return "\n".join([*drawn, *named])
