"""Every SQL file in a real Athena: asked only where an account is named. Nothing here touches the servers on loopback.

HEADROOM_AWS_SMOKE=1 HEADROOM_LAKE=s3://bucket/scratch HEADROOM_ATHENA_WORKGROUP=… pytest tests/integration/test_athena_smoke.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.lake import Lake, aws
from tests.support import golden, golden_lake

SMOKE = "HEADROOM_AWS_SMOKE"

pytestmark = pytest.mark.skipif(
    os.environ.get(SMOKE) != "1", reason=f"asks a real AWS account: set {SMOKE}=1, HEADROOM_LAKE and credentials"
)


@pytest.fixture(scope="module", autouse=True)
def _own_credentials() -> None:
    """Those of the environment, not those of an earlier test's server."""
    aws.session.cache_clear()
    aws._client.cache_clear()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with golden_lake.scratch({name: value for name, value in os.environ.items() if name != SMOKE}, tmp_path) as lake:
        yield lake


@pytest.mark.parametrize("case", golden.cases(), ids=golden.title)
def test_a_query_gives_the_same_rows_in_a_real_athena(case: Path, lake: Lake) -> None:
    golden_lake.check(case, lake)
