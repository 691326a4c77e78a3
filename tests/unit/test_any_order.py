"""Whatever the order in which intervals are run, run again, backfilled or crash, the lake ends with the same content."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from pipeline import settings as settings_module
from pipeline import tables
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.steps.build import build
from pipeline.steps.ingest import ingest
from pipeline.tables.columns import STAMPED
from pipeline.tables.usage import METRIC_SAMPLE

DAYS = [Interval.day("2026-04-10"), Interval.day("2026-04-11"), Interval.day("2026-04-12")]
TARGETS = ("silver.metric_hourly", "silver.metric_daily", "silver.resource", "silver.cost_daily", "silver.quarantine")
#: What is built besides, and says when something was landed.
BUILT = ("silver.bill", "silver.charge_daily", *TARGETS)


class CrashedError(Exception):
    """What a killed process looks like to the process that goes on."""


def run(settings: settings_module.Settings, interval: Interval, crash_after: int | None = None) -> None:
    """Ingest and build one interval, dying after so many targets."""
    lake = open_lake(settings)
    ingest(interval, lake, settings, target="samples")
    for position, target in enumerate(BUILT):
        if position == crash_after:
            raise CrashedError
        build(interval, lake, settings, target=target)


def contents(lake: Lake) -> dict[str, str]:
    return {name: lake.content(tables.get(name)) for name in TARGETS}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The content after the days ran once each, in order."""
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("straight"))
    for day in DAYS:
        run(settings, day)
    return contents(open_lake(settings))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "any"
    yield home
    shutil.rmtree(home, ignore_errors=True)


operations = st.lists(
    st.tuples(st.integers(0, len(DAYS) - 1), st.sampled_from([None, None, 0, 1, 2, 3, 4, 6])), min_size=0, max_size=4
)


@pytest.mark.system
@example_settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(before=operations, order=st.permutations(range(len(DAYS))))
def test_any_order_of_runs_crashes_and_repetitions_ends_in_the_same_content(
    fresh: Path, straight: dict[str, str], before: list[tuple[int, int | None]], order: list[int]
) -> None:
    shutil.rmtree(fresh, ignore_errors=True)
    settings = settings_module.load({}, home=fresh)
    for day, crash_after in before:
        try:
            run(settings, DAYS[day], crash_after)
        except CrashedError:
            continue
    for day in order:
        run(settings, DAYS[day])

    assert contents(open_lake(settings)) == straight


@pytest.mark.system
def test_one_run_over_three_days_says_what_three_runs_say(fresh: Path, straight: dict[str, str]) -> None:
    settings = settings_module.load({}, home=fresh)

    run(settings, Interval(DAYS[0].start, DAYS[-1].end))

    assert contents(open_lake(settings)) == straight


def test_a_restated_payload_wins_over_the_first_one_and_a_late_row_is_added(
    settings: settings_module.Settings, lake: Lake
) -> None:
    day = DAYS[0]
    ingest(day, lake, settings, target="samples")
    table = METRIC_SAMPLE
    given = lake.read(table).drop_columns([*STAMPED, "day"])
    first = given.filter(pa.compute.equal(given["resource_id"], "i-ac20cd")).slice(0, 1).to_pylist()[0]
    later = pa.Table.from_pylist([first | {"value": 99.5}, first | {"value": 99.5, "resource_id": "i-late"}], schema=given.schema)
    lake.land(table, later, source="samples", shard="late", ingested_at=datetime(2100, 1, 1))

    build(day, lake, settings, target="silver.metric_hourly")

    peaks = lake.query(
        "SELECT resource_id, max(max) AS peak FROM silver.metric_hourly WHERE hour < :end GROUP BY resource_id",
        {"end": datetime(2026, 4, 10, 1)},
    )
    by_resource = {row["resource_id"]: row["peak"] for row in peaks.to_pylist()}
    assert by_resource["i-ac20cd"] == 99.5
    assert by_resource["i-late"] == 99.5
