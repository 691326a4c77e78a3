"""Volumes of gp2, small and large, measured and not, and of other types."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import active, by_hour, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def volume(name: str, kind: str | None = "gp2", gib: int | None = 100, **more: Any) -> dict[str, Any]:
    return resource(name, "ebs", "in-use", volume_type=kind, size_gib=gib, attached_to="i-1", **more)


def load(name: str, iops: float, mibps: float) -> list[pd.DataFrame]:
    """Half of it read, half written: operations in five minutes, and Mbit/s."""
    megabits = mibps / 2 * 2**20 * 8 / 1e6
    return [
        *(by_hour(name, metric, 150 * iops) for metric in ("VolumeReadOps", "VolumeWriteOps")),
        *(by_hour(name, metric, megabits) for metric in ("VolumeReadBytes", "VolumeWriteBytes")),
    ]


def one(iops: float, mibps: float, gib: int = 2000) -> Estate:
    return active([volume("vol-1", gib=gib)], usage=load("vol-1", iops, mibps))


def _saves(usd: float, target: str) -> dict[str, Any]:
    return {"savings_monthly_usd": pytest.approx(usd), "savings_low_usd": pytest.approx(usd), "target_config": target}


SITUATIONS = {
    "volumes": Situation(
        active(
            [
                volume("vol-small"),
                volume("vol-large", gib=2000),
                volume("vol-busy", gib=2000),
                volume("vol-gp3", "gp3", iops=3000, throughput_mibps=125),
                volume("vol-untyped", None),
                volume("vol-unsized", gib=None),
            ],
            usage=load("vol-busy", 4000, 150),
        ),
        {
            "vol-small": Says("upgrade", "was not measured", _saves(2.0, "gp3, 100 GiB, 3000 IOPS, 125 MiB/s")),
            # 6,000 IOPS and 250 MiB/s, as it has now: 40 - 15 - 5 USD.
            "vol-large": Says("upgrade", "6000 IOPS", _saves(20.0, "gp3, 2000 GiB, 6000 IOPS, 250 MiB/s")),
            # 4,000 / 0.8 and 150 / 0.8: 40 - 10 - 2.52 USD.
            "vol-busy": Says(
                "upgrade", "At most 4,000 IOPS and 150.0 MiB/s", _saves(27.48, "gp3, 2000 GiB, 5000 IOPS, 188 MiB/s")
            ),
            "vol-gp3": Says("keep", "not gp2"),
            "vol-untyped": Says("insufficient_data", "does not say"),
            "vol-unsized": Says("insufficient_data", "does not say"),
        },
    ),
    # 16 MiB/s more for 5 GiB than gp3 saves.
    "gp3-would-cost-more": Situation(
        one(1000, 150, gib=50), {"vol-1": Says("keep", "would not be cheaper", {"monthly_cost_usd": 5.0})}
    ),
}
_HALF = one(4000, 150)
_HALF.usage.drop(_HALF.usage.index[_HALF.usage["hour"].dt.hour % 3 == 0], inplace=True)
OPTIONS = {"min_coverage_pct": Changed(60, _HALF), "headroom_pct": Changed(50, one(4000, 150))}
