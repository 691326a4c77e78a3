"""Every SQL file says the same in Athena as in the embedded engine, as far as a server on loopback can tell.

What it proves: the statement that is sent, its parameters, the tables it finds through Glue (bronze's projected partitions,
Iceberg's snapshots, views over views), and the way results come back. It cannot prove Trino's arithmetic; `make
test-trino` runs the same tests on a real Trino, and `test_athena_smoke` asks a real account.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline import settings as settings_module
from pipeline.lake import Lake, open_lake
from tests.support import golden, golden_lake
from tests.support.aws_server import BUCKET, AwsServer, aws_for_tests

CASES = golden.cases()

pytestmark = [pytest.mark.server, pytest.mark.system]


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture
def lake(server: AwsServer, tmp_path: Path) -> Iterator[Lake]:
    lake = open_lake(settings_module.load({}, home=tmp_path / "home", **server.settings(f"t{uuid4().hex[:12]}")))
    yield lake
    # The server looks through all that it holds at every look into a folder.
    golden_lake.delete(lake.settings)


@pytest.mark.parametrize("case", CASES, ids=golden.title)
def test_a_query_gives_the_same_rows_in_athena_as_in_the_embedded_engine(case: Path, lake: Lake) -> None:
    golden_lake.check(case, lake)


def test_the_lake_that_a_real_account_is_asked_in_leaves_nothing_behind(server: AwsServer, tmp_path: Path) -> None:
    environ = {f"HEADROOM_{name.upper()}": value for name, value in server.settings("account").items()}
    with golden_lake.scratch(environ, tmp_path) as scratch:
        golden_lake.check(CASES[0], scratch)
        prefix = scratch.settings.lake.removeprefix(f"s3://{BUCKET}/")
        assert prefix.startswith("account/smoke_")
        assert server.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"]

    assert server.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 0
    left = {database["Name"] for database in server.client("glue").get_databases()["DatabaseList"]}
    assert [name for name in left if name.startswith("smoke_")] == []
