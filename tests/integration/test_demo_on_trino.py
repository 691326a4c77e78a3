"""`make demo-aws-local TRINO=1` in small: a day of the samples on a real Trino and embedded, compared table by table."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.interval import Interval
from pipeline.lake import athena, open_lake, sql
from pipeline.settings import Settings
from tests.support.aws_server import KEYS
from tools import demo_aws_local

DAY = Interval.day("2026-04-15")
COST = ("silver.bill", "silver.charge_daily", "silver.tag_set", "silver.cost_daily")
BUILT = ("silver.calendar", *COST, "silver.metric_daily", "silver.resource", "gold.quality_result")

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not os.environ.get("TRINO_URL"), reason="no Trino: `make test-trino` starts one"),
]


def run_day(settings: Settings) -> None:
    steps.perform("ingest", DAY, target="samples", settings=settings)
    for table in BUILT:
        steps.perform("build", DAY, target=table, settings=settings)


def compared(home: Path, settings: dict[str, str]) -> tuple[int, str]:
    said = io.StringIO()
    return demo_aws_local.compared(Console(file=said, width=160), home, settings), said.getvalue()


def test_a_day_on_trino_publishes_what_the_embedded_engine_does_and_a_table_that_differs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = settings_module.load({}, home=tmp_path)
    run_day(embedded)
    for name, value in (KEYS | {"TRINO": "1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(athena, "POLL_S", 0.02)
    # `test_athena` has Trino make them.
    monkeypatch.setattr(sql, "views", list)
    with demo_aws_local.bare() as (server, environ):
        settings = settings_module.load(environ, home=tmp_path / "aws")
        list(open_lake(settings).create_tables())
        run_day(settings)

        assert len(server.athena.executions) > len(BUILT)
        assert server.athena.executor.__module__ == "tests.support.trino_engine"
        different, said = compared(tmp_path, environ)
        assert (different, said.count("same ")) == (0, len(said.splitlines())), said

        steps.perform("build", Interval.day("2026-04-16"), target="silver.calendar", settings=embedded)
        different, said = compared(tmp_path, environ)
        # The table, and what its checks found.
        assert different == said.count("different ") == 2
        assert "different silver.calendar: 1 rows on AWS, 2 embedded" in said
