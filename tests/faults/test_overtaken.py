"""A step that is stopped and goes on after a newer one must not win: what it read is looked at again before it publishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.errors import ConflictError
from pipeline.interval import Interval
from pipeline.lake import Lake, maintenance, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.usage import CALENDAR, METRIC_DAILY

DAY = Interval.day("2026-03-02")
NEXT = Interval.day("2026-03-03")
# Builds a table, but stops itself once, right before it publishes: it goes on when it is told to.
STOPPING = """
import os, signal, sys
from pathlib import Path
from pipeline import settings
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.steps import perform

home, ready = Path(sys.argv[1]), Path(sys.argv[2])
original = Lake.replace

def stop_first(self, table, *given, **named):
    if table.name == "silver.metric_daily" and not ready.exists():
        ready.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return original(self, table, *given, **named)

Lake.replace = stop_first
print(perform("build", Interval.day("2026-03-02"), target="silver.metric_daily", settings=settings.load({}, home=home)))
"""


def land(settings: Settings, file: Path, value: float, day: Interval = DAY) -> None:
    hours = pd.date_range(day.start, day.end, freq="h", inclusive="left")
    frame = pd.DataFrame({"ts": hours.strftime("%Y-%m-%dT%H:%M:%SZ"), "resource_id": "web-1", "value": value})
    frame.assign(metric="cpu_utilization", unit="percent").to_csv(file, index=False)
    options = json.dumps({"sources": {"csv": {"path": str(file)}}})
    perform("ingest", day, target="csv", settings=settings_module.load({"HEADROOM_OPTIONS": options}, home=settings.home))


def build(settings: Settings, day: Interval = DAY) -> None:
    perform("build", day, target=METRIC_DAILY.name, settings=settings)


def mean_of(settings: Settings) -> float:
    scope = METRIC_DAILY.scope(DAY)
    [mean] = open_lake(settings).read(METRIC_DAILY, scope, ("mean",))["mean"].to_pylist()
    return float(mean)


@pytest.fixture
def read_and_decided(settings: Settings, tmp_path: Path) -> Lake:
    """A lake through which a step has read its day, and is about to publish what it made of it."""
    land(settings, tmp_path / "m.csv", 50)
    build(settings)
    lake = open_lake(settings)
    lake.query(
        "SELECT max(value) AS peak FROM views.metric_point WHERE day = cast(:start AS date) AND ts >= :start AND ts < :end",
        {"start": DAY.start, "end": DAY.end},
    )
    lake.query("SELECT mean FROM silver.metric_daily WHERE ts >= :start AND ts < :end", {"start": DAY.start, "end": DAY.end})
    return lake


def publish(lake: Lake) -> bool:
    from pipeline.forecasting.calendars import calendar
    from pipeline.quality.conform import conform

    data = conform(calendar(DAY), CALENDAR, DAY)
    return lake.replace(CALENDAR, data, CALENDAR.scope(DAY)).changed


def test_a_build_that_was_stopped_before_it_published_does_not_overwrite_a_newer_one(settings: Settings, tmp_path: Path) -> None:
    land(settings, tmp_path / "m.csv", 60)
    ready = tmp_path / "ready"
    zombie = subprocess.Popen(
        [sys.executable, "-c", STOPPING, str(settings.home), str(ready)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        deadline = time.monotonic() + 120
        while not ready.exists() and zombie.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        land(settings, tmp_path / "m.csv", 70)
        build(settings)
        os.kill(zombie.pid, signal.SIGCONT)
        output, error = zombie.communicate(timeout=120)
    finally:
        zombie.kill()

    # It is run again on what is there now, and finds nothing to change.
    assert zombie.returncode == 0, error
    assert output.strip() == "1"
    assert "silver.metric_daily: ts in [2026-03-02T00:00:00, 2026-03-03T00:00:00) changed since this step read it" in error
    assert mean_of(settings) == 70


def test_what_was_landed_or_published_since_the_read_makes_the_writer_lose(
    settings: Settings, tmp_path: Path, read_and_decided: Lake
) -> None:
    land(settings, tmp_path / "m.csv", 80)
    with pytest.raises(ConflictError, match=r"bronze.metric_sample: day 2026-03-02 was landed again since this step read it"):
        publish(read_and_decided)

    again = open_lake(settings)
    again.read(METRIC_DAILY, METRIC_DAILY.scope(DAY))
    build(settings)
    with pytest.raises(ConflictError, match=r"silver.metric_daily: ts in \[2026-03-02.*changed since this step read it"):
        publish(again)


def test_compaction_another_day_and_ones_own_writes_make_nobody_lose(
    settings: Settings, tmp_path: Path, read_and_decided: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, tmp_path / "n.csv", 40, NEXT)
    build(settings, NEXT)
    monkeypatch.setattr(maintenance, "FILES_PER_PARTITION", 0)
    assert maintenance.compact(open_lake(settings), METRIC_DAILY) == 1
    own = read_and_decided.read(METRIC_DAILY, METRIC_DAILY.scope(DAY)).to_pandas().assign(mean=45.0)
    rows = pa.Table.from_pandas(own, schema=METRIC_DAILY.arrow_schema, preserve_index=False)
    assert read_and_decided.replace(METRIC_DAILY, rows, METRIC_DAILY.scope(DAY)).changed

    assert publish(read_and_decided) is True
