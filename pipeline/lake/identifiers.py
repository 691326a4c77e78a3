"""The one place where names from data are made safe: what is about to be landed."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables.identifiers import NAMES, PLAIN_SIGNS, make_safe
from pipeline.tables.schema import Table

_PLAIN = rf"^[A-Za-z0-9][A-Za-z0-9{re.escape(PLAIN_SIGNS)}]*$"


def made_safe(table: Table, payload: pa.Table) -> pa.Array:
    """For each row, a JSON object of those of its names that had to be coded; null where none had to be, which is the rule."""
    # An Azure subscription begins with a slash, which views.billing_charge drops.
    dropped = "/" if table.by_month else ""
    coded = {name: _coded(payload[name], dropped) for name in NAMES[table.name]}
    if not any(coded.values()):
        return pa.nulls(payload.num_rows, pa.string())
    columns = {name: payload[name].to_pylist() for name, of in coded.items() if of}
    rows = zip(*columns.values(), strict=True)
    return _as_json(
        [{name: coded[name][value] for name, value in zip(columns, row, strict=True) if value in coded[name]} for row in rows]
    )


def _coded(names: pa.ChunkedArray, dropped: str) -> dict[str, str]:
    """The names that have to be coded, and their code. Only those that may need it are looked at: a bill has millions."""
    unique = pc.unique(names)
    unique = unique.cast(pa.string()) if pa.types.is_dictionary(unique.type) else unique
    suspect = pc.or_(pc.invert(pc.match_substring_regex(unique, _PLAIN)), pc.match_substring(unique, ".."))
    found = {name: make_safe(name.lstrip(dropped)) for name in unique.filter(suspect).to_pylist()}
    return {name: code for name, code in found.items() if code != name.lstrip(dropped)}


def _as_json(rows: list[dict[str, str]]) -> pa.Array:
    return pa.array([json.dumps(row, sort_keys=True, ensure_ascii=False) if row else None for row in rows], pa.string())
