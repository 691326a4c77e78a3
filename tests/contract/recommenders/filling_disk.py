"""Disks that fill, that do not, and of which nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from pipeline.advice.estate import Estate
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation, estate_of

_NOTHING = estate_of([])
_TODAY = pd.Timestamp(_NOTHING.as_of)


def crossing(resource_id: str, *chances: float | None, in_days: int | None = None, **other: Any) -> dict[str, Any]:
    """What is known of the disk of one server: its chances of reaching 90 % in 7, 30 and 90 days, and its date."""
    at = pd.NaT if in_days is None else _TODAY + pd.Timedelta(days=in_days)
    return {
        "as_of": _TODAY,
        "series_id": f"1/us-east-1/{resource_id}/disk_utilization",
        "metric": "disk_utilization",
        "granularity": "day",
        "threshold_pct": 90.0,
        "quantile": 0.9,
        "first_crossing_at": at,
        "crossing_p10_at": at - pd.Timedelta(days=3),
        "crossing_p90_at": pd.NaT,
        **dict(zip(("p_cross_7d", "p_cross_30d", "p_cross_90d"), chances, strict=True)),
        "headroom_ratio": 0.1,
        **other,
    }


def disks(*rows: Mapping[str, Any], also: tuple[str, ...] = ()) -> Estate:
    names = dict.fromkeys([str(row["series_id"]).split("/")[2] for row in rows] + list(also))
    risk = pd.DataFrame(rows)
    chances = ["p_cross_7d", "p_cross_30d", "p_cross_90d"]
    resources = [{"resource_id": name, "service": "server"} for name in names]
    return replace(estate_of(resources), risk=risk.astype(dict.fromkeys(chances, "float64")))


SITUATIONS = {
    "filling-full-calm-and-unknown": Situation(
        disks(
            crossing("s-fills", 0.0, 0.76, 0.99, in_days=31),
            crossing("s-fills", 0.0, 0.2, 0.5, in_days=45, threshold_pct=100.0),
            crossing("s-fills", 1.0, None, None, in_days=1, granularity="hour"),
            crossing("s-fills", 1.0, 1.0, 1.0, in_days=1, threshold_pct=80.0),
            crossing("s-full", 1.0, 1.0, 1.0, in_days=0),
            crossing("s-full", 0.0, 0.2, 0.5, in_days=45, threshold_pct=100.0),
            crossing("s-over", 1.0, 1.0, 1.0, in_days=0),
            crossing("s-slow", 0.0, 0.1, 0.4),
            crossing("s-hours", 0.6, None, None, in_days=1, granularity="hour"),
            crossing("s-calm", 0.0, 0.0, 0.01),
            crossing("s-short", None, None, None),
            crossing("s-busy", 1.0, 1.0, 1.0, series_id="1/us-east-1/s-busy/cpu_utilization", metric="cpu_utilization"),
            crossing("s-past", 1.0, 1.0, 1.0, as_of=_TODAY - pd.Timedelta(days=1)),
            crossing("s-past", 0.0, 0.0, 0.0),
        ),
        {
            "s-fills": Says(
                "investigate",
                r"P90 reaches 90 % on 2026-04-15, in 31 days \(2026-04-12 … later\); "
                "chance of 90 %: 0% within 7 days, 76% within 30 days, 99% within 90 days",
            ),
            "s-full": Says("investigate", "is at 90 % or more: P90 reaches 100 % on 2026-04-29, in 45 days .*20% within 30 days"),
            "s-over": Says("investigate", r"^Its disk is at 90 % or more\.$", {"confidence": 1.0}),
            "s-slow": Says("investigate", "the forecast's P90 does not reach 90 %; chance of 90 %"),
            "s-hours": Says("investigate", "in 1 day .*60% within 7 days"),
            "s-calm": Says("keep", "not likely to reach 90 %"),
            "s-short": Says("insufficient_data", "less than 7 days"),
            "s-busy": Says("insufficient_data", "Nothing is known"),
            "s-past": Says("keep", "not likely"),
        },
    ),
    "nothing-is-forecast": Situation(
        estate_of([{"resource_id": "i-1", "service": "ec2"}]), {"i-1": Says("insufficient_data", "Nothing is known")}
    ),
}
_LIKELY = disks(crossing("s-1", 0.0, 0.1, 0.3, in_days=80), crossing("s-1", 0.0, 0.0, 0.0, threshold_pct=100.0))
OPTIONS = {"threshold_pct": Changed(100, _LIKELY), "min_probability": Changed(0.4, _LIKELY)}
