"""The flag of silver's days that lie far outside the days before: causal, and the same whatever the order of the builds."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.errors import DataError, PartialError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.steps import build as build_step
from pipeline.steps.build import build
from pipeline.tables.columns import STAMPED
from pipeline.tables.usage import METRIC_DAILY, METRIC_SAMPLE

FIRST, DAYS = datetime(2026, 3, 1), 20
#: Of a server that does about the same every day, but for one day near the end.
CPU = [40.0 + day % 4 for day in range(DAYS - 3)] + [95.0, 41.0, 42.0]
ODD = FIRST + timedelta(days=DAYS - 3)


@pytest.fixture
def settings(tmp_path: Path) -> settings_module.Settings:
    return settings_module.load({}, home=tmp_path / "home")


def land(lake: Lake, values: dict[int, float], shard: str = "x") -> None:
    schema = pa.schema([each for each in METRIC_SAMPLE.arrow_schema if each.name not in (*STAMPED, "day")])
    row = {"source": "csv", "account": "1", "region": "r", "resource_id": "i-1", "metric": "CPUUtilization", "unit": "Percent"}
    row |= {"statistic": "p95", "period_s": 86400}
    rows = [row | {"ts": FIRST + timedelta(days=day), "value": value} for day, value in values.items()]
    at = datetime(2026, 4, 1) if shard == "x" else datetime(2026, 4, 2)
    lake.land(METRIC_SAMPLE, pa.Table.from_pylist(rows, schema=schema), source="csv", shard=shard, ingested_at=at)


def build_days(settings: settings_module.Settings, first: int, last: int) -> None:
    interval = Interval(FIRST + timedelta(days=first), FIRST + timedelta(days=last + 1))
    build(interval, open_lake(settings), settings, target="silver.metric_daily")


def flags(settings: settings_module.Settings) -> dict[datetime, bool | None]:
    rows = open_lake(settings).read(METRIC_DAILY, columns=("ts", "outlier")).to_pylist()
    return {row["ts"]: row["outlier"] for row in rows}


def test_the_one_odd_day_is_flagged_once_fifteen_days_are_known(settings: settings_module.Settings) -> None:
    land(open_lake(settings), dict(enumerate(CPU)))

    build_days(settings, 0, DAYS - 1)

    said = flags(settings)
    assert [said[day] for day in sorted(said)][:15] == [None] * 15
    assert [day for day, flag in said.items() if flag] == [ODD]


def test_a_later_day_changes_no_earlier_ones_flag(settings: settings_module.Settings) -> None:
    land(open_lake(settings), dict(enumerate(CPU)))
    build_days(settings, 0, DAYS - 2)
    before = flags(settings)

    land(open_lake(settings), {DAYS - 1: 99.0}, shard="restated")
    build_days(settings, DAYS - 1, DAYS - 1)

    after = flags(settings)
    assert {day: after[day] for day in before} == before
    assert after[FIRST + timedelta(days=DAYS - 1)] is True


@pytest.mark.parametrize(
    "order",
    [[(day, day) for day in range(DAYS)], [(10, 19), (0, 9)], [(19, 19), (17, 18), (0, 16)]],
    ids=["day by day", "the later half first", "from the end"],
)
def test_days_built_before_those_that_they_look_back_on_end_as_in_one_run(
    order: list[tuple[int, int]], settings: settings_module.Settings, tmp_path: Path
) -> None:
    at_once = settings_module.load({}, home=tmp_path / "at once")
    for each in (settings, at_once):
        land(open_lake(each), dict(enumerate(CPU)))
    build_days(at_once, 0, DAYS - 1)

    for first, last in order:
        build_days(settings, first, last)

    assert open_lake(settings).content(METRIC_DAILY) == open_lake(at_once).content(METRIC_DAILY)


def test_a_day_that_is_restated_unflags_what_follows_and_a_second_run_changes_nothing(
    settings: settings_module.Settings,
) -> None:
    land(open_lake(settings), dict(enumerate(CPU)))
    build_days(settings, 0, DAYS - 1)
    land(open_lake(settings), {day: 40.0 + 20 * (day % 4) for day in range(10)}, shard="restated")

    build_days(settings, 0, 9)

    assert flags(settings)[ODD] is False
    lake = open_lake(settings)
    build(Interval(FIRST, FIRST + timedelta(days=10)), lake, settings, target="silver.metric_daily")
    assert not lake.did["silver.metric_daily"].changed


def test_a_backfill_in_order_makes_each_later_day_again_once(
    settings: settings_module.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(open_lake(settings), {day: 40.0 + day % 4 for day in range(33)})
    build_days(settings, 0, 32)
    unflag(settings, 33)
    built: list[datetime] = []
    query = Lake.query

    def counted(lake: Lake, text: str, params: dict[str, Any]) -> pa.Table:
        start, end = params["start"], params["end"]
        if text == sql.text("silver.metric_daily"):
            built.extend(start + timedelta(days=number) for number in range((end - start).days))
        return query(lake, text, params)

    monkeypatch.setattr(Lake, "query", counted)
    for day in range(3):
        build_days(settings, day, day)

    later = sorted(day for day in built if day > FIRST + timedelta(days=2))
    # Those of the thirty days after each that have fifteen before them: the first has them all, and each later one more.
    assert later == [FIRST + timedelta(days=number) for number in range(15, 33)]
    flagged = flags(settings)
    assert [flagged[FIRST + timedelta(days=day)] for day in (14, 15, 32)] == [None, False, False]


def unflag(settings: settings_module.Settings, days: int) -> None:
    """As a lake has it whose days were built before there was a flag."""
    lake = open_lake(settings)
    rows = lake.read(METRIC_DAILY)
    place = rows.schema.get_field_index("outlier")
    empty = rows.set_column(place, rows.schema.field(place), pa.nulls(len(rows), pa.bool_()))
    lake.replace(METRIC_DAILY, empty, METRIC_DAILY.scope(Interval(FIRST, FIRST + timedelta(days=days))))


def test_a_later_day_that_does_not_hold_when_it_is_made_again_is_named_and_the_runs_own_day_is_published(
    settings: settings_module.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(open_lake(settings), {day: value for day, value in enumerate(CPU) if day != 5})
    build_days(settings, 0, DAYS - 1)
    land(open_lake(settings), {5: 400.0 / 9}, shard="restated")

    def refuse(*_: Any) -> None:
        raise DataError("a row is not what the table declares")

    monkeypatch.setattr(build_step, "hold", refuse)
    with pytest.raises(PartialError, match=r"2026-03-\d\dT.* rests on what changed and is not published: a row is not"):
        build_days(settings, 5, 5)

    assert FIRST + timedelta(days=5) in flags(settings)
