"""Volumes with more than they are asked for, and with just that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.advice.estate import Estate
from tests.contract.recommenders.gp2_volume import load, volume
from tests.support.activity import AS_OF, active
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def one(kind: str, iops: float | None, mibps: float | None = None, used: float = 1000, **more: Any) -> Estate:
    given = volume("vol-1", kind, iops=iops, throughput_mibps=mibps, **more)
    return active([given], usage=load("vol-1", used, 20))


SITUATIONS = {
    "volumes": Situation(
        active(
            [
                volume("vol-io1", "io1", iops=5000),
                volume("vol-io2", "io2", iops=1250),
                volume("vol-gp3", "gp3", iops=10_000, throughput_mibps=500),
                volume("vol-gp2"),
                volume("vol-unstated", "io1"),
                volume("vol-unseen", "io1", iops=5000),
                volume("vol-young", "io1", iops=5000, launched_at=AS_OF - timedelta(days=3)),
                {
                    **volume("vol-loose", "io1", iops=5000),
                    "tags": '{"headroom:volume_type":"io1","headroom:size_gib":1,"headroom:iops":9}',
                },
                volume("vol-untyped", None),
            ],
            usage=[frame for name in ("vol-io1", "vol-io2", "vol-gp3", "vol-young") for frame in load(name, 1000, 20)],
        ),
        {
            # 1,000 / 0.8 IOPS; 3,750 fewer of 0.065 USD.
            "vol-io1": Says(
                "rightsize",
                "At most 1,000 IOPS",
                {"target_config": "io1, 100 GiB, 1250 IOPS", "savings_monthly_usd": pytest.approx(243.75)},
            ),
            "vol-io2": Says("keep", "no more than it needs"),
            "vol-gp3": Says(
                "rightsize",
                "",
                {"target_config": "gp3, 100 GiB, 3000 IOPS, 125 MiB/s", "savings_monthly_usd": pytest.approx(35 + 15)},
            ),
            "vol-gp2": Says("keep", "not provisioned"),
            "vol-unstated": Says("insufficient_data", "how many IOPS"),
            "vol-unseen": Says("insufficient_data", "not seen in 90 %"),
            "vol-young": Says("insufficient_data", "Launched 3.0 days ago"),
            "vol-loose": Says("insufficient_data", "Attached to nothing"),
            "vol-untyped": Says("insufficient_data", "does not say"),
        },
    )
}
_SEEN_LITTLE = one("io1", 5000)
_SEEN_LITTLE.usage.drop(_SEEN_LITTLE.usage.index[_SEEN_LITTLE.usage["hour"].dt.hour % 3 == 0], inplace=True)
OPTIONS = {
    "min_coverage_pct": Changed(60, _SEEN_LITTLE),
    "headroom_pct": Changed(50, one("io1", 5000)),
    "allow_gp3": Changed(True, one("io2", 5000)),
    "min_savings_usd": Changed(1000, one("io1", 5000)),
}
