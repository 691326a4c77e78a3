"""What `make bench-monitor` measures is what a run of the DAG `monitor` does, and what it prints are its bars."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import settings as settings_module
from pipeline.lake import open_lake
from pipeline.tables.usage import METRIC_5MIN
from tools import bench_monitor
from tools.bench_monitor import Estate, Spent


def test_two_runs_on_a_lake_of_a_day_publish_their_minutes_and_are_held_to_the_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = io.StringIO()
    monkeypatch.setattr(bench_monitor, "console", Console(file=sink, width=160))
    monkeypatch.setattr(bench_monitor, "apart", lambda work, *args: work(*args))

    spent = bench_monitor.measure(Estate(2, 2), 1, 2, tmp_path)

    rows = open_lake(settings_module.load({}, home=tmp_path)).read(METRIC_5MIN)
    assert rows.num_rows == 4 * (288 + 2)
    assert all(each.cpu > 0 for each in spent)
    assert {"land", "build silver.metric_5min", "alert", "status"} <= spent[0].cpu_s.keys()
    assert "later ÷ first, maintenance included" in sink.getvalue()
    assert "(bar 20)" in sink.getvalue()


def test_maintenance_counts_for_first_and_later_runs_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sink = io.StringIO()
    monkeypatch.setattr(bench_monitor, "console", Console(file=sink, width=160))
    spent = [Spent({"alert": 1.0}, {"alert": cpu}, {"alert": 400.0}) for cpu in (1.0, 1.0, 1.0, 1.0, 2.0)]

    bench_monitor.show(spent, [5.0], settings_module.load({}, home=tmp_path))

    assert "later ÷ first, maintenance included: 1.50" in sink.getvalue()
    assert "maintenance: 1 times, 5.0 CPU s, 1.00 of each run" in sink.getvalue()
