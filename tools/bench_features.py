"""Time and memory of all features beside their bars, and beside the same in plain pandas: `make bench-features`; no verdict.

Both are measured in one process, one after the other: CPU seconds of 175,320 rows, by the hour of the realistic fleet and by the
day of the reference fleet. Pandas works out a part of the servers, and both are held side by side per row. It does so as each
feature is defined, window by window, as nobody in haste would: so it is also said how many times as fast ours are, all of them,
as those alone for which pandas has no rolling function. What it takes to compile is said apart, and so is what it takes to turn
the features into columns and compressed Parquet.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

from pipeline.features.compute import compute, split_resources
from pipeline.interval import Interval
from pipeline.sources import fleet
from pipeline.steps import cpu_seconds
from pipeline.tables.catalogue import BASE_METRICS, list_features
from pipeline.tables.columns import Granularity
from tests.support.plain_features import define, define_windowed

SERVERS, PERIODS = 120, 1461
#: Servers that pandas works out.
SLOW = 2
#: Of which the fastest counts: what else the machine does makes CPU seconds longer, never shorter.
RUNS = 3
#: What is asked for: CPU seconds, GiB, and times as fast as pandas.
BARS = (3.0, 1.0, 10.0)
console = Console()


def main() -> None:
    """Print a row of figures for hours and one for days."""
    grid = Grid("features", "compile", "compute", "peak", "pandas", "times", "windows alone", "write")
    for granularity in get_args(Granularity):
        grid.add_row(*measure(granularity))
    console.print(grid)
    console.print("CPU seconds, peak in GiB; pandas as it would take for all rows, writing as columns and Parquet.")
    console.print(f"Bars: at most {BARS[0]:g} CPU s and {BARS[1]:g} GiB, at least {BARS[2]:g} times as fast as pandas.")


def measure(granularity: Granularity) -> list[str]:
    """What the features of one granularity take, in the order of the grid's columns."""
    x, when = read_fleet(granularity)
    compiling = spent(lambda: compute(x[:, :1, :100], when[:100], granularity))
    computing = min(spent(lambda: compute_all(x, when, granularity)) for _ in range(RUNS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    frames = [pd.DataFrame(x[:, server].T, when, list(BASE_METRICS)) for server in range(SLOW)]
    plain, windowed = (
        spent(partial(list, map(partial(each, granularity=granularity), frames))) / (SLOW * PERIODS)
        for each in (define, define_windowed)
    )
    writing = spent(lambda: write_some(x, when, granularity)) * SERVERS / SLOW
    rows = SERVERS * PERIODS
    return [
        f"{granularity}s: {rows:,} × {len(list_features(granularity))}", f"{compiling:.1f}", f"{computing:.2f}", f"{peak:.2f}",
        f"{plain * rows:.0f}", f"{plain * rows / computing:.0f}", f"{windowed * rows / computing:.0f}", f"{writing:.1f}",
    ]  # fmt: skip


def spent(work: Callable[[], object]) -> float:
    """CPU seconds that it took."""
    before = cpu_seconds()
    work()
    return cpu_seconds() - before


def compute_all(x: npt.NDArray[np.float64], when: npt.NDArray[np.datetime64], granularity: Granularity) -> None:
    """All features of all servers, part by part, as the step does."""
    for part in split_resources(x.shape[1], x.shape[2]):
        compute(x[:, part], when, granularity)


def write_some(x: npt.NDArray[np.float64], when: npt.NDArray[np.datetime64], granularity: Granularity) -> None:
    """Features of some servers as columns whose NaN are null, and as Parquet."""
    found = compute(x[:, :SLOW], when, granularity)
    columns = {
        feature.name: pa.array(values.ravel(), from_pandas=True)
        for feature, values in zip(list_features(granularity), found, strict=True)
    }
    pq.write_table(pa.table(columns), pa.BufferOutputStream(), compression="zstd")


def read_fleet(granularity: Granularity) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.datetime64]]:
    """Demand of the base metrics (metrics, servers, periods), and the periods' moments."""
    preset = "realistic" if granularity == "hour" else "reference"
    options = fleet.Options(preset=preset, servers=SERVERS)
    start = datetime.combine(options.start, datetime.min.time())
    step = timedelta(hours=1) if granularity == "hour" else timedelta(days=1)
    interval = Interval(start, start + PERIODS * step)
    batches = [batch.data for batch in fleet.fetch(interval, options) if batch.table == "bronze.metric_sample"]
    rows = pa.concat_tables(batches).select(["resource_id", "metric", "ts", "value"]).to_pandas()
    wide = rows.pivot_table(index="ts", columns=["metric", "resource_id"], values="value")
    wide = wide.reindex(pd.date_range(start, periods=PERIODS, freq=step, unit="us"))
    x = np.stack([wide[metric].to_numpy().T for metric, _ in BASE_METRICS.values()])
    return x, wide.index.to_numpy()


if __name__ == "__main__":
    main()
