"""What a source brings to its contract: CASES by name, DOWN, OPTIONS, and where it needs files or a server, `set_up(folder)`.

`set_up` is a context manager that yields the place of what it has brought: a folder, a file or an address; or several places by
the word that stands for each. DOWN are options under which there is nobody to ask, or None for a source that cannot be down
because all it says is part of the project. OPTIONS has a `Changed` for each option of the source; its situation is the name of a
case, or such a name and another interval, and by default the first case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.interval import Interval

NEVER = ("1999-01-01", "1999-02-01")
Place = str | Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One interval of one source.

    Attributes:
        options: "PLACE" in a text stands for what `set_up` yields, where that is one place.
        start, end: an interval that has rows.
        cuts: where it is cut into parts, not only at midnights.
        rows: how many it has, by table.
        silent: an interval without rows.
    """

    options: Mapping[str, Any]
    start: str
    end: str
    cuts: Sequence[str]
    rows: Mapping[str, int]
    silent: tuple[str, str] = NEVER


def interval_of(start: str, end: str) -> Interval:
    """From one moment to another, as ISO texts."""
    return Interval(datetime.fromisoformat(start), datetime.fromisoformat(end))


def options_at(place: Place, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the place filled in, in texts and lists of texts."""
    places = {"PLACE": place} if isinstance(place, str) else place

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(each) for each in value]
        for word, each in places.items():
            value = value.replace(word, each) if isinstance(value, str) else value
        return value

    return {name: filled(value) for name, value in options.items()}
