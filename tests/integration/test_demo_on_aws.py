"""The daily run on S3, Glue and Athena, by settings alone, says what the embedded run says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline import settings as settings_module
from pipeline import steps, tables
from pipeline.cli import run_interval
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from tests.aws_server import AwsServer, aws_for_tests

HISTORY, DAY = Interval.days("2026-04-04", "2026-04-15"), Interval.day("2026-04-15")
# Small, but with every step of the daily run at work.
SMALL: dict[str, Any] = {"shards": 1, "fallback_forecaster": "seasonal_naive", "detectors": ("zscore", "iqr")}
CONTENT = [table for table in tables.ALL.values() if table.layer != "bronze" and table.name not in tables.TELEMETRY]

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("demo-on-aws")]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return ran(settings_module.load({}, home=tmp_path_factory.mktemp("embedded"), **SMALL))


@pytest.fixture(scope="module")
def on_aws(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("aws"), **SMALL, **aws.settings("demo"))
    for _ in open_lake(settings).create_tables():
        pass
    return ran(settings)


def ran(settings: Settings) -> Lake:
    """The lake after the history was built and the day was run whole."""
    for source in settings.sources:
        steps.perform("ingest", HISTORY, target=source, settings=settings)
    for table in steps.BUILDS:
        steps.perform("build", HISTORY, target=table, settings=settings)
    run_interval(DAY, settings)
    return open_lake(settings)


@pytest.mark.parametrize("table", CONTENT, ids=lambda table: table.name)
def test_a_table_says_the_same_on_aws_as_embedded(table: tables.Table, on_aws: Lake, embedded: Lake) -> None:
    wanted = embedded.read(table)

    assert on_aws.read(table).num_rows == wanted.num_rows
    assert on_aws.content(table) == embedded.content(table), table.name


def test_what_the_day_publishes_is_not_nothing(on_aws: Lake) -> None:
    for table in (tables.FORECAST, tables.ANOMALY, tables.CAPACITY_RISK, tables.RECOMMENDATION, tables.QUALITY_RESULT):
        assert on_aws.read(table, table.scope(DAY)).num_rows, table.name


def test_building_a_day_again_changes_nothing(aws: AwsServer, on_aws: Lake) -> None:
    before = on_aws.content(tables.METRIC_HOURLY), on_aws.snapshot_id(tables.METRIC_HOURLY)
    executed = len(aws.athena.executions)

    steps.perform("build", DAY, target="silver.metric_hourly", settings=on_aws.settings)

    assert (on_aws.content(tables.METRIC_HOURLY), on_aws.snapshot_id(tables.METRIC_HOURLY)) == before
    assert len(aws.athena.executions) == executed, "the same question of the same data runs once"


def test_people_find_the_same_in_a_view_in_athena(
    aws: AwsServer, on_aws: Lake, embedded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    import awswrangler

    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    shown = awswrangler.athena.read_sql_query(
        "SELECT kpi, unit FROM demo_views.executive_kpis WHERE unit = ? AND value IS NOT NULL",
        database="demo_views",
        workgroup=on_aws.settings.athena_workgroup,
        ctas_approach=False,
        params=["'usd'"],
        paramstyle="qmark",
    )

    wanted = embedded.query("SELECT kpi AS kpi FROM views.executive_kpis WHERE unit = 'usd' AND value IS NOT NULL")
    assert sorted(shown["kpi"]) == sorted(wanted["kpi"].to_pylist())
    assert len(shown)
