"""What a metric's zero means, and its silence: declared for each, because the same absence means opposite things.

A count that is reported only where it is not zero says nothing by its absence alone: the source may not have been asked. It is
zero on the days on which a witness, a metric of the same resource that is always reported, was seen.

Source: "Reporting criteria" in the metric lists of the services' CloudWatch pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.advice.case import Case
from pipeline.advice.estate import Days

#: How far back activity by the day is read; no rule looks further.
MOST_DAYS = 32


@dataclass(frozen=True)
class Measure:
    """How one metric is to be read.

    Attributes:
        zero: what exactly 0 throughout says: that nothing happened, or, of what is never 0 on a running machine, that an
            exporter filled in what it did not measure.
        absent: what a period without a value says: that nothing happened, if a witness was seen, or nothing at all.
        kind: a count adds up over the day; of a level the highest counts.
        witnesses: metrics of the same resource that are always reported.
    """

    zero: Literal["nothing", "filler"] = "nothing"
    absent: Literal["nothing", "unknown"] = "unknown"
    kind: Literal["count", "level"] = "level"
    witnesses: tuple[str, ...] = ()


MEASURES: dict[str, Measure] = {
    # A machine that runs uses some of these, and is sent some of those.
    **dict.fromkeys(("cpu_utilization", "memory_utilization", "network_in", "network_out"), Measure(zero="filler")),
    # Of application and classic load balancers.
    "request_count": Measure(absent="nothing", kind="count", witnesses=("ConsumedLCUs", "HealthyHostCount")),
    # Of network load balancers: always reported.
    "NewFlowCount": Measure(kind="count"),
    "ConsumedLCUs": Measure(),
    "HealthyHostCount": Measure(),
    # Of NAT gateways: always reported.
    "ActiveConnectionCount": Measure(),
    "BytesOutToDestination": Measure(),
    # Of volumes: under Xen a direction without activity is absent, and so is all of a volume that is not attached.
    "VolumeReadOps": Measure(kind="count"),
    "VolumeWriteOps": Measure(kind="count"),
    "DatabaseConnections": Measure(),
    # Of tables: what is provisioned is always reported, what is consumed only where something is.
    **dict.fromkeys(
        ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"),
        Measure(absent="nothing", kind="count", witnesses=("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits")),
    ),
    **dict.fromkeys(("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits"), Measure()),
    # Of the nodes of caches, each minute; commands of a kind only where there were any.
    "EngineCPUUtilization": Measure(),
    "NewConnections": Measure(kind="count"),
    **dict.fromkeys(
        ("CacheHits", "CacheMisses", "GetTypeCmds", "SetTypeCmds", "KeyspaceHits", "KeyspaceMisses"),
        Measure(absent="nothing", kind="count", witnesses=("EngineCPUUtilization",)),
    ),
    # Of endpoints, as of functions, only where there are any: an endpoint's disk is reported while it has instances.
    "Invocations": Measure(absent="nothing", kind="count", witnesses=("DiskUtilization",)),
    "DiskUtilization": Measure(),
    # Of buckets once a day; what is asked of them only where something is.
    "BucketSizeBytes:StandardStorage": Measure(),
    "NumberOfObjects:AllStorageTypes": Measure(),
    "GetRequests:EntireBucket": Measure(kind="count"),
    "BytesDownloaded:EntireBucket": Measure(),
    "BytesUploaded:EntireBucket": Measure(),
}


@dataclass(frozen=True)
class Busiest:
    """The busiest of some days.

    Attributes:
        amount: total, or of a level the highest value, of that day; None where nothing is known.
        coverage: share of the days' periods of which something is known.
    """

    amount: float | None
    coverage: float


def busiest_day(case: Case, metric: str, days: int) -> Busiest:
    """The busiest of the last whole `days` before `as_of`."""
    measure, seen = MEASURES[metric], case.estate.days.get(case.key, {})
    window = _window(case, days)
    own = _within(seen, (metric,), window)
    known = _within(seen, (metric, *measure.witnesses), window) if measure.absent == "nothing" else own
    covered: dict[np.datetime64, float] = {}
    for day, share in ((day, share) for one in known for day, share in _shares(one)):
        covered[day] = max(share, covered.get(day, 0.0))
    if not covered:
        return Busiest(None, 0.0)
    amounts = [amount for one in own for amount in _amounts(one, measure)]
    return Busiest(max(amounts, default=0.0), float(sum(covered.values()) / days))


def newest(case: Case, metric: str, days: int) -> float | None:
    """What the last of the whole `days` before `as_of` says of which anything is known; None where nothing is."""
    seen = _within(case.estate.days.get(case.key, {}), (metric,), _window(case, days))
    return float(seen[0].mean[-1]) if seen and len(seen[0].mean) else None


def total_of(case: Case, metric: str, days: int) -> float:
    """The sum over the whole `days` of what is reported only where it is not zero: a rate by its seconds, a count by its periods.

    Which of the two it is, its `Measure` says.
    """
    seen = _within(case.estate.days.get(case.key, {}), (metric,), _window(case, days))
    if MEASURES[metric].kind == "count":
        return float(sum((one.mean * one.samples).sum() for one in seen))
    return float(sum((one.mean * one.samples / one.expected).sum() for one in seen) * 86_400)


def _window(case: Case, days: int) -> np.ndarray:
    return np.datetime64(case.estate.as_of, "D") - np.arange(1, days + 1).astype("timedelta64[D]")


def _within(seen: dict[str, Days], metrics: Iterable[str], window: np.ndarray) -> list[Days]:
    found = []
    for metric in metrics:
        if (one := seen.get(metric)) is not None:
            there = np.isin(one.day.astype("datetime64[D]"), window)
            found.append(Days(one.day[there], one.mean[there], one.max[there], one.samples[there], one.expected[there]))
    return found


def _shares(days: Days) -> Iterable[tuple[np.datetime64, float]]:
    return zip(days.day, np.minimum(1.0, days.samples / days.expected), strict=True)


def _amounts(days: Days, measure: Measure) -> Iterable[float]:
    if measure.kind == "level":
        return [float(value) for value in np.fmax(days.max, days.mean)]
    # Where absence says nothing, the mean of the periods seen stands for the day, and none counts as silence.
    periods = days.samples if measure.absent == "nothing" else days.expected
    # Of a source without a mean the highest period stands for all: rather too much than silence.
    return [float(value) for value in np.where(np.isnan(days.mean), days.max, days.mean) * periods]
