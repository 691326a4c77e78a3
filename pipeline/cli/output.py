"""What commands show: lines, progress and frames, on a terminal or in a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

console = Console()
errors = Console(stderr=True)
# Whose sentences are for people; what the lake says of its queries is for the log.
_TALKING = ("pipeline.steps", "pipeline.inputs")


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
    """Print the rows of a pandas frame below a title."""
    grid = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in frame.columns:
        grid.add_column(str(name), overflow="fold")
    for values in frame.itertuples(index=False):
        grid.add_row(*[_cell(value) for value in values])
    # A wide result scrolls sideways; squeezed into the window its columns would be single letters.
    wide = Console(width=max(console.width, 14 * len(frame.columns))) if console.is_terminal else Console(width=1000)
    wide.print(grid)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
