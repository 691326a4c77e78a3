"""Somebody else's data set, by a stated mapping of its columns, into `bronze.metric_sample`: metrics, units, periods, resources.

CSV (with a header or without) and Parquet, wide (a column per metric) or long (a row per metric). `preset` fills the mapping
for two published layouts, `google_2019` (table `instance_usage`) and `azure_2019` (files `vm_cpu_readings`);
pipeline/reading/trace.py says what their columns are. `python -m pipeline dataset FILE` reports what a file would bring, before
it is landed.

**What is lost** An empty cell is no sample. One that is no number lands without a value, and a row without a resource without
a name: silver quarantines both, as it does what lies outside its unit's bounds. A row without a moment belongs to no day: the
log counts such rows, and more than `undated_limit` of those asked for in a file are an error. Files are read piece by piece,
for each interval.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
from pydantic import Field

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.reading.sheet import SUFFIXES
from pipeline.reading.trace import Mapping, Traced, read_trace
from pipeline.sources import _bronze, _files
from pipeline.sources._batch import Batch

NAME = "trace"
TABLES = ("bronze.metric_sample",)
EXAMPLE = """python -m pipeline run --source trace --path readings/ --option preset=azure_2019 --option origin=2019-07-01
python -m pipeline run --source trace --path host.csv --option time_column=at --option period_s=60 --option resource_id=db-1 \\
  --option 'metrics={"busy": {"metric": "cpu_utilization", "unit": "ratio"}}'"""

log = logging.getLogger(__name__)


class Options(Mapping, _files.Stored):
    """Where the files lie, and what their columns mean."""

    path: _files.Location = Field(description=f"The files, .csv, .csv.gz, .tsv or .parquet: {_files.WHERE}.")
    undated_limit: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Largest share of the rows asked for in a file that may have no moment and be left out.",
    )
    account: str = Field(default="trace", pattern=f"^{_bronze.IDENTIFIER}$", description="Account of the resources.")
    region: str = Field(default="trace", pattern=f"^{_bronze.IDENTIFIER}$", description="Region of the resources.")


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The samples whose periods begin in the interval, ordered by ts, resource, metric and statistic.

    Raises:
        SourceError: a file cannot be read.
        DataError: a column of the mapping is absent, or too many rows of a file have no moment.
    """
    parts = []
    for traced in _pieces(options):
        ts = traced.samples["ts"]
        chosen = traced.samples[(ts >= interval.start) & (ts < interval.end)]
        if len(chosen):
            parts.append(_landed(chosen, options))
    if parts:
        data = _bronze.ordered(pa.concat_tables(parts), ("ts", "resource_id", "metric", "statistic"))
        yield from _bronze.batch(TABLES[0], _files.shard_of(options.path), data)


def span(options: Options) -> Interval:
    """The days that the files have samples of; raises as `fetch` does."""
    first = last = None
    for traced in _pieces(options):
        ts = traced.samples["ts"]
        if len(ts):
            first, last = (ts.min(), ts.max()) if first is None else (min(first, ts.min()), max(last, ts.max()))
    return _bronze.days(options.path, first, last)


def _landed(samples: pd.DataFrame, options: Options) -> pa.Table:
    same = ("metric", "unit", "statistic", "period_s", "ts", "value")
    return _bronze.rows(
        TABLES[0],
        {
            "source": NAME,
            "account": options.account,
            "region": options.region,
            "resource_id": samples["resource"].astype("object"),
            **{name: samples[name] for name in same},
        },
    )


def _pieces(options: Options) -> Iterator[Traced]:
    stored = _files.stored_of(options)
    for file in _files.find(NAME, options.path, stored, SUFFIXES):
        rows: Counter[str] = Counter()
        first = ""
        for sheet in _files.read_in_pieces(NAME, file, stored, options.choose, options.columns):
            traced = read_trace(sheet, options)
            rows += traced.rows
            if traced.undated is not None and not first:
                first = f"{sheet}: {sheet.place(traced.undated)}"
            yield traced
        asked = rows["rows"] - rows["not_asked"]
        if rows["undated"] > options.undated_limit * asked:
            raise DataError(
                f"{first}, column {options.time_column!r}: expected a moment of 2000 to 2099 as {options.time_format}; "
                f"{rows['undated']:,} of {asked:,} rows have none, more than undated_limit={options.undated_limit:g}"
            )
        if rows["undated"]:
            log.warning("%s: %s of %s rows have no moment, and are left out", file.name, rows["undated"], asked)
