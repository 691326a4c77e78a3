"""Random rows, every SQL file, two engines: a real Trino and the embedded one say the same (`make test-trino`).

A difference that is found is shrunk to few rows. It becomes a golden case, and what caused it is mended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.lake import sql
from tests.support.aws_server import aws_for_tests
from tests.support.differential import Bench
from tests.support.random_lake import make_lake

TRINO = os.environ.get("TRINO_URL", "")
INPUTS, FIRST = int(os.environ.get("INPUTS") or 20), int(os.environ.get("FIRST_INPUT") or 0)
NUMBERS = range(FIRST, FIRST + INPUTS)
# Lakes that lie in Trino's memory at once.
TOGETHER = 50
BEHIND = sorted({table for name in sql.names() for table in sql.tables_behind(sql.parse(sql.text(name)))})
# As many as keep two cores busy.
ASKED_AT_ONCE = 3

pytestmark = [pytest.mark.server, pytest.mark.skipif(not TRINO, reason="no Trino: `make test-trino` starts one")]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with aws_for_tests() as server:
        yield Bench(server, TRINO)


def test_every_sql_file_says_the_same_of_random_rows_on_both_engines(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    lakes = {number: make_lake(number, BEHIND) for number in NUMBERS}
    found, rows = [], 0
    for start in range(0, INPUTS, TOGETHER):
        part = {number: lakes[number] for number in NUMBERS[start : start + TOGETHER]}
        bench.load({number: rows for number, (_, rows) in part.items()})
        asked = [(name, number, params) for number, (params, _) in part.items() for name in sql.names()]
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            answers = pool.map(lambda one: bench.compare(*one), asked)
        found += [(*one, said) for one, said in zip(asked, answers, strict=True) if said]
        rows += sum(table.num_rows for _, lake in part.values() for table in lake.values())
        if found:
            break

    with capsys.disabled():
        asked_for = f"{INPUTS} inputs from {FIRST} on for each of {len(sql.names())} SQL files, {rows:,} rows"
        # What a worker prints elsewhere nobody sees.
        print(f"\n{asked_for}: {len(found)} answers differ", file=sys.stderr)  # noqa: T201
    first_of_each = {name: one for name, *one in reversed(found)}
    for name, (number, params, said) in first_of_each.items():
        print(f"{name}, input {number}: {said}\n  with {params}\n  over {bench.shrink(name, number, params)}")  # noqa: T201
    assert [f"{name}, input {number}: {said}" for name, number, _, said in found] == []
