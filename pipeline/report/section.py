"""What a section of the page is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipeline.report.findings import Findings

Content: TypeAlias = dict[str, Any]
"""What a section's template shows, by name."""


@dataclass(frozen=True)
class Empty:
    """Why a section has nothing to show, and what to do about it; what stands between backticks in `todo` is code."""

    why: str
    todo: str


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        anchor: where links to it lead, without the `#`.
        title: its heading.
        label: its name in the navigation.
        content: what its template shows of the findings.
        telemetry: it tells how the run went, not what it found, and so differs between runs that found the same.
    """

    anchor: str
    title: str
    label: str
    content: Callable[[Findings], Content | Empty]
    telemetry: bool = False
