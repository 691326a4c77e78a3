"""What one run of the DAG `monitor` costs, and whether it stays so: `make bench-monitor`.

A lake is aged first: hours of `--age-days` before the first run, judged, and five minutes of the last day of them. Then `--runs`
periods follow each other as they would in Airflow: the samples of the period and of `monitor_late_s` before it are landed, the
tables of the DAG are built, its steps are performed. Each run is a process of its own, so that its CPU time and memory are its
own, and nothing that another run has read is known to it; what is measured begins after its imports. `maintain` runs after every
day of periods, and its time is said beside. Samples are made up, of weeks that repeat, with noise; who asks a source for them is
not part of it.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table as Grid

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.steps import cpu_seconds
from pipeline.tables.schema import Table
from pipeline.tables.usage import METRIC_5MIN, METRIC_HOURLY, METRIC_SAMPLE

START = datetime(2026, 3, 2)
#: What a run may take: wall seconds, peak memory, and what later runs may cost of the first.
WALL_S, PEAK_MIB, GROWTH_RATIO = 20.0, 500.0, 1.2
SOURCE = "csv"
# What a run imports: Great Expectations alone takes seconds.
NEEDED = (
    "pipeline.quality._great_expectations",
    "pipeline.steps.build",
    "pipeline.steps.detect",
    "pipeline.steps.incidents",
    "pipeline.steps.alert",
    "pipeline.steps.status",
    "pipeline.steps.maintain",
)
console = Console()


@dataclass(frozen=True)
class Estate:
    """Made-up series, each with a sample per `period_s`.

    Attributes:
        resources: how many there are.
        metrics: of each resource.
        period_s: seconds between two samples of a series.
    """

    resources: int
    metrics: int
    period_s: int = 300

    def samples(self, span: Interval, every_s: int = 0) -> dict[str, pa.Array]:
        """Resource, metric, moment and value of each sample in a span, in order of series and time.

        Args:
            span: whole periods.
            every_s: seconds between two samples; by default the estate's.
        """
        step = np.timedelta64(every_s or self.period_s, "s")
        moments = np.arange(np.datetime64(span.start, "us"), np.datetime64(span.end, "us"), step)
        series = np.arange(self.resources * self.metrics)
        hour = moments.astype("datetime64[m]").astype(np.int64) / 60
        wave = 30 + 10 * np.sin(hour / 24 * 2 * np.pi)[None, :] + (series % 20)[:, None]
        # The same moment has the same sample whenever it is landed.
        noise = (np.sin(12.9898 * series[:, None] + 78.233 * (hour * 12)[None, :]) * 43758.5453) % 1
        number = np.repeat(series, len(moments))
        return {
            "resource_id": pa.array([f"i-{each:05d}" for each in range(self.resources)]).take(pa.array(number // self.metrics)),
            "metric": pa.array(["cpu_utilization", *(f"metric_{each}" for each in range(1, self.metrics))]).take(
                pa.array(number % self.metrics)
            ),
            "ts": pa.array(np.tile(moments, len(series))),
            "value": pa.array(np.round((wave + 3 * noise).ravel(), 3)),
        }


@dataclass(frozen=True)
class Spent:
    """What a run took, by part, and its peak memory up to the end of each."""

    wall_s: dict[str, float]
    cpu_s: dict[str, float]
    peaks_mib: dict[str, float]

    @property
    def wall(self) -> float:
        return sum(self.wall_s.values())

    @property
    def cpu(self) -> float:
        return sum(self.cpu_s.values())

    @property
    def peak_mib(self) -> float:
        return max(self.peaks_mib.values())


def land(estate: Estate, span: Interval, settings: Settings) -> None:
    """What a source would have landed of a span."""
    constant = {"source": SOURCE, "account": "1", "region": "us-east-1", "unit": "Percent", "statistic": "Average"}
    columns = {**constant, "period_s": estate.period_s, **estate.samples(span)}
    rows = _bronze.rows(METRIC_SAMPLE.name, columns)
    open_lake(settings).land(METRIC_SAMPLE, rows, source=SOURCE, shard=f"{span.start:%H%M}", ingested_at=span.end)


def age(estate: Estate, days: int, settings: Settings) -> None:
    """Fill the days before the first run: hours of all, five minutes of the last."""
    lake = open_lake(settings)
    for back in range(days, 0, -1):
        day = Interval(START - timedelta(days=back), START - timedelta(days=back - 1))
        # The runs of a day leave a file each: what the first run replaces lies in none with all of the day.
        newest = day.end - timedelta(minutes=30)
        minutes = [Interval(day.start, newest), Interval(newest, day.end)] if back == 1 else []
        for table, every_s, spans in ((METRIC_HOURLY, 3600, [day]), (METRIC_5MIN, 300, minutes)):
            for span in spans:
                lake.replace(table, conform(_observed(estate, table, span, every_s), table, span), table.scope(span))
        say(f"aged to {day.end:%Y-%m-%d}")
    steps.perform("detect", day, settings=settings)


def _observed(estate: Estate, table: Table, day: Interval, every_s: int) -> pa.Table:
    """Rows of a table of utilisation as its build would give them."""
    made = estate.samples(day, every_s)
    count = len(made["ts"])
    name = pc.binary_join_element_wise("1", "us-east-1", made["resource_id"], made["metric"], "/")
    constant: dict[str, Any] = {"account": "1", "region": "us-east-1", "unit": "percent", "source": SOURCE, "saturated": False}
    constant |= {
        "sources": SOURCE,
        "period_s": estate.period_s,
        "samples": max(every_s // estate.period_s, 1),
        "quality_flag": 0,
        "quality_score": 1.0,
    }
    constant["expected_samples"] = constant["samples"]
    columns = {
        "series_id": name,
        "resource_id": made["resource_id"],
        "metric": made["metric"],
        table.time: made["ts"],
        **dict.fromkeys(("mean", "p50", "p95", "max"), made["value"]),
        **{column: pa.repeat(pa.scalar(value), count) for column, value in constant.items() if column in table.names},
    }
    return pa.table(columns)


def period(number: int, settings: Settings) -> Interval:
    """The period of one of the runs."""
    length = timedelta(seconds=settings.monitor_period_s)
    return Interval(START + number * length, START + (number + 1) * length)


def run(estate: Estate, number: int, settings: Settings) -> Spent:
    """One run, part by part, in this process."""
    this = period(number, settings)
    late = Interval(this.start - timedelta(seconds=settings.monitor_late_s), this.end)
    parts: dict[str, Callable[[], Any]] = {"land": lambda: land(estate, late, settings)}
    for table in steps.list_builds(when="monitor"):
        parts[f"build {table}"] = partial(steps.perform, "build", late, target=table, settings=settings)
    for name in steps.MONITOR:
        parts[name] = partial(steps.perform, name, late, settings=settings)
    for name in ("alert", "status"):
        parts[name] = partial(steps.perform, name, this, settings=settings)
    wall_s, cpu_s, peaks_mib = {}, {}, {"before it": peak_mib()}
    for name, work in parts.items():
        wall, cpu = time.perf_counter(), cpu_seconds()
        work()
        wall_s[name], cpu_s[name] = time.perf_counter() - wall, cpu_seconds() - cpu
        peaks_mib[name] = peak_mib()
    return Spent(wall_s, cpu_s, peaks_mib)


def peak_mib() -> float:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(work: Callable[..., Any], *args: Any) -> Any:
    """What a function returns, called in a process of its own that has imported what this one has.

    Raises:
        SystemExit: it failed.
    """
    here, there = multiprocessing.Pipe(duplex=False)

    def answer() -> None:
        there.send(work(*args))

    process = multiprocessing.get_context("fork").Process(target=answer)
    process.start()
    there.close()
    try:
        found = here.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"{work.__name__} failed in a process of its own") from None
    process.join()
    return found


def maintain(number: int, settings: Settings) -> float:
    """CPU seconds of the lake's maintenance after a run."""
    before = cpu_seconds()
    steps.perform("maintain", Interval.day(period(number, settings).start.date()), settings=settings)
    return cpu_seconds() - before


def say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def show(spent: Sequence[Spent], maintained: Sequence[float], settings: Settings) -> None:
    """First and later runs part by part, and what they are held to."""
    fifth = max(len(spent) // 5, 1)
    first, later = spent[:fifth], spent[-fifth:]
    grid = Grid("part", f"runs 1-{fifth}: CPU s", "wall s", f"runs {len(spent) - fifth + 1}-{len(spent)}: CPU s", "wall s")
    for name in spent[0].cpu_s:
        figures = [mean(getattr(each, what)[name] for each in part) for part in (first, later) for what in ("cpu_s", "wall_s")]
        grid.add_row(name, *(f"{figure:.2f}" for figure in figures))
    totals = [mean(getattr(each, what) for each in part) for part in (first, later) for what in ("cpu", "wall")]
    grid.add_row("all of a run", *(f"{figure:.2f}" for figure in totals))
    console.print(grid)
    highest = max(spent, key=lambda each: each.peak_mib)
    say("peak memory of the run with the most, MiB, " + ", ".join(f"{name} {mib:.0f}" for name, mib in highest.peaks_mib.items()))
    slowest, peak = max(each.wall for each in spent), max(each.peak_mib for each in spent)
    share = sum(maintained) / len(spent)
    growth = (totals[2] + share) / (totals[0] + share)
    say(f"maintenance: {len(maintained)} times, {sum(maintained):.1f} CPU s, {share:.2f} of each run")
    say(f"slowest run {slowest:.1f} s wall (bar {WALL_S:g}); peak memory {peak:.0f} MiB (bar {PEAK_MIB:g})")
    say(f"later ÷ first, maintenance included: {growth:.2f} (bar {GROWTH_RATIO:g})")
    say(storage(settings))


def storage(settings: Settings) -> str:
    """Bytes of what the runs found, beside those of what they landed."""
    root = Path(open_lake(settings).storage.root)

    def size(*place: str) -> int:
        return sum(file.stat().st_size for file in root.joinpath(*place).rglob("*.parquet"))

    landed = size("bronze", "metric_sample")
    found = {name: size("gold", name) for name in ("anomaly", "alert")}
    points = size("gold", "anomaly_point")
    said = ", ".join(f"gold.{name} {bytes_ / 2**20:.2f} MiB" for name, bytes_ in found.items())
    return (
        f"landed {landed / 2**20:.1f} MiB; {said}: {sum(found.values()) / max(landed, 1):.2%} of it (bar 2 %); "
        f"gold.anomaly_point {points / 2**20:.2f} MiB: {points / max(landed, 1):.2%}"
    )


def land_before(estate: Estate, first: int, settings: Settings) -> None:
    """Land what the runs before the first one would have landed."""
    for number in range(first):
        this = period(number, settings)
        land(estate, Interval(this.start - timedelta(seconds=settings.monitor_late_s), this.end), settings)


def measure(estate: Estate, age_days: int, runs: int, home: Path, first: int = 0, detector: str = "bounded") -> list[Spent]:
    """Age a lake, make the runs, and print what they took."""
    settings = settings_module.load({}, home=home, monitor_sources=(SOURCE,), sources=(SOURCE,), detectors=(detector,))
    # What a process needs before it does anything is no part of a run.
    for name in NEEDED:
        importlib.import_module(name)
    apart(age, estate, age_days, settings)
    apart(land_before, estate, first, settings)
    spent: list[Spent] = []
    maintained: list[float] = []
    a_day = 86_400 // settings.monitor_period_s
    for number in range(first, first + runs):
        spent.append(apart(run, estate, number, settings))
        if len(spent) % 10 == 0 or len(spent) == runs:
            last = spent[-10:]
            said = f"run {number + 1}: {mean(each.cpu for each in last):.2f} CPU s, {mean(each.wall for each in last):.2f} s wall"
            say(f"{said}, {max(each.peak_mib for each in last):.0f} MiB")
        if (number + 1) % a_day == 0:
            maintained.append(apart(maintain, number, settings))
    show(spent, maintained, settings)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=1000)
    parser.add_argument("--metrics", type=int, default=10, help="of each resource")
    parser.add_argument("--period-s", type=int, default=300, help="seconds between two samples of a series")
    parser.add_argument("--age-days", type=int, default=30, help="days of hours before the first run")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="period of the first run; those before it are landed")
    parser.add_argument("--detector", default="bounded", help="who judges hours that are over")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        measure(
            Estate(given.resources, given.metrics, given.period_s),
            given.age_days,
            given.runs,
            Path(home),
            given.first,
            given.detector,
        )


if __name__ == "__main__":
    main()
