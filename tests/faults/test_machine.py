"""What this machine refuses: paths that are no paths, memory, disk and rights. One clear line each, and nothing half done."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb as engine
import pyarrow as pa
import pytest
from sqlalchemy import create_engine

from pipeline import settings as settings_module
from pipeline.errors import ConfigError, DataError, ResourceError, SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake, disk, duckdb, reports, sql
from pipeline.quality.data_docs import collect_data_docs
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.tables.usage import CALENDAR

# The command line for whom a file's mode holds, also where root runs the tests: root may write everything by its capabilities.
WITHOUT_ROOTS_RIGHTS = """
import ctypes, sys
libc, header, sets = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capget(header, sets) == 0
sets[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
assert libc.capset(header, sets) == 0
from pipeline.cli import main
sys.argv = ["pipeline", *sys.argv[1:]]
main()
"""
DAY = Interval.day("2026-03-02")


@pytest.mark.parametrize("name", ["lake#1", "what?", "a%20b", "line\nbreak"])
def test_a_folder_that_iceberg_would_cut_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"home=.*cannot hold a lake; name another"):
        settings_module.load({}, home=tmp_path / name)
    with pytest.raises(ConfigError, match=r"lake=.*cannot hold a lake; name another"):
        settings_module.load({"HEADROOM_LAKE": str(tmp_path / name)})

    assert list(tmp_path.iterdir()) == []


def test_a_cut_validation_file_is_one_line_and_hides_no_other_table(
    settings: Settings, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    as_of = datetime(2026, 3, 2)
    whole = json.dumps({"results": []}).encode()
    names = ("silver.metric_daily.json", "silver.resource.json", ".silver.resource.json.5f0c")
    reports.publish(lake.storage, as_of, {f"validations/{name}": whole for name in names})
    for name in names[1:]:
        place = Path(lake.storage.path("reports", "2026-03-02T0000", "validations", name))
        place.write_bytes(whole[: len(whole) // 2])

    with caplog.at_level(logging.WARNING):
        page = collect_data_docs(lake, as_of)["data_docs/index.html"].decode()

    assert "The file validations/silver.resource.json is damaged; build that table of these days again." in page
    assert "silver.metric_daily" in page
    assert [record.message for record in caplog.records] == [
        "validations/silver.resource.json is damaged: what was checked there is not in the data docs; "
        "build that table of these days again"
    ]


def test_a_password_in_an_address_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        settings_module.load({"HEADROOM_MLFLOW_URI": "http://ada:geheim-7@mlflow.example"})

    assert "geheim-7" not in str(refused.value)
    assert "mlflow.example" in str(refused.value)


def test_a_query_that_memory_does_not_hold_is_no_fault_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    small = engine.connect(config={"memory_limit": "20MB", "max_temp_directory_size": "0KB"})
    monkeypatch.setattr(duckdb, "_database_of", lambda _process: small)
    rows = pa.table({"name": [f"{number:0200d}" for number in range(200_000)]})

    with pytest.raises(ResourceError, match="for want of memory"):
        duckdb.query("SELECT name, count(*) AS n FROM silver.names GROUP BY name ORDER BY name DESC", {}, lambda _name: rows)


def test_a_store_that_is_busy_while_duckdb_reads_may_be_asked_again() -> None:
    with pytest.raises(SourceError, match="while it read"):
        duckdb.query("SELECT * FROM silver.calendar", {}, lambda _name: ["/nowhere/a.parquet"])
    with pytest.raises(DataError, match="query failed"):
        duckdb.query("SELECT cast(a AS bigint) AS b FROM silver.calendar", {}, lambda _name: pa.table({"a": ["x"]}))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT content FROM read_text('/etc/hostname')",
        "SELECT (SELECT max(content) FROM read_text('/etc/hostname')) AS c",
        "SELECT * FROM read_csv_auto('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
    ],
)
def test_a_query_reads_the_tables_of_the_lake_and_no_files(statement: str) -> None:
    with pytest.raises(ConfigError, match="is no table of the lake|needs its layer"):
        sql.relations(sql.parse(statement))


def test_a_full_disk_is_one_line_that_says_what_was_written(settings: Settings) -> None:
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))\n"
        "sys.argv = ['pipeline', 'build', 'silver.calendar', '--from', '2026-03-01', '--to', '2026-03-09']\n"
        "from pipeline.cli import main\n"
        "main()"
    )
    done = run(code, settings)

    assert done.returncode == 1
    assert "error ResourceError: build silver.calendar" in done.stderr or "error ResourceError: silver" in done.stderr, (
        done.stderr
    )
    assert "the disk is full or fails; nothing was published" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_has_no_room_for_a_new_file_is_one_line(tmp_path: Path) -> None:
    """As `make crash` found it: SQLite does not say why it cannot make its journal."""
    catalog = create_engine(f"sqlite:///{tmp_path}/gone/catalog.db")

    said = r"maintain: the disk is full, or this process may not write here: unable to open"
    with pytest.raises(ResourceError, match=said), disk.explain_errors("maintain"):
        catalog.connect()


def test_a_lake_that_may_not_be_written_is_read_all_the_same(settings: Settings, lake: Lake) -> None:
    build(DAY, lake, settings, target=CALENDAR.name)
    for path in [settings.home, *settings.home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    read = run(WITHOUT_ROOTS_RIGHTS, settings, "query", "SELECT count(*) AS n FROM silver.calendar", "--csv")
    written = run(WITHOUT_ROOTS_RIGHTS, settings, "build", "silver.calendar", "--day", "2026-03-04")

    assert read.stdout.split() == ['"n"', "1"], read.stderr
    assert written.returncode == 1
    assert "may not write here" in written.stderr
    assert "Traceback" not in written.stderr


def test_errors_of_the_disk_that_mean_something_else_stay_as_they_are() -> None:
    with pytest.raises(IsADirectoryError), disk.explain_errors("x"):
        raise IsADirectoryError(21, "Is a directory")


def run(code: str, settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "PYTHONWARNINGS": "ignore",
            "HEADROOM_HOME": str(settings.home),
            "COLUMNS": "300",
        },
    )
