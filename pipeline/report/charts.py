"""Charts as inline SVG: drawn here, without a plotting library, so that the report needs no host or font but its own.

Every function takes plain sequences and returns markup. Colours are classes that the style sheet defines for light and
dark; marks also differ in shape or dash, so that no reading depends on colour alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from pipeline.report.axes import Frame, px, time_axis, value_axis, value_ticks
from pipeline.tables.columns import SEVERITIES

SEVERITY_MARKS = dict(zip(SEVERITIES, ("ring", "circle", "triangle", "diamond"), strict=True))


@dataclass(frozen=True)
class Line:
    """One line: times, values (NaN breaks it) and the style sheet's class."""

    ts: Sequence[pd.Timestamp]
    value: Sequence[float]
    style: str
    label: str = ""


@dataclass(frozen=True)
class Band:
    """An area between two bounds."""

    ts: Sequence[pd.Timestamp]
    low: Sequence[float]
    high: Sequence[float]
    style: str
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """One marked moment."""

    ts: pd.Timestamp
    value: float
    severity: str
    label: str


@dataclass(frozen=True)
class Curves:
    """What runs over time.

    Attributes:
        lines, bands: drawn in their order, bands below.
        now: a vertical line at the moment that splits known from forecast.
        shaded: from when to when the ground is another.
        described: the same in words, which assistive technology reads after the title.
    """

    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    now: datetime | None = None
    shaded: Sequence[tuple[datetime, datetime]] = ()
    described: str = ""


@dataclass(frozen=True)
class Scale:
    """How values are written.

    Attributes:
        unit: at the axis.
        fmt: a value in words.
        reach: the axis reaches as far at least.
        is_read: whether the pointer reads values, which weighs more than the chart.
    """

    unit: str
    fmt: Callable[[float], str] = "{:,.4g}".format
    reach: float = 0.0
    is_read: bool = True


def time_chart(
    title: str,
    curves: Curves,
    scale: Scale,
    *,
    marks: Sequence[Mark] = (),
    thresholds: Sequence[tuple[float, str]] = (),
    size: tuple[int, int] = (360, 190),
    percent_axis: bool = False,
) -> Markup:
    """Lines, bands and marks over UTC time.

    Args:
        title: what assistive technology reads.
        thresholds: value and label of horizontal lines; those outside the range are left out.
        size: width and height in pixels.
        percent_axis: show 0–100 when values come near it.
    """
    (width, height), lines, bands = size, curves.lines, curves.bands
    times = [t for line in lines for t in line.ts] + [t for band in bands for t in band.ts] + [m.ts for m in marks]
    values = [
        v
        for column in ([x.value for x in lines] + [b.high for b in bands] + [b.low for b in bands] + [[m.value for m in marks]])
        for v in column
        if math.isfinite(v)
    ]
    if not times or not values:
        return Markup('<p class="empty">No values to draw.</p>')
    start, end = min(times), max(times)
    if start == end:
        end = start + timedelta(hours=1)
    low, high = min(0.0, min(values)), max(scale.reach, *values)
    if percent_axis and high > 40:
        low, high = 0.0, max(100.0, high)
    ticks = value_ticks(low, high)
    frame = Frame(width - 58, height - 50, 46, 22, start, end, min(low, ticks[0]), max(high, ticks[-1]))
    parts = [f"<desc>{escape(curves.described)}</desc>"] if curves.described else []
    parts += [_shade(frame, span) for span in curves.shaded]
    parts += [value_axis(frame, ticks, scale.unit), time_axis(frame, wanted=max(3, width // 85))]
    parts += [_band(frame, band) for band in bands]
    parts.append(_now(frame, curves.now))
    parts += [_line(frame, line) for line in lines]
    for value, label in thresholds:
        if frame.low < value < frame.high or value == scale.reach:
            y = frame.y(value)
            parts.append(
                f'<line class="threshold" x1="{px(frame.left)}" x2="{px(frame.right)}" y1="{px(y)}" y2="{px(y)}"/>'
                f'<text class="note" x="{px(frame.left + 3)}" y="{px(y - 3 if y > frame.top else y + 11)}">{escape(label)}</text>'
            )
    parts += [_mark(frame.x(m.ts), frame.y(m.value), m.severity, m.label) for m in marks]
    readings = _readings(frame, curves, scale) if scale.is_read else []
    return _svg(title, width, height, parts, readings, frame)


def stacked_chart(
    title: str,
    curves: Curves,
    scale: Scale,
    *,
    days: Sequence[pd.Timestamp],
    layers: Sequence[tuple[str, Sequence[float]]],
    size: tuple[int, int] = (1080, 260),
) -> Markup:
    """Areas stacked in the given order from the bottom, with the forecast's lines and bands beside them.

    Negative amounts are drawn as zero: an area has no other way to show them.
    """
    if not days or not layers:
        return Markup('<p class="empty">No values to draw.</p>')
    (width, height), lines, bands = size, curves.lines, curves.bands
    base = np.zeros(len(days))
    areas = []
    for number, (label, amounts) in enumerate(layers):
        top = base + np.clip(np.nan_to_num(np.asarray(amounts, dtype=np.float64)), 0, None)
        areas.append(Band(days, base.tolist(), top.tolist(), f"layer layer-{number}", label))
        base = top
    everything = [
        *base.tolist(),
        *(v for line in lines for v in line.value if math.isfinite(v)),
        *(v for band in bands for v in band.high),
    ]
    start, end = min(days), max([*days, *(t for line in lines for t in line.ts)])
    if start == end:
        end = start + timedelta(days=1)
    ticks = value_ticks(0.0, max(everything))
    frame = Frame(width - 66, height - 50, 54, 22, start, end, 0.0, ticks[-1])
    parts = [value_axis(frame, ticks, scale.unit), time_axis(frame, wanted=8)]
    parts += [_band(frame, band) for band in (*areas, *bands)]
    parts.append(_now(frame, curves.now))
    parts += [_line(frame, line) for line in lines]
    readings = [
        (
            frame.x(moment),
            f"{moment:%Y-%m-%d}\n" + "\n".join(f"{label}: {scale.fmt(float(amounts[i]))}" for label, amounts in reversed(layers)),
        )
        for i, moment in enumerate(days)
    ] + _readings(frame, curves, scale)
    return _svg(title, width, height, parts, readings, frame)


def mark_strips(
    *,
    title: str,
    rows: Sequence[tuple[str, Sequence[Mark]]],
    start: datetime,
    end: datetime,
    shaded: tuple[datetime, datetime] | None = None,
    width: int = 1080,
) -> Markup:
    """One strip per row with its marks along a shared time axis; `shaded` is the part of it with another ground."""
    if not rows:
        return Markup('<p class="empty">No values to draw.</p>')
    step, label_width = 24, _label_width([label for label, _ in rows])
    height = step * len(rows) + 40
    frame = Frame(
        width - label_width - 16, step * len(rows), label_width, 8, pd.Timestamp(start), pd.Timestamp(end), 0.0, float(len(rows))
    )
    parts = []
    if shaded is not None:
        parts.append(_shade(frame, shaded))
    parts.append(time_axis(frame, wanted=8))
    for number, (label, marks) in enumerate(rows):
        y = frame.top + step * (number + 0.5)
        parts.append(
            f'<text class="row-label" x="{label_width - 10}" y="{px(y + 4)}">{escape(_short(label, 44))}'
            f"<title>{escape(label)}</title></text>"
            f'<line class="grid" x1="{label_width}" x2="{px(frame.right)}" y1="{px(y)}" y2="{px(y)}"/>'
        )
        # The most severe is drawn last, on top.
        for mark in sorted(marks, key=lambda m: SEVERITIES.index(m.severity) if m.severity in SEVERITIES else -1):
            parts.append(_mark(frame.x(mark.ts), y, mark.severity, mark.label))
    return _svg(title, width, height, parts)


def bars(*, title: str, rows: Sequence[tuple[str, float, str]], width: int = 1080) -> Markup:
    """Horizontal bars: label, length, and the text at the bar's end."""
    if not rows:
        return Markup('<p class="empty">No values to draw.</p>')
    step, label_width, text_width = 22, _label_width([label for label, _, _ in rows]), 110
    longest = max(max(length for _, length, _ in rows), 1e-9)
    parts = []
    for number, (label, length, text) in enumerate(rows):
        y = 4 + step * number
        extent = max((width - label_width - text_width) * length / longest, 1)
        parts.append(
            f'<text class="row-label" x="{label_width - 10}" y="{y + 14}">{escape(_short(label, 44))}</text>'
            f'<rect class="bar" x="{label_width}" y="{y + 2}" width="{px(extent)}" height="{step - 6}" rx="2"/>'
            f'<text class="tick" x="{px(label_width + extent + 6)}" y="{y + 14}" text-anchor="start">{escape(text)}</text>'
        )
    return _svg(title, width, step * len(rows) + 8, parts)


def legend_swatch(style: str) -> Markup:
    """A sample of a line, band or mark, for legends in the text."""
    if style in SEVERITY_MARKS:
        inner = _mark(8, 6, style, "")
    elif style.startswith(("band", "layer", "shaded")):
        inner = f'<rect class="{escape(style)}" x="0" y="1" width="16" height="10"/>'
    else:
        inner = f'<line class="line {escape(style)}" x1="0" x2="16" y1="6" y2="6"/>'
    return Markup(  # noqa: S704 the style is escaped above
        f'<svg class="swatch" width="16" height="12" aria-hidden="true">{inner}</svg>'
    )


def _svg(
    title: str,
    width: float,
    height: float,
    parts: Sequence[str],
    readings: Sequence[tuple[float, str]] = (),
    frame: Frame | None = None,
) -> Markup:
    data = ""
    if readings and frame is not None:
        data = f' data-readings="{escape(json.dumps([[round(x, 1), text] for x, text in readings], ensure_ascii=False))}"'
        parts = [
            *parts,
            f'<line class="cursor" y1="{frame.top}" y2="{px(frame.bottom)}" x1="-9" x2="-9"/>',
        ]
    return Markup(  # noqa: S704 every text above is escaped where it is written
        f'<svg class="chart" viewBox="0 0 {px(width)} {px(height)}" role="img" aria-label="{escape(title)}"{data}>'
        f"{''.join(str(part) for part in parts)}</svg>"
    )


def _shade(frame: Frame, span: tuple[datetime, datetime]) -> str:
    """Another ground from when to when, as far as the chart reaches."""
    x0, x1 = (frame.x(min(max(pd.Timestamp(t), frame.start), frame.end)) for t in span)
    return f'<rect class="shaded" x="{px(x0)}" y="{frame.top}" width="{px(max(x1 - x0, 2))}" height="{px(frame.height)}"/>'


def _now(frame: Frame, now: datetime | None) -> str:
    """The line between known and forecast, where the chart shows both."""
    if now is None or not frame.start < pd.Timestamp(now) <= frame.end:
        return ""
    x = px(frame.x(pd.Timestamp(now)))
    return f'<line class="now" x1="{x}" x2="{x}" y1="{frame.top}" y2="{px(frame.bottom)}"/>'


def _readings(frame: Frame, curves: Curves, scale: Scale) -> list[tuple[float, str]]:
    """What the tooltip says at each moment."""
    said: dict[pd.Timestamp, list[str]] = {}
    for line in curves.lines:
        for ts, value in zip(line.ts, line.value, strict=True):
            if math.isfinite(value):
                said.setdefault(ts, []).append(f"{line.label or 'value'}: {scale.fmt(value)}")
    for band in curves.bands:
        for ts, low, high in zip(band.ts, band.low, band.high, strict=True):
            if math.isfinite(low) and math.isfinite(high):
                said.setdefault(ts, []).append(f"{band.label}: {scale.fmt(low)} … {scale.fmt(high)}")
    hourly = any(t.hour or t.minute for t in said)
    return [
        (frame.x(ts), "\n".join([f"{ts:%Y-%m-%d %H:%M} UTC" if hourly else f"{ts:%Y-%m-%d}", *said[ts]])) for ts in sorted(said)
    ]


def _line(frame: Frame, line: Line) -> str:
    pieces, pen_down = [], False
    for ts, value in zip(line.ts, line.value, strict=True):
        if math.isfinite(value):
            pieces.append(f"{'L' if pen_down else 'M'}{px(frame.x(ts))} {px(frame.y(value))}")
        pen_down = math.isfinite(value)
    return f'<path class="line {line.style}" d="{"".join(pieces)}"/>' if pieces else ""


def _band(frame: Frame, band: Band) -> str:
    points = [
        (frame.x(ts), frame.y(low), frame.y(high))
        for ts, low, high in zip(band.ts, band.low, band.high, strict=True)
        if math.isfinite(low) and math.isfinite(high)
    ]
    if not points:
        return ""
    upper = "L".join(f"{px(x)} {px(high)}" for x, _, high in points)
    lower = "L".join(f"{px(x)} {px(low)}" for x, low, _ in reversed(points))
    return f'<path class="{band.style}" d="M{upper}L{lower}Z"/>'


def _mark(x: float, y: float, severity: str, label: str) -> str:
    title = f"<title>{escape(label)}</title>" if label else ""
    kind = SEVERITY_MARKS.get(severity, "ring")
    style = f'class="mark mark-{escape(severity)}"'
    if kind == "diamond":
        return f'<path {style} d="M{px(x)} {px(y - 6)}l5.5 6l-5.5 6l-5.5 -6Z">{title}</path>'
    if kind == "triangle":
        return f'<path {style} d="M{px(x)} {px(y - 5.5)}l5 9.5h-10Z">{title}</path>'
    return f'<circle {style} cx="{px(x)}" cy="{px(y)}" r="{4 if kind == "circle" else 3.5}">{title}</circle>'


def _label_width(labels: Sequence[str]) -> int:
    """Room for row labels of 12 pixels, in pixels."""
    return 24 + 7 * max(min(len(label), 44) for label in labels)


def _short(text: str, characters: int) -> str:
    """Cut in the middle: the resource at the start and the metric at the end both matter."""
    if len(text) <= characters:
        return text
    tail = characters // 2
    return f"{text[: characters - tail - 1]}…{text[-tail:]}"
