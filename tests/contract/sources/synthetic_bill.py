"""An estate's bill, of whole months, of one that is under way, and of one that changed after it was closed."""

from __future__ import annotations

from tests.support.options import Changed
from tests.support.source_cases import Case

_SMALL = {"servers": 5, "days": 70, "start": "2025-03-10"}
CASES = {
    "closed": Case(
        _SMALL,
        "2025-03-20",
        "2025-05-02",
        ["2025-03-21T00:00", "2025-04-30T12:30"],
        {"bronze.focus_line": 4088},
    ),
    "under way": Case(
        {**_SMALL, "exported": "2025-04-09"},
        "2025-04-01",
        "2025-05-01",
        ["2025-04-20T00:00"],
        {"bronze.focus_line": 467},
        silent=("2025-05-01", "2025-06-01"),
    ),
}
DOWN = None
OPTIONS = {
    "servers": Changed(3),
    "start": Changed("2025-02-01"),
    "days": Changed(30),
    "seed": Changed(7),
    "exported": Changed("2025-04-09"),
}
