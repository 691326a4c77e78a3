"""Both fleets, in the middle of their lives."""

from __future__ import annotations

from tests.support.options import Changed
from tests.support.source_cases import Case

CASES = {
    "reference": Case(
        {"preset": "reference", "servers": 11, "days": 60, "start": "2025-03-01"},
        "2025-03-10",
        "2025-04-20",
        ["2025-03-11T00:00", "2025-03-31T12:30"],
        {"bronze.metric_sample": 2255, "bronze.resource_snapshot": 451},
    ),
    "realistic": Case(
        {"preset": "realistic", "servers": 7, "days": 40, "start": "2025-03-01", "truth": "both"},
        "2025-03-10",
        "2025-04-04",
        ["2025-03-11T00:00", "2025-03-31T12:30"],
        {"bronze.fleet_truth": 175000, "bronze.incident": 9, "bronze.metric_sample": 20950, "bronze.resource_snapshot": 175},
    ),
}
DOWN = None
_FEW = {"servers": 2, "truth": "none"}
OPTIONS = {
    "preset": Changed("realistic", "reference", {"servers": 2}),
    "servers": Changed(5),
    "start": Changed("2025-02-01"),
    "days": Changed(20),
    "granularity": Changed("hour"),
    "seed": Changed(7),
    "telemetry": Changed("full", "realistic", _FEW),
    "truth": Changed("day", "realistic", _FEW),
    "truth_quantiles": Changed([0.5], "realistic", {**_FEW, "truth": "day"}),
}
