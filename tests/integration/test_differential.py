"""Random rows, every SQL file, two engines: a real Trino and the embedded one say the same (`make test-trino`).

A difference that is found is shrunk to few rows. It becomes a golden case, and what caused it is mended.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.lake import sql
from tests.support.differential import compare, shrink
from tests.support.random_lake import make_lake

TRINO = os.environ.get("TRINO_URL", "")
INPUTS, FIRST = int(os.environ.get("INPUTS") or 20), int(os.environ.get("FIRST_INPUT") or 0)
# Each waits for Trino for a part of its time.
ASKED_AT_ONCE = 2

pytestmark = [pytest.mark.server, pytest.mark.skipif(not TRINO, reason="no Trino: `make test-trino` starts one")]


@pytest.mark.parametrize("number", range(FIRST, FIRST + (INPUTS if TRINO else 1)))
def test_every_sql_file_says_the_same_of_random_rows_on_both_engines(number: int) -> None:
    behind = sorted({table for name in sql.names() for table in sql.tables_behind(sql.parse(sql.text(name)))})
    params, lake = make_lake(number, behind)

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        said = pool.map(lambda name: compare(TRINO, name, params, lake), sql.names())
        found = {name: sentence for name, sentence in zip(sql.names(), said, strict=True) if sentence}

    for name, sentence in found.items():
        fewest = {table: rows.to_pylist() for table, rows in shrink(TRINO, name, params, lake).items()}
        print(f"{name}, input {number}: {sentence}\n  with {params}\n  over {fewest}")  # noqa: T201
    assert found == {}
