"""The recommendations as finance wants them: a workbook of typed cells, whose header stays and in which nothing runs."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from pipeline import tables
from pipeline.report import Findings, recommendations_xlsx
from pipeline.report.workbook import MOST_TEXT, Sheet, write_workbook
from tests.support.report_estate import AS_OF, DAY, NASTY_FORMULA, estate, rows

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def part(content: bytes, name: str) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return ElementTree.fromstring(package.read(name))  # noqa: S314 we wrote it


def cells(content: bytes, sheet: int = 1) -> dict[str, tuple[str, str, str]]:
    """Type, style and value of each cell that is not empty, by its place."""
    found, texts = {}, ["".join(each.itertext()) for each in part(content, "xl/sharedStrings.xml")]
    for cell in part(content, f"xl/worksheets/sheet{sheet}.xml").iter(f"{MAIN}c"):
        kind, text = cell.get("t", "n"), "".join(cell.itertext())
        found[cell.attrib["r"]] = (kind, cell.get("s", "0"), texts[int(text)] if kind == "s" else text)
    return found


def formats(content: bytes) -> list[str]:
    """The number format of each style, in order."""
    styles = part(content, "xl/styles.xml")
    written = {each.attrib["numFmtId"]: each.attrib["formatCode"] for each in styles.iter(f"{MAIN}numFmt")}
    [listed] = styles.iter(f"{MAIN}cellXfs")
    return [written.get(each.attrib["numFmtId"], "General") for each in listed]


def table(content: bytes, sheet: int = 1) -> list[dict[str, str]]:
    found, heads = cells(content, sheet), {}
    for place, (_, _, text) in found.items():
        if place.rstrip("0123456789") + "1" == place:
            heads[place[:-1]] = text
    last = max(int(place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) for place in found)
    return [
        {head: found[f"{column}{row}"][2] for column, head in heads.items() if f"{column}{row}" in found}
        for row in range(2, last + 1)
    ]


@pytest.fixture(scope="module")
def findings() -> Findings:
    return Findings(
        interval=DAY, recommendation=rows(tables.get("gold.recommendation"), estate()["gold.recommendation"]).to_pandas()
    )


def test_money_is_a_number_in_dollars_a_day_a_date_and_a_chance_a_percentage(findings: Findings) -> None:
    content = recommendations_xlsx(findings)
    first, named = table(content)[0], formats(content)
    column = {
        text: place[:-1] for place, (_, _, text) in cells(content).items() if place.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "1"
    }

    def style(name: str) -> str:
        kind, style, _ = cells(content)[f"{column[name]}2"]
        assert kind == "n"
        return named[int(style)]

    assert (first["portfolio_savings_usd"], style("portfolio_savings_usd")) == ("210.24", '"$"#,##0.00;\\-"$"#,##0.00')
    assert style("breach_probability") == "0.0%"
    assert style("price_as_of") == "yyyy\\-mm\\-dd"
    assert datetime(1899, 12, 30) + timedelta(days=float(first["price_as_of"])) == datetime(2026, 4, 1)


def test_a_workbook_has_what_is_to_be_done_the_portfolio_first_and_what_is_kept_is_in_the_csv_alone(findings: Findings) -> None:
    does = table(recommendations_xlsx(findings))

    ranks = [each.get("portfolio_rank") for each in does]
    assert [None if rank is None else float(rank) for rank in ranks] == [1, 2, None, None]
    assert {each["action"] for each in does} == {"rightsize", "stop", "upsize"}


def test_sums_by_account_add_up_to_what_all_save(findings: Findings) -> None:
    *accounts, whole = table(recommendations_xlsx(findings), sheet=2)

    assert [(each["by"], each["name"], each["recommendations"]) for each in accounts] == [("account", "100000000001", "2")]
    assert float(whole["portfolio_savings_usd"]) == pytest.approx(210.24 + 124.1)
    assert sum(float(each["portfolio_savings_usd"]) for each in accounts) == float(whole["portfolio_savings_usd"])


@pytest.mark.parametrize("text", [NASTY_FORMULA, "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_a_text_that_looks_like_a_formula_is_text_and_stays_text_where_somebody_edits_it(findings: Findings, text: str) -> None:
    content = recommendations_xlsx(
        replace(findings, recommendation=findings.recommendation.assign(reason=text, resource_id=text))
    )
    styles = [each.attrib for each in next(part(content, "xl/styles.xml").iter(f"{MAIN}cellXfs"))]
    written = [(kind, styles[int(style)].get("quotePrefix")) for kind, style, said in cells(content).values() if said == text]

    assert len(written) >= 8
    assert set(written) == {("s", "1")}
    assert not list(part(content, "xl/worksheets/sheet1.xml").iter(f"{MAIN}f")), "no cell is a formula"


def test_the_first_row_stays_and_filters_the_others(findings: Findings) -> None:
    sheet = part(recommendations_xlsx(findings), "xl/worksheets/sheet1.xml")

    assert next(sheet.iter(f"{MAIN}pane")).attrib | {"state": "frozen", "ySplit": "1"} == next(sheet.iter(f"{MAIN}pane")).attrib
    assert next(sheet.iter(f"{MAIN}autoFilter")).attrib == {"ref": "A1:AE5"}


def test_equal_findings_make_equal_bytes_and_none_at_all_a_workbook_with_headings(findings: Findings) -> None:
    content = recommendations_xlsx(findings)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert {each.date_time[0] for each in package.infolist()} == {1980}

    assert content == recommendations_xlsx(findings)
    moments = [each.text for each in part(content, "docProps/core.xml") if each.tag.startswith("{http://purl.org/dc/terms/}")]
    assert moments == ["1980-01-01T00:00:00Z"] * 2, "not when it was written"
    assert table(recommendations_xlsx(Findings(interval=DAY)), sheet=2) == [
        {"by": "all", "name": "", "recommendations": "0", "portfolio_savings_usd": "0"}
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x00b<&\x1b[31m", "ab<&[31m"),
        ("x" * (MOST_TEXT + 5), "x" * MOST_TEXT),
        ("\ud800", "\ufffd"),
        (float("inf"), "inf"),
        (pd.Timestamp(AS_OF).to_pydatetime(), "46128"),
        (True, "1"),
        ("https://example.com/_x0041_", "https://example.com/_x005F_x0041_"),
    ],
)
def test_what_no_cell_may_hold_does_not_break_the_file(value: Any, shown: str) -> None:
    content = write_workbook([Sheet("One", [("a", "text")], [[value], [None], [float("nan")]])])

    assert {place: text for place, (_, _, text) in cells(content).items()} == {"A1": "a", "A2": shown}


def test_a_column_after_the_26th_has_two_letters() -> None:
    wide = Sheet("Wide", [(str(number), "number") for number in range(30)], [list(range(30))])

    assert [cells(write_workbook([wide]))[place][2] for place in ("Z2", "AA2", "AD2")] == ["25", "26", "29"]


def test_a_sheet_says_what_is_synthetic_replayed_or_missing_before_anybody_reads_dollars(findings: Findings) -> None:
    sources = pd.DataFrame({"source": ["fleet"], "table_name": "bronze.metric_sample", "kind": ["synthetic"]})

    told = table(recommendations_xlsx(replace(findings, sources=sources)), sheet=3)

    assert [(each["kind"], each["what"].partition(":")[0]) for each in told if each["kind"] == "synthetic"] == [
        ("synthetic", "fleet")
    ]
