"""Machines of Alibaba's cluster trace of 2018, from its file `machine_usage.csv` as it is published: without a header.

**Layout** machine_id, time_stamp, cpu_util_percent, mem_util_percent, mem_gps, mkpi, net_in, net_out, disk_io_percent. Time is in
seconds since the trace began, about every ten seconds; the option `start` says which day that is for the lake.

**What is lost** Samples become means of periods. The publisher normalised memory bandwidth and network to 0–100 of an amount
that is not told: they are percentages of the largest, and no Mbps, under names of their own. It calls `net_in` and `net_out`
traffic, but in the first 100,002 rows of the file, which are of 16 machines, no machine's ever falls: they are totals. A disk's
-1 and 101 stand for unknown, and so does whatever else lies outside 0–100; a cell without a value is none. The file has neither
accounts, types nor prices: capacity in percent can be forecast, and nothing can be recommended.

Source: github.com/alibaba/clusterdata, cluster-trace-v2018, `schema.txt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import DataError, SourceError
from pipeline.interval import Interval
from pipeline.sources import _bronze
from pipeline.sources._batch import Batch
from pipeline.tables.arrow import TIMESTAMP

NAME = "alibaba_v2018"
TABLES = ("bronze.metric_sample",)
EXAMPLE = "python -m pipeline run --source alibaba_v2018 --path machine_usage.csv --from 2026-01-01 --to 2026-01-09"
COLUMNS = (
    *("machine_id", "time_stamp", "cpu_util_percent", "mem_util_percent", "mem_gps", "mkpi", "net_in", "net_out"),
    "disk_io_percent",
)
#: Column of the file → metric, its unit, and the largest value that can be.
METRICS: dict[str, tuple[str, str, float | None]] = {
    "cpu_util_percent": ("cpu_utilization", "percent", 100),
    "mem_util_percent": ("memory_utilization", "percent", 100),
    "mem_gps": ("memory_bandwidth_of_largest", "percent", 100),
    "mkpi": ("cache_misses_per_1000_instructions", "count", None),
    "net_in": ("network_in_total_of_largest", "percent", 100),
    "net_out": ("network_out_total_of_largest", "percent", 100),
    "disk_io_percent": ("disk_busy", "percent", 100),
}
MACHINE = "^m_[0-9]{1,9}$"
_KEY = ["machine", "period"]
_NUMBER = "number"


class Options(BaseModel):
    """Which file, and when it is for the lake."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="The file machine_usage.csv, or .csv.gz.")
    start: date = Field(
        default=date(2026, 1, 1), ge=date(2000, 1, 1), le=date(2100, 1, 1), description="Day on which the trace begins."
    )
    period_s: int = Field(default=300, ge=60, le=3600, description="Seconds that a sample is the mean of.")
    machines: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Machines that are read, from m_1 to the one of this number: the trace has about 4,000.",
    )
    account: str = Field(default="alibaba", pattern=_bronze.IDENTIFIER, description="Account of the machines.")
    region: str = Field(default="trace", pattern=_bronze.IDENTIFIER, description="Region of the machines.")


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The means of the periods that begin in the interval, in the order of time, machine and metric.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        DataError: a row has other columns than the trace's, a cell no number, or no machine is one that is asked for.
    """
    means = _means(interval, options)
    parts = []
    for column, (metric, unit, _) in METRICS.items():
        known = means.filter(pc.greater(means[f"{column}_count"], 0))
        value = pc.divide(known[column], pc.cast(known[f"{column}_count"], pa.float64()))
        parts.append(
            _bronze.rows(
                "bronze.metric_sample",
                {
                    "source": NAME,
                    "account": options.account,
                    "region": options.region,
                    "resource_id": known["machine"],
                    "metric": metric,
                    "statistic": "Average",
                    "period_s": options.period_s,
                    "ts": _moments(known["period"], options),
                    "value": value,
                    "unit": unit,
                },
            )
        )
    yield from _bronze.batch(
        TABLES[0], "machine_usage", _bronze.ordered(pa.concat_tables(parts), ("ts", "resource_id", "metric"))
    )


def _means(interval: Interval, options: Options) -> pa.Table:
    """machine, period (number since the trace began), and of each column its sum and how many values that is of."""
    origin = datetime.combine(options.start, datetime.min.time())
    step = timedelta(seconds=options.period_s)
    # Rounded up: a period that began before the interval belongs to the one before.
    first, end = -((origin - interval.start) // step), -((origin - interval.end) // step)
    parts, lowest = [], None
    for piece in _pieces(options.path):
        parts.append(_sums(piece, options, first, end))
        lowest = pc.min(pa.array([lowest, pc.min(piece[_NUMBER]).as_py()], pa.int64())).as_py()
    if lowest is not None and lowest > options.machines:
        raise DataError(
            f"{options.path}: expected machines up to m_{options.machines}, got none below m_{lowest}: set `machines`"
        )
    whole = pa.concat_tables(parts) if parts else pa.table({name: pa.array([], kind) for name, kind in _types().items()})
    summed = whole.group_by(_KEY, use_threads=False).aggregate([(name, "sum") for name in _types() if name not in _KEY])
    return summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names])


def _types() -> dict[str, Any]:
    sums = {name: kind for column in METRICS for name, kind in ((column, pa.float64()), (f"{column}_count", pa.int64()))}
    return {"machine": pa.string(), "period": pa.int64()} | sums


def _pieces(path: Path) -> Iterator[pa.Table]:
    """The rows of the file as published, with each machine's number, a piece at a time: the whole does not fit into memory."""
    types = {name: pa.float64() for name in COLUMNS} | {"machine_id": pa.string(), "time_stamp": pa.int64()}
    try:
        with pa.csv.open_csv(
            path,
            read_options=pa.csv.ReadOptions(column_names=list(COLUMNS), use_threads=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=types, null_values=["", "NULL", "null"], strings_can_be_null=False
            ),
        ) as reader:
            for each in reader:
                rows = pa.Table.from_batches([each])
                _check_names(path, rows["machine_id"])
                number = pc.cast(pc.utf8_replace_slice(rows["machine_id"], 0, 2, ""), pa.int64())
                yield rows.append_column(_NUMBER, number)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: expected the columns {', '.join(COLUMNS)}, without a header: {error}") from error


def _check_names(path: Path, names: pa.ChunkedArray) -> None:
    strange = names.filter(pc.invert(pc.match_substring_regex(names, MACHINE)))
    if len(strange):
        raise DataError(f"{path}: machine_id={strange[0].as_py()!r}: expected a machine of the trace, as m_1932")


def _sums(rows: pa.Table, options: Options, first: int, end: int) -> pa.Table:
    """Sums and counts by machine and period of one piece, of the machines and the periods that are asked for."""
    period = pc.divide(rows["time_stamp"], options.period_s)
    asked = pc.and_(
        pc.less_equal(rows[_NUMBER], options.machines), pc.and_(pc.greater_equal(period, first), pc.less(period, end))
    )
    asked = pc.and_(asked, pc.greater_equal(rows["time_stamp"], 0))
    columns = {"machine": rows["machine_id"], "period": period} | {
        column: _possible(rows[column], most) for column, (_, _, most) in METRICS.items()
    }
    kept = pa.table(columns).filter(asked)
    wanted = [(column, what) for column in METRICS for what in ("sum", "count")]
    found = kept.group_by(_KEY, use_threads=False).aggregate(wanted)
    named = {f"{column}_sum": column for column in METRICS}
    found = found.rename_columns([named.get(name, name) for name in found.column_names])
    return found.select(list(_types())).cast(pa.schema(list(_types().items())))


def _possible(values: pa.ChunkedArray, most: float | None) -> pa.ChunkedArray:
    """The same, null where a value cannot be."""
    possible = pc.greater_equal(values, 0.0)
    if most is not None:
        possible = pc.and_(possible, pc.less_equal(values, most))
    return pc.if_else(possible, values, pa.scalar(None, pa.float64()))


def _moments(period: pa.ChunkedArray, options: Options) -> pa.ChunkedArray:
    since = int((options.start - date(1970, 1, 1)).days) * 86_400
    seconds = pc.add(pc.multiply(period, options.period_s), since)
    return pc.multiply(seconds, 1_000_000).cast(TIMESTAMP)
