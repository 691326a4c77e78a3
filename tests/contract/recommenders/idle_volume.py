"""Volumes that are attached to nothing, or unused, and their twins that are not, or not for long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def volume(name: str, state: str | None = "available", kind: str = "gp2", **more: Any) -> dict[str, Any]:
    return resource(name, "ebs", state, **{"volume_type": kind, "size_gib": 100, **more})


def operations(name: str, amount: float, **more: Any) -> list[pd.DataFrame]:
    return [by_day(name, metric, amount, **more) for metric in ("VolumeReadOps", "VolumeWriteOps")]


_SINCE_LAST_WEEK = {"state_since": AS_OF - timedelta(days=7)}
# 10 USD for the volume; a snapshot of all of it costs 5.
_SAVES = {
    "savings_low_usd": pytest.approx(5.0),
    "savings_monthly_usd": pytest.approx(5.0),
    "savings_high_usd": pytest.approx(10.0),
}
SITUATIONS = {
    "volumes": Situation(
        active(
            [
                volume("vol-forgotten"),
                volume("vol-lately", **_SINCE_LAST_WEEK),
                volume("vol-unknown", state_since=pd.NaT),
                volume("vol-cold", kind="sc1"),
                volume("vol-creating", "creating"),
                volume("vol-asleep", "in-use", attached_to="i-off"),
                volume("vol-unused", "in-use", attached_to="i-on"),
                volume("vol-used", "in-use", attached_to="i-on"),
                volume("vol-unseen", "in-use", attached_to="i-on"),
                volume("vol-gaps", "in-use", attached_to="i-on"),
                volume("vol-peaks", "in-use", attached_to="i-on"),
                volume("vol-untyped", volume_type=None),
                resource("i-off", "ec2", "stopped"),
                resource("i-on", "ec2", "running"),
            ],
            *operations("vol-unused", 0),
            *operations("vol-used", 0.5),
            *operations("vol-gaps", 0, days=3),
            by_day("vol-unseen", "VolumeReadOps", 0),
            # Its source delivers the highest period alone.
            *(one.assign(mean=np.nan) for one in operations("vol-peaks", 40)),
        ),
        {
            "vol-forgotten": Says("delete", "Attached to nothing for at least 33 days. Take a snapshot first", _SAVES),
            "vol-lately": Says("insufficient_data", "since 2026-03-08 at the latest, for 7 days; 32 are needed"),
            "vol-unknown": Says("insufficient_data", "nobody knows since when"),
            "vol-cold": Says("keep", "may cost as much", {"monthly_cost_usd": pytest.approx(1.5)}),
            "vol-peaks": Says("keep", "up to 23,040 reads and writes a day"),
            "vol-creating": Says("insufficient_data", "creating"),
            "vol-asleep": Says("keep", "i-off, which is stopped"),
            "vol-unused": Says("delete", "neither read nor written on any of the last 7 days", _SAVES),
            "vol-used": Says("keep", "up to 288 reads and writes a day"),
            "vol-unseen": Says("insufficient_data", "0.0 % of the last 7 days"),
            "vol-gaps": Says("insufficient_data", "42.9 % of the last 7 days; 90 %"),
            "vol-untyped": Says("insufficient_data", "does not say"),
        },
    )
}


def _attached(amount: float, **more: Any) -> Estate:
    return active([volume("vol-1", "in-use", attached_to="i-1")], *operations("vol-1", amount, **more))


OPTIONS = {
    "unattached_days": Changed(7, active([volume("vol-1", **_SINCE_LAST_WEEK)])),
    "idle_days": Changed(5, _attached(0, days=5)),
    "max_operations_per_day": Changed(1000, _attached(0.5)),
    "min_coverage_pct": Changed(70, _attached(0, samples=216)),
}
