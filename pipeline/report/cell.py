"""A figure on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.report.words import missing


@dataclass(frozen=True)
class Cell:
    """A figure as people read it, and the figure itself: for sorting, and to compare the page with the table."""

    text: str
    exact: float | None


def cell_of(value: Any, write: Callable[..., str], **how: Any) -> Cell:
    """The cell of one value of a table, in the words of `write(value, **how)`; a missing value has no exact figure."""
    return Cell(write(value, **how), None if missing(value) else float(value))
