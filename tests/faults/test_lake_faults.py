"""Writers that are killed, or race: readers see the old content or the new, never a part of either."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, maintenance, open_lake
from pipeline.steps.build import build
from pipeline.tables.usage import CALENDAR, METRIC_SAMPLE
from tests.support.forked import Forked

DAY = Interval.day("2026-03-01")
TABLE = CALENDAR

# Writes one day of the calendar, and dies by SIGKILL at the named function.
WRITER = """
import os, signal, sys
from pathlib import Path
home, where, when, ramp = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
from pipeline import settings
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.quality.conform import conform
from pipeline.forecasting.calendars import calendar
from pipeline.tables.usage import CALENDAR
import pyiceberg.catalog.sql, pyiceberg.io.pyarrow, pyiceberg.table

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

points = {
    "no": None,
    "data file written": (pyiceberg.table.Transaction, "commit_transaction"),
    "commit": (pyiceberg.catalog.sql.SqlCatalog, "commit_table"),
    "data file": (pyiceberg.io.pyarrow, "write_file"),
}
if points[where]:
    owner, name = points[where]
    original = getattr(owner, name)
    def patched(*args, **kwargs):
        if when == "after":
            original(*args, **kwargs)
        die()
    setattr(owner, name, patched)
interval = Interval.day("2026-03-01")
table = CALENDAR
lake = open_lake(settings.load({}, home=Path(home)))
data = conform(calendar(interval).assign(quarter_end_ramp=ramp), table, interval)
written = lake.replace(table, data, table.scope(interval))
print(written.changed)
"""


def writer(home: Path, where: str, when: str, ramp: float) -> Forked:
    return Forked(WRITER, str(home), where, when, str(ramp))


def ramps(lake: Lake) -> list[float]:
    return [float(value) for value in lake.read(TABLE)["quarter_end_ramp"].to_pylist()]


@pytest.mark.parametrize(
    ("where", "when", "seen_after"),
    [("data file", "before", 1.0), ("data file written", "before", 1.0), ("commit", "before", 1.0), ("commit", "after", 1.2)],
)
def test_a_writer_killed_at_any_point_leaves_the_old_content_or_the_new(
    settings: settings_module.Settings, lake: Lake, where: str, when: str, seen_after: float
) -> None:
    build(DAY, lake, settings, target=TABLE.name)

    process = writer(settings.home, where, when, 1.2)
    _, error = process.communicate(timeout=120)

    assert process.returncode == -signal.SIGKILL, error
    assert ramps(open_lake(settings)) == [seen_after]
    # The retry publishes once, whatever the killed writer left behind.
    retry = writer(settings.home, "no", "", 1.2)
    output, error = retry.communicate(timeout=120)
    assert output.strip() == str(seen_after != 1.2), error
    assert ramps(open_lake(settings)) == [1.2]


def test_four_writers_of_one_day_leave_the_content_of_one_of_them(settings: settings_module.Settings) -> None:
    offered = [1.0, 1.1, 1.2, 1.3]

    processes = [writer(settings.home, "no", "", ramp) for ramp in offered]
    errors = [process.communicate(timeout=180)[1] for process in processes]

    [published] = ramps(open_lake(settings))
    assert published in offered
    lost = [error for process, error in zip(processes, errors, strict=True) if process.returncode]
    assert all("ConflictError" in error and "another writer published ts in" in error for error in lost)


def test_writers_of_different_days_of_one_month_all_publish(settings: settings_module.Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline import settings, steps; from pipeline.interval import Interval\n"
        "s = settings.load({}, home=Path(sys.argv[1]))\n"
        "for day in sys.argv[2:]: steps.perform('build', Interval.day(day), target='silver.calendar', settings=s)"
    )
    halves = [[f"2026-03-{day:02d}" for day in range(1, 5) if day % 2 == parity] for parity in (0, 1)]
    processes = [Forked(code, str(settings.home), *half) for half in halves]
    errors = [process.communicate(timeout=240)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], errors
    assert open_lake(settings).read(TABLE).num_rows == 4


def test_a_killed_landing_leaves_no_half_object(settings: settings_module.Settings) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pipeline import settings, steps; from pipeline.interval import Interval\n"
        "os.link = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "s = settings.load({}, home=Path(sys.argv[1]))\n"
        "steps.perform('ingest', Interval.day('2026-04-10'), target='samples', settings=s)"
    )
    done = Forked(code, str(settings.home))
    _, error = done.communicate(timeout=120)

    assert done.returncode == -signal.SIGKILL, error
    lake = open_lake(settings)
    assert lake.read(METRIC_SAMPLE).num_rows == 0
    from pipeline import steps

    assert steps.perform("ingest", Interval.day("2026-04-10"), target="samples", settings=settings) > 0
    assert lake.read(METRIC_SAMPLE).num_rows > 0


@pytest.mark.parametrize(
    "folder", ["bronze/metric_sample/day=2026-03-01", "ledger/metric_sample/day=2026-03-01", "reports/latest"]
)
def test_what_a_killed_process_left_half_written_is_swept_after_a_day(lake: Lake, folder: str) -> None:
    left = Path(lake.storage.path(*folder.split("/"), ".half-written.0123"))
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    begun = datetime.fromtimestamp(left.stat().st_mtime, UTC).replace(tzinfo=None)

    assert maintenance.sweep_temporary(lake, begun + timedelta(hours=23)) == 0
    assert maintenance.sweep_temporary(lake, begun + timedelta(hours=25)) == 1
    assert not left.exists()


def test_what_the_catalog_names_was_synced_before_it_is_named(
    settings: settings_module.Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    named_too_early: list[str] = []
    sync, commit = os.fsync, SqlCatalog.commit_table

    def noting(handle: int) -> None:
        sync(handle)
        synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()))

    def committing(catalog: SqlCatalog, *of: Any) -> Any:
        named_too_early.extend(sorted(written() - synced))
        return commit(catalog, *of)

    def written() -> set[str]:
        return {str(file) for file in (settings.home / "lake" / "silver" / "calendar").rglob("*") if file.is_file()}

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(SqlCatalog, "commit_table", committing)
    build(DAY, lake, settings, target=TABLE.name)

    assert {Path(file).suffix for file in written()} == {".parquet", ".avro", ".json"}
    assert named_too_early == []
    assert written() <= synced


def test_a_full_disk_is_a_clean_failure_that_publishes_nothing(settings: settings_module.Settings, lake: Lake) -> None:
    build(DAY, lake, settings, target=TABLE.name)
    before = lake.snapshot_id(TABLE)
    # A file size limit fails writes exactly as a full disk does, for one process alone.
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from pipeline import settings, steps; from pipeline.interval import Interval\n"
        "import pyiceberg.table, pandas\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "s = settings.load({}, home=Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))\n"
        "steps.perform('build', Interval.day('2026-03-01'), target='silver.metric_hourly', settings=s)\n"
        "steps.perform('build', Interval.days('2026-03-01', '2026-03-09'), target='silver.calendar', settings=s)"
    )
    done = Forked(code, str(settings.home))
    _, error = done.communicate(timeout=120)

    assert done.returncode != 0
    assert "File too large" in error
    assert open_lake(settings).snapshot_id(TABLE) == before
    assert ramps(open_lake(settings)) == [1.0]


# Opens one lake after another at the moment in which others open it.
OPENER = """
import sys, time
from pathlib import Path
from pipeline import settings
from pipeline.lake import open_lake
from pipeline.tables.usage import CALENDAR

name, homes = sys.argv[1], sys.argv[2:]
patience = time.monotonic() + 60
for home in map(Path, homes):
    home.mkdir(exist_ok=True)
    (home / f"ready-{name}").touch()
    while len(list(home.glob("ready-*"))) < 3 and time.monotonic() < patience:
        time.sleep(0.001)
    assert not open_lake(settings.load({}, home=home)).exists(CALENDAR)
"""


def test_processes_that_open_an_empty_lake_at_the_same_moment_all_find_it(tmp_path: Path) -> None:
    homes = [str(tmp_path / str(number)) for number in range(6)]
    openers = [Forked(OPENER, name, *homes) for name in "abc"]

    assert [opener.communicate(timeout=120)[1] for opener in openers] == ["", "", ""]
