"""Curves of one number over another as inline SVG, such as ROC and precision over recall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pipeline.report.axes import px

#: Lines differ in colour and in dash, so that no reading depends on colour alone.
STYLES = tuple(f"curve curve-{number}" for number in range(6))
_LEFT, _TOP, _MARGIN = 46, 22, 44


@dataclass(frozen=True)
class Curve:
    """x and y of each point, in order, and what it is of."""

    x: Sequence[float]
    y: Sequence[float]
    label: str


def curve_chart(
    title: str, curves: Sequence[Curve], axes: tuple[str, str], largest_x: float = 1.0, size: tuple[int, int] = (400, 300)
) -> Markup:
    """Curves whose y lies between 0 and 1 over x from 0 on.

    Args:
        title: what assistive technology reads.
        curves: drawn in this order, each in the style of its place; no more than there are styles.
        axes: what x and y are.
        largest_x: where x ends.
        size: width and height in pixels.
    """
    width, height = size[0] - _LEFT - 12, size[1] - _TOP - _MARGIN
    parts = [f'<text class="unit" x="{_LEFT - 6}" y="{_TOP - 10}">{escape(axes[1])}</text>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = px(_LEFT + width * tick), px(_TOP + height * (1 - tick))
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{px(_LEFT + width)}" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{tick:g}</text>'
            f'<text class="tick" x="{x}" y="{px(_TOP + height + 16)}" text-anchor="middle">{tick * largest_x:g}</text>'
        )
    middle, below = px(_LEFT + width / 2), px(_TOP + height + 34)
    parts.append(f'<text class="tick" x="{middle}" y="{below}" text-anchor="middle">{escape(axes[0])}</text>')
    for number, curve in enumerate(curves):
        points = [
            f"{px(_LEFT + width * x / largest_x)} {px(_TOP + height * (1 - y))}"
            for x, y in zip(curve.x, curve.y, strict=True)
            if math.isfinite(x) and math.isfinite(y)
        ]
        if points:
            # What falls on the same tenth of a pixel is one point.
            path = "L".join(dict.fromkeys(points))
            parts.append(f'<path class="{STYLES[number]}" d="M{path}"><title>{escape(curve.label)}</title></path>')
    return Markup(  # noqa: S704 every text above is escaped where it is written
        f'<svg class="chart" viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def swatch(number: int) -> Markup:
    """A sample of the line of a curve by its place, for legends."""
    return Markup(  # noqa: S704 nothing of it is text
        f'<svg class="swatch" width="22" height="12" aria-hidden="true"><path class="{STYLES[number]}" d="M0 6L22 6"/></svg>'
    )
