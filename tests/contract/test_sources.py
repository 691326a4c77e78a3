"""What every file in pipeline/sources promises, whoever is asked; its cases lie in tests/contract/sources."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from pydantic import BaseModel, ValidationError

from pipeline import plugs, tables
from pipeline.errors import HeadroomError, SourceError
from pipeline.interval import Interval
from pipeline.sources import Batch, Load, _bronze, _http
from tests.support.options import change_of, every_option
from tests.support.plug_cases import all_cases, load_cases, without_plug
from tests.support.source_cases import Case, Place, interval_of, options_at

pytestmark = [pytest.mark.server]

SOURCES = plugs.names("sources")
BRINGS = "CASES, DOWN, OPTIONS and where it needs files or a server set_up (see tests/support/source_cases.py)"
STAMPED = {"load_id", "ingested_at", "sequence", "made_safe"}
ROOT = Path(__file__).resolve().parents[2]

in_every_case = pytest.mark.parametrize(("name", "case"), all_cases("sources", "CASES"))

DIGEST = """
import json, sys
from tests.contract.test_sources import digest_of
for name, options, start, end in json.load(sys.stdin):
    print(name, digest_of(name, options, start, end))
"""


@pytest.fixture(scope="module")
def place_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """Where the files or the server of a source are, brought up when first asked for."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patched:
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patched.setenv(variable, "testing")
        patched.delenv("AWS_PROFILE", raising=False)
        patched.setattr(_http, "pause", lambda *_: None)
        known: dict[str, Place] = {}

        def place(name: str) -> Place:
            if name not in known:
                set_up = getattr(load_cases("sources", name, BRINGS), "set_up", lambda folder: nullcontext(str(folder)))
                known[name] = stack.enter_context(set_up(tmp_path_factory.mktemp(name)))
            return known[name]

        yield place


@pytest.fixture(scope="module")
def fetch(place_of: Callable[[str], Place]) -> Callable[..., list[Batch]]:
    """What a source hands over in one of its cases, or in another interval of it; asked for once per interval."""

    @cache
    def fetched(name: str, case: str, interval: Interval | None = None) -> list[Batch]:
        given = case_of(name, case)
        return handed_over(name, options_at(place_of(name), given.options), interval or interval_of(given.start, given.end))

    return fetched


def case_of(name: str, case: str) -> Case:
    found: Case = load_cases("sources", name, BRINGS).CASES[case]
    return found


def handed_over(name: str, options: dict[str, Any], interval: Interval) -> list[Batch]:
    given = plugs.bind("sources", name, plugs.check_options("sources", name, options))(interval)
    return [batch for each in given for batch in ([each] if isinstance(each, Batch) else whole(each))]


def whole(load: Load) -> list[Batch]:
    """What is declared of a load, as one batch; none where it has no lines."""
    schema = _bronze.schema(load.table)
    pieces = [piece.select(schema.names).cast(schema) for piece in load.pieces()]
    lines = pa.concat_tables(pieces) if pieces else schema.empty_table()
    return [Batch(load.table, load.shard, lines)] if len(lines) else []


def time_of(batch: Batch) -> str:
    return tables.ALL[batch.table].time


def covered(table: str, start: str, end: str) -> Interval:
    return tables.ALL[table].covering(interval_of(start, end))


def digest_of(name: str, options: dict[str, Any], start: str, end: str) -> str:
    digest = hashlib.sha256()
    for batch in handed_over(name, options, interval_of(start, end)):
        digest.update(f"{batch.table}/{batch.shard}/{batch.data.schema}".encode())
        pa.csv.write_csv(batch.data, text := io.BytesIO())
        digest.update(text.getvalue())
    return digest.hexdigest()


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_brings_cases_that_together_fill_the_tables_it_names(name: str, fetch: Callable[..., list[Batch]]) -> None:
    cases = load_cases("sources", name, BRINGS).CASES

    filled = {batch.table for case in cases for batch in fetch(name, case)}

    assert filled == set(plugs.load("sources", name).TABLES)


@pytest.mark.parametrize("name", SOURCES)
def test_every_case_that_a_source_brings_is_asked(name: str) -> None:
    asked = [case for of, case in (each.values for each in all_cases("sources", "CASES")) if of == name]

    assert asked == list(load_cases("sources", name, BRINGS).CASES)


def test_no_cases_are_left_of_a_source_that_is_gone() -> None:
    assert without_plug("sources") == set()


@in_every_case
def test_an_interval_has_the_rows_that_its_case_says(name: str, case: str, fetch: Callable[..., list[Batch]]) -> None:
    rows: Counter[str] = Counter()
    for batch in fetch(name, case):
        rows[batch.table] += len(batch.data)

    assert rows == case_of(name, case).rows


@in_every_case
def test_batches_have_exactly_the_columns_of_their_bronze_table_before_it_is_stamped(
    name: str, case: str, fetch: Callable[..., list[Batch]]
) -> None:
    for batch in fetch(name, case):
        declared = [column for column in tables.ALL[batch.table].columns if column.name not in STAMPED]
        assert batch.data.schema.names == [column.name for column in declared]
        assert batch.data.schema.types == [column.arrow_type for column in declared]
        for column in declared:
            assert column.nullable or batch.data[column.name].null_count == 0, column.name
        assert set(batch.data["source"].to_pylist()) == {name}


@in_every_case
def test_a_source_yields_each_shard_once_and_only_rows_of_the_interval_in_order_of_time(
    name: str, case: str, fetch: Callable[..., list[Batch]]
) -> None:
    batches = fetch(name, case)
    assert len({(batch.table, batch.shard) for batch in batches}) == len(batches)
    for batch in batches:
        moments = batch.data[time_of(batch)].to_pylist()
        interval = covered(batch.table, case_of(name, case).start, case_of(name, case).end)
        assert moments == sorted(moments)
        assert interval.start <= moments[0]
        assert moments[-1] < interval.end


@in_every_case
def test_an_interval_fetched_in_parts_gives_the_same_rows_as_at_once(
    name: str, case: str, fetch: Callable[..., list[Batch]]
) -> None:
    given = case_of(name, case)
    parts: dict[tuple[str, str], list[pa.Table]] = {}
    for start, end in pairwise([given.start, *given.cuts, given.end]):
        for batch in fetch(name, case, interval_of(start, end)):
            parts.setdefault((batch.table, batch.shard), []).append(batch.data)
    at_once = {(batch.table, batch.shard): batch.data for batch in fetch(name, case)}
    assert set(parts) == set(at_once)
    for key, data in at_once.items():
        # A month of bills is handed over whole for each part of it.
        given = parts[key] if not tables.ALL[key[0]].by_month else [pa.concat_tables(parts[key]).slice(0, len(data))]
        assert pa.concat_tables(given).equals(data), key


@in_every_case
def test_a_time_in_which_nothing_happened_has_no_rows(name: str, case: str, fetch: Callable[..., list[Batch]]) -> None:
    assert fetch(name, case, interval_of(*case_of(name, case).silent)) == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_is_down_is_an_error_that_names_it_and_never_data(name: str, place_of: Callable[[str], Place]) -> None:
    cases = load_cases("sources", name, BRINGS)
    if cases.DOWN is None:
        return
    given = next(iter(cases.CASES.values()))

    with pytest.raises(SourceError):
        handed_over(name, options_at(place_of(name), cases.DOWN), interval_of(given.start, given.end))


def test_sources_answer_alike_in_every_process(place_of: Callable[[str], Place]) -> None:
    asked = []
    for name, case in (parameter.values for parameter in all_cases("sources", "CASES")):
        given = case_of(name, case)
        asked.append((name, options_at(place_of(name), given.options), given.start, given.end))

    # This process hashes texts by a seed of its own.
    elsewhere = subprocess.run(
        [sys.executable, "-c", DIGEST],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "20261", "PYTHONPATH": str(ROOT)},
    ).stdout.splitlines()

    assert elsewhere == [f"{one[0]} {digest_of(*one)}" for one in asked]


@pytest.mark.parametrize("name", SOURCES)
def test_every_option_is_described_and_bounded_and_unknown_ones_are_refused(name: str) -> None:
    options: type[BaseModel] = plugs.declared_options("sources", name)
    assert options.model_config.get("frozen")
    with pytest.raises(ValidationError, match="no_such_option"):
        options(path="x.csv", no_such_option=1)
    for option, schema in options.model_json_schema()["properties"].items():
        assert schema.get("description"), option
        for kind in schema.get("anyOf", [schema]):
            if kind.get("type") == "integer":
                assert {"minimum", "maximum"} <= set(kind), option


@pytest.mark.parametrize(("name", "option"), every_option("sources"))
def test_every_option_changes_what_is_handed_over_or_whether_anything_is(
    name: str, option: str, place_of: Callable[[str], Place]
) -> None:
    changed = change_of("sources", name, option)
    cases = load_cases("sources", name, BRINGS).CASES
    case, *other = [changed.situation] if isinstance(changed.situation, str) else changed.situation or [next(iter(cases))]
    start, end = other or (cases[case].start, cases[case].end)

    def answer(**more: Any) -> tuple[bool, str]:
        options = options_at(place_of(name), {**cases[case].options, **changed.beside, **more})
        try:
            return True, digest_of(name, options, start, end)
        except HeadroomError as error:
            return False, str(error)

    usual, otherwise = answer(), answer(**{option: changed.value})

    assert usual != otherwise
    assert usual[0] or otherwise[0], f"{usual[1]} · {otherwise[1]}"
