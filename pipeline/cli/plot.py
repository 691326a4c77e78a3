"""Series drawn in characters, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

_HEIGHT, _MOST_WIDTH, _TICKS = 12, 110, 5


def draw_hours(hours: Sequence[datetime], values: Sequence[float], title: str, lines: Mapping[str, float], width: int) -> str:
    """A line through the hours that were measured, broken where one is missing, with a straight one for each of `lines`.

    Args:
        hours: in order, naive UTC.
        values: one for each of them.
        title: above the plot.
        lines: height by what it stands for; the names are below the plot.
        width: columns that there are.

    Returns:
        Lines of plain characters, none wider than that.
    """
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(width, _MOST_WIDTH), _HEIGHT)
    plotext.title(title)
    ends = [place for place in range(1, len(hours)) if hours[place] - hours[place - 1] > timedelta(hours=1)]
    for first, end in zip([0, *ends], [*ends, len(hours)], strict=True):
        places = [(hour - hours[0]) / timedelta(hours=1) for hour in hours[first:end]]
        plotext.plot(places, list(values[first:end]), marker="braille")
    for height in lines.values():
        plotext.hline(height)
    plotext.ylim(0, 1.05 * max([*values, *lines.values()], default=1.0) or 1.0)
    days = (hours[-1] - hours[0]) / timedelta(days=1)
    ticks = [24 * days * number / (_TICKS - 1) for number in range(_TICKS)] if days else [0.0]
    plotext.xticks(ticks, [f"{hours[0] + timedelta(hours=tick):%m-%d %Hh}" for tick in ticks])
    drawn = [line.rstrip() for line in plotext.uncolorize(plotext.build()).splitlines()]
    named = [f"  ── {height:,.4g}: {name}" for name, height in lines.items()]
    return "\n".join([*drawn, *named])
