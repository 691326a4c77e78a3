"""A catalog that was lost, emptied or cut is no empty lake: nothing is read as nothing, made anew or swept."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, maintenance, open_lake
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.tables.usage import CALENDAR
from pipeline.upkeep.doctor import checks

DAY = Interval.day("2026-03-02")


def lose(settings: Settings, how: str) -> None:
    catalog = settings.home / "lake" / "catalog.db"
    catalog.unlink() if how == "removed" else catalog.write_bytes(b"")


def files_of(lake: Lake) -> set[Path]:
    return {path for path in Path(lake.storage.root, "silver").rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_lost_catalog_is_said_and_recovered_with_every_row(
    settings: Settings, lake: Lake, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(DAY, lake, settings, target=CALENDAR.name)
    build(Interval.day("2026-03-03"), lake, settings, target=CALENDAR.name)
    said = lake.content(CALENDAR)
    before = files_of(lake)
    lose(settings, how)

    lost = r"silver.(calendar|check_result): its files lie in .*, but the catalog does not know it.*pipeline lake recover`"
    with pytest.raises(DataError, match=lost):
        open_lake(settings).query("SELECT count(*) AS n FROM silver.calendar")
    with pytest.raises(DataError, match=lost):
        build(DAY, open_lake(settings), settings, target=CALENDAR.name)
    with pytest.raises(DataError, match=lost):
        maintenance.sweep_orphans(open_lake(settings), CALENDAR, datetime(2100, 1, 1))
    assert {name: ok for name, ok, _ in checks(settings)}["lake"] is False
    assert files_of(lake) == before

    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    result = CliRunner().invoke(app, ["lake", "recover"])

    assert result.exit_code == 0, result.output
    assert "made silver.calendar" in result.output
    assert open_lake(settings).content(CALENDAR) == said
    assert CliRunner().invoke(app, ["lake", "recover"]).output.startswith("the catalog knows every table")


def test_a_lake_that_was_copied_says_that_its_files_name_their_places(
    settings: Settings, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(DAY, lake, settings, target=CALENDAR.name)
    shutil.copytree(settings.home, tmp_path / "copy")
    shutil.rmtree(settings.home / "lake")

    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "copy"))
    for command in (
        ["query", "SELECT count(*) AS days FROM silver.calendar"],
        ["lake", "recover"],
        ["build", "--day", "2026-03-02"],
    ):
        said = CliRunner().invoke(app, command)
        assert "Traceback" not in said.output
        assert said.exception is None or isinstance(said.exception, SystemExit | DataError)
    asked = CliRunner().invoke(app, ["query", "SELECT count(*) AS days FROM silver.calendar"])
    assert asked.exit_code != 0
    assert re.search(r"silver\.calendar: the catalog names a file that is not there .*moved or copied", str(asked.exception))


def test_a_catalog_that_is_no_database_is_one_clear_line(settings: Settings, lake: Lake) -> None:
    build(DAY, lake, settings, target=CALENDAR.name)
    (settings.home / "lake" / "catalog.db").write_bytes(b"not a database" * 100)

    with pytest.raises(ConfigError, match=r"catalog.db is no catalog .*; move it away"):
        open_lake(settings).exists(CALENDAR)


def test_files_of_a_table_that_the_catalog_does_not_mean_are_never_swept(settings: Settings, lake: Lake) -> None:
    build(DAY, lake, settings, target=CALENDAR.name)
    held = Path(lake.storage.root, "silver")
    elsewhere = held.with_name("elsewhere")
    held.rename(elsewhere)
    lose(settings, "removed")
    build(DAY, open_lake(settings), settings, target=CALENDAR.name)
    for path in [each for each in elsewhere.rglob("*") if each.is_file()]:
        there = held / path.relative_to(elsewhere)
        there.parent.mkdir(parents=True, exist_ok=True)
        path.rename(there)
    before = files_of(lake)

    with pytest.raises(DataError, match=r"silver.calendar: .* is of table .*; nothing is deleted"):
        maintenance.sweep_orphans(open_lake(settings), CALENDAR, datetime(2100, 1, 1))

    assert files_of(lake) == before
