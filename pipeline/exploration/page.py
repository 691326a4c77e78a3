"""The page of an exploration: figures and pictures in one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import pandas as pd
from markupsafe import Markup, escape

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}p{margin:.3rem 0;color:#4a5261}
img{max-width:100%;height:auto;border:1px solid #e3e6ea;border-radius:6px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.85rem}
th,td{padding:.3rem .55rem;border-bottom:1px solid #e3e6ea;text-align:right;white-space:nowrap}
th:first-child,td:first-child,td.text{text-align:left}
@media (prefers-color-scheme:dark){
body{background:#14181f;color:#dde2ea}p{color:#a4acb9}img{background:#fff}th,td{border-color:#333b47}}
"""


def render(title: str, lead: str, statistics: pd.DataFrame, pictures: Iterable[tuple[str, str, bytes]]) -> str:
    """The page.

    Args:
        title: what was explored.
        lead: what it is, in a sentence or two.
        statistics: a row per metric, as `describe_metrics` gives them.
        pictures: name, heading and PNG of each.
    """
    parts = [
        Markup(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
            "<title>{}</title><style>{}</style></head><body><h1>{}</h1><p>{}</p><h2>Figures</h2>"
        ).format(title, Markup(STYLE), title, lead),  # noqa: S704 a constant
        _table(statistics),
    ]
    for name, heading, picture in pictures:
        data = base64.b64encode(picture).decode()
        image = Markup('<h2 id="{}">{}</h2><img alt="{}" src="data:image/png;base64,{}">').format(name, heading, heading, data)
        parts.append(image)
    return "".join([*parts, "</body></html>\n"])


def _table(rows: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in rows.columns)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows.itertuples(index=False))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"<td>{'–' if value != value else f'{value:,.3g}' if abs(value) < 1000 else f'{value:,.0f}'}</td>"
    return f'<td class="text">{escape(str(value))}</td>' if isinstance(value, str) else f"<td>{value:,}</td>"
