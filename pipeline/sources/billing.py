"""One FOCUS or CUR 2.0 file as exported, into `bronze.billing_line`.

A line is kept whole, with every column and in the exporter's own words (`NULL` stays `NULL`), because costs are
restated and the meaning of a column changes with the version of the export. Silver reads what it needs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.reading import cells
from pipeline.sources import _bronze, _files
from pipeline.sources._batch import Batch

NAME = "billing"
TABLES = ("bronze.billing_line",)
#: What a user types, for `sources show billing`.
EXAMPLE = "python -m pipeline ingest --source billing --path export.csv.gz"


class Options(BaseModel):
    """Which export to read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="A FOCUS 1.0–1.2 or CUR 2.0 file: .csv, .csv.gz or .parquet.")


class Format(NamedTuple):
    """How one kind of export is recognised, and where it says when."""

    name: str
    required: frozenset[str]
    charge_start: str
    period_start: str


_FOCUS = frozenset(
    {
        "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
        "ChargeCategory", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost",
        "ListCost", "ServiceCategory", "ServiceName", "SubAccountId",
    }
)  # fmt: skip
_CUR = frozenset(
    {
        "bill_billing_period_start_date", "bill_payer_account_id", "line_item_line_item_type",
        "line_item_product_code", "line_item_unblended_cost", "line_item_usage_account_id",
        "line_item_usage_start_date", "line_item_usage_type", "product",
    }
)  # fmt: skip

# In order: FOCUS 1.2 is told from 1.0 by columns that 1.2 added and made mandatory. 1.1 only adds columns that nothing
# here reads, and counts as 1.0.
FORMATS = (
    Format("focus_1_2", _FOCUS | {"InvoiceId", "PricingCurrency"}, "ChargePeriodStart", "BillingPeriodStart"),
    Format("focus_1_0", _FOCUS, "ChargePeriodStart", "BillingPeriodStart"),
    Format("cur_2_0", _CUR, "line_item_usage_start_date", "bill_billing_period_start_date"),
)

#: Exports that are taken for one of these, by columns that tell them apart.
_OTHERS = (
    ("Oracle Cloud's cost report", frozenset({"lineItem/referenceNo", "lineItem/intervalUsageStart"})),
    ("Azure's cost details", frozenset({"MeterCategory", "CostInBillingCurrency"})),
    ("Google Cloud's own billing export", frozenset({"billing_account_id", "usage_start_time"})),
    ("a table of Cost Explorer, which has sums instead of charges", frozenset({"Total costs($)"})),
)


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The file's lines whose charge period starts in the interval.

    Raises:
        SourceError: the file cannot be read.
        DataError: it is neither FOCUS nor CUR 2.0, or a period's start is not a moment.
    """
    yield from _bronze.batch(
        "bronze.billing_line", options.path.name, _bronze.within(_read(options.path, _files.version(options.path)), interval)
    )


def span(options: Options) -> Interval:
    """The days on which the file's charges start; raises as `fetch` does."""
    bounds = pc.min_max(_read(options.path, _files.version(options.path))["ts"])
    return _bronze.days(options.path, bounds["min"].as_py(), bounds["max"].as_py())


def detect(path: Path, columns: list[str]) -> Format:
    """The format whose required columns are all there.

    Raises:
        DataError: none is; the message names what the nearest one lacks.
    """
    for known in FORMATS:
        if known.required <= set(columns):
            return known
    others = (name for name, telling in _OTHERS if telling <= set(columns))
    if other := next(
        others, "a legacy Cost and Usage Report" if any(c.startswith(("lineItem/", "bill/")) for c in columns) else ""
    ):
        raise DataError(f"{path}: {other}, which is not read; export FOCUS, or of AWS CUR 2.0, instead")
    nearest = min(FORMATS, key=lambda known: len(known.required - set(columns)) / len(known.required))
    raise DataError(
        f"{path}: neither FOCUS 1.0–1.2 nor CUR 2.0; "
        f"for {nearest.name} it lacks the columns {sorted(nearest.required - set(columns))}"
    )


@lru_cache(maxsize=1)
def _read(path: Path, version: tuple[int, int] | None) -> pa.Table:  # noqa: ARG001 a changed file is another file
    """The whole export. A backfill asks for one day after the other; the file is parsed once."""
    return read(path, NAME)


def read(path: Path, source: str) -> pa.Table:
    """All lines of one export in the layout of `bronze.billing_line`, ordered by charge start, then line number."""
    sheet = _files.read(path)
    data = sheet.data
    found = detect(path, data.column_names)
    if sheet.dialect and sheet.dialect.decimal != "point":
        raise DataError(f"{sheet}: amounts of a bill are read with a decimal point alone; export it so")
    charged, _ = cells.moments(sheet, found.charge_start)
    billed, _ = cells.moments(sheet, found.period_start)
    return _bronze.ordered(
        _bronze.rows(
            "bronze.billing_line",
            {
                "source": source,
                "format": found.name,
                "billing_period": billed.astype("datetime64[M]").astype("datetime64[D]"),
                "line_number": pa.array(range(1, len(data) + 1), type=pa.int64()),
                "ts": charged,
                "line_json": pa.array([as_json(record) for record in _records(data)], type=pa.string()),
            },
        ),
        ("ts", "line_number"),
    )


def _records(data: pa.Table) -> Iterator[dict[str, Any]]:
    names = data.column_names
    for piece in data.to_batches(max_chunksize=10_000):
        for values in zip(*(column.to_pylist(maps_as_pydicts="strict") for column in piece.columns), strict=True):
            yield dict(zip(names, values, strict=True))


def as_json(record: dict[str, Any]) -> str:
    """One line as a JSON object with sorted keys; moments and decimals of a Parquet export as text, NaN as null."""
    plain = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, default=_as_text)


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime | date | pd.Timestamp):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise DataError(f"a value of type {type(value).__name__} has no JSON form: {value!r}")
