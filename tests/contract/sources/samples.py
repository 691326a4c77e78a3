"""The shipped samples."""

from __future__ import annotations

from tests.support.source_cases import Case

CASES = {
    "april": Case(
        {},
        "2026-04-01",
        "2026-04-17",
        ["2026-04-02T00:00", "2026-04-09T13:07:30"],
        {"bronze.cur_line": 1882, "bronze.focus_line": 192, "bronze.metric_sample": 32977, "bronze.resource_snapshot": 122},
    )
}
DOWN = None
