import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyiceberg.table
import pytest
from pyiceberg.serializers import FromInputFile

from pipeline import tables
from pipeline.errors import ConfigError, ConflictError, DataError
from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake, bronze, checksums, known, maintenance, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import QUALITY_RESULT, RUN_EVENT
from pipeline.tables.schema import Column
from pipeline.tables.types import TEXT
from pipeline.tables.usage import CALENDAR, METRIC_SAMPLE

TABLE = CALENDAR
FIRST, SECOND = Interval.day("2026-03-01"), Interval.day("2026-03-02")
EVENT = RUN_EVENT


def days(interval: Interval, **changed: Any) -> pa.Table:
    return conform(calendar(interval).assign(**changed), TABLE, interval)


def write(lake: Lake, interval: Interval, **changed: Any) -> bool:
    return lake.replace(TABLE, days(interval, **changed), TABLE.scope(interval)).changed


def event(ts: datetime, rows: int = 1) -> pa.Table:
    row = {"source": "s", "ts": ts, "start_at": ts, "step": "build", "target": "t", "shard": 0, "outcome": "done", "rows": rows}
    schema = pa.schema([f for f in EVENT.arrow_schema if f.name not in (*STAMPED, "day")])
    return pa.Table.from_pylist([row | {"wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0}], schema=schema)


def land(lake: Lake, rows: pa.Table) -> bool:
    return lake.land(EVENT, rows, source="s", shard="x", ingested_at=datetime(2026, 3, 5)).changed


def test_replacing_a_day_leaves_the_other_days_alone(lake: Lake) -> None:
    write(lake, FIRST)
    write(lake, SECOND)
    write(lake, FIRST, quarter_end_ramp=1.2)

    ramps = lake.query("SELECT quarter_end_ramp FROM silver.calendar ORDER BY ts")["quarter_end_ramp"].to_pylist()
    assert ramps == [1.2, 1.0]


def test_writing_what_is_already_there_makes_no_commit(lake: Lake) -> None:
    assert write(lake, FIRST) is True
    before = lake.snapshot_id(TABLE)

    assert write(lake, FIRST) is False
    assert lake.snapshot_id(TABLE) == before
    assert lake.changes == 1


def test_a_commit_copies_the_tables_metadata_once_per_change_and_none_is_lost(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, FIRST)
    copies: list[int] = []
    derive = pyiceberg.table.update_table_metadata
    monkeypatch.setattr(pyiceberg.table, "update_table_metadata", lambda *given: (copies.append(1), derive(*given))[1])

    write(lake, FIRST, quarter_end_ramp=1.2)

    # One for what is deleted, one for what is added, one for the checksums; pyiceberg's own transaction makes twenty.
    assert len(copies) <= 3
    iceberg = lake.iceberg(TABLE)
    assert iceberg is not None
    assert [it.summary.operation.value for it in iceberg.snapshots() if it.summary] == ["append", "delete", "append"]
    assert checksums.verify(iceberg, [task.file.file_path for task in iceberg.scan().plan_files()]) == 1


def test_what_is_said_of_a_table_is_read_once_for_each_version_and_anew_where_its_file_was_changed(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    parse = FromInputFile.table_metadata
    monkeypatch.setattr(
        FromInputFile, "table_metadata", lambda file, *given: (read.append(file.location), parse(file, *given))[1]
    )
    write(lake, FIRST)
    write(lake, SECOND)

    versions = [each.snapshot_id(TABLE) for each in (lake, lake, open_lake(settings))]
    assert len(set(versions)) == 1
    assert len(read) == len(set(read)) > 0

    newest = read[-1]
    os.utime(newest.removeprefix("file://"), (0, 0))
    assert lake.snapshot_id(TABLE) == versions[0]
    assert read[-1] == newest
    assert read.count(newest) == 2


def test_of_a_table_that_is_written_again_and_again_one_version_is_kept_in_memory(lake: Lake) -> None:
    for ramp in (1.1, 1.2, 1.3):
        write(lake, FIRST, quarter_end_ramp=ramp)
        lake.snapshot_id(TABLE)

    of_it = [each for each in known._newest if each.startswith(f"{lake.storage.uri}/")]
    assert len(of_it) == 1
    assert len(known._newest) <= known._KEPT


def test_before_it_publishes_a_step_looks_at_a_table_once_of_however_many_days_it_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, FIRST)
    write(lake, SECOND)
    for interval in (FIRST, SECOND):
        lake.read(TABLE, TABLE.scope(interval))
    looked: list[str] = []
    load = lake.fence.load
    monkeypatch.setattr(lake.fence, "load", lambda table: (looked.append(table.name), load(table))[1])

    lake.fence.refuse_stale()

    assert looked == [TABLE.name]


def test_rows_outside_the_scope_are_refused(lake: Lake) -> None:
    with pytest.raises(DataError, match=r"silver\.calendar: 1 of 1 rows lie outside the scope ts in \[2026-03-02"):
        lake.replace(TABLE, days(FIRST), TABLE.scope(SECOND))


def test_no_rows_are_refused_where_a_day_must_have_some(lake: Lake) -> None:
    write(lake, FIRST)

    with pytest.raises(DataError, match=r"silver\.calendar: no rows for ts in .*would erase what was published"):
        lake.replace(TABLE, TABLE.arrow_schema.empty_table(), TABLE.scope(FIRST))
    assert lake.read(TABLE).num_rows == 1


def test_no_rows_empty_the_scope_where_a_table_may_be_empty(lake: Lake) -> None:
    table = QUALITY_RESULT
    row = {
        "as_of": FIRST.as_of,
        "table_name": "t",
        "subject": "table",
        "rule": "r",
        "shard": 0,
        "severity": "info",
        "success": True,
    }
    schema = pa.schema([f for f in table.arrow_schema if f.name != "month"])
    rows = pa.Table.from_pylist([row | {"rows": 1, "failed_rows": 0, "score": 1.0, "note": ""}], schema=schema)
    lake.replace(table, conform(rows, table, FIRST), table.scope(FIRST))

    assert lake.replace(table, table.arrow_schema.empty_table(), table.scope(FIRST)).changed
    assert lake.read(table).num_rows == 0


def test_a_writer_that_decided_on_old_content_does_not_win_silently(lake: Lake) -> None:
    empty = lake.content(TABLE, TABLE.scope(FIRST))
    write(lake, FIRST)

    with pytest.raises(ConflictError, match="another writer published ts in"):
        lake.replace(TABLE, days(FIRST, quarter_end_ramp=1.3), TABLE.scope(FIRST), based_on=empty)


def test_a_home_with_a_space_and_an_umlaut_keeps_every_file_inside(tmp_path: Path) -> None:
    from pipeline import settings as settings_module
    from pipeline.lake import open_lake

    home = tmp_path / "jürgen's lake" / "home"
    opened = open_lake(settings_module.load({}, home=home))
    write(opened, FIRST)
    land(opened, event(datetime(2026, 3, 1)))

    assert opened.query("SELECT count(*) AS n FROM silver.calendar").to_pylist() == [{"n": 1}]
    assert len(list((home / "lake" / "silver").rglob("*.parquet"))) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jürgen's lake"]


def test_a_table_that_was_never_written_reads_as_empty(lake: Lake) -> None:
    assert lake.read(TABLE).num_rows == 0
    assert lake.query("SELECT count(*) AS n FROM silver.calendar").to_pylist() == [{"n": 0}]
    assert lake.snapshot_id(TABLE) is None


def test_landing_a_payload_again_is_one_object_and_a_restated_one_lies_beside_it(lake: Lake) -> None:
    assert land(lake, event(datetime(2026, 3, 1))) is True
    assert land(lake, event(datetime(2026, 3, 1))) is False
    assert land(lake, event(datetime(2026, 3, 1), rows=2)) is True

    assert len(lake.bronze_files(EVENT)) == 2
    assert sorted(lake.read(EVENT)["rows"].to_pylist()) == [1, 2]


def test_a_payload_of_several_days_lands_as_if_each_day_had_come_alone(lake: Lake, tmp_path: Path) -> None:
    from pipeline import settings as settings_module
    from pipeline.lake import open_lake

    other = open_lake(settings_module.load({}, home=tmp_path / "other"))
    land(lake, pa.concat_tables([event(datetime(2026, 3, 2)), event(datetime(2026, 3, 1))]))
    for day in (1, 2):
        land(other, event(datetime(2026, 3, day)))

    names = [[Path(file).name for file in one.bronze_files(EVENT)] for one in (lake, other)]
    assert names[0] == names[1]


def test_bronze_is_read_by_day_and_by_scope(lake: Lake) -> None:
    land(lake, pa.concat_tables([event(datetime(2026, 3, 2)), event(datetime(2026, 3, 1))]))

    assert lake.read(EVENT, EVENT.scope(FIRST))["ts"].to_pylist() == [datetime(2026, 3, 1)]
    counted = lake.query("SELECT day, count(*) AS n FROM bronze.run_event WHERE day = date '2026-03-02' GROUP BY day").to_pylist()
    assert counted == [{"day": datetime(2026, 3, 2).date(), "n": 1}]


def test_a_moment_lands_in_milliseconds_and_so_stays_in_its_own_day_on_every_engine(lake: Lake) -> None:
    late = datetime(2026, 3, 1, 23, 59, 59, 999_600)
    lake.land(RUN_EVENT, event(late), source="s", shard="x", ingested_at=datetime(2026, 3, 5, 0, 0, 0, 123_456))

    [row] = lake.read(RUN_EVENT).to_pylist()
    assert row["ts"] == row["start_at"] == datetime(2026, 3, 1, 23, 59, 59, 999_000)
    assert row["ingested_at"] == datetime(2026, 3, 5, 0, 0, 0, 123_000)
    assert maintenance.scrub(lake, RUN_EVENT) == 1


def test_an_object_with_finer_moments_that_landed_earlier_passes_the_scrub(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(bronze, "cut_to_milliseconds", lambda rows: rows)
        land(lake, event(datetime(2026, 3, 1, 23, 59, 59, 999_600)))

    assert maintenance.scrub(lake, RUN_EVENT) == 1


def test_a_sum_of_whole_numbers_is_one_and_ends_where_athenas_does(lake: Lake) -> None:
    numbers = "FROM (VALUES (BIGINT '4611686018427387904'), (BIGINT '4611686018427387904')) AS t(n)"

    assert lake.query(f"SELECT sum(n / 4) AS total {numbers}").schema.field("total").type == pa.int64()
    with pytest.raises(DataError, match="total has a number beyond a bigint"):
        lake.query(f"SELECT sum(n) AS total {numbers}")


def test_the_newest_row_is_taken_whole_also_where_it_has_null(lake: Lake) -> None:
    """And what DuckDB would raise, or call NaN, is null as in Athena."""
    [row] = lake.query("""
        SELECT max_by(label, at) AS newest, min_by(label, at) AS oldest, corr(5e0, at) AS moved_together,
          max(json_extract_scalar('{"a": 1', '$.a')) AS broken, max(json_extract_scalar('{"a": {"b": 1}}', '$.a')) AS object
        FROM (VALUES ('old', 1e0), (NULL, 2e0)) AS t(label, at)""").to_pylist()

    assert row == {"newest": None, "oldest": "old", "moved_together": None, "broken": None, "object": None}


def test_a_scrub_finds_an_object_whose_rows_are_not_those_that_were_landed(lake: Lake) -> None:
    land(lake, event(datetime(2026, 3, 1)))
    assert maintenance.scrub(lake, EVENT) == 1
    [file] = lake.bronze_files(EVENT)
    rows = pq.read_table(file, partitioning=None)
    pq.write_table(rows.set_column(rows.column_names.index("rows"), "rows", pa.array([7])), file)

    with pytest.raises(DataError, match=r"bronze\.run_event: 1 of 1 landed objects are damaged"):
        maintenance.scrub(lake, EVENT)


def test_flipped_bytes_all_over_an_object_are_found_or_leave_its_rows_unchanged(lake: Lake) -> None:
    land(lake, event(datetime(2026, 3, 1)))
    [file] = lake.bronze_files(EVENT)
    sound, truth = Path(file).read_bytes(), pq.read_table(file, partitioning=None)
    for position in range(0, len(sound), 13):
        Path(file).write_bytes(sound[:position] + bytes([sound[position] ^ 0x10]) + sound[position + 1 :])
        try:
            maintenance.scrub(lake, EVENT)
        except DataError:
            continue
        payload = [name for name in truth.column_names if name not in ("load_id", "ingested_at")]
        assert pq.read_table(file, partitioning=None).select(payload).equals(truth.select(payload))


def test_compaction_keeps_the_content_in_fewer_files(lake: Lake) -> None:
    for day in range(1, 13):
        write(lake, Interval.day(f"2026-03-{day:02d}"))
    before = lake.content(TABLE)
    iceberg = lake.iceberg(TABLE)
    assert iceberg is not None
    assert len(list(iceberg.scan().plan_files())) == 12

    assert maintenance.compact(lake, TABLE) == 1

    assert len(list(iceberg.refresh().scan().plan_files())) == 1
    assert lake.content(TABLE) == before
    assert maintenance.compact(lake, TABLE) == 0


def test_expiry_forgets_old_snapshots_but_neither_the_current_nor_a_tagged_one(lake: Lake) -> None:
    for ramp in (1.0, 1.1, 1.2, 1.3):
        write(lake, FIRST, quarter_end_ramp=ramp)
    iceberg = lake.iceberg(TABLE)
    assert iceberg is not None
    first = iceberg.metadata.snapshots[0].snapshot_id
    iceberg.manage_snapshots().create_tag(first, "trained-on").commit()

    expired = maintenance.expire_snapshots(lake, TABLE, retention_days=1, now=datetime(2100, 1, 1))

    assert expired > 0
    assert {s.snapshot_id for s in iceberg.refresh().metadata.snapshots} == {first, lake.snapshot_id(TABLE)}
    assert lake.read(TABLE)["quarter_end_ramp"].to_pylist() == [1.3]


def test_sweeping_removes_files_that_no_snapshot_names_and_nothing_else(lake: Lake) -> None:
    write(lake, FIRST)
    [data] = [Path(task.file.file_path.removeprefix("file://")) for task in _scan(lake)]
    orphan = data.with_name("left-by-a-killed-writer.parquet")
    orphan.write_bytes(data.read_bytes())

    assert maintenance.sweep_orphans(lake, TABLE, datetime(2000, 1, 1)) == 0
    assert maintenance.sweep_orphans(lake, TABLE, datetime(2100, 1, 1)) == 1
    assert not orphan.exists()
    assert lake.read(TABLE).num_rows == 1


def test_sweeping_after_expiry_frees_the_manifests_of_forgotten_snapshots(lake: Lake) -> None:
    for ramp in (1.0, 1.1, 1.2):
        write(lake, FIRST, quarter_end_ramp=ramp)
    folder = lake.settings.home / "lake" / "silver" / "calendar"
    before = len(list(folder.rglob("*.avro")))
    maintenance.expire_snapshots(lake, TABLE, retention_days=1, now=datetime(2100, 1, 1))

    assert maintenance.sweep_orphans(lake, TABLE, datetime(2100, 1, 1)) > 0

    assert len(list(folder.rglob("*.avro"))) < before
    assert lake.read(TABLE)["quarter_end_ramp"].to_pylist() == [1.2]
    assert write(lake, FIRST, quarter_end_ramp=1.3)
    assert lake.query("SELECT quarter_end_ramp FROM silver.calendar").to_pylist() == [{"quarter_end_ramp": 1.3}]


def test_a_declared_column_more_is_added_and_reads_as_null_in_old_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, FIRST)
    from dataclasses import replace

    wider = replace(TABLE, columns=(*TABLE.columns, Column(name="season", type=TEXT, doc="New.", nullable=True)))
    monkeypatch.setitem(tables.ALL, TABLE.name, wider)
    rows = conform(calendar(SECOND).assign(season="spring"), wider, SECOND)

    lake.replace(wider, rows, wider.scope(SECOND))

    assert lake.query("SELECT season FROM silver.calendar ORDER BY ts")["season"].to_pylist() == [None, "spring"]


def test_dropping_or_retyping_a_stored_column_is_refused(lake: Lake) -> None:
    from dataclasses import replace

    write(lake, FIRST)
    narrower = replace(TABLE, columns=tuple(c for c in TABLE.columns if c.name != "holiday"))
    rows = conform(calendar(SECOND).drop(columns="holiday"), narrower, SECOND)

    with pytest.raises(DataError, match=r"silver\.calendar: column holiday is stored but no longer declared"):
        lake.replace(narrower, rows, narrower.scope(SECOND))


def test_a_table_of_another_version_can_be_dropped_and_made_anew_and_one_that_fits_cannot(lake: Lake) -> None:
    from dataclasses import replace

    narrower = replace(TABLE, columns=tuple(c for c in TABLE.columns if c.name != "holiday"))
    rows = conform(calendar(SECOND).drop(columns="holiday"), narrower, SECOND)
    with pytest.raises(ConfigError, match=r"silver\.calendar is not there"):
        lake.drop(TABLE)
    write(lake, FIRST)

    with pytest.raises(ConfigError, match=r"silver\.calendar is stored as it is declared"):
        lake.drop(TABLE)
    lake.drop(narrower)
    lake.replace(narrower, rows, narrower.scope(SECOND))

    assert lake.read(narrower).num_rows == rows.num_rows
    with pytest.raises(ConfigError, match="bronze is never dropped"):
        lake.drop(METRIC_SAMPLE)


@pytest.mark.parametrize("part", ["..", "", "a/b", "a\0b"])
def test_a_path_cannot_leave_the_lake(lake: Lake, part: str) -> None:
    with pytest.raises(ConfigError, match="is not a path inside the lake"):
        lake.storage.path("bronze", part)


def test_a_query_without_a_needed_parameter_says_which(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="needs a value for :start"):
        lake.query("SELECT ts FROM silver.calendar WHERE ts >= :start")


@pytest.mark.parametrize(
    "statement", ["DROP TABLE silver.calendar", "SELECT 1 AS a; SELECT 2 AS b", "INSERT INTO silver.calendar VALUES (1)"]
)
def test_only_a_single_select_is_run(lake: Lake, statement: str) -> None:
    with pytest.raises(ConfigError, match=r"exactly one SELECT|not a query"):
        lake.query(statement)


def test_a_table_without_its_layer_or_that_is_unknown_is_refused(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="needs its layer: silver.calendar"):
        lake.query("SELECT ts FROM calendar")
    with pytest.raises(ConfigError, match=r"no table named 'silver\.calender'"):
        lake.query("SELECT ts FROM silver.calender")


def _scan(lake: Lake) -> Any:
    iceberg = lake.iceberg(TABLE)
    assert iceberg is not None
    return iceberg.scan().plan_files()
