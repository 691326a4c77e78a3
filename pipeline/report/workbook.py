"""A workbook for spreadsheets: sheets of typed cells, a header that stays, and nothing that runs."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pipeline.tables.text import disarmed, visible

Kind = Literal["text", "money", "ratio", "number", "date"]

#: Characters that a cell may have.
MOST_TEXT = 32_767
# How the values of a kind are shown.
_FORMATS: dict[str, dict[str, Any]] = {
    "text": {},
    "money": {"num_format": '"$"#,##0.00;\\-"$"#,##0.00'},
    "ratio": {"num_format": "0.0%"},
    "number": {},
    "date": {"num_format": "yyyy\\-mm\\-dd"},
    "head": {"bold": True},
    "quoted": {"quote_prefix": True},
}
_WIDTHS: dict[Kind, int] = {"text": 24, "money": 14, "ratio": 10, "number": 10, "date": 12}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# No text is taken for a formula or a link, and all is made in memory: its parts have one fixed date then.
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
# A fixed moment: the same cells make the same bytes.
_WRITTEN = datetime(1980, 1, 1)


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes:
        name: on its tab, at most 31 characters.
        columns: heading and kind of each column.
        rows: values by column; None, NaN and NaT are empty cells.
    """

    name: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Any]]


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """The sheets as the bytes of an .xlsx; equal sheets give equal bytes."""
    import xlsxwriter  # Most commands write none.

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, _OPTIONS) as book:
        book.set_properties({"created": _WRITTEN})
        formats = {name: book.add_format(shown) for name, shown in _FORMATS.items()}
        for sheet in sheets:
            _fill(book.add_worksheet(sheet.name), sheet, formats)
    return out.getvalue()


def _fill(page: Any, sheet: Sheet, formats: dict[str, Any]) -> None:
    """A worksheet: its first row stays, and filters the others."""
    page.freeze_panes(1, 0)
    for place, (name, kind) in enumerate(sheet.columns):
        page.set_column(place, place, _WIDTHS[kind])
        page.write_string(0, place, _plain(name), formats["head"])
    for number, row in enumerate(sheet.rows, 1):
        for place, ((_, kind), value) in enumerate(zip(sheet.columns, row, strict=True)):
            _write(page, (number, place), kind, value, formats)
    page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)


def _write(page: Any, place: tuple[int, int], kind: Kind, value: Any, formats: dict[str, Any]) -> None:
    """A cell by what its value is; its kind says how it is shown."""
    if value is None or value != value:
        return
    if isinstance(value, bool):
        page.write_boolean(*place, value)
    elif isinstance(value, (datetime, date)):
        page.write_datetime(*place, value, formats["date"])
    elif isinstance(value, (int, float, Decimal)) and math.isfinite(value):
        page.write_number(*place, round(float(value), 2) if kind == "money" else value, formats[kind])
    else:
        text = str(value)
        # A text never runs; what looks as if it could stays text where somebody edits it, too.
        is_quoted = isinstance(value, str) and disarmed(text) != text
        page.write_string(*place, _plain(text), formats["quoted" if is_quoted else "text"])


def _plain(text: str) -> str:
    return _NOT_XML.sub("\ufffd", visible(text)[:MOST_TEXT])
