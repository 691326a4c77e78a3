"""A registry that accepts and never answers holds up a run for seconds, once, and no forecast fails for it."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import pytest

from pipeline.errors import SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.registry import mlflow
from pipeline.registry.champion import read_champion
from pipeline.registry.ledger import Decision, record_decision
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden

pytestmark = [pytest.mark.server]
FIRST, DAYS = datetime(2026, 3, 1), 5
TODAY = Interval.day("2026-03-05")
METRICS = ("cpu_utilization", "disk_utilization", "memory_utilization")


@contextmanager
def hanging() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that accepts and never answers, and what it was asked."""
    asked: list[bytes] = []
    kept: list[socket.socket] = []

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                kept.append(server.accept()[0])
                asked.append(kept[-1].recv(200).partition(b"\r\n")[0])

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
    for each in kept:
        each.close()


@pytest.fixture
def silent(settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Settings, list[bytes]]]:
    """Three metrics of one machine, each with a champion in the ledger, and a registry that hangs."""
    monkeypatch.setattr(mlflow, "FIRST_ANSWER_S", 0.5)
    monkeypatch.setattr(mlflow, "_silent", {})
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    rows = [
        {"metric": metric, "ts": FIRST + timedelta(hours=hour), "value": 20.0 + hour % 24}
        for metric in METRICS
        for hour in range(24 * DAYS)
    ]
    lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard="x", ingested_at=TODAY.end)
    perform("build", Interval(FIRST, TODAY.end), target="silver.metric_hourly", settings=settings)
    for metric in METRICS:
        sits = "seasonal_naive", "3"
        record_decision(lake, None, Decision(TODAY.start, metric, "hour", "promoted", sits, sits, "better", sits, "sound", 0.9))
    with hanging() as (address, asked):
        yield settings.model_copy(update={"mlflow_uri": address}), asked


def test_a_registry_that_hangs_is_asked_once_and_every_segment_is_served_by_what_the_ledger_says(
    silent: tuple[Settings, list[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    settings, asked = silent

    with caplog.at_level(logging.WARNING, "pipeline.registry.champion"):
        written = perform("forecast", TODAY, settings=settings)

    rows = open_lake(settings).read(FORECAST, FORECAST.scope(TODAY)).to_pylist()
    assert len(rows) == written > 0
    assert {(row["metric"], row["model"], row["model_version"]) for row in rows} == {
        (metric, "seasonal_naive", "3 (stale)") for metric in METRICS
    }
    assert caplog.text.count("stale: the ledger's seasonal_naive version 3 serves") == len(METRICS)
    assert caplog.text.count("does not answer, and is not asked again") == len(METRICS) - 1
    assert len(asked) == 1, asked


def test_what_cannot_go_on_without_the_registry_fails_with_one_line_and_asks_once(silent: tuple[Settings, list[bytes]]) -> None:
    settings, asked = silent

    for _ in range(2):
        with pytest.raises(SourceError, match=r"^the registry http://127\.0\.0\.1:\d+ does not answer") as failed:
            perform("promote", TODAY, settings=settings)
        assert "\n" not in str(failed.value)

    assert len(asked) == 1, asked


def test_a_registry_that_begins_to_hang_is_asked_no_more(
    silent: tuple[Settings, list[bytes]], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, asked = silent
    monkeypatch.setattr(mlflow, "_await_answer", lambda _: None)

    for metric in METRICS:
        assert read_champion(settings, lake, metric, "hour").version == "3 (stale)"

    assert len(asked) == 1, asked
