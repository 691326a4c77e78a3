"""The plot area of a chart, its axes and their ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
from markupsafe import escape

_EPOCH = pd.Timestamp(0)


@dataclass(frozen=True)
class Frame:
    """Plot area in pixels, and the ranges it shows."""

    width: float
    height: float
    left: float
    top: float
    start: pd.Timestamp
    end: pd.Timestamp
    low: float
    high: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x(self, moment: pd.Timestamp) -> float:
        return self.left + self.width * float((moment - self.start) / (self.end - self.start))

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - (value - self.low) / (self.high - self.low))


def px(value: float) -> str:
    """A coordinate as markup: one decimal is finer than a pixel, and the same everywhere."""
    return f"{value:.1f}".removesuffix(".0")


def value_axis(frame: Frame, ticks: Sequence[float], unit: str) -> str:
    """Grid lines and their values at the left, with the unit above."""
    parts = [f'<text class="unit" x="{px(frame.left - 6)}" y="{px(frame.top - 12)}">{escape(unit)}</text>']
    for tick in ticks:
        y = frame.y(tick)
        parts.append(
            f'<line class="grid" x1="{px(frame.left)}" x2="{px(frame.right)}" y1="{px(y)}" y2="{px(y)}"/>'
            f'<text class="tick" x="{px(frame.left - 6)}" y="{px(y + 4)}" text-anchor="end">{escape(_tick_text(tick))}</text>'
        )
    return "".join(parts)


def time_axis(frame: Frame, wanted: int) -> str:
    """At most `wanted` moments below the plot area."""
    parts = []
    for moment, text in time_ticks(frame.start, frame.end, wanted):
        x = frame.x(moment)
        parts.append(
            f'<line class="grid" x1="{px(x)}" x2="{px(x)}" y1="{px(frame.bottom)}" y2="{px(frame.bottom + 4)}"/>'
            f'<text class="tick" x="{px(x)}" y="{px(frame.bottom + 16)}" text-anchor="middle">{text}</text>'
        )
    return "".join(parts)


def time_ticks(start: pd.Timestamp, end: pd.Timestamp, wanted: int) -> list[tuple[pd.Timestamp, str]]:
    """Round moments, at most `wanted`; the step is whole minutes, hours, days or months."""
    span = end - start
    for step in (
        *(pd.Timedelta(minutes=m) for m in (5, 15, 30)),
        *(pd.Timedelta(hours=h) for h in (1, 3, 6, 12)),
        *(pd.Timedelta(days=d) for d in (1, 2, 5, 7, 10, 14)),
    ):
        if span / step <= wanted:
            first = _EPOCH + math.ceil((start - _EPOCH) / step) * step
            pattern = "%H:%M" if span < timedelta(days=1) else "%d %b %H:%M" if step < timedelta(days=1) else "%d %b"
            moments = pd.date_range(first, end, freq=step)
            return [(m, f"{m:{pattern}}") for m in moments]
    for months in (1, 2, 3, 6, 12, 24, 60):
        if span / pd.Timedelta(timedelta(days=30.4 * months)) <= wanted:
            break
    moments = pd.date_range(start.normalize().replace(day=1), end, freq=f"{months}MS")
    return [(m, f"{m:%b %Y}") for m in moments if m >= start]


def value_ticks(low: float, high: float) -> list[float]:
    """About four round values that span the range."""
    if high <= low:
        high = low + 1
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _tick_text(value: float) -> str:
    size = abs(value)
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= scale:
            divisor = 1e3 if letter == "k" else scale
            return f"{value / divisor:g}{letter}".replace("-", "−")
    return f"{value:g}".replace("-", "−")
