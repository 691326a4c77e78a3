"""The pictures of an exploration, as PNG: each of its own, and light enough for a page and sharp enough for a slide."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.exploration import drawing
from pipeline.exploration.observed import LABELS, Observed
from pipeline.exploration.statistics import LEAST_DAYS, decompose

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Metrics that are set against each other in pairs.
MOST_PAIRS = 4


def draw_all(observed: Observed) -> Iterator[tuple[str, str, Figure]]:
    """Name, heading and figure of each picture, one after the other."""
    cpu = "cpu_utilization" if "cpu_utilization" in observed.metrics else observed.metrics[0]
    yield "overview", "The fleet at a glance", _overview(observed, cpu)
    yield "sample", "What the data look like", _sample(observed, cpu)
    yield "distributions", "Where values lie", _per_metric(observed, (drawing.distribution,))
    yield "boxes", "Who differs from whom", _boxes(observed)
    yield "patterns", "Hours and weekdays", _per_metric(observed, (drawing.by_hour, drawing.by_weekday))
    yield "correlations", "What moves together", _one(drawing.correlations, observed)
    yield "pairs", "Pairs of metrics", _pairs(observed)
    yield "averages", "Moving averages", _per_metric(observed, (drawing.averages,), width=9)
    yield "decomposition", "Trend, season and rest", _decomposition(observed, cpu)
    yield "missing", "What is missing", _per_metric(observed, (drawing.missing,), width=9)


def to_png(figure: Figure, dpi: int, note: str = "") -> bytes:
    """The picture, with a note below it where there is one; equal figures give equal bytes."""
    sink = io.BytesIO()
    if note:
        figure.supxlabel("\n".join(wrap(note, int(figure.get_figwidth() * 14))), fontsize=8, parse_math=False)
    figure.savefig(sink, dpi=dpi, format="png", metadata={"Software": None})
    return sink.getvalue()


def halve(png: bytes) -> bytes:
    """The same at half the size each way, in 128 colours: a figure is drawn once, which is what takes the time."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as whole:
        small = whole.convert("RGB").reduce(2).quantize(128)
    sink = io.BytesIO()
    small.save(sink, format="PNG", optimize=True)
    return sink.getvalue()


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _one(draw: Callable[[Any, Observed], None], observed: Observed) -> Figure:
    figure = _figure(6.5, 5)
    draw(figure.subplots(), observed)
    return figure


def _per_metric(observed: Observed, draws: tuple[Callable[[Any, Observed, str], None], ...], width: float = 5) -> Figure:
    """A row per metric and a column per panel."""
    metrics = observed.metrics
    figure = _figure(width * len(draws) + 1, 2.4 * len(metrics) + 0.3)
    grid = figure.subplots(len(metrics), len(draws), squeeze=False)
    for row, metric in zip(grid, metrics, strict=True):
        for axes, draw in zip(row, draws, strict=True):
            draw(axes, observed, metric)
    return figure


def _boxes(observed: Observed) -> Figure:
    labels = [str(label) for label in observed.labels if label != "resource" and observed.labels[label].notna().any()]
    labels = labels or list(LABELS[:1])
    figure = _figure(4 * len(labels) + 1, 2.5 * len(observed.metrics) + 0.3)
    grid = figure.subplots(len(observed.metrics), len(labels), squeeze=False)
    for row, metric in zip(grid, observed.metrics, strict=True):
        for axes, label in zip(row, labels, strict=True):
            drawing.boxes(axes, observed, metric, label)
    return figure


def _pairs(observed: Observed) -> Figure:
    """Every pair of up to four metrics as points, with the distribution of each on the diagonal."""
    metrics = observed.metrics[:MOST_PAIRS]
    points = drawing.thin(observed.wide()[metrics].reset_index(drop=True), drawing.MOST_POINTS)
    figure = _figure(2.2 * len(metrics) + 0.8, 2.2 * len(metrics) + 0.3)
    grid = figure.subplots(len(metrics), len(metrics), squeeze=False)
    for down, row in enumerate(metrics):
        for across, column in enumerate(metrics):
            axes = grid[down, across]
            if down == across:
                axes.hist(points[row].dropna(), bins=30, color=drawing.BLUE)
            else:
                axes.plot(points[column], points[row], ".", markersize=1.5, alpha=0.4, color=drawing.BLUE)
            axes.tick_params(labelsize=7)
            if down == len(metrics) - 1:
                axes.set_xlabel(column, fontsize=8, parse_math=False)
            if across == 0:
                axes.set_ylabel(row, fontsize=8, parse_math=False)
    return figure


def _decomposition(observed: Observed, metric: str) -> Figure:
    figure = _figure(10, 6.5)
    mean = observed.mean_by_day(metric)
    if mean.notna().sum() < LEAST_DAYS:
        drawing.say(figure.subplots(), f"{int(mean.notna().sum())} days of {metric}; {LEAST_DAYS} are needed")
        return figure
    parts = decompose(mean)
    for axes, name in zip(figure.subplots(len(parts.columns), 1, sharex=True), parts.columns, strict=True):
        axes.plot(parts.index, parts[name], linewidth=0.9, color=drawing.BLUE)
        axes.set_ylabel(name)
        drawing.dates(axes)
    figure.suptitle(f"{drawing.named(observed, metric)}: mean of all resources, by weekday", parse_math=False)
    return figure


def _overview(observed: Observed, cpu: str) -> Figure:
    """Seven panels: trend, server types, correlations, months and quarters, business units, memory by criticality, web's week."""
    memory = "memory_utilization" if "memory_utilization" in observed.metrics else cpu
    figure = _figure(15, 10)
    grid = figure.add_gridspec(3, 6)
    places = [grid[0, :4], grid[0, 4:], grid[1, :2], grid[1, 2:4], grid[1, 4:], grid[2, :3], grid[2, 3:]]
    trend, kinds, together, months, units, critical, web = (figure.add_subplot(place) for place in places)
    drawing.averages(trend, observed, cpu)
    drawing.by_label(kinds, observed, cpu, "server_type")
    drawing.correlations(together, observed)
    drawing.by_month(months, observed, cpu)
    drawing.by_label(units, observed, cpu, "business_unit")
    drawing.boxes(critical, observed, memory, "criticality")
    drawing.by_weekday(web, observed, cpu, "web")
    figure.suptitle(observed.title, parse_math=False)
    return figure


def _sample(observed: Observed, metric: str) -> Figure:
    """Four panels: a few series, their distribution, the day, and who they are."""
    figure = _figure(13, 7.5)
    series, values, hours, kinds = np.ravel(figure.subplots(2, 2))
    drawing.some_series(series, observed, metric)
    drawing.distribution(values, observed, metric)
    if observed.hours["metric"].eq(metric).any():
        drawing.by_hour(hours, observed, metric)
    else:
        drawing.by_weekday(hours, observed, metric)
    drawing.boxes(kinds, observed, metric, "server_type")
    figure.suptitle(observed.title, parse_math=False)
    return figure
