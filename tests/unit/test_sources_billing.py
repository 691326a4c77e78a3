"""Billing exports: what they are recognised by, and that lines stay as exported."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError, SourceError
from pipeline.interval import Interval
from pipeline.plugs import load
from pipeline.reading.sheet import read_pieces
from pipeline.sources import _files, samples
from pipeline.sources._bill_formats import FORMATS, in_snake_case

SOURCE = load("sources", "billing")
FOCUS = samples.FOLDER / "billing" / "focus_1_0_sample_1000.csv.gz"
CUR = samples.FOLDER / "billing" / "cur2_daily_real_2026-04.csv.gz"
EXPORTS = Path(__file__).resolve().parents[1] / "data" / "exports"
EVER = Interval.days("2000-01-01", "2100-01-01")

KNOWN = {known.name: known for known in FORMATS}
REQUIRED = sorted(KNOWN["focus_1_0"].required)


def lines(path: Path, interval: Interval = EVER) -> list[dict[str, Any]]:
    return [
        row for load in SOURCE.fetch(interval, SOURCE.Options(path=path)) for piece in load.pieces() for row in piece.to_pylist()
    ]


def read_header(path: Path) -> list[str]:
    return next(read_pieces(str(path), lambda: path.open("rb"))).data.column_names


def focus_row(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(REQUIRED, "x")
    row |= {"BillingPeriodStart": "2026-04-01T00:00:00Z", "ChargePeriodStart": "2026-04-03T00:00:00Z", "BilledCost": "1.5"}
    return row | changed


def csv_of(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "export.csv"
    path.write_text("\n".join([",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]) + "\n")
    return path


def test_the_focus_sample_lands_whole_in_its_own_words() -> None:
    found = lines(FOCUS)
    assert len(found) == 1000
    assert {row["format"] for row in found} == {"focus_1_0"}
    assert {row["billing_period"] for row in found} == {datetime(2024, 9, 1), datetime(2024, 10, 1)}
    first = next(row for row in found if row["line_number"] == 1)
    assert (first["availability_zone"], first["billed_cost"]) == ("NULL", "0.00000080000")
    assert set(map(in_snake_case, read_header(FOCUS))) <= first.keys()


def test_the_cur_sample_lands_whole_with_its_127_columns() -> None:
    found = lines(CUR)
    assert len(found) == 1882
    assert {row["format"] for row in found} == {"cur_2_0"}
    assert set(read_header(CUR)) <= found[0].keys()
    cost = sum(Decimal(row["pricing_public_on_demand_cost"] or "0") for row in found)
    assert cost == pytest.approx(Decimal("49.56"), abs=Decimal("0.01"))


def test_lines_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    rows = [focus_row(ChargePeriodStart=f"2026-04-0{day}T00:00:00Z") for day in (5, 3, 5)]
    found = lines(csv_of(tmp_path, *rows))
    assert [(row["charge_start"].day, row["line_number"]) for row in found] == [(5, 1), (3, 2), (5, 3)]


def test_a_day_stands_for_all_lines_of_its_billing_period_and_until_the_15th_of_the_one_before(tmp_path: Path) -> None:
    march = {"BillingPeriodStart": "2026-03-01T00:00:00Z", "ChargePeriodStart": "2026-03-31T00:00:00Z"}
    february = march | {"BillingPeriodStart": "2026-02-01T00:00:00Z"}
    late = focus_row(ChargePeriodStart="2026-03-30T00:00:00Z")
    bill = csv_of(tmp_path, focus_row(), late, focus_row(**march), focus_row(**february))
    april = [(datetime(2026, 4, 3), datetime(2026, 4, 1)), (datetime(2026, 3, 30), datetime(2026, 4, 1))]

    def found(day: str) -> list[tuple[datetime, datetime]]:
        return [(row["charge_start"], row["billing_period"]) for row in lines(bill, Interval.day(day))]

    assert found("2026-04-16") == april
    assert found("2026-04-15") == [*april, (datetime(2026, 3, 31), datetime(2026, 3, 1))]


def test_an_export_spans_the_days_on_which_its_charges_start(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *(focus_row(ChargePeriodStart=f"2026-04-0{day}T05:00:00Z") for day in (5, 3)))
    assert SOURCE.span(SOURCE.Options(path=path)) == Interval.days("2026-04-03", "2026-04-06")


def test_focus_1_2_is_told_from_1_0_by_the_columns_it_added(tmp_path: Path) -> None:
    assert lines(csv_of(tmp_path, focus_row()))[0]["format"] == "focus_1_0"
    assert lines(csv_of(tmp_path, focus_row(InvoiceId="1", PricingCurrency="USD")))[0]["format"] == "focus_1_2"


def test_a_parquet_export_keeps_maps_numbers_and_moments(tmp_path: Path) -> None:
    table = pa.table(
        {
            **{name: ["x"] for name in REQUIRED},
            "BilledCost": [1.25],
            "ListCost": [None],
            "EffectiveCost": [float("nan")],
            "BillingPeriodStart": [datetime.fromisoformat("2026-04-01")],
            "ChargePeriodStart": [datetime.fromisoformat("2026-04-03T05:00")],
            "Tags": pa.array([[("team", "web"), ("env", "dev")]], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(table, tmp_path / "export.parquet")
    [row] = lines(tmp_path / "export.parquet")
    assert row["charge_start"] == datetime.fromisoformat("2026-04-03T05:00")
    assert (row["billed_cost"], row["list_cost"], row["effective_cost"]) == ("1.25", None, None)
    assert row["tags"] == '{"env": "dev", "team": "web"}'
    assert len(row["tag_set"]) == 16
    assert row["charge_period_start"].startswith("2026-04-03 05:00:00")


def test_a_file_that_is_no_billing_export_is_told_what_it_lacks(tmp_path: Path) -> None:
    path = csv_of(tmp_path, {name: value for name, value in focus_row().items() if name != "EffectiveCost"})
    with pytest.raises(
        DataError,
        match=r"neither FOCUS 1.0–1.4 nor a Cost and Usage Report; for focus_1_0 it lacks the columns \['EffectiveCost'\]",
    ):
        lines(path)


def test_a_legacy_cost_and_usage_report_is_read_in_the_names_of_its_successor_with_its_tags_together(tmp_path: Path) -> None:
    row = dict.fromkeys(sorted(KNOWN["cur_legacy"].required), "x") | {
        "resourceTags/user:team": "we\x1fb \\",
        "resourceTags/user:env": "",
    }
    when = {"bill/BillingPeriodStartDate": "2026-04-01T00:00:00Z", "lineItem/UsageStartDate": "2026-04-03T00:00:00Z"}
    packed = zipfile.ZipFile(tmp_path / "report-1.csv.zip", "w")
    with packed:
        packed.write(csv_of(tmp_path, row | when | {"lineItem/UnblendedCost": "2.5"}), "report-1.csv")

    [line] = lines(tmp_path / "report-1.csv.zip")

    assert (line["format"], line["line_item_unblended_cost"]) == ("cur_legacy", "2.5")
    assert json.loads(line["resource_tags"]) == {"user_team": "we\x1fb \\"}
    with pytest.raises(DataError, match="for cur_legacy it lacks the columns"):
        lines(csv_of(tmp_path, {"identity/LineItemId": "1", "bill/PayerAccountId": "2", "lineItem/UsageStartDate": "2026-04-01"}))


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (
            ["lineItem/referenceNo", "lineItem/tenantId", "lineItem/intervalUsageStart", "cost/myCost"],
            "Oracle Cloud's cost report",
        ),
        (["Date", "MeterCategory", "CostInBillingCurrency"], "Azure's cost details"),
        (["billing_account_id", "usage_start_time", "cost"], "Google Cloud's own billing export"),
        (["Service", "EC2-Instances($)", "Total costs($)"], "a table of Cost Explorer"),
    ],
)
def test_other_clouds_reports_are_called_what_they_are(tmp_path: Path, columns: list[str], name: str) -> None:
    with pytest.raises(DataError, match=f"{name}.* which is not read; export FOCUS"):
        lines(csv_of(tmp_path, dict.fromkeys(columns, "1")))


def test_a_bill_from_bigquery_is_read_with_its_moments_in_utc() -> None:
    found = lines(EXPORTS / "focus_gcp_bigquery.csv")
    assert [row["charge_start"].isoformat() for row in found] == [f"2026-03-0{day}T00:00:00" for day in range(1, 6)]
    assert {row["billing_period"] for row in found} == {datetime(2026, 3, 1)}


def test_a_bill_separated_by_semicolons_is_read_and_one_with_decimal_commas_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="separated by `;`, decimal comma.*: amounts of a bill are read with a decimal point"):
        lines(EXPORTS / "focus_semicolon.csv")
    pointed = tmp_path / "pointed.csv"
    pointed.write_text((EXPORTS / "focus_semicolon.csv").read_text().replace("10,50", "10.50"))
    assert {row["billed_cost"] for row in lines(pointed)} == {"10.50"}


def test_a_newer_focus_that_has_all_that_is_read_lands(tmp_path: Path) -> None:
    [row] = lines(EXPORTS / "focus_v14_service_provider.csv")
    assert row["service_provider_name"] == "Amazon Web Services"


def test_a_charge_without_a_start_is_landed_without_one_and_what_is_no_moment_is_refused_with_its_row(tmp_path: Path) -> None:
    assert [row["charge_start"] for row in lines(csv_of(tmp_path, focus_row(ChargePeriodStart="NULL")))] == [None]
    path = csv_of(tmp_path, focus_row(), focus_row(ChargePeriodStart="3/4/2026"))
    with pytest.raises(DataError, match=r"line 3, column 'ChargePeriodStart': expected a moment as in ISO 8601, got '3/4/2026'"):
        lines(path)


def test_a_line_without_a_billing_period_goes_with_the_month_of_its_charge_and_one_without_either_is_refused(
    tmp_path: Path,
) -> None:
    [row] = lines(csv_of(tmp_path, focus_row(BillingPeriodStart="")))
    assert (row["billing_period"], row["billing_period_start"]) == (datetime(2026, 4, 1), "")
    with pytest.raises(DataError, match="line 2, column 'BillingPeriodStart': expected a billing period, or a charge period"):
        lines(csv_of(tmp_path, focus_row(BillingPeriodStart="", ChargePeriodStart="NULL")))


def test_an_export_that_is_not_there_is_the_sources_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        lines(tmp_path / "export.csv")


def test_an_empty_export_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(",".join(REQUIRED) + "\n")
    assert lines(path) == []


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [
        ("DiscountedUsage", r"of type DiscountedUsage \(1\) need reservation_effective_cost,"),
        ("SavingsPlanCoveredUsage", r"of type SavingsPlanCoveredUsage \(1\) need savings_plan_savings_plan_effective_cost,"),
        ("SavingsPlanRecurringFee", "need savings_plan_total_commitment_to_date and savings_plan_used_commitment,"),
        ("RIFee", "need reservation_unused_amortized_upfront_fee_for_billing_period and reservation_unused_recurring_fee,"),
    ],
)
def test_lines_whose_amortised_cost_the_export_leaves_out_are_refused(tmp_path: Path, kind: str, lacking: str) -> None:
    with pytest.raises(DataError, match=lacking):
        lines(csv_of(tmp_path, cur_row(line_item_line_item_type=kind)))

    assert len(lines(csv_of(tmp_path, cur_row(line_item_line_item_type="Usage")))) == 1


def cur_row(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(sorted(KNOWN["cur_2_0"].required), "x")
    return row | {"bill_billing_period_start_date": "2026-04-01", "line_item_usage_start_date": "2026-04-03"} | changed


def test_two_executions_in_one_folder_are_told_by_their_lines_and_refused_with_both_names(tmp_path: Path) -> None:
    first = [focus_row(ServiceName=f"service {n}") for n in range(4)]
    # The next day's execution has the days before again, one of them corrected.
    second = [focus_row(ServiceName="service 0", BilledCost="9"), *first[1:], focus_row(ServiceName="service 4")]
    for name, rows in (("a", first), ("b", second)):
        csv_of(tmp_path, *rows).rename(tmp_path / f"{name}.csv")

    with pytest.raises(DataError, match=r"a\.csv has 3 of 5 lines of \S*b\.csv that were looked at: two executions, or a copy"):
        lines(tmp_path)


def test_a_bill_of_a_few_lines_beside_a_long_one_that_has_them_is_told_as_well(tmp_path: Path) -> None:
    every = [focus_row(ServiceName=f"service {n}") for n in range(500)]
    csv_of(tmp_path, *every[:3]).rename(tmp_path / "early.csv")
    csv_of(tmp_path, *every).rename(tmp_path / "late.csv")

    with pytest.raises(DataError, match=r"late\.csv has 3 of 3 lines of \S*early\.csv"):
        lines(tmp_path)


def test_parts_of_a_bill_that_share_a_line_are_one_execution(tmp_path: Path) -> None:
    for part in range(3):
        rows = [focus_row(ServiceName=f"service {part} {n}") for n in range(3)]
        csv_of(tmp_path, focus_row(ServiceName="tax"), *rows).rename(tmp_path / f"part-{part}.csv")

    assert len(lines(tmp_path)) == 12


def test_each_of_several_files_is_read_once_and_its_header_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in range(3):
        csv_of(tmp_path, focus_row(ServiceName=f"service {part}")).rename(tmp_path / f"part-{part}.csv")
    seen: dict[str, list[str]] = {"peek": [], "read_in_pieces": []}
    for name, known in seen.items():
        monkeypatch.setattr(_files, name, noting(getattr(_files, name), known))

    assert len(lines(tmp_path)) == 3
    files = [str(tmp_path / f"part-{part}.csv") for part in range(3)]
    assert seen == {"peek": files, "read_in_pieces": files}


def noting(function: Callable[..., Any], known: list[str]) -> Callable[..., Any]:
    def noted(source: str, file: Any, *rest: Any) -> Any:
        known.append(file.name)
        return function(source, file, *rest)

    return noted


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "csv.zip", "parquet"])
def test_of_an_object_as_many_bytes_are_asked_for_as_tell_its_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path, asked = tmp_path / f"export.{kind}", []
    noise = [hashlib.sha256(f"{number}".encode()).hexdigest() for number in range(40_000)]
    text = "\n".join(["a,b", *(f"{one},{one[::-1]}" for one in noise)])
    if kind == "parquet":
        pq.write_table(pa.table({"a": noise, "b": noise}), path)
    elif kind == "csv.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("export.csv", text)
    else:
        path.write_bytes(gzip.compress(text.encode()) if kind == "csv.gz" else text.encode())
    stored = path.read_bytes()

    class Bucket:
        def read_range(self, bucket: str, key: str, first: int, end: int) -> bytes:
            assert (bucket, key) == ("b", path.name)
            asked.append(end - first)
            return stored[first:end]

    monkeypatch.setattr(_files, "_place", lambda *_: Bucket())
    file = _files.File(f"s3://b/{path.name}", ("etag", len(stored)))

    assert _files.peek("billing", file, _files.Stored()) == (["a", "b"], True)
    assert 0 < sum(asked) < len(stored) / 2
