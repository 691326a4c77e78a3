"""Instances that are idle, busy, or not to be judged by their load."""

from __future__ import annotations

from dataclasses import replace

from tests.support.instances import HOURS, mixed_estate, one, series
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

_UNJUDGED = {
    "i-unseen": Says("insufficient_data", "No CPU utilization in the last 14 days"),
    "i-young": Says("insufficient_data", "Launched 3.0 days ago; 14 days"),
    "i-gaps": Says("insufficient_data", r"50.0 % of the last 14 days \(168 of 336 hours\); 90 %"),
    "i-member": Says("insufficient_data", "aws:autoscaling:groupName=web"),
    "i-stopped": Says("keep", "Already stopped", {"monthly_cost_usd": 0.0}),
}
_SILENT = replace(mixed_estate(), usage=mixed_estate().usage.iloc[:0])
SITUATIONS = {
    "every-kind-of-instance": Situation(
        mixed_estate(),
        {
            **_UNJUDGED,
            "i-busy": Says("keep", r"In use: peak CPU 99.0 %"),
            "i-big": Says("keep", "In use"),
            "i-idle": Says("terminate", "peak CPU 0.90 %, at most 2.2 MB", {"rollback_possible": False}),
            "i-strict": Says("stop", "no network metric", {"rollback_possible": True, "risk_level": 2}),
            "i-unlisted": Says("keep", "In use"),
        },
    ),
    "nothing-was-measured": Situation(
        _SILENT,
        {name: Says("insufficient_data", "No CPU utilization") for name in ("i-busy", "i-idle", "i-xen")}
        | {"i-stopped": _UNJUDGED["i-stopped"]},
    ),
}
_QUIET = one("m5.large", series("cpu_utilization", 1, 4.9), series("network_in", 0.0002), series("network_out", 0.0002))
_FOUR_OF_FIVE_HOURS = replace(_QUIET, usage=_QUIET.usage.loc[_QUIET.usage["hour"].isin(HOURS[HOURS.hour % 5 > 0])])
OPTIONS = {
    "min_coverage_pct": Changed(70, _FOUR_OF_FIVE_HOURS),
    "max_cpu_pct": Changed(4.8, _QUIET),
    "max_network_mb_per_day": Changed(4, _QUIET),
    "strict_cpu_pct": Changed(0.5, one("m5.large", series("cpu_utilization", 0.4, 0.8))),
}
