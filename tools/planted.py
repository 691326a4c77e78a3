"""Backgrounds whose incidents are known, for `tools.bench_alerts`: the realistic fleet, and real series with incidents put in.

An incident of a real series is one that the fleet's generator labels: memory that leaks, CPU that is throttled, a network that is
saturated, of the same lengths and strengths, on the machines that have the metrics for it. None begins on the last day, or
touches a labelled window or another of its machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import steps
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.settings import Settings
from pipeline.sources import _bronze, fleet
from pipeline.sources._realistic_demand import METRICS, generator
from pipeline.sources._realistic_incidents import INCIDENTS, strike
from pipeline.tables.usage import METRIC_SAMPLE
from tools.environment import ROOT

#: The fleet, frozen: its servers, the days before the first that is told of, and the days that are told of.
SERVERS, BEFORE, TOLD = 100, 35, 30
START = datetime(2026, 3, 2)
#: Labels that people want to be told of; the others are windows of planned work, and changes of load.
WANTED = tuple(kind for kind in INCIDENTS if kind != "deploy")
#: Hours between two incidents, or windows, of a real machine.
APART = timedelta(hours=12)
#: Traffic of a machine at its busy hours below which eight times as much is nothing to anybody, Mbit/s.
BUSY_MBPS = 0.1
#: What an incident changes, which a machine must have.
NEEDED = {"memory_leak": "memory_utilization", "cpu_throttling": "cpu_utilization", "network_saturation": "network_in"}
LABELS = ["resource_id", "start", "end", "kind", "planted"]
_NUMENTA = {
    "cpu_utilization": ("cpu_utilization", "percent", 1.0),
    "etwork": ("network_in", "mbps", 8 / 300 / 1e6),
    "disk_write": ("disk_write", "mbps", 8 / 300 / 1e6),
    "request_count": ("requests", "count", 1.0),
}
_BITBRAINS = {
    "cpu_mean": ("cpu_utilization", "percent", 1.0),
    "mem_pct": ("memory_utilization", "percent", 1.0),
    "net_in_kbs": ("network_in", "mbps", 8 / 1e3),
    "net_out_kbs": ("network_out", "mbps", 8 / 1e3),
}


@dataclass(frozen=True)
class Background:
    """Servers and what happens to them.

    Attributes:
        name: of it.
        land: lands the samples of an interval.
        labels: `LABELS`; `planted` is an incident that people want to be told of.
        servers: how many there are.
        before, told: days that are landed at once, and those that are told of one by one.
        settings: that a lake of it has.
    """

    name: str
    land: Callable[[Interval, Settings], None]
    labels: pd.DataFrame
    servers: int
    before: int
    told: int
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def span(self) -> Interval:
        """The days that are told of."""
        first = START + timedelta(days=self.before)
        return Interval(first, first + timedelta(days=self.told))


def draw_fleet(seed: int, servers: int = SERVERS, before: int = BEFORE, told: int = TOLD) -> Background:
    """The realistic fleet, with the incidents that its generator labels."""
    chosen = {"preset": "realistic", "servers": servers, "start": f"{START:%Y-%m-%d}", "days": before + told, "seed": seed}
    life = Interval(START, START + timedelta(days=before + told))
    drawn = fleet.fetch(life, fleet.Options.model_validate(chosen))
    labels = pd.concat([each.data.to_pandas() for each in drawn if each.table == "bronze.incident"])
    labels = labels.rename(columns={"ts": "start", "end_at": "end"}).assign(planted=labels["kind"].isin(WANTED))

    def land(interval: Interval, settings: Settings) -> None:
        steps.perform("ingest", interval, target="fleet", settings=settings)

    given = {"sources": ("fleet",), "options": {"sources": {"fleet": chosen}}}
    return Background(f"realistic fleet {seed}", land, labels[LABELS], servers, before, told, given)


def draw_numenta(seed: int, folder: Path = ROOT / "tests" / "data" / "anomalies") -> Background:
    """The AWS series of a half of the Numenta Anomaly Benchmark, 14 days at five minutes, each moved by whole days."""
    rows = pd.read_parquet(folder / "numenta.parquet").astype({"file": "str"})
    windows = json.loads((folder / "numenta_windows.json").read_text())
    frames, labels = [], []
    for name, part in rows[rows["file"].str.startswith("realAWSCloudwatch/")].groupby("file"):
        resource = f"i-{Path(str(name)).stem.rpartition('_')[2]}"
        moved = START - part["ts"].min().to_pydatetime().replace(hour=0, minute=0, second=0)
        metric, unit, factor = next(its for word, its in _NUMENTA.items() if word in str(name))
        made = part.assign(ts=part["ts"] + moved, value=part["value"] * factor, resource_id=resource, metric=metric, unit=unit)
        frames.append(made)
        labels += [(resource, *(pd.Timestamp(end) + moved for end in each), "labelled") for each in windows.get(name, [])]
    known = pd.DataFrame(labels, columns=LABELS[:4])
    return plant(f"Numenta AWS {seed}", pd.concat(frames), known, seed, days=(8, 6), rate=1 / 6, period_s=300)


def draw_bitbrains(seed: int, file: Path, servers: int = SERVERS) -> Background:
    """Machines of GWA-T-12 `rnd` by the hour, July before and August told; which ones, the seed says."""
    rows = pd.read_parquet(file)
    first = datetime(2013, 8, 1) - timedelta(days=31)
    rows = rows[(rows["ts"] >= first) & (rows["ts"] < first + timedelta(days=61))]
    whole: Any = rows.groupby("series_id", observed=True).size()
    names = np.sort(whole[whole >= 0.9 * whole.max()].index.astype(str))
    rows = rows[rows["series_id"].isin(generator(seed, 9).choice(names, min(servers, len(names)), replace=False))]
    parts = [
        pd.DataFrame(
            {
                "resource_id": rows["series_id"].astype(str),
                "metric": metric,
                "unit": unit,
                "ts": rows["ts"] + (START - first),
                "value": rows[column] * factor,
            }
        )
        for column, (metric, unit, factor) in _BITBRAINS.items()
    ]
    samples = pd.concat(parts).dropna(subset=["value"])
    return plant(
        f"Bitbrains {seed}", samples, pd.DataFrame(columns=LABELS[:4]), seed, days=(31, 29), rate=0.5 / 30, period_s=3600
    )


def plant(
    name: str, samples: pd.DataFrame, labels: pd.DataFrame, seed: int, days: tuple[int, int], rate: float, period_s: int
) -> Background:
    """Real machines with incidents put in.

    Args:
        name: of the background.
        samples: resource_id, metric, unit, ts, value.
        labels: what is known of them: resource_id, start, end, kind.
        seed: equal seeds put the same in.
        days: before, and told of.
        rate: incidents of a machine per day, those not counted that find no place.
        period_s: seconds of a sample.
    """
    told = Interval(START + timedelta(days=days[0]), START + timedelta(days=sum(days)))
    samples = samples.sort_values(["resource_id", "metric", "ts"], ignore_index=True)
    put: list[tuple[Any, ...]] = []
    for number, (resource, rows) in enumerate(samples.groupby("resource_id")):
        draw = generator(seed, 8, number)
        own = labels[labels["resource_id"] == resource]
        held: list[Any] = list(zip(own["start"], own["end"], strict=True))
        for _ in range(draw.poisson(rate * days[1])):
            kind = str(draw.choice(_possible(rows)))
            start = told.start + timedelta(hours=int(draw.integers(0, 24 * (days[1] - 1))))
            end = start + timedelta(hours=int(draw.integers(*INCIDENTS[kind][1:]) + 1))
            strength = float(draw.uniform())
            if all(end + APART < begun or start > ended + APART for begun, ended in held):
                held.append((start, end))
                put.append((resource, start, min(end, told.end), kind, True))
                _strike(samples, rows, Interval(start, end), kind, strength)
    parts = [part for part in (labels.assign(planted=False), pd.DataFrame(put, columns=LABELS)) if len(part)]
    known = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=LABELS)

    def land(interval: Interval, settings: Settings) -> None:
        chosen = samples[(samples["ts"] >= interval.start) & (samples["ts"] < interval.end)]
        columns = {each: chosen[each].to_numpy() for each in ("resource_id", "metric", "unit", "ts", "value")}
        constant = {"source": "csv", "account": "1", "region": "us-east-1", "statistic": "Average", "period_s": period_s}
        rows = _bronze.rows(METRIC_SAMPLE.name, constant | columns)
        open_lake(settings).land(METRIC_SAMPLE, rows, source="csv", shard="all", ingested_at=interval.end)

    servers = samples["resource_id"].nunique()
    return Background(name, land, known[LABELS], servers, *days, {"sources": ("csv",)})


def _possible(rows: pd.DataFrame) -> list[str]:
    """The kinds of incidents that a machine may have; of one without a metric for them, of whatever it serves."""
    has = set(rows["metric"])
    traffic = rows.loc[~rows["unit"].isin(["percent"])].groupby("metric")["value"].quantile(0.95)
    kinds = [kind for kind in ("memory_leak", "cpu_throttling") if NEEDED[kind] in has]
    is_busy = "network_in" in has and traffic["network_in"] >= BUSY_MBPS
    return [*kinds, "network_saturation"] if is_busy or not kinds else kinds


def _strike(samples: pd.DataFrame, rows: pd.DataFrame, during: Interval, kind: str, strength: float) -> None:
    """Put an incident into the samples of a machine, in place.

    Traffic of a saturated network is a multiple of that of the machine's busy hours, which is what saturates one.
    """
    inside = rows[(rows["ts"] >= during.start) & (rows["ts"] < during.end)]
    moments = np.unique(inside["ts"])
    values = np.full((len(moments), len(METRICS)), np.nan)
    for metric, part in inside.groupby("metric"):
        at = np.searchsorted(moments, part["ts"].to_numpy())
        column = METRICS.index(metric) if metric in METRICS else METRICS.index("network_in")
        values[at, column] = part["value"]
        if kind == "network_saturation" and part["unit"].iloc[0] != "percent":
            values[at, column] = np.fmax(part["value"], rows.loc[rows["metric"] == metric, "value"].quantile(0.95))
    strike(values, kind, strength)
    values[:, :3] = np.clip(values[:, :3], 0, 100)
    for metric, part in inside.groupby("metric"):
        column = METRICS.index(metric) if metric in METRICS else METRICS.index("network_in")
        samples.loc[part.index, "value"] = values[np.searchsorted(moments, part["ts"].to_numpy()), column]
