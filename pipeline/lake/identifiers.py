"""The one place where names from data are made safe: what is about to be landed."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables.identifiers import NAMES, PLAIN_SIGNS, make_safe
from pipeline.tables.schema import Table

_PLAIN = r"A-Za-z0-9" + re.escape(PLAIN_SIGNS)


def made_safe(table: Table, payload: pa.Table) -> pa.Array:
    """For each row, a JSON object of those of its names that had to be coded; null where none had to be, which is the rule."""
    if "line_json" in payload.column_names:
        return _of_lines(payload["line_json"], NAMES[table.name])
    coded = {name: _coded(payload[name]) for name in NAMES[table.name]}
    if not any(coded.values()):
        return pa.nulls(payload.num_rows, pa.string())
    columns = {name: payload[name].to_pylist() for name, of in coded.items() if of}
    rows = zip(*columns.values(), strict=True)
    return _as_json(
        [{name: coded[name][value] for name, value in zip(columns, row, strict=True) if value in coded[name]} for row in rows]
    )


def _coded(names: pa.ChunkedArray) -> dict[str, str]:
    """The names that have to be coded, and their code."""
    return {name: make_safe(name) for name in pc.unique(names).to_pylist() if name is not None and make_safe(name) != name}


def _of_lines(lines: pa.ChunkedArray, fields: tuple[str, ...]) -> pa.Array:
    """The same of a bill's lines. Only those that may need it are parsed: a bill has millions."""
    suspect = pc.match_substring_regex(lines, f'"(?:{"|".join(fields)})": "(?:[^A-Za-z0-9"]|[^"]*[^{_PLAIN}"]|[^"]*\\.\\.)')
    found = []
    for line, parse in zip(lines.to_pylist(), suspect.to_pylist(), strict=True):
        given = json.loads(line) if parse else {}
        # An Azure subscription begins with a slash, which views.billing_charge drops.
        names = {field: given[field].lstrip("/") for field in fields if isinstance(given.get(field), str)}
        found.append({field: make_safe(name) for field, name in names.items() if make_safe(name) != name})
    return _as_json(found)


def _as_json(rows: list[dict[str, str]]) -> pa.Array:
    return pa.array([json.dumps(row, sort_keys=True, ensure_ascii=False) if row else None for row in rows], pa.string())
