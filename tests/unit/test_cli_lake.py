"""The commands about the lake, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import tables
from pipeline.cli import app
from pipeline.errors import ConfigError
from pipeline.lake import sql


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path))
    return tmp_path


def typed(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_tables_create_makes_each_table_once(home: Path) -> None:
    stored = sum(not name.startswith("bronze.") for name in tables.ALL)

    assert f"{stored} created" in typed("tables", "create")
    again = typed("tables", "create")
    assert "0 created" in again
    assert "kept gold.forecast" in again


def test_tables_show_lists_views_as_well_and_shows_of_one_what_it_is_and_reads(home: Path) -> None:
    every = typed("tables", "show")

    assert all(name in every for name in (*tables.ALL, *sql.views()))
    shown = typed("tables", "show", "views.cost_monthly")
    assert shown.startswith("views.cost_monthly: cost per calendar month")
    assert "Reads   silver.cost_daily" in shown
    assert "Columns month, provider, account" in shown


def test_the_cost_of_a_run_is_that_of_its_scans_its_tasks_and_what_is_stored_with_the_prices_of_each(home: Path) -> None:
    typed("build", "silver.calendar", "--day", "2026-03-01")

    shown = typed("cost-of-run", "--day", "2026-03-01")

    assert "views.executive_kpis" in shown
    assert "silver.metric_hourly" in shown
    [task] = [line for line in shown.splitlines() if "build silver.calendar" in line]
    assert float(task.replace("│", " ").split()[-1]) > 0
    assert [line for line in shown.splitlines() if "bronze" in line and " 1 " in line], "one object: the record of that step"
    for price in ("5 per TB scanned", "0.04048 per vCPU-hour", "0.023 per GB and month"):
        assert price in " ".join(shown.split())


def test_a_first_day_is_refused_where_nothing_looks_for_days(home: Path) -> None:
    with pytest.raises(ConfigError, match="--from says where Athena begins to look"):
        typed("tables", "create", "--from", "2020-01-01")
