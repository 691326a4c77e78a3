"""What commands show: lines, progress and frames, on a terminal or in a file.

Whatever comes from data is plain text here: no name in it is taken for markup, and no terminal obeys it.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderHook
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from pipeline.tables.text import visible


class _Shown:
    """What is printed, without what a terminal would obey; rich's own colours and movements are not of the text."""

    def __init__(self, printed: Any) -> None:
        self._printed = printed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._printed, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _ShowOnly(RenderHook):
    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        return [_Shown(each) for each in renderables]


def open_console(**options: Any) -> Console:
    """A console on which text of data does nothing but show; options as rich's."""
    opened = Console(**options)
    opened.push_render_hook(_ShowOnly())
    return opened


console = open_console(emoji=False)
errors = open_console(stderr=True, emoji=False)
# Whose sentences are for people; what the lake says of its queries is for the log.
_TALKING = ("pipeline.steps", "pipeline.inputs")
# Columns of what a terminal shows of one sentence at least; narrower ones are no longer read.
_READABLE = 24
# Of dollars, or of the currency of a bill.
_MONEY = re.compile(r"_(usd|cost)(_|$)")


class Said(logging.Handler):
    """Prints what steps say while they work, one line each; in Airflow it is the task's log."""

    def emit(self, record: logging.LogRecord) -> None:
        grave = record.levelno >= logging.WARNING
        if grave or record.name.startswith(_TALKING):
            mark, style = ("[yellow]![/]", "") if grave else (" ", "dim")
            console.print(f"{mark} {escape(record.getMessage())}", style=style, highlight=False, soft_wrap=True)


@contextmanager
def show_said() -> Iterator[None]:
    """Print what the pipeline logs meanwhile."""
    logger, said = logging.getLogger("pipeline"), Said()
    before = logger.level
    logger.addHandler(said)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(said)


@contextmanager
def show_progress(label: str) -> Iterator[Callable[..., None]]:
    """A bar; the callable takes how much is done, how much there is, and optionally what is being done."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total, doing=label: bar.update(task, completed=done, total=total, description=doing)


def print_frame(frame: Any, title: str) -> None:
    """Print the rows of a pandas frame below a title.

    On a terminal that is too narrow for the columns each row is a block of lines instead, so that names, ids and figures stay
    whole; sentences are wrapped. Into a file every row is one line.
    """
    rows = [[_cell(value, name, unit) for name, value in row.items()] for row, unit in _with_units(frame)]
    names = [str(name) for name in frame.columns]
    if not console.is_terminal:
        open_console(width=10_000).print(_table(title, names, rows))
    elif _least_width(names, rows) <= console.width:
        console.print(_table(title, names, rows))
    else:
        console.print(Text(title))
        for number, row in enumerate(rows, start=1):
            console.print(_block(number, names, row))


def _with_units(frame: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Each row by name of column, and the unit that it states of itself."""
    for row in frame.to_dict("records"):
        yield row, str(row.get("unit", ""))


def _table(title: str, names: list[str], rows: list[list[str]]) -> RichTable:
    grid = RichTable(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD)
    for place, name in enumerate(names):
        grid.add_column(Text(name), overflow="fold", no_wrap=not _is_sentence(place, rows))
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def _block(number: int, names: list[str], row: list[str]) -> RichTable:
    """One row as lines of name and value."""
    grid = RichTable(title=Text(f"row {number}"), title_justify="left", box=None, show_header=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in zip(names, row, strict=True):
        grid.add_row(Text(name), Text(value))
    return grid


def _least_width(names: list[str], rows: list[list[str]]) -> int:
    """Characters of a line in which no name, id or figure is broken."""
    widths = []
    for place, name in enumerate(names):
        longest = max((len(row[place]) for row in rows), default=0)
        widths.append(max(len(name), min(longest, _READABLE) if _is_sentence(place, rows) else longest))
    return sum(width + 3 for width in widths)


def _is_sentence(place: int, rows: list[list[str]]) -> bool:
    """Whether a column holds text that may be wrapped: words, more than a moment or an amount has."""
    return any(row[place].count(" ") > 2 for row in rows)


def _cell(value: Any, name: str = "", unit: str = "") -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, Decimal):
        return write_money(float(value))
    if not isinstance(value, float):
        return str(value)
    is_money = bool(_MONEY.search(name)) or (name == "value" and unit == "usd")
    return write_money(value) if is_money else write_number(value)


def write_money(value: float) -> str:
    """Two decimals; four, or as many as tell something, for what would round to nothing."""
    if abs(value) >= 0.005 or value == 0:
        return f"{value:,.2f}"
    return f"{value:.4f}" if abs(value) >= 0.00005 else write_number(value)


def write_number(value: float) -> str:
    """A figure with the digits that tell something: whole ones none, others two decimals or three digits; never an exponent."""
    if math.isinf(value):
        return str(value)
    if value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:,.2f}"
    digits = min(2 - math.floor(math.log10(abs(value))), 12)
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") or "0"
