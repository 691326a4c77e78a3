"""How a step went is on record: what it changed, what it left as it was, and that it failed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import steps, tables
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.operations import RUN_EVENT

DAY = Interval.day("2026-03-01")


def recorded(lake: Lake, step: str) -> list[tuple[str, int]]:
    """Outcome and rows of every run of a step, in the order of the runs."""
    events = lake.read(RUN_EVENT).to_pylist()
    return [
        (each["outcome"], each["rows"]) for each in sorted(events, key=lambda each: each["ingested_at"]) if each["step"] == step
    ]


def test_a_step_that_changed_the_lake_is_done_and_one_that_found_it_so_is_unchanged(lake: Lake, settings: Settings) -> None:
    for _ in range(2):
        steps.perform("build", DAY, target="silver.calendar", settings=settings)

    assert recorded(lake, "build") == [("done", 1), ("unchanged", 1)]


def test_a_step_that_refused_its_data_has_failed(lake: Lake, settings: Settings) -> None:
    with pytest.raises(DataError):
        steps.perform("build", DAY, target="silver.metric_daily", settings=settings)

    assert recorded(lake, "build") == [("failed", 0)]


def test_a_training_that_registered_nothing_is_unchanged(lake: Lake, settings: Settings) -> None:
    steps.perform("train", DAY, settings=settings)

    assert recorded(lake, "train") == [("unchanged", 0)]


def test_a_training_that_registered_versions_is_done_though_the_lake_is_as_it_was(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.steps import train

    monkeypatch.setattr(train, "train", lambda *_, **__: 3)

    steps.perform("train", DAY, settings=settings)

    assert recorded(lake, "train") == [("done", 3)]


def test_a_step_that_went_well_tells_rows_snapshot_and_quality_of_the_tables_that_it_is_about(
    lake: Lake, settings: Settings
) -> None:
    told: list[Any] = []

    for _ in range(2):
        steps.perform("build", DAY, target="silver.calendar", settings=settings, tell=told.append)

    snapshot = lake.snapshot_id(tables.get("silver.calendar"))
    [first, second] = [did["silver.calendar"] for did in told]
    assert [set(did) for did in told] == [{"silver.calendar"}] * 2
    quality = f"{first.expectations} of {first.expectations} expectations hold"
    assert str(first) == f"1 rows, snapshot {snapshot}, {quality}"
    assert str(second) == f"1 rows, as they were, snapshot {snapshot}, {quality}"


def test_bills_that_are_landed_each_in_a_task_of_its_own_are_apart_on_record(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.steps import ingest

    monkeypatch.setattr(ingest, "ingest", lambda *_, **__: 3)

    for period in ("2026-02", "2026-03"):
        steps.perform("ingest", DAY, target="billing", settings=settings, period=period)
    steps.perform("ingest", DAY, target="billing", settings=settings)

    targets = [each["target"] for each in lake.read(RUN_EVENT).to_pylist()]
    assert sorted(targets) == ["billing", "billing 2026-02", "billing 2026-03"]
