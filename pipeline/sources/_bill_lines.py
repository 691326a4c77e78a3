"""A piece of an export as lines of bronze: its own columns as text, and beside them when, which execution, which tags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.errors import DataError
from pipeline.reading import cells
from pipeline.reading.sheet import Sheet
from pipeline.sources._bill_exports import Execution
from pipeline.sources._bill_formats import AMORTISED, Format, in_snake_case, spell
from pipeline.sources._bill_text import as_text, is_blank, quoted, tag_sets
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import STAMPED
from pipeline.tables.money import line

_TEXT = pa.string()
_NEVER = "1970-01-01T00:00:00Z"
#: What an export may not call a column of its own in bronze.
TAKEN = (*(column.name for column in line), *STAMPED, "day")
_TAGS_OF_LEGACY = "resource_tags_"
#: Lines of each file of a bill that are looked for in the others.
_LOOKED_AT = 200


def lines_of(sheet: Sheet, found: Format, execution: Execution, source: str, number: int) -> pa.Table:
    """The lines of a piece, declared columns first, then all others of the export.

    Args:
        number: of the first line in the execution.

    Raises:
        DataError: a start is no moment, a line has neither a billing period nor a charge period, or one of another period than
            the manifest states, or lines lack the columns of their cost.
    """
    if sheet.dialect and sheet.dialect.decimal != "point":
        raise DataError(f"{sheet}: amounts of a bill are read with a decimal point alone; export it so")
    own = dict(zip(spell(sheet.data.column_names, TAKEN), sheet.data.columns, strict=True))
    texts = {name: as_text(column) for name, column in own.items()}
    if found.table == "bronze.cur_line":
        _refuse_unamortised(sheet, texts)
        texts = _with_tags_of_legacy(texts)
    never = np.full(sheet.data.num_rows, np.datetime64("NaT", "us"))
    charged = moments_of(sheet, found.charge_start) if found.has_charges else never
    periods = _periods(sheet, found, charged, execution.period)
    said: dict[str, Any] = {
        "source": source,
        "format": found.name,
        "export": execution.export,
        "execution": execution.id or execution.fingerprint,
        "files": len(execution.files),
        "schema_hash": schema_hash(sheet.data.column_names),
        "billing_period": pa.array(periods),
        "line_number": pa.array(np.arange(number, number + len(charged))),
    }
    if found.has_charges:
        said["charge_start"] = pa.array(charged, TIMESTAMP)
        said["tag_set"] = tag_sets(texts.get(found.tags, pa.nulls(len(charged), _TEXT)))
    return as_lines(found.table, said | texts, len(charged))


def schema_hash(columns: Iterable[str]) -> str:
    """What changes when an export gets other columns, or another order of them."""
    return hashlib.sha256("\0".join(columns).encode()).hexdigest()[:16]


def as_lines(table: str, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """A table of lines: what is declared in its order and types, null where it is not given, then what else is given.

    Texts may stay dictionaries: bronze has them as text.
    """
    declared = {c.name: c.arrow_type for c in tables.get(table).columns if c.name not in STAMPED}
    arrays = {name: _array(columns.get(name), kind, rows) for name, kind in declared.items()}
    return pa.table(arrays | {name: column for name, column in columns.items() if name not in declared})


def _array(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if value is None:
        return pa.nulls(rows, kind)
    if isinstance(value, pa.Array):
        return value if pa.types.is_dictionary(value.type) else value.cast(kind)
    if kind == _TEXT:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([value], _TEXT))
    return pa.repeat(pa.scalar(value, kind), rows)


def moments_of(sheet: Sheet, name: str) -> npt.NDArray[np.datetime64]:
    """The moments of a column that bronze calls so, NaT where a cell says nothing.

    Raises:
        DataError: one is something else.
    """
    given = given_name(sheet.data.column_names, name)
    column = pa.concat_arrays(sheet.data[given].chunks) if sheet.data.num_rows else pa.array([], _TEXT)
    if pa.types.is_dictionary(column.type) or cells.is_text(column.type):
        column = column.cast(_TEXT)
        blank = is_blank(column)
        column = pc.if_else(blank, pa.scalar(_NEVER, _TEXT), column)
    else:
        blank = pc.is_null(column)
        column = column if not column.null_count else pc.if_else(blank, pa.scalar(0, pa.int64()).cast(column.type), column)
    moments, _ = cells.moments(replace(sheet, data=pa.table({given: column})), given)
    return np.where(blank.to_numpy(zero_copy_only=False), np.datetime64("NaT", "us"), moments)


def given_name(columns: Iterable[str], name: str) -> str:
    """How an export spells a column that bronze calls so."""
    return next(each for each in columns if in_snake_case(each) == name)


def _periods(sheet: Sheet, found: Format, charged: npt.NDArray[np.datetime64], stated: date | None) -> npt.NDArray[np.datetime64]:
    """The first of the month of each line's billing period: what is stated of all, else where it has none that of the charge."""
    billed = moments_of(sheet, found.period_start)
    months = billed.astype("datetime64[M]")
    missing, spelled = np.isnat(months), given_name(sheet.data.column_names, found.period_start)
    if stated is not None:
        other = ~missing & (months != np.datetime64(stated, "M"))
        sheet.refuse(spelled, other, f"the billing period {stated:%Y-%m} of the manifest or folder")
        months = np.full(len(months), np.datetime64(stated, "M"))
    else:
        months = np.where(missing, charged.astype("datetime64[M]"), months)
        sheet.refuse(spelled, np.isnat(months), "a billing period, or a charge period in its place")
    return months.astype("datetime64[us]")


def _refuse_unamortised(sheet: Sheet, texts: Mapping[str, pa.Array]) -> None:
    """Refuse lines whose amortised cost stands in columns that the export leaves out: it would count as nothing."""
    types = pc.value_counts(texts["line_item_line_item_type"].cast(_TEXT)).to_pylist()
    found = {entry["values"]: entry["counts"] for entry in types}
    lacking = {name: sorted(set(AMORTISED[name]) - set(texts)) for name in sorted(set(found) & set(AMORTISED))}
    wanting = [
        f"lines of type {name} ({found[name]:,}) need {' and '.join(columns)}" for name, columns in lacking.items() if columns
    ]
    if wanting:
        raise DataError(f"{sheet}: {'; '.join(wanting)}, which this export leaves out; add them to the export and write it again")


def _with_tags_of_legacy(texts: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The same with the tags in one column, as in 2.0: a legacy report has a column for each."""
    tags = {name.removeprefix(_TAGS_OF_LEGACY): column for name, column in texts.items() if name.startswith(_TAGS_OF_LEGACY)}
    if not tags or "resource_tags" in texts:
        return texts
    joined = pc.binary_join_element_wise(*(quoted(pc.fill_null(column.cast(_TEXT), "")) for column in tags.values()), ",")
    coded = joined.dictionary_encode()
    sets = [dict(zip(tags, json.loads(f"[{each}]", strict=False), strict=True)) for each in coded.dictionary.to_pylist()]
    words = [json.dumps({name: value for name, value in each.items() if value}, ensure_ascii=False) for each in sets]
    return texts | {"resource_tags": pa.DictionaryArray.from_arrays(coded.indices, pa.array(words, _TEXT))}


def hashes_of(lines: pa.Table, table: str) -> npt.NDArray[np.uint64]:
    """A number for each line, equal for lines that say the same."""
    own = [c.name for c in tables.get(table).columns if c.name not in TAKEN]
    total = np.zeros(len(lines), np.uint64)
    for name in (*own, *({"charge_start"} & set(lines.column_names))):
        column = lines[name].combine_chunks()
        column = column if pa.types.is_dictionary(column.type) else column.cast(_TEXT).dictionary_encode()
        words = pd.util.hash_array(np.array(["", *column.dictionary.fill_null("").to_pylist()], dtype=object), categorize=False)
        total = total * np.uint64(1_000_003) + words[column.indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1]
    return total


def refuse_copies(place: str, files: Mapping[str, Iterable[npt.NDArray[np.uint64]]]) -> None:
    """Refuse files of which one says again what another says: not parts of one execution, but two, or a copy.

    Lines may be equal within a bill. So many of them are not: of up to `_LOOKED_AT` different ones, evenly from a file, half.
    Those that an execution corrected meanwhile differ, those of the days before are the same.

    Args:
        files: numbers of the lines of each, see `hashes_of`.
    """
    known = {name: np.unique(np.concatenate([*pieces, np.empty(0, np.uint64)])) for name, pieces in files.items()}
    for name, said in known.items():
        for other, every in known.items():
            some = every[np.unique(np.linspace(0, len(every) - 1, min(len(every), _LOOKED_AT)).astype("int64"))]
            again = int(np.isin(some, said).sum()) if other != name else 0
            if again * 2 >= len(some) > 0 and other != name:
                raise DataError(
                    f"{place}: {name} has {again} of {len(some)} lines of {other} that were looked at: two executions, or a "
                    "copy, whose charges would count twice; name the file of one, or let the export overwrite its files"
                )
