"""Bits that flip in storage: what is read is what was written, or an error that names the file."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg import manifest

from pipeline.errors import DamagedError, DataError
from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake, bronze, checksums, maintenance, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import QUALITY_RESULT, RUN_EVENT
from pipeline.tables.schema import Table
from pipeline.tables.usage import CALENDAR, INCIDENT

FLIPS = 150
MARCH = Interval(datetime(2026, 3, 1), datetime(2026, 4, 1))


def forget() -> None:
    """What a new process knows: nothing was looked at yet."""
    checksums._sound.clear()
    checksums._lists.clear()
    bronze._sound.clear()
    manifest.clear_manifest_cache()


def write_silver(lake: Lake) -> None:
    data = conform(calendar(MARCH), CALENDAR, MARCH)
    for part in (MARCH, Interval.day("2026-04-01")):
        data = conform(calendar(part), CALENDAR, part)
        lake.replace(CALENDAR, data, CALENDAR.scope(part))


def land_bronze(lake: Lake) -> None:
    names = [field for field in INCIDENT.arrow_schema if field.name not in (*STAMPED, "day")]
    row = {"end_at": MARCH.end, "ts": MARCH.start} | {field.name: "x" for field in names if pa.types.is_string(field.type)}
    rows = [row | {"resource_id": f"i-{number}"} for number in range(300)]
    lake.land(INCIDENT, pa.Table.from_pylist(rows, schema=pa.schema(names)), source="s", shard="x", ingested_at=MARCH.end)


def land_telemetry(lake: Lake) -> None:
    schema = pa.schema([field for field in RUN_EVENT.arrow_schema if field.name not in (*STAMPED, "day")])
    row = {"source": "headroom", "ts": MARCH.end, "start_at": MARCH.start, "step": "forecast", "target": "x", "outcome": "done"}
    row |= {"rows": 7, "wall_s": 1.5, "cpu_s": 1.25, "peak_rss_mib": 300.0}
    for shard in range(3):
        payload = pa.Table.from_pylist([row | {"shard": shard}], schema=schema)
        lake.land(RUN_EVENT, payload, source="headroom", shard="forecast", ingested_at=MARCH.end)


def write_gold(lake: Lake) -> None:
    rows = [
        {"as_of": MARCH.end, "table_name": "silver.calendar", "subject": "table", "rule": f"rule {number}", "shard": 0,
         "severity": "warning", "success": True, "rows": 3, "failed_rows": 0, "score": 1.0, "note": "as it should be"}
        for number in range(200)
    ]  # fmt: skip
    lake.replace(QUALITY_RESULT, conform(QUALITY_RESULT.frame(rows), QUALITY_RESULT, MARCH), QUALITY_RESULT.scope(MARCH))


#: What is written, by what it is read for: gold by `query` and the report, the record of runs by `gold.run_stat`.
WRITERS = {
    "bronze": (INCIDENT, land_bronze),
    "telemetry": (RUN_EVENT, land_telemetry),
    "silver": (CALENDAR, write_silver),
    "gold": (QUALITY_RESULT, write_gold),
}


def flipped(files: list[Path], seed: int) -> Iterator[Path]:
    """Flip one random bit of one random file, a file after another, and mend it again."""
    random_bits = random.Random(seed)
    for number in range(FLIPS):
        file = files[number % len(files)]
        content = file.read_bytes()
        harmed = bytearray(content)
        harmed[random_bits.randrange(len(harmed))] ^= 1 << random_bits.randrange(8)
        file.chmod(0o644)
        file.write_bytes(harmed)
        yield file
        file.write_bytes(content)


def read_everything(settings: Settings, table: Table) -> list[str]:
    """All columns, by both ways of reading."""
    lake = open_lake(settings)
    return [lake.content(table), str(sorted(map(str, lake.query(f"SELECT * FROM {table.name}").to_pylist())))]  # noqa: S608


@pytest.mark.parametrize("written", WRITERS)
def test_no_flipped_bit_in_a_page_a_footer_or_a_manifest_is_read_as_another_value(
    settings: Settings, lake: Lake, written: str
) -> None:
    table, write = WRITERS[written]
    write(lake)
    said = read_everything(settings, table)
    files = [path for path in Path(lake.storage.root, table.layer).rglob("*") if path.suffix in (".parquet", ".avro")]
    assert len({path.suffix for path in files}) == (1 if table.layer == "bronze" else 2)

    silent, found = [], 0
    for file in flipped(files, seed=7):
        forget()
        try:
            if read_everything(settings, table) != said:
                silent.append(file)
        except DamagedError as error:
            found += file.name in str(error)

    assert silent == []
    # A manifest that only an older snapshot names is not read.
    assert found >= FLIPS / 2
    forget()
    assert read_everything(settings, table) == said


def test_a_damaged_file_of_silver_is_healed_by_building_what_it_holds(settings: Settings, lake: Lake) -> None:
    for part in (MARCH, Interval.day("2026-04-01")):
        build(part, lake, settings, target="silver.calendar")
    said = lake.content(CALENDAR)
    [file] = Path(lake.storage.root, "silver", "calendar").rglob("month=2026-03-01/*.parquet")
    harmed = bytearray(file.read_bytes())
    harmed[len(harmed) // 2] ^= 1
    file.write_bytes(harmed)
    forget()

    with pytest.raises(DataError, match=f"{file.name} is not what was written.*build it again"):
        open_lake(settings).read(CALENDAR)
    with pytest.raises(DataError, match=r"silver.calendar.*also holds other rows than these; build all of month"):
        build(Interval.day("2026-03-05"), open_lake(settings), settings, target="silver.calendar")
    build(MARCH, open_lake(settings), settings, target="silver.calendar")

    assert open_lake(settings).content(CALENDAR) == said


def test_a_scrub_of_silver_names_a_damaged_file_before_anybody_reads_it(settings: Settings, lake: Lake) -> None:
    write_silver(lake)
    held = maintenance.scrub_tables(lake, CALENDAR)
    [file] = Path(lake.storage.root, "silver", "calendar").rglob("month=2026-03-01/*.parquet")
    file.write_bytes(file.read_bytes()[:-1])

    assert held >= 4
    with pytest.raises(DataError, match=f"silver.calendar: 1 of {held} files are damaged; first .*{file.name}"):
        maintenance.scrub_tables(open_lake(settings), CALENDAR)


def test_compaction_and_expiry_keep_the_checksums_of_what_is_left(settings: Settings, lake: Lake) -> None:
    write_silver(lake)
    lake.replace(CALENDAR, conform(calendar(MARCH).assign(quarter_end_ramp=1.2), CALENDAR, MARCH), CALENDAR.scope(MARCH))
    maintenance.expire_snapshots(lake, CALENDAR, 0, datetime(2100, 1, 1))
    maintenance.sweep_orphans(lake, CALENDAR, datetime(2100, 1, 1))

    forget()
    opened = open_lake(settings)
    iceberg = opened.iceberg(CALENDAR)
    assert iceberg is not None
    held = maintenance.scrub_tables(opened, CALENDAR)
    assert held == len(checksums.checksums(iceberg))
    assert len(list(Path(lake.storage.root, "silver").rglob(f"*{checksums.SUFFIX}"))) == 1
