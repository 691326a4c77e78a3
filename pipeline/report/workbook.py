"""A workbook for spreadsheets, written by hand: sheets of typed cells, a header that stays, and nothing that runs.

Source: ECMA-376, Office Open XML, part 1: SpreadsheetML (sheets, inline strings, styles) and part 2: packages.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

from pipeline.tables.text import disarmed, visible

Kind = Literal["text", "money", "ratio", "number", "date"]

#: Characters that a cell may have.
MOST_TEXT = 32_767
# Days are counted from here: what calls 1900 a leap year begins a day late.
_EPOCH = datetime(1899, 12, 30)
# Place in `cellXfs` below.
_STYLES: dict[str, int] = {"text": 0, "money": 1, "ratio": 2, "number": 0, "date": 3, "head": 4, "quoted": 5}
_WIDTHS: dict[Kind, int] = {"text": 24, "money": 14, "ratio": 10, "number": 10, "date": 12}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A fixed moment: the same cells make the same bytes.
_WRITTEN = (1980, 1, 1, 0, 0, 0)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_CELLS = (
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/>'
)
_STYLE_SHEET = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="3"><numFmt numFmtId="164" formatCode="&quot;$&quot;#,##0.00;\\-&quot;$&quot;#,##0.00"/>'
    '<numFmt numFmtId="165" formatCode="0.0%"/><numFmt numFmtId="166" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    f'<cellXfs count="6">{_CELLS}</cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


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
    places = range(1, len(sheets) + 1)
    override = "".join(
        f'<Override PartName="/xl/worksheets/sheet{place}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for place in places
    )
    related = "".join(
        f'<Relationship Id="rId{place}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{place}.xml"/>' for place in places
    )
    tabs = "".join(
        f'<sheet name={quoteattr(sheet.name)} sheetId="{place}" r:id="rId{place}"/>'
        for place, sheet in zip(places, sheets, strict=True)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>{override}'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{tabs}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{related}'
        f'<Relationship Id="rId{len(sheets) + 1}" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLE_SHEET.removeprefix(_HEAD),
    }
    parts |= {f"xl/worksheets/sheet{place}.xml": "".join(_sheet(each)) for place, each in zip(places, sheets, strict=True)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _WRITTEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, f"{_HEAD}{text}")
    return out.getvalue()


def _sheet(sheet: Sheet) -> Iterator[str]:
    """A worksheet: its first row stays, and filters the others."""
    last = f"{_letters(len(sheet.columns))}{len(sheet.rows) + 1}"
    yield f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    yield '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>'
    for place, (_, kind) in enumerate(sheet.columns, 1):
        yield f'<col min="{place}" max="{place}" width="{_WIDTHS[kind]}" customWidth="1"/>'
    yield '</cols><sheetData><row r="1">'
    for place, (name, _) in enumerate(sheet.columns, 1):
        yield _text(f"{_letters(place)}1", name, _STYLES["head"])
    yield "</row>"
    for number, row in enumerate(sheet.rows, 2):
        yield f'<row r="{number}">'
        for place, ((_, kind), value) in enumerate(zip(sheet.columns, row, strict=True), 1):
            yield _cell(f"{_letters(place)}{number}", kind, value)
        yield "</row>"
    yield f'</sheetData><autoFilter ref="A1:{last}"/></worksheet>'


def _cell(place: str, kind: Kind, value: Any) -> str:
    """A cell by what its value is; its kind says how it is shown."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (datetime, date)):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return f'<c r="{place}" s="{_STYLES["date"]}"><v>{(moment - _EPOCH) / timedelta(days=1):.10g}</v></c>'
    if isinstance(value, (int, float, Decimal)):
        if not math.isfinite(value):
            return _text(place, str(value), _STYLES["text"])
        shown = round(float(value), 2) if kind == "money" else value
        return f'<c r="{place}" s="{_STYLES[kind]}"><v>{shown}</v></c>'
    text = str(value)
    # A text never runs; what looks as if it could stays text where somebody edits it, too.
    return _text(place, text, _STYLES["text" if disarmed(text) == text else "quoted"])


def _text(place: str, text: str, style: int) -> str:
    clean = escape(_NOT_XML.sub("\ufffd", visible(text)[:MOST_TEXT]))
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{clean}</t></is></c>'


def _letters(place: int) -> str:
    """The name of a column: A … Z, AA …"""
    name = ""
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name
