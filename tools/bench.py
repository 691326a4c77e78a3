"""`make bench`: CPU seconds, memory and ratios of the main job and of the lake; figures, never a verdict.

Every part runs in a process of its own, so that its CPU time and peak memory are its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.steps import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent
FLEET_DAYS, SERVERS, HORIZON = 1461, 120, 90
ROWS = 10_000_000
console = Console()


def fleet(home: Path) -> dict[str, float]:
    """The documented reference fleet from generator to recommendation, with CPU seconds per step."""
    from pipeline import settings as settings_module
    from pipeline import steps
    from pipeline.interval import Interval

    settings = settings_module.load(
        {},
        home=home,
        sources=("fleet",),
        options={"sources": {"fleet": {"preset": "reference", "servers": SERVERS, "days": FLEET_DAYS}}},
        fallback_forecaster="seasonal_naive",
        horizon_days=HORIZON,
        history_days=FLEET_DAYS,
    )
    start = datetime(2022, 1, 1)
    interval = Interval(start, start + timedelta(days=FLEET_DAYS))
    spent: dict[str, float] = {}

    def timed(label: str, work: Callable[[], Any]) -> Any:
        before = cpu_seconds()
        result = work()
        spent[label] = spent.get(label, 0.0) + cpu_seconds() - before
        return result

    # As in Airflow, the source has a process of its own, which takes the generated fleet with it when it ends.
    timed("generate and land", lambda: _in_a_process(steps.perform, "ingest", interval, target="fleet", settings=settings))
    for target in steps.order_builds():
        timed("build silver", partial(steps.perform, "build", interval, target=target, settings=settings))
    from pipeline.forecasting.rows import forecast_rows
    from pipeline.forecasting.spec import Champion
    from pipeline.inputs.demand import read_panel
    from pipeline.lake import open_lake

    metric = "cpu_utilization"
    cpu = timed("read one metric", lambda: read_panel(open_lake(settings), interval.as_of, "day", settings, metric=metric))
    units = ["percent"] * len(cpu)
    for name in ("seasonal_naive", "ridge", "prophet"):
        timed(
            f"forecast with {name}",
            partial(forecast_rows, cpu, units, interval.as_of, settings.horizon_days, Champion(name)),
        )
    for shard in range(settings.shards):
        publish = partial(steps.perform, "forecast", interval, shard=shard, shards=settings.shards, settings=settings)
        timed("publish all series", publish)
    timed("risk", lambda: steps.perform("risk", interval, settings=settings))
    timed("recommend", lambda: steps.perform("recommend", interval, settings=settings))
    return spent


def _in_a_process(work: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    process = multiprocessing.get_context("spawn").Process(target=work, args=args, kwargs=kwargs)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{args[0]} failed")


def lake(home: Path, rows: int = ROWS) -> dict[str, float]:
    """Publish ten million rows in one commit, then read and query one day of them."""
    import numpy as np
    import pyarrow as pa

    from pipeline import settings as settings_module
    from pipeline.interval import Interval
    from pipeline.lake import open_lake
    from pipeline.quality.conform import conform
    from pipeline.tables.usage import METRIC_HOURLY

    table = METRIC_HOURLY
    opened = open_lake(settings_module.load({}, home=home))
    days = 10
    hours, series = days * 24, rows // (days * 24)
    start = np.datetime64("2026-03-01T00:00:00", "us")
    names = np.array([f"1/us-east-1/i-{i:06d}/cpu_utilization" for i in range(series)])
    number = np.arange(series * hours)
    values = 50 + 20 * np.sin(number % 24 / 24 * 2 * np.pi)

    def constant(value: Any) -> pa.Array:
        return pa.array([value]).take(pa.array(np.zeros(len(number), dtype=np.int64)))

    columns = {
        "series_id": pa.array(names).take(pa.array(number // hours)),
        "account": constant("1"),
        "region": constant("us-east-1"),
        "resource_id": pa.array([name.split("/")[2] for name in names]).take(pa.array(number // hours)),
        "metric": constant("cpu_utilization"),
        "unit": constant("percent"),
        "hour": pa.array(start + (number % hours) * np.timedelta64(1, "h")),
        **{name: pa.array(values) for name in ("mean", "p50", "p95", "max")},
        "saturated": constant(False),
        "samples": constant(12),
        "expected_samples": constant(12),
        "quality_flag": constant(0),
        "quality_score": constant(1.0),
        "sources": constant("fleet"),
    }
    interval = Interval.days("2026-03-01", f"2026-03-{days + 1:02d}")
    data = conform(pa.table(columns), table, interval)
    before = cpu_seconds()
    opened.replace(table, data, table.scope(interval))
    spent = {f"replace {data.num_rows / 1e6:.0f}M rows": cpu_seconds() - before}
    day = Interval.day("2026-03-05")
    before = cpu_seconds()
    read = opened.read(table, table.scope(day), ("series_id", "hour", "p95"))
    spent[f"read one day of them ({read.num_rows / 1e6:.0f}M rows)"] = cpu_seconds() - before
    before = cpu_seconds()
    sql = "SELECT max(p95) AS peak FROM silver.metric_hourly WHERE day = date '2026-03-05'"
    opened.query(sql)
    spent["ask one day of them for its peak"] = cpu_seconds() - before
    return spent


def imports(_: Path) -> dict[str, float]:
    """CPU seconds to import what each kind of process needs, and to parse each DAG file."""
    lines = {
        "import the command line": "import pipeline.cli",
        "import the lake": "import pipeline.lake",
        **{f"parse dags/{path.name}": _parse(path) for path in sorted((ROOT / "dags").glob("*.py")) if path.stem != "common"},
    }
    return {label: _child_cpu_s(code) - _child_cpu_s("pass") for label, code in lines.items()}


def _parse(path: Path) -> str:
    return f"import runpy, sys; sys.path[:0] = ['dags', '.']; runpy.run_path({str(path)!r})"


def _child_cpu_s(code: str) -> float:
    before = cpu_seconds()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=_environment(), stdout=subprocess.DEVNULL)
    return cpu_seconds() - before


def _environment() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as home:
        airflow = {"AIRFLOW_HOME": home, "AIRFLOW__CORE__UNIT_TEST_MODE": "False", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    # One allocator that gives memory back: Arrow's own pools and glibc's arenas keep some 200 MB of what was freed.
    frugal = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
    return {**os.environ, **airflow, **frugal, "GX_ANALYTICS_ENABLED": "false"}


PARTS: dict[str, Callable[[Path], dict[str, float]]] = {"fleet": fleet, "lake": lake, "imports": imports}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, help="only this part")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        with tempfile.TemporaryDirectory() as home:
            spent = PARTS[given.part](Path(home))
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
        sys.stdout.write(json.dumps({"spent": spent, "total": cpu_seconds(), "peak_mib": peak}))
        return
    for part in [given.part] if given.part else PARTS:
        with console.status(f"measuring {part}"):
            done = subprocess.run(
                [sys.executable, "-m", "tools.bench", part, "--inside"],
                cwd=ROOT,
                env=_environment(),
                capture_output=True,
                text=True,
            )
        if done.returncode:
            console.print(done.stderr, markup=False)
            raise SystemExit(f"{part} failed")
        _show(part, json.loads(done.stdout.splitlines()[-1]))


def _show(part: str, measured: dict[str, Any]) -> None:
    grid = Table("what", "CPU s", "share", title=(PARTS[part].__doc__ or "").splitlines()[0])
    for label, seconds in measured["spent"].items():
        grid.add_row(label, f"{seconds:.2f}", f"{seconds / measured['total']:.0%}")
    console.print(grid)
    console.print(f"the whole process: {measured['total']:.1f} CPU s, peak memory {measured['peak_mib']:.0f} MiB")
    prophet = measured["spent"].get("forecast with prophet")
    if prophet:
        rest = measured["total"] - prophet
        ridge = measured["spent"]["forecast with ridge"]
        console.print(f"without Prophet {rest:.1f} CPU s; Prophet takes {prophet / ridge:.0f} times what ridge takes")


if __name__ == "__main__":
    main()
