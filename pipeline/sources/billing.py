"""One FOCUS or CUR 2.0 export, a file or all files of a folder or pattern, into `bronze.billing_line`.

A line is kept whole, with every column and in the exporter's own words (`NULL` stays `NULL`), because costs are
restated and the meaning of a column changes with the version of the export. Silver reads what it needs.

The files of a folder or a pattern are one execution of an export, landed whole: a day's lines replace those landed of it before,
days whose lines are the same land nothing, and of a day that has no lines any more those landed before are taken back. Two
executions side by side would count twice and are refused: told by their folders, and within one by their lines.

A payer's bill of one month has one name: the path of its file, or of its folder or pattern without the id of an execution. A load
under another name is refused, unless the option `restates` names the one whose place it takes.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.reading import cells
from pipeline.reading.sheet import SUFFIXES, Sheet
from pipeline.sources import _bronze, _files
from pipeline.sources._batch import Batch
from pipeline.tables.arrow import TIMESTAMP

NAME = "billing"
#: The format of a line that says that a payer has no charges of a day any more.
WITHDRAWN = "withdrawn"
TABLES = ("bronze.billing_line",)
#: What a user types, for `sources show billing`.
EXAMPLE = "python -m pipeline ingest --source billing --path export.csv.gz"


class Options(_files.Stored):
    """Which export to read."""

    path: _files.Location = Field(
        description=f"A FOCUS 1.0–1.2 or CUR 2.0 export, .csv, .csv.gz or .parquet: {_files.WHERE}, whose files together are one "
        f"execution; as in s3://bucket/focus/data/BILLING_PERIOD=%Y-%m/. {_files.DATED}."
    )

    restates: _files.Location | None = Field(
        default=None,
        description="Path under which the same payer's bill of the same month was landed before, and whose place this one takes.",
    )


class Export(NamedTuple):
    """What the files of one execution say.

    Attributes:
        lines: in the layout of `bronze.billing_line`.
        charged: of which billing period (the month it begins in), payer and day there are lines.
    """

    lines: pa.Table
    charged: frozenset[tuple[date, str, date]]


class Format(NamedTuple):
    """How one kind of export is recognised, and where it says when."""

    name: str
    required: frozenset[str]
    charge_start: str
    period_start: str
    payer: str


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

#: Columns from which the amortised cost of a type of CUR 2.0's lines is made.
_AMORTISED = {
    "SavingsPlanCoveredUsage": ("savings_plan_savings_plan_effective_cost",),
    "SavingsPlanRecurringFee": ("savings_plan_total_commitment_to_date", "savings_plan_used_commitment"),
    "DiscountedUsage": ("reservation_effective_cost",),
    "RIFee": ("reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee"),
}

# In order: FOCUS 1.2 is told from 1.0 by columns that 1.2 added and made mandatory. 1.1 only adds columns that nothing
# here reads, and counts as 1.0.
FORMATS = (
    Format("focus_1_2", _FOCUS | {"InvoiceId", "PricingCurrency"}, "ChargePeriodStart", "BillingPeriodStart", "BillingAccountId"),
    Format("focus_1_0", _FOCUS, "ChargePeriodStart", "BillingPeriodStart", "BillingAccountId"),
    Format("cur_2_0", _CUR, "line_item_usage_start_date", "bill_billing_period_start_date", "bill_payer_account_id"),
)

# Lines of each file of a bill that are looked for in the others.
_LOOKED_AT = 200
#: Exports that are taken for one of these, by columns that tell them apart.
_OTHERS = (
    ("Oracle Cloud's cost report", frozenset({"lineItem/referenceNo", "lineItem/intervalUsageStart"})),
    ("Azure's cost details", frozenset({"MeterCategory", "CostInBillingCurrency"})),
    ("Google Cloud's own billing export", frozenset({"billing_account_id", "usage_start_time"})),
    ("a table of Cost Explorer, which has sums instead of charges", frozenset({"Total costs($)"})),
)


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The export's lines whose charge period starts in the interval.

    Raises:
        SourceError: a file cannot be read, or is replaced meanwhile.
        DataError: one is neither FOCUS nor CUR 2.0, a period's start is not a moment, or there are two executions.
    """
    export = _found(options, interval)
    lines = _bronze.within(export.lines, interval)
    if not len(lines):
        return
    landed = set(lines["billing_period"].unique().to_pylist())
    bills = sorted({(period, payer) for period, payer, _ in export.charged if period in landed})
    # What is asked for as a whole speaks of whole months; a day of it, or the files of a day, of that day.
    whole = len(lines) == len(export.lines) and not _files.has_files_by_day(options.path)
    yield Batch(
        table="bronze.billing_line",
        shard=_files.name_of(options.path),
        data=lines.combine_chunks(),
        claims=tuple(f"the bill of {period:%Y-%m} of payer {payer}" for period, payer in bills),
        restates=_files.name_of(options.restates) if options.restates else "",
        withdrawn=_withdrawn(bills, export.charged, None if whole else interval),
    )


def _withdrawn(bills: list[tuple[date, str]], charged: frozenset[tuple[date, str, date]], interval: Interval | None) -> pa.Table:
    """A line without a charge for each bill and day of its month, in the interval, on which it has none: it replaces others."""
    empty = [
        (period, payer, day)
        for period, payer in bills
        for day in _days_of(period)
        if (period, payer, day) not in charged and (interval is None or datetime.combine(day, datetime.min.time()) in interval)
    ]
    columns = {
        "source": NAME,
        "format": WITHDRAWN,
        "billing_period": [period for period, _, _ in empty],
        "line_number": pa.array(range(1, len(empty) + 1), pa.int64()),
        "ts": pa.array([datetime.combine(day, datetime.min.time()) for _, _, day in empty], TIMESTAMP),
        "line_json": [as_json({"BillingAccountId": payer}) for _, payer, _ in empty],
    }
    return _bronze.rows("bronze.billing_line", columns)


def _days_of(month: date) -> Iterator[date]:
    day = month
    while day.month == month.month:
        yield day
        day += timedelta(days=1)


def span(options: Options) -> Interval:
    """The days on which the export's charges start; raises as `fetch` does."""
    bounds = pc.min_max(_found(options, None).lines["ts"])
    return _bronze.days(options.path, bounds["min"].as_py(), bounds["max"].as_py())


def detect(path: str, columns: list[str]) -> Format:
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


def _found(options: Options, interval: Interval | None) -> Export:
    stored = _files.stored_of(options)

    def files() -> tuple[_files.File, ...]:
        return _files.find(NAME, options.path, stored, SUFFIXES, interval)

    # An export is replaced file by file.
    return _files.read_whole(options.path, files, lambda found: _read(options.path, found, stored))


@lru_cache(maxsize=1)
def _read(place: str, files: tuple[_files.File, ...], stored: _files.Stored) -> Export:
    """The whole export. A backfill asks for one day after the other; a file is parsed once."""
    lines, folders, charged = [], dict[tuple[date, str], str](), set[tuple[date, str, date]]()
    for file in files:
        sheet = _files.read(NAME, file, stored)
        lines.append(read(sheet, NAME))
        folder = file.name.rpartition("/")[0]
        for period, payer, day in _charged(sheet):
            charged.add((period, payer, day))
            known = folders.setdefault((period, payer), folder)
            if known != folder:
                raise DataError(
                    f"{place}: {known} and {folder} both have {period:%Y-%m} of account {payer}: two executions, "
                    "whose charges would count twice; name the folder of one, or let the export overwrite its files"
                )
    _refuse_repeated(place, {file.name: each["line_json"] for file, each in zip(files, lines, strict=True)})
    is_file = [file.name for file in files] == [place]
    return Export(lines[0] if is_file else _numbered_by_day(pa.concat_tables(lines)), frozenset(charged))


def _refuse_repeated(place: str, files: Mapping[str, pa.ChunkedArray]) -> None:
    """Refuse files of which one says again what another says: not parts of one execution, but two, or a copy.

    Lines may be equal within a bill. So many of them are not: of up to `_LOOKED_AT` different ones, evenly from a file, half.
    Those that an execution corrected meanwhile differ, those of the days before are the same.
    """
    if len(files) < 2:
        return
    looked_at = {name: _some(said.unique()) for name, said in files.items()}
    every = pa.concat_arrays(list(looked_at.values()))
    owners = np.repeat(np.arange(len(files)), [len(some) for some in looked_at.values()])
    for name, said in files.items():
        found = np.bincount(owners[pc.is_in(every, value_set=said).to_numpy(zero_copy_only=False)], minlength=len(files))
        for (other, some), again in zip(looked_at.items(), found, strict=True):
            if other != name and again * 2 >= len(some) > 0:
                raise DataError(
                    f"{place}: {name} has {again} of {len(some)} lines of {other} that were looked at: two executions, or a "
                    "copy, whose charges would count twice; name the file of one, or let the export overwrite its files"
                )


def _some(lines: pa.Array) -> pa.Array:
    return lines.take(np.unique(np.linspace(0, len(lines) - 1, min(len(lines), _LOOKED_AT)).astype("int64")))


def _charged(sheet: Sheet) -> set[tuple[date, str, date]]:
    """Of which billing period, payer and day a file has lines."""
    found = detect(sheet.name, sheet.data.column_names)
    billed, _ = cells.moments(sheet, found.period_start)
    starts, _ = cells.moments(sheet, found.charge_start)
    three = {
        "month": pa.array(billed.astype("datetime64[M]").astype("datetime64[D]")),
        "payer": sheet.data[found.payer].cast(pa.string()),
        "day": pa.array(starts.astype("datetime64[D]")),
    }
    pairs = pa.table(three).group_by(list(three)).aggregate([]).to_pylist()
    return {(row["month"], str(row["payer"] or ""), row["day"]) for row in pairs}


def _numbered_by_day(lines: pa.Table) -> pa.Table:
    """Lines of several files in the order of time, each with its place among those of its day: no other day moves it."""
    lines = _bronze.ordered(lines, ("ts",))
    day = lines["ts"].to_numpy().astype("datetime64[D]")
    _, first, inverse = np.unique(day, return_index=True, return_inverse=True)
    number = np.arange(len(day)) - first[inverse] + 1
    place = lines.column_names.index("line_number")
    return lines.set_column(place, lines.schema.field(place), pa.chunked_array([pa.array(number, pa.int64())]))


def read(sheet: Sheet, source: str) -> pa.Table:
    """All lines of one file in the layout of `bronze.billing_line`, ordered by charge start, then line number."""
    data = sheet.data
    found = detect(sheet.name, data.column_names)
    if sheet.dialect and sheet.dialect.decimal != "point":
        raise DataError(f"{sheet}: amounts of a bill are read with a decimal point alone; export it so")
    if found.name == "cur_2_0":
        _refuse_unamortised(sheet)
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


def _refuse_unamortised(sheet: Sheet) -> None:
    """Refuse lines whose amortised cost stands in columns that the export leaves out: it would count as nothing."""
    types = pc.value_counts(sheet.data["line_item_line_item_type"].cast(pa.string()).combine_chunks()).to_pylist()
    found = {entry["values"]: entry["counts"] for entry in types}
    lacking = {name: sorted(set(_AMORTISED[name]) - set(sheet.data.column_names)) for name in sorted(found) if name in _AMORTISED}
    wanting = [
        f"lines of type {name} ({found[name]:,}) need {' and '.join(columns)}" for name, columns in lacking.items() if columns
    ]
    if wanting:
        raise DataError(f"{sheet}: {'; '.join(wanting)}, which this export leaves out; add them to the export and write it again")


def _records(data: pa.Table) -> Iterator[dict[str, Any]]:
    names = data.column_names
    for piece in data.to_batches(max_chunksize=10_000):
        for values in zip(*(_listed(column) for column in piece.columns), strict=True):
            yield dict(zip(names, values, strict=True))


def _listed(column: pa.Array) -> list[Any]:
    """The values of a column; of a map's equal keys the last one counts, as Parquet says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values: list[Any] = column.to_pylist(maps_as_pydicts="lossy")
    return values


def as_json(record: dict[str, Any]) -> str:
    """One line as a JSON object with sorted keys; moments, decimals and infinity of a Parquet export as text, NaN as null."""
    return json.dumps(_plain(record), sort_keys=True, ensure_ascii=False, default=_as_text, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value without what JSON has no word for, however deep it lies."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime | date | pd.Timestamp):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise DataError(f"a value of type {type(value).__name__} has no JSON form: {value!r}")
