"""Buckets that are hardly read, that are read much, and of which too little is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [
    {"service": "s3", "item": item, "unit": unit, "price_usd": usd}
    for item, unit, usd in (
        ("Standard storage first tier", "GB-month", 0.023),
        ("Standard-IA storage", "GB-month", 0.0125),
        ("Standard-IA retrieval", "GB", 0.01),
        ("Standard GET requests", "1k requests", 0.0004),
        ("Standard-IA GET requests", "1k requests", 0.001),
        ("Standard-IA lifecycle transition", "1k requests", 0.01),
    )
]
GIB = 2**30
#: Mbit/s that come to a GiB in thirty days.
_A_GIB = GIB * 8 / 1e6 / (30 * 86_400)


def bucket(name: str, state: str = "counted", **more: Any) -> dict[str, Any]:
    return resource(name, "s3", state, **{"lifecycle": "none", **more})


def holds(name: str, gib: float = 1000, objects: float = 1e6) -> list[pd.DataFrame]:
    """What S3 says once a day."""
    day = {"samples": 1}
    frames = [
        by_day(name, "BucketSizeBytes:StandardStorage", gib * GIB, **day),
        by_day(name, "NumberOfObjects:AllStorageTypes", objects, **day),
    ]
    return [frame.assign(expected_samples=1) for frame in frames]


def asked(name: str, read_gib: float = 0, written_gib: float = 0, reads: float = 0) -> list[pd.DataFrame]:
    """What is read and written in thirty days, evenly."""
    return [
        by_day(name, "BytesDownloaded:EntireBucket", read_gib * _A_GIB),
        by_day(name, "BytesUploaded:EntireBucket", written_gib * _A_GIB),
        by_day(name, "GetRequests:EntireBucket", reads / 30 / 288),
    ]


# 900 GiB are old; 100 GiB are read with 100,000 requests, all of it by a month of 730 hours; 900,000 objects are moved.
_MONTH = 730 / 24 / 30
_SAVED = 900 * 0.0105 - 100 * _MONTH * 0.01 - 100 * _MONTH * 0.0006 - 900 * 0.01 / 12
SITUATIONS = {
    "buckets": Situation(
        active(
            [
                bucket("cold"),
                bucket("silent"),
                bucket("read"),
                bucket("fresh"),
                bucket("small"),
                bucket("little"),
                bucket("moved", lifecycle="stated", moves_to="GLACIER"),
                bucket("forbidden", lifecycle=None),
                bucket("uncounted", "uncounted"),
                bucket("lately", state_since=AS_OF - timedelta(days=3)),
                bucket("unseen"),
                bucket("asked-lately"),
                bucket("young", launched_at=AS_OF - timedelta(days=2)),
            ],
            *(
                part
                for name in ("cold", "silent", "read", "fresh", "moved", "forbidden", "uncounted", "lately", "young")
                for part in holds(name)
            ),
            *(part[part["day"] >= part["day"].max() - pd.Timedelta(days=1)] for part in holds("asked-lately")),
            *holds("small", gib=100, objects=1e6),
            *holds("little", gib=100, objects=1000),
            *asked("cold", read_gib=100, written_gib=100, reads=100_000),
            *asked("read", read_gib=1100, written_gib=100, reads=100_000),
            *asked("fresh", written_gib=1100),
            prices=PRICES,
        ),
        {
            "cold": Says(
                "rightsize",
                "900.0 GiB are older than 30 days, and 101.4 GiB a month are read",
                {"savings_monthly_usd": pytest.approx(_SAVED), "target_config": "Standard-IA after 30 days"},
            ),
            "silent": Says("rightsize", "", {"savings_monthly_usd": pytest.approx(1000 * 0.0105 - 1000 * 0.01 / 12)}),
            "read": Says("keep", "It is read"),
            "fresh": Says("keep", "All of it was uploaded"),
            "small": Says("keep", "less than 128 KiB on average"),
            "little": Says("keep", "would save 1.05 dollars a month"),
            "moved": Says("keep", "moves objects already, to GLACIER"),
            "forbidden": Says("insufficient_data", "does not say what its lifecycle does"),
            "uncounted": Says("insufficient_data", "counted not; 30 days of request metrics"),
            "lately": Says("insufficient_data", "counted for 3 days only"),
            "asked-lately": Says("insufficient_data", "CloudWatch was asked of 7% of the last 30 days; 90% are needed"),
            "unseen": Says("insufficient_data", "is not known of the last 30 days"),
            "young": Says("insufficient_data", "Made 2.0 days ago"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([bucket("1")], *holds("1", **more), prices=PRICES)


OPTIONS = {"min_object_kib": Changed(2048, _one()), "min_savings_usd": Changed(1, _one(gib=100, objects=1000))}
