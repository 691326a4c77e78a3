"""Every SQL file says the same in Athena as in the embedded engine, as far as a server on loopback can tell.

What it proves: the statement that is sent, its parameters, the tables it finds through Glue (bronze's projected partitions,
Iceberg's snapshots, views over views), and the way results come back. It cannot prove Trino's arithmetic: ask a real account.

    HEADROOM_AWS_SMOKE=1 HEADROOM_LAKE=s3://bucket/scratch HEADROOM_ATHENA_WORKGROUP=… pytest tests/integration/test_athena_sql.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import golden
import pytest

from pipeline import settings as settings_module
from pipeline.lake import Lake, aws, open_lake
from pipeline.settings import Settings
from tests import golden_lake
from tests.aws_server import AwsServer, aws_for_tests

SMOKE = "HEADROOM_AWS_SMOKE"
CASES = golden.cases()
NAMES = ["/".join(case.parts[-3:]) for case in CASES]

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("athena-sql")]


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture
def lake(server: AwsServer, tmp_path: Path) -> Lake:
    return open_lake(settings_module.load({}, home=tmp_path / "home", **server.settings(f"t{uuid4().hex[:12]}")))


@pytest.fixture
def real_lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake of its own in the account whose credentials the environment has; it is deleted again."""
    given = {name: value for name, value in os.environ.items() if name != SMOKE}
    name = f"smoke_{uuid4().hex[:12]}"
    place = settings_module.load(given).lake_uri.rstrip("/")
    settings = settings_module.load(
        given, home=tmp_path / "home", lake=f"{place}/{name}", database=name, catalog="glue", engine="athena"
    )
    yield open_lake(settings)
    _delete(settings)


def _delete(settings: Settings) -> None:
    glue, s3 = aws.client("glue", settings), aws.client("s3", settings)
    for layer in ("views", "gold", "silver", "bronze"):
        glue.delete_database(Name=f"{settings.database}_{layer}")
    bucket, _, prefix = settings.lake_uri.removeprefix("s3://").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for entry in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=entry["Key"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_query_gives_the_same_rows_in_athena_as_in_the_embedded_engine(case: Path, lake: Lake) -> None:
    golden_lake.check(case, lake)


@pytest.mark.skipif(os.environ.get(SMOKE) != "1", reason=f"asks a real AWS account: set {SMOKE}=1, HEADROOM_LAKE and credentials")
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_query_gives_the_same_rows_in_a_real_athena(case: Path, real_lake: Lake) -> None:
    golden_lake.check(case, real_lake)
