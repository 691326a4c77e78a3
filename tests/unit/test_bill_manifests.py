"""An export with a manifest is what the manifest names: all of it, nothing else, and of one moment."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError, SourceError
from pipeline.interval import Interval
from pipeline.plugs import load
from pipeline.sources import Load
from pipeline.sources._bill_formats import FORMATS

SOURCE = load("sources", "billing")
MARCH = Interval.days("2026-03-01", "2026-04-01")
REQUIRED = sorted(next(known.required for known in FORMATS if known.name == "focus_1_0"))
PAUSE_S = 0.02
REWRITES = int(os.environ.get("REWRITES") or 30)
FIRST, SECOND = "2026-03-05T10:00:00.123Z-1f0c5d7e-1111-4222-8333-444455556666", "2026-03-06T10:00:00.456Z-2f0c5d7e"


def row(service: str, **over: str) -> dict[str, str]:
    said = dict.fromkeys(REQUIRED, "x") | {"BilledCost": "1", "ServiceName": service, "BillingAccountId": "9"}
    return said | {"BillingPeriodStart": "2026-03-01T00:00:00Z", "ChargePeriodStart": "2026-03-03T00:00:00Z"} | over


def put(file: Path, *rows: dict[str, str], columns: list[str] = REQUIRED) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows), pa.schema([(name, pa.string()) for name in columns])), file)
        return file
    text = "\n".join([",".join(columns), *(",".join(each[name] for name in columns) for each in rows)]) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def manifest(root: Path, *files: str, name: str = "export-Manifest.json", execution: str = "e-1", month: str = "2026-03") -> Path:
    said: dict[str, Any] = {"executionId": execution, "exportArn": "arn:aws:bcm-data-exports:us-east-1:1:export/export-1"}
    said["columns"] = [{"name": column, "type": "string"} for column in REQUIRED]
    said["dataFiles"] = [f"s3://bucket/prefix/export/data/BILLING_PERIOD={month}/{file}" for file in files]
    path = root / "metadata" / f"BILLING_PERIOD={month}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said))
    return path


def loads(root: Path, interval: Interval = MARCH) -> list[Load]:
    return list(SOURCE.fetch(interval, SOURCE.Options(path=root)))


def executions(root: Path) -> set[tuple[str, str]]:
    """What the lines are about, and the execution that they say that they are of."""
    read = [piece for each in loads(root) for piece in each.pieces()]
    return {(line["service_name"], line["execution"]) for piece in read for line in piece.to_pylist()}


def services(root: Path, interval: Interval = MARCH) -> list[str]:
    """What the lines are about, in their order."""
    return [line["service_name"] for each in loads(root, interval) for piece in each.pieces() for line in piece.to_pylist()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "export" / "data" / "BILLING_PERIOD=2026-03"


@pytest.mark.parametrize("name", ["export-Manifest.json", "Manifest.json"])
@pytest.mark.parametrize("kind", [".csv.gz", ".parquet", ".csv"])
def test_an_overwritten_export_is_the_files_that_its_manifest_names(tmp_path: Path, data: Path, name: str, kind: str) -> None:
    for number, service in enumerate(("a", "b", "surplus of an older execution"), start=1):
        put(data / f"export-0000{number}{kind}", row(service))
    manifest(tmp_path / "export", f"export-00001{kind}", f"export-00002{kind}", name=name)

    assert services(tmp_path / "export") == services(tmp_path) == ["a", "b"]
    [found] = loads(tmp_path)
    assert (found.shard, found.period) == (str(tmp_path / "export"), date(2026, 3, 1))


def test_of_executions_in_folders_of_their_own_the_one_that_the_upper_manifest_names_is_read(tmp_path: Path, data: Path) -> None:
    for execution, service in ((FIRST, "old"), (SECOND, "new")):
        put(data / execution / "export-00001.csv.gz", row(service))
        written = manifest(tmp_path / "export", f"{execution}/export-00001.csv.gz", execution=execution)
        own = written.parent / execution / written.name
        own.parent.mkdir()
        own.write_bytes(written.read_bytes())

    assert services(tmp_path) == ["new"]
    written.unlink()
    with pytest.raises(DataError, match="which of the executions counts is not said"):
        loads(tmp_path)


def test_chunks_that_an_export_needs_no_more_are_empty_and_change_nothing(tmp_path: Path, data: Path) -> None:
    put(data / "1.csv.gz", row("a"))
    put(data / "2.csv.gz")
    put(data / "3.parquet")
    (data / "4.parquet").write_bytes(b"")
    manifest(tmp_path / "export", "1.csv.gz", "2.csv.gz", "3.parquet", "4.parquet")

    assert services(tmp_path) == ["a"]


def test_an_export_without_any_line_is_refused_with_its_name_and_period(tmp_path: Path, data: Path) -> None:
    put(data / "1.csv.gz")
    manifest(tmp_path / "export", "1.csv.gz")

    with pytest.raises(DataError, match=r"export 2026-03: none of its 1 files has a line; what was landed before stays"):
        services(tmp_path)


def _missing(root: Path, data: Path) -> None:
    manifest(root / "export", "1.csv", "2.csv")


def _twice(root: Path, data: Path) -> None:
    manifest(root / "export", "1.csv", "1.csv")


def _short(root: Path, data: Path) -> None:
    whole = put(data / "2.csv.gz", *(row(f"{n}") for n in range(500)))
    whole.write_bytes(whole.read_bytes()[:-40])
    manifest(root / "export", "1.csv", "2.csv.gz")


def _short_parquet(root: Path, data: Path) -> None:
    whole = put(data / "2.parquet", row("a"))
    whole.write_bytes(whole.read_bytes()[:-40])
    manifest(root / "export", "1.csv", "2.parquet")


def _half_written(root: Path, data: Path) -> None:
    written = manifest(root / "export", "1.csv")
    written.write_text(written.read_text()[:60])


def _of_yesterday(root: Path, data: Path) -> None:
    put(data / "2.csv", row("a", Tags="{}"), columns=[*REQUIRED, "Tags"])
    manifest(root / "export", "1.csv", "2.csv")


def _of_another_month(root: Path, data: Path) -> None:
    put(data / "2.csv", row("a"), row("b", BillingPeriodStart="2026-02-01T00:00:00Z"))
    manifest(root / "export", "1.csv", "2.csv")


def _twice_a_column(root: Path, data: Path) -> None:
    put(data / "2.csv", row("a"), columns=[*REQUIRED, "ListCost"])
    manifest(root / "export", "1.csv", "2.csv")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_missing, r"export 2026-03: its manifest \S+ names s3://\S+/2\.csv, which is not there; nothing is landed"),
        (_twice, r"export 2026-03: its manifest \S+ names s3://\S+/1\.csv twice"),
        (_short, r"export 2026-03: \S+2\.csv\.gz: Compressed file ended before"),
        (_short_parquet, r"export 2026-03: \S+2\.parquet: "),
        (_half_written, r"export-Manifest\.json: is no manifest of an export, or half written"),
        (_of_yesterday, r"export 2026-03: \S+2\.csv: its columns are not those of the manifest \S+: tags"),
        (
            _of_another_month,
            r"export 2026-03: \S+2\.csv: line 3, column 'BillingPeriodStart': expected the billing period 2026-03",
        ),
        (_twice_a_column, r"export 2026-03: \S+2\.csv: .*ListCost"),
    ],
)
def test_what_is_not_as_its_manifest_says_lands_nothing_and_names_export_period_and_file(
    tmp_path: Path, data: Path, spoil: Callable[[Path, Path], None], said: str
) -> None:
    put(data / "1.csv", row("good"))
    spoil(tmp_path, data)

    with pytest.raises((DataError, SourceError), match=said):
        services(tmp_path)


def test_columns_in_another_order_are_the_same_export(tmp_path: Path, data: Path) -> None:
    put(data / "1.csv", row("a"))
    put(data / "2.csv", row("b"), columns=REQUIRED[::-1])
    manifest(tmp_path / "export", "1.csv", "2.csv")

    assert services(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("rewrites", ["manifest", "chunk", "both"])
def test_an_export_that_is_rewritten_while_it_is_read_is_never_taken_for_one(tmp_path: Path, data: Path, rewrites: str) -> None:
    for number in (1, 2):
        put(data / f"{number}.csv", row(f"old {number}"))
    manifest(tmp_path / "export", "1.csv", "2.csv")
    [found] = loads(tmp_path)
    pieces = found.pieces()
    next(pieces)

    if rewrites != "manifest":
        put(data / "2.csv", row("new 2"), row("new 3"))
    if rewrites != "chunk":
        manifest(tmp_path / "export", "1.csv", "2.csv", execution="e-2")

    with pytest.raises(SourceError, match=r"export 2026-03: was replaced while it was read; nothing is landed"):
        list(pieces)
    [again] = loads(tmp_path)
    assert again.fingerprint != found.fingerprint


def test_files_of_the_next_execution_under_the_manifest_of_the_last_one_are_refused(tmp_path: Path, data: Path) -> None:
    last = manifest(tmp_path / "export", "1.csv", "2.csv")
    for number in (1, 2):
        put(data / f"{number}.csv", row(f"new {number}"))
    os.utime(last, (0, 0))

    with pytest.raises(
        SourceError, match=r"its manifest \S+ is of 1970-01-01 00:00, and .*1\.csv of .*: the next execution is half"
    ):
        services(tmp_path)

    manifest(tmp_path / "export", "1.csv", "2.csv", execution="e-2")
    assert services(tmp_path) == ["new 1", "new 2"]


def test_an_export_that_is_overwritten_again_and_again_is_never_read_as_two_executions(tmp_path: Path, data: Path) -> None:
    """AWS writes the files, then the manifest, under the same names; each execution is an hour after the last."""
    root, refused = tmp_path / "export", list[str]()

    def overwrite(execution: int) -> None:
        whole = root / "metadata" / "BILLING_PERIOD=2026-03" / "export-Manifest.json"
        aside = tmp_path / "aside"
        for number in (1, 2, 3):
            place = put(aside / f"{number}.csv", *(row(f"{execution}") for _ in range(50)))
            os.utime(place, (3600 * execution, 3600 * execution))
            place.replace(data / f"{number}.csv")
            time.sleep(PAUSE_S)
        written = manifest(aside, "1.csv", "2.csv", "3.csv", execution=f"e-{execution}")
        os.utime(written, (3600 * execution, 3600 * execution))
        whole.parent.mkdir(parents=True, exist_ok=True)
        written.replace(whole)
        time.sleep(PAUSE_S)

    def overwrite_all() -> None:
        for execution in range(2, REWRITES):
            overwrite(execution)

    data.mkdir(parents=True)
    overwrite(1)
    read: list[set[tuple[str, str]]] = []
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(overwrite_all)
        while not writer.done():
            try:
                read.append(executions(root))
            except SourceError as error:
                refused.append(str(error))
        writer.result()
    read.append(executions(root))

    assert refused
    assert [each for each in refused if "half written" not in each and "was replaced while it was read" not in each] == []
    assert [each for each in read if len(each) != 1] == []
    assert read[-1] == {(f"{REWRITES - 1}", f"e-{REWRITES - 1}")}


def test_several_exports_and_months_are_several_loads_and_a_day_asks_for_its_month_alone(tmp_path: Path) -> None:
    for export in ("a", "b"):
        for month in ("2026-02", "2026-03"):
            place = tmp_path / export / "data" / f"BILLING_PERIOD={month}"
            put(place / "1.csv", row(f"{export} {month}", BillingPeriodStart=f"{month}-01"))
            manifest(tmp_path / export, "1.csv", month=month)

    assert sorted(services(tmp_path, Interval.day("2026-03-20"))) == ["a 2026-03", "b 2026-03"]
    assert len(loads(tmp_path, Interval.days("2026-02-27", "2026-03-02"))) == 4


def test_a_legacy_report_is_the_files_of_its_assembly(tmp_path: Path) -> None:
    columns = sorted(next(known.required for known in FORMATS if known.name == "cur_legacy"))
    when = {"bill/BillingPeriodStartDate": "2026-03-01T00:00:00Z", "lineItem/UsageStartDate": "2026-03-02T00:00:00Z"}
    month = tmp_path / "prefix" / "report" / "20260301-20260401"
    for assembly in ("old", "new"):
        line = dict.fromkeys(columns, "x") | when | {"lineItem/ProductCode": assembly}
        put(month / assembly / "report-1.csv.gz", line, columns=columns)
    said = {"assemblyId": "new", "reportKeys": ["prefix/report/20260301-20260401/new/report-1.csv.gz"]}
    said |= {"columns": [dict(zip(("category", "name"), name.split("/"), strict=True)) for name in columns]}
    said |= {"billingPeriod": {"start": "20260301T000000.000Z", "end": "20260401T000000.000Z"}}
    (month / "report-Manifest.json").write_text(json.dumps(said))

    [found] = loads(tmp_path)

    [line] = [line for piece in found.pieces() for line in piece.to_pylist()]
    assert (line["line_item_product_code"], line["execution"], line["format"]) == ("new", "new", "cur_legacy")
    assert (found.shard, found.period) == (str(tmp_path / "prefix" / "report"), date(2026, 3, 1))


def test_what_became_of_months_that_a_run_does_not_touch_stops_nothing(tmp_path: Path, data: Path) -> None:
    put(data / "1.csv", row("a"))
    manifest(tmp_path / "export", "1.csv")
    manifest(tmp_path / "export", "expired.csv", month="2025-01")
    manifest(tmp_path / "export", "expired.csv", month="2025-02").write_text("{")
    legacy = tmp_path / "report" / "20250101-20250201" / "report-Manifest.json"
    legacy.parent.mkdir(parents=True)
    legacy.write_text("{")

    assert services(tmp_path) == ["a"]


def test_a_folder_is_the_same_export_from_within(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(data / "1.csv", row("a"))
    manifest(tmp_path / "export", "1.csv")
    monkeypatch.chdir(tmp_path / "export")

    assert services(Path()) == ["a"]
    assert [found.shard for found in loads(Path())] == [str(tmp_path / "export")]


def test_files_beside_the_folders_of_billing_periods_are_refused_for_both_would_be_the_export(tmp_path: Path, data: Path) -> None:
    put(data / "1.csv", row("a"))
    put(data.parent / "stray.csv", row("b"))

    with pytest.raises(DataError, match=r"stray\.csv lies beside folders of billing periods"):
        loads(tmp_path)


def test_of_an_execution_that_states_its_columns_no_file_is_read_before_its_lines_are_asked_for(
    tmp_path: Path, data: Path
) -> None:
    put(data / "1.csv.gz", row("a")).write_bytes(b"no gzip")
    manifest(tmp_path / "export", "1.csv.gz")

    [found] = loads(tmp_path)

    assert found.table == "bronze.focus_line"
    with pytest.raises(SourceError, match=r"export 2026-03: \S+1\.csv\.gz"):
        list(found.pieces())
