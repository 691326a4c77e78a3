"""The page of a replay: one file that needs no other, with the plot of savings beside risk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np
import pandas as pd

from pipeline.capacity.replay import NO_CHANGE, ORACLE, Replay

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 860, 440, 60, 20, 170, 50
_OURS, _ANCHOR = "ours", "CO default"
_CURVES = (_OURS, _ANCHOR)
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0 0 1.5rem }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8885 }
th:first-child, td:first-child { text-align: left }
svg { width: 100%; height: auto } svg text { fill: currentColor; font-size: 12px }
.grid { stroke: #8884 } .whisker { stroke: currentColor; opacity: .35 } .point { fill: #567 } .ours { fill: #c2410c }
.anchor { fill: #1d4ed8 } .bound { fill: none; stroke: currentColor } polyline { fill: none; stroke-width: 1.5 }
polyline.ours { fill: none; stroke: #c2410c } polyline.anchor { fill: none; stroke: #1d4ed8; stroke-dasharray: 5 3 }
"""


def draw_page(
    title: str,
    found: Replay,
    rules: pd.DataFrame,
    equal: pd.DataFrame,
    bins: pd.DataFrame,
    scores: tuple[float, float],
) -> str:
    """The page as HTML; all text that comes from a file is escaped.

    Args:
        title: the file's name.
        found: the replay.
        rules, equal, bins, scores: as `capacity.replay_score` gives them.
    """
    machines, windows = len(set(found.series_id)), len(found.hours)
    ladder = ", ".join(
        f"{name} at ${price:.4g}" for name, price in zip(found.ladder.names[::-1], found.ladder.price[::-1], strict=True)
    )
    stated = f"Brier score {scores[0]:.4f}; of the base rate of each size {scores[1]:.4f}."
    parts = [
        f"<h1>Sizing rules replayed on {escape(title)}</h1>",
        f"<p>{machines:,} machines, {windows:,} windows of {found.horizon_days} days, each judged by the {found.lookback_days} "
        f"days before it. Sizes: {escape(ladder)}. A window violates where demand (an hour's P95) exceeds the size that a rule "
        "took, and not the present one, in more than 1 % of its hours. A machine of another size might have been used "
        "otherwise.</p>",
        draw_plot(found, rules),
        "<p>A rule stands at what it saves and breaks; whiskers are 95 %, drawing machines anew. The lines are what ours and "
        "Compute Optimizer's default would be with their needs multiplied: at one risk, the higher saves more.</p>",
        "<h2>As they are</h2>",
        _table(rules, ("rule", "changed_pct", "saving_pct", "violating_pct", "added_hours_pct")),
        "<h2>At equal risk</h2><p>Needs are multiplied by what reaches the risk on half of the machines, and scored on the "
        "others. Beside: points of saving more than Compute Optimizer's default, with 80 % interval.</p>",
        _table(equal, ("rule", "risk", "saving_pct", "violating_pct", "beside_pct", "beside_low", "beside_high")),
        f"<h2>Stated chance of a breach, and what happened</h2><p>Over every window and smaller size. {stated}</p>",
        _table(bins, tuple(bins.columns), digits=3),
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Replay of {escape(title)}</title><style>{_STYLE}</style>'
    return head + "\n".join(parts) + "</html>\n"


def draw_plot(found: Replay, rules: pd.DataFrame) -> str:
    """Savings over the share of windows that violate, as SVG."""
    widest = max(10.0, float(rules["violating_high"].max()) * 1.03)
    tallest = max(10.0, float(rules["saving_high"].max()) * 1.05)

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / widest

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / tallest

    parts = list(_grid(x, y, widest, tallest))
    for rule in _CURVES:
        dots = " ".join(f"{x(risk):.1f},{y(saved):.1f}" for risk, saved in _frontier(found, rule) if risk <= widest)
        parts.append(f'<polyline class="{_kind(rule)}" points="{dots}"/>')
    places = []
    figures = ("saving_pct", "saving_low", "saving_high", "violating_pct", "violating_low", "violating_high")
    for rule, *values in zip(rules["rule"], *(rules[name].astype(float) for name in figures), strict=True):
        saving, saving_low, saving_high, violating, violating_low, violating_high = values
        px, py = x(violating), y(saving)
        places.append((px, py, str(rule)))
        sides = [(x(violating_low), py, x(violating_high), py), (px, y(saving_low), px, y(saving_high))]
        parts += [f'<line class="whisker" x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>' for a, b, c, d in sides]
        said = f"{rule}: saves {saving:.1f} %, {violating:.1f} % of windows violate"
        parts.append(f'<circle class="{_kind(rule)}" cx="{px:.1f}" cy="{py:.1f}" r="4.5"><title>{escape(said)}</title></circle>')
    parts += _labels(places)
    words = "Saving over the share of windows that violate, by rule"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}">{"".join(parts)}</svg>'


def _frontier(found: Replay, rule: str) -> list[tuple[float, float]]:
    """Share of windows that violate, and saving, in percent, for needs multiplied from little to much."""
    rows = np.arange(len(found.hours))
    points = []
    for multiplier in np.geomspace(0.2, 5, 65):
        size = found.choose(rule, float(multiplier))
        points.append((100 * float(found.violates[rows, size].mean()), 100 * float(found.ladder.saving[size].mean())))
    return points


def _grid(x: Callable[[float], float], y: Callable[[float], float], widest: float, tallest: float) -> Iterable[str]:
    for value in np.arange(0, widest, 10 if widest > 30 else 2):
        yield f'<line class="grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        yield f'<text x="{x(value):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{value:g}</text>'
    for value in np.arange(0, tallest, 10):
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">windows that violate, %</text>'
    yield f'<text x="{_LEFT}" y="{_TOP - 6}" text-anchor="middle">saving, %</text>'


def _labels(places: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names beside the points, from top to bottom, none upon another."""
    parts, taken = [], list[tuple[float, float]]()
    for px, py, name in sorted(places, key=lambda place: (place[1], place[0], place[2])):
        at = py + 4
        while any(abs(at - other) < 13 and abs(px - beside) < 150 for beside, other in taken):
            at += 13
        taken.append((px, at))
        parts.append(f'<text x="{px + 9:.1f}" y="{at:.1f}">{escape(name)}</text>')
    return parts


def _kind(rule: object) -> str:
    return {_OURS: "ours", _ANCHOR: "anchor", NO_CHANGE: "bound", ORACLE: "bound"}.get(str(rule), "point")


def _table(frame: pd.DataFrame, columns: Sequence[str], digits: int = 1) -> str:
    head = "".join(f"<th>{escape(name.replace('_pct', ' %').replace('_', ' '))}</th>" for name in columns)
    lines = [
        "<tr>" + "".join(f"<td>{escape(_written(getattr(row, name), digits))}</td>" for name in columns) + "</tr>"
        for row in frame.itertuples()
    ]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _written(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
