"""How a delimited file is written: its separator, its decimal sign, and the lines before its rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from pipeline.errors import DataError

Decimal = Literal["point", "comma"]
_SEPARATORS = {",": "`,`", ";": "`;`", "\t": "tabs", "|": "`|`"}
#: What begins the lines that CloudWatch's console writes above the rows.
_CONSOLE = ("Id", "StatusCode", "Messages", "Full label", "Label")
_WITH_COMMA = re.compile(r"[+-]?\d[\d.]*(,\d+)+([eE][+-]?\d+)?\s*%?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+\s*%?")
_WITH_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?\s*%?")


@dataclass(frozen=True)
class Dialect:
    """What was told from the beginning of a file.

    Attributes:
        separator: between two cells.
        decimal: the sign, or None where commas may be decimals or thousands.
        names: of the columns.
        above: lines before the first row, as an editor counts them.
        labels: of a CloudWatch console export, the full label of each column.
    """

    separator: str
    decimal: Decimal | None
    names: tuple[str, ...]
    above: int
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        sign = f"decimal {self.decimal}" if self.decimal else "commas that may be decimals or thousands"
        return f"separated by {_SEPARATORS.get(self.separator, repr(self.separator))}, {sign}"


def tell_dialect(text: str, whole: bool, names: Sequence[str] = ()) -> Dialect:
    """The dialect of a file.

    Args:
        text: its beginning, without a byte order mark.
        whole: whether that is all of it; else the last line may be cut off.
        names: of the columns, where the file has no header.

    Raises:
        DataError: no header, or one without or with repeated names.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    lines = lines if whole else lines[:-1]
    before = len(list(takewhile(lambda line: not line.strip(), lines)))
    stated = re.fullmatch(r"sep=(.)\s*", lines[before]) if len(lines) > before else None
    before += 1 if stated else 0
    body = lines[before:]
    separator = stated.group(1) if stated else _tell_separator(body)
    records, ends = _records(body, separator)
    console = list(takewhile(lambda record: record[:1] and record[0] in _CONSOLE, records))
    full = next((tuple(record[1:]) for record in console if record[0] == "Full label"), ())
    if full:
        header, named = ["Time", *console[0][1:]], len(console)
    elif names:
        header, named = list(names), 0
    else:
        header, named = records[0] if records else [], 1
    check_header(header)
    above = before + (ends[named - 1] if ends and named else 0)
    return Dialect(separator, _tell_decimal(separator, records[named:]), tuple(header), above, full)


def check_header(names: list[str]) -> None:
    """Raise a DataError unless every column has a name of its own."""
    if not names or any(not name.strip() for name in names):
        raise DataError(f"expected a header row with a name for every column, got {names!r}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"column names {twice} occur more than once")


def _records(lines: list[str], separator: str) -> tuple[list[list[str]], list[int]]:
    """The records that are not blank, and the line at which each ends."""
    reader = csv.reader(lines, delimiter=separator)
    found = [(record, reader.line_num) for record in reader if record]
    return [record for record, _ in found], [line for _, line in found]


def _tell_separator(lines: list[str]) -> str:
    """The sign that cuts header and rows into as many cells each, the most of them; a comma where none does."""

    def fit(separator: str) -> tuple[bool, int]:
        widths = [len(record) for record in _records(lines[:50], separator)[0]]
        return bool(widths) and widths[0] > 1 and widths.count(widths[0]) * 2 > len(widths), widths[0] if widths else 0

    return max(_SEPARATORS, key=fit)


def _tell_decimal(separator: str, records: list[list[str]]) -> Decimal | None:
    """A comma where cells have one that cannot be of thousands, and none has a point; never where commas separate cells."""
    if separator == ",":
        return "point"
    cells = [cell.strip() for record in records for cell in record]
    commas = [cell for cell in cells if _WITH_COMMA.fullmatch(cell)]
    if not commas or any(_WITH_POINT.fullmatch(cell) for cell in cells):
        return "point"
    return None if all(_THOUSANDS.fullmatch(cell) for cell in commas) else "comma"
