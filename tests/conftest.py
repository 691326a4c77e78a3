"""A lake of one's own for every test that asks for one."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from pipeline import settings as settings_module
from pipeline.lake import Lake, open_lake
from pipeline.registry import mlflow
from pipeline.settings import Settings
from pipeline.upkeep import garbage
from tests.support.kept import Kept

# Files that take longest, first: one of them begun last would keep one worker busy while the others are done.
LONGEST = (
    "test_terraform",
    "test_airflow_shards",
    "test_airflow_backfill",
    "test_make",
    "test_runs",
    "test_registry",
    "test_athena",
    "test_bills",
    "test_run_own_files",
    "test_aws_faults",
    "test_any_order",
    "test_recommenders",
    "test_detectors",
    "test_golden",
    "test_features",
    "test_athena_sql",
    "test_readme",
)

# Tests of toys are run in the copies that the toys are added to.
collect_ignore = ["toys"]

garbage.look_seldom()

# Great Expectations reports usage unless told not to.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


@pytest.fixture(scope="session", autouse=True)
def migrate_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow takes an empty database through all its versions, which costs a second: tests get copies of the first one."""
    made = tmp_path_factory.mktemp("registry") / "mlflow.db"
    migrate = mlflow._migrate

    def copy(database: Path) -> None:
        if not made.exists():
            migrate(made)
        shutil.copyfile(made, database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlflow, "_migrate", copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def wait_for_no_disk() -> Iterator[None]:
    """What a test wrote need not outlive a power cut: neither Headroom nor SQLite waits here until it lies on the disk."""

    def begin(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            # What is no database says so when it is asked.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", begin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: None)
        yield
    event.remove(Engine, "connect", begin)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Embedded settings whose home is the test's own folder; the environment's `HEADROOM_*` do not count."""
    return settings_module.load({}, home=tmp_path / "home")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A home that is made once for all tests of a file, and as it was made for each."""
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file nothing moves."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
