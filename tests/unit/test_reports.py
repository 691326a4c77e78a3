"""Where people find what a run found: in the lake's storage, by day and at one stable address."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pipeline.lake import Lake, reports

MONDAY, TUESDAY = datetime(2026, 3, 2), datetime(2026, 3, 3)


def publish(lake: Lake, as_of: datetime, **pages: str) -> bool:
    """A run's report, and pages of its data docs by name."""
    files = {f"data_docs/{name}.html": text.encode() for name, text in pages.items()}
    files["report.html"] = f"as of {as_of:%A}".encode()
    reports.publish(lake.storage, as_of, files)
    return reports.publish_newest(lake.storage, as_of, files)


def newest(lake: Lake, file: str = "report.html") -> Path:
    return Path(lake.settings.report_address(file=file))


def test_the_stable_address_shows_the_newest_run_and_each_run_keeps_its_own(lake: Lake) -> None:
    assert publish(lake, MONDAY)
    assert publish(lake, TUESDAY)

    assert newest(lake).read_text() == "as of Tuesday"
    assert Path(lake.settings.report_address(MONDAY)).read_text() == "as of Monday"


def test_an_old_day_that_runs_again_does_not_become_the_newest(lake: Lake) -> None:
    publish(lake, TUESDAY)

    assert not publish(lake, MONDAY)

    assert newest(lake).read_text() == "as of Tuesday"
    assert Path(lake.settings.report_address(MONDAY)).read_text() == "as of Monday"


def test_a_later_run_that_broke_off_before_its_report_does_not_hide_the_newest_there_is(lake: Lake) -> None:
    reports.publish(lake.storage, TUESDAY, {"validations/silver.metric_daily.json": b"{}"})

    assert publish(lake, MONDAY)

    assert newest(lake).read_text() == "as of Monday"


def test_pages_that_the_newest_run_does_not_have_are_gone_from_the_stable_address(lake: Lake) -> None:
    publish(lake, MONDAY, index="both", old="of Monday alone")
    publish(lake, TUESDAY, index="both", new="of Tuesday alone")

    pages = {file.name for file in newest(lake, "data_docs").iterdir()}
    assert pages == {"index.html", "new.html"}
    assert reports.read_files(lake.storage, MONDAY, "data_docs") == {"index.html": b"both", "old.html": b"of Monday alone"}


def test_a_reader_sees_the_old_file_or_the_new_one_and_nothing_else_lies_there(lake: Lake) -> None:
    publish(lake, MONDAY)
    with newest(lake).open() as reader:
        publish(lake, TUESDAY)
        assert reader.read() == "as of Monday"

    assert [file.name for file in newest(lake).parent.iterdir()] == ["report.html"]
