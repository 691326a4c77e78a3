"""Which of bronze's folders are listed when 100 days of them lie in the lake."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline import settings
from pipeline.errors import SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.lake.storage import Storage
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.schema import Scope

FIRST = datetime(2026, 1, 1)
DAYS = 100
SINCE, UNTIL = datetime(2026, 2, 3), datetime(2026, 2, 5)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with one event a day, at noon."""
    lake = open_lake(settings.load({}, home=tmp_path_factory.mktemp("days")))
    columns = [f for f in RUN_EVENT.arrow_schema if f.name not in (*STAMPED, "day")]
    rows = [
        {"source": "s", "ts": FIRST + timedelta(days=n, hours=12), "start_at": FIRST, "step": "build", "target": "t", "shard": 0,
         "outcome": "done", "rows": n, "wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0}
        for n in range(DAYS)
    ]  # fmt: skip
    events = pa.Table.from_pylist(rows, schema=pa.schema(columns))
    lake.land(RUN_EVENT, events, source="s", shard="x", ingested_at=FIRST)
    return lake


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of which objects were listed, by name."""
    names: list[str] = []
    list_files = Storage.list_files

    def recorded(storage: Storage, folder: str, *more: Any) -> list[str]:
        names.append(Path(folder).name)
        return list_files(storage, folder, *more)

    monkeypatch.setattr(Storage, "list_files", recorded)
    return names


def folders(*days: str) -> list[str]:
    return [f"day={day}" for day in days]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        (
            "SELECT rows FROM bronze.run_event WHERE day >= cast(:since AS date) AND day <= cast(:until AS date) AND ts < :until",
            ("2026-02-03", "2026-02-04", "2026-02-05"),
        ),
        ("SELECT rows FROM bronze.run_event WHERE day = cast(:until AS date)", ("2026-02-05",)),
        ("SELECT rows FROM bronze.run_event WHERE day > date_add('day', 64, cast(:since AS date))", ("2026-04-09", "2026-04-10")),
        ("SELECT rows FROM bronze.run_event WHERE day IN (date '2026-02-03', date '2026-04-01')", ("2026-02-03", "2026-04-01")),
        ("SELECT rows FROM bronze.run_event WHERE day < date '2025-01-01'", ()),
        (
            """
            WITH ranked AS (
              SELECT rows, day, row_number() OVER (PARTITION BY day, step ORDER BY load_id) AS recency FROM bronze.run_event
            )
            SELECT rows FROM ranked WHERE recency = 1 AND day = cast(:since AS date)
            """,
            ("2026-02-03",),
        ),
        (
            """
            SELECT rows FROM bronze.run_event WHERE day = cast(:since AS date)
            UNION ALL
            SELECT rows FROM bronze.run_event WHERE day = cast(:until AS date)
            """,
            ("2026-02-03", "2026-02-05"),
        ),
    ],
    ids=["between", "equal", "computed", "several", "none", "through a window", "two places"],
)  # fmt: skip
def test_a_query_lists_the_days_that_it_reads_and_no_others(
    lake: Lake, listed: list[str], query: str, days: tuple[str, ...]
) -> None:
    found = lake.query(query, {"since": SINCE, "until": UNTIL})

    assert sorted(listed) == folders(*days)
    expected = [
        n for n in range(DAYS) for day in [(FIRST + timedelta(days=n)).date().isoformat()]
        if day in days and not ("ts < :until" in query and day == "2026-02-05")
    ]  # fmt: skip
    assert sorted(found["rows"].to_pylist()) == expected


def test_a_build_lists_the_days_of_its_interval(lake: Lake, listed: list[str]) -> None:
    run = Interval.day("2026-02-03")

    lake.query(sql.text("gold.quality_result"), {"start": run.start, "end": run.end, "as_of": run.as_of})
    assert set(listed) <= {
        *folders("2026-02-03", "2026-02-04"),
        "resource_snapshot",
        "metric_sample",
        "focus_line",
        "cur_line",
        "price",
        "data",
    }

    listed.clear()
    lake.query(sql.text("gold.run_stat"), {"start": run.start, "end": run.end})
    assert listed == folders("2026-02-04")


@pytest.mark.parametrize("where", ["", "WHERE ts >= :since", "WHERE day >= (SELECT max(cast(ts AS date)) FROM bronze.run_event)"])
def test_a_query_that_bounds_no_day_lists_the_table_at_once(lake: Lake, listed: list[str], where: str) -> None:
    found = lake.query(f"SELECT rows FROM bronze.run_event {where}", {"since": SINCE})  # noqa: S608

    assert set(listed) == {"run_event"}
    assert found.num_rows == {"": DAYS, "WHERE ts >= :since": 67}.get(where, 1)


def test_a_day_that_a_query_reads_twice_is_listed_once(lake: Lake, listed: list[str]) -> None:
    half = "SELECT rows FROM bronze.run_event WHERE day = cast(:since AS date)"

    assert lake.query(f"{half} UNION ALL {half}", {"since": SINCE}).num_rows == 2
    assert listed == folders("2026-02-03")


def test_reading_a_scope_lists_its_days(lake: Lake, listed: list[str]) -> None:
    rows = lake.read(RUN_EVENT, Scope("ts", SINCE, UNTIL))

    assert listed == folders("2026-02-03", "2026-02-04", "2026-02-05")
    assert pc.unique(rows["day"]).to_pylist() == [date(2026, 2, 3), date(2026, 2, 4)]


def test_what_a_listing_raises_is_what_the_query_raises(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> list[str]:
        raise SourceError("bronze.run_event: ListObjectsV2 failed: SlowDown")

    monkeypatch.setattr(Storage, "list_files", refuse)

    with pytest.raises(SourceError, match=r"^bronze\.run_event: ListObjectsV2 failed: SlowDown$"):
        lake.query("SELECT count(*) AS n FROM bronze.run_event WHERE day = date '2026-02-03'")
