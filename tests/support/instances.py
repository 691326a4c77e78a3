"""Instances, their load and their prices, for the tests of rules about instances."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.interval import Interval
from pipeline.tables.capacity import CAPACITY_RISK

AS_OF = Interval.day("2026-03-15").start
DAYS = 14
HOURS = pd.date_range(AS_OF - timedelta(days=DAYS), AS_OF, freq="h", inclusive="left").astype("datetime64[us]")
_COLUMNS = (
    "item", "price_usd", "vcpu", "memory_gib", "arch", "network_mbps", "ebs_mbps", "coremark", "hypervisor", "gpu",
    "instance_store",
)  # fmt: skip
PRICES = pd.DataFrame(
    [
        ("m5.large", 0.096, 2, 8, "x86_64", 750, 650, 29_000, "nitro", 0, False),
        ("m5.xlarge", 0.192, 4, 16, "x86_64", 1250, 1150, 58_000, "nitro", 0, False),
        ("m5.2xlarge", 0.384, 8, 32, "x86_64", 2500, 2300, 116_000, "nitro", 0, False),
        ("m5.4xlarge", 0.768, 16, 64, "x86_64", 5000, 4750, 232_000, "nitro", 0, False),
        ("m5d.xlarge", 0.226, 4, 16, "x86_64", 1250, 1150, 58_000, "nitro", 0, True),
        ("c5.xlarge", 0.17, 4, 8, "x86_64", 1250, 1150, 60_000, "nitro", 0, False),
        ("m8a.large", 0.12, 2, 8, "x86_64", 1000, 650, 92_000, "nitro", 0, False),
        ("m7g.xlarge", 0.1632, 4, 16, "arm64", 1876, 1250, 100_000, "nitro", 0, False),
        ("t3.xlarge", 0.1664, 4, 16, "x86_64", 1024, 695, 50_000, "nitro", 0, False),
        ("t3.2xlarge", 0.3328, 8, 32, "x86_64", 2048, 695, 100_000, "nitro", 0, False),
        ("m4.xlarge", 0.10, 4, 16, "x86_64", 2500, 750, 58_000, "xen", 0, False),
        ("m4.2xlarge", 0.40, 8, 32, "x86_64", 2500, 1000, 100_000, "xen", 0, False),
        ("m5.metal", 0.01, 96, 384, "x86_64", 25_000, 19_000, None, None, 0, False),
        ("mac1.metal", 0.01, 12, 32, "x86_64", 10_000, 8_000, None, None, 0, False),
        ("g4dn.2xlarge", 0.01, 8, 32, "x86_64", 10_000, 8_000, None, "nitro", 1, True),
    ],
    columns=list(_COLUMNS),
).assign(service="ec2", region="us-east-1", unit="hour", price_as_of=pd.Timestamp("2026-02-01"))
NO_RISK = CAPACITY_RISK.empty()
MEASURED = {"memory_utilization": 10.0, "network_in": 10.0, "network_out": 10.0, "disk_read": 5.0, "disk_write": 5.0}


def series(metric: str, level: float | np.ndarray, peak: float | np.ndarray | None = None) -> pd.DataFrame:
    """The hours of one metric: its mean, and its P95 and maximum where they differ."""
    values = np.broadcast_to(np.asarray(level, dtype=float), len(HOURS))
    top = values if peak is None else np.broadcast_to(np.asarray(peak, dtype=float), len(HOURS))
    return pd.DataFrame({"metric": metric, "hour": HOURS, "mean": values, "p95": top, "max": top})


def rest(**changed: float) -> list[pd.DataFrame]:
    """The metrics beside CPU, at a low level."""
    return [series(metric, level) for metric, level in (MEASURED | changed).items()]


def one(instance_type: str, *usage: pd.DataFrame, risk: pd.DataFrame = NO_RISK, **other: object) -> Estate:
    """An estate of one instance."""
    key = {"account": "1", "region": "us-east-1", "resource_id": "i-1"}
    row = {**key, "service": "ec2", "instance_type": instance_type, "state": "running", "tags": "{}", **other}
    row["ts"] = pd.Timestamp(AS_OF) - pd.Timedelta(days=1)
    return Estate(
        AS_OF,
        DAYS,
        pd.DataFrame([row]),
        pd.concat(usage).assign(**key, samples=12, expected_samples=12, quality_flag=0),
        PRICES,
        risk,
    )


def risk_of(metric: str, headroom_ratio: float, p_cross_90d: float) -> pd.DataFrame:
    """What is known of the future of one metric of the instance of `one`."""
    return pd.DataFrame(
        {
            "as_of": pd.to_datetime([AS_OF, AS_OF]),
            "series_id": f"1/us-east-1/i-1/{metric}",
            "threshold_pct": [80.0, 90.0],
            "p_cross_90d": [min(1.0, p_cross_90d * 1.5), p_cross_90d],
            "headroom_ratio": headroom_ratio,
        }
    )


def mixed_estate() -> Estate:
    """One instance of every situation, and a database."""
    usual = "m5.large"
    resources = pd.DataFrame(
        [
            _resource("i-busy", usual),
            _resource("i-big", "m5.2xlarge", service="server"),
            _resource("i-bigblind", "m5.2xlarge"),
            _resource("i-idle", usual),
            _resource("i-strict", usual),
            _resource("i-unseen", usual),
            _resource("i-young", usual, launched_at=pd.Timestamp(AS_OF) - pd.Timedelta(days=3)),
            _resource("i-gaps", usual),
            _resource("i-member", "m5.2xlarge", tags='{"aws:autoscaling:groupName": "web"}'),
            _resource("i-stopped", usual, state="stopped"),
            _resource("i-unlisted", "m9.colossal"),
            _resource("i-untyped", None, tags=None),
            _resource("i-gpu", "g4dn.2xlarge"),
            _resource("i-xen", "m4.xlarge"),
            _resource("i-elsewhere", usual, region="mars-1"),
            _resource("db-1", "db.m5.large", service="rds"),
        ]
    )
    usage = pd.concat(
        [
            *_all_metrics("i-busy", 88, 99, 50, 40),
            *_all_metrics("i-big", 8, 16, 20, 20),
            _hourly("i-bigblind", "cpu_utilization", 8, 16),
            *_all_metrics("i-idle", 0.4, 0.9, 20, 0.0001),
            _hourly("i-strict", "cpu_utilization", 0.4, 0.8),
            *_all_metrics("i-young", 10, 20, 20, 20, days=3),
            _hourly("i-gaps", "cpu_utilization", 30, 60).iloc[::2],
            _hourly("i-gaps", "cpu_utilization", 1, 2).iloc[1::2].assign(quality_flag=1),
            *_all_metrics("i-member", 8, 16, 20, 20),
            *(frame for name in ("i-unlisted", "i-untyped", "i-gpu", "i-xen") for frame in _all_metrics(name, 8, 16, 20, 20)),
            _hourly("i-elsewhere", "cpu_utilization", 30, 60).assign(region="mars-1"),
        ],
        ignore_index=True,
    )
    prices = PRICES.assign(network_mbps=PRICES["network_mbps"].where(PRICES["item"] != "m4.xlarge"))
    return Estate(AS_OF, DAYS, resources, usage, prices, NO_RISK)


def _resource(resource_id: str, instance_type: str | None, **other: object) -> dict[str, object]:
    return {
        "account": "1",
        "region": "us-east-1",
        "resource_id": resource_id,
        "service": "ec2",
        "instance_type": instance_type,
        "state": "running",
        "launched_at": pd.Timestamp("2025-01-01"),
        "tags": "{}",
        "ts": pd.Timestamp(AS_OF) - pd.Timedelta(days=1),
        **other,
    }


def _hourly(resource_id: str, metric: str, mean: float, peak: float, days: float = DAYS) -> pd.DataFrame:
    """Hours up to AS_OF around a mean, whose maxima stay below a peak and reach it now and then."""
    hours = pd.date_range(AS_OF - timedelta(days=days), AS_OF, freq="h", inclusive="left").astype("datetime64[us]")
    rng = np.random.default_rng(0)
    level = mean * (1 + 0.2 * np.sin(np.arange(len(hours)) * 2 * np.pi / 24)) * rng.uniform(0.97, 1.03, len(hours))
    top = np.minimum(level * 1.1, peak)
    top[:: max(len(hours) // 5, 1)] = peak
    return pd.DataFrame(
        {
            "account": "1",
            "region": "us-east-1",
            "resource_id": resource_id,
            "metric": metric,
            "hour": hours,
            "mean": np.minimum(level, peak),
            "p95": np.minimum(level * 1.05, peak),
            "max": top,
            "samples": 12,
            "expected_samples": 12,
            "quality_flag": 0,
        }
    )


def _all_metrics(
    resource_id: str, cpu: float, cpu_peak: float, memory: float, mbps: float, days: float = DAYS
) -> list[pd.DataFrame]:
    rates = ("network_in", "network_out", "disk_read", "disk_write")
    return [
        _hourly(resource_id, "cpu_utilization", cpu, cpu_peak, days),
        _hourly(resource_id, "memory_utilization", memory, memory * 1.3, days),
        *(_hourly(resource_id, name, mbps, mbps * 1.5, days) for name in rates),
    ]
