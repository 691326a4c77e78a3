"""The comparison of two engines finds what differs, and only that; random lakes are the same for the same number."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.lake import sql
from tests.support import differential
from tests.support.differential import difference, shrink
from tests.support.random_lake import make_lake
from tests.support.trino_engine import Answer

COLUMNS = [("name", "varchar(3)"), ("value", "double")]


def compared(theirs: list[list[Any]], ours: list[list[Any]], *, is_ordered: bool = False) -> str:
    names = [name for name, _ in COLUMNS]
    here = pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in ours], pa.schema({"name": pa.string(), "value": pa.float64()})
    )
    return difference(Answer(COLUMNS, theirs, 0), here, is_ordered=is_ordered)


def test_a_random_lake_has_a_value_for_every_parameter_of_every_query() -> None:
    params, _ = make_lake(0, [])
    assert {name: missing for name in sql.names() if (missing := sql.parameters(sql.parse(sql.text(name))) - params.keys())} == {}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ([["a", 0.30000000000000004]], [["a", 0.3]]),
        ([["a", -0.0]], [["a", 0.0]]),
        ([["a", "NaN"], [None, None]], [[None, None], ["a", float("nan")]]),
        ([["b", 1.0], ["a", 2.0]], [["a", 2.0], ["b", 1.0]]),
        ([['{"a":"\\uD83D\\uDC4D"}', 1.0]], [['{"a":"\U0001f44d"}', 1.0]]),
        ([], []),
    ],
)
def test_last_digits_the_sign_of_zero_an_escape_in_json_and_the_order_of_rows_are_no_difference(theirs: Any, ours: Any) -> None:
    assert compared(theirs, ours) == ""


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ([["a", 1.0]], [["a", 1.0001]], r"value is 1\.0 on Trino, 1\.0001 here"),
        ([["a", None]], [["a", float("nan")]], "value is None on Trino, nan here"),
        ([["a", 1.0]], [[None, 1.0]], "name is 'a' on Trino, None here"),
        ([["", 1.0]], [[None, 1.0]], "name is '' on Trino, None here"),
        ([["a", 1.0]], [], "1 rows on Trino, 0 here"),
    ],
)
def test_another_number_label_null_or_row_is_a_difference(theirs: Any, ours: Any, said: str) -> None:
    assert compared(theirs, ours) == said.replace("\\", "")


def test_where_a_query_states_an_order_it_counts() -> None:
    assert compared([["b", 1.0], ["a", 2.0]], [["a", 2.0], ["b", 1.0]], is_ordered=True) == "name is 'b' on Trino, 'a' here"


def test_a_number_makes_the_same_lake_again_and_another_another() -> None:
    names = [name for name in tables.ALL if name.startswith(("bronze.", "gold.forecast"))]

    (params, first), (_, again), (_, other) = make_lake(7, names), make_lake(7, names), make_lake(8, names)
    assert params["start"] < params["end"]
    assert [repr(first[name].to_pylist()) for name in names] == [repr(again[name].to_pylist()) for name in names]
    assert any(not first[name].equals(other[name]) for name in names)


def test_what_differs_is_shrunk_to_the_rows_that_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lakes = (make_lake(number, ["gold.promotion", "gold.model_metric"])[1] for number in range(100))
    lake = next(each for each in lakes if each["gold.model_metric"].num_rows > 3)
    shown = lake["gold.model_metric"].slice(3, 1)
    asked = []

    def differs(_trino: str, _name: str, _params: dict[str, Any], rows: dict[str, pa.Table]) -> str:
        asked.append(rows)
        return "so" if shown.to_pylist()[0] in rows["gold.model_metric"].to_pylist() else ""

    monkeypatch.setattr(differential, "compare", differs)

    fewest = shrink("", "inputs.champions", {}, lake)

    assert {table: rows.num_rows for table, rows in fewest.items()} == {"gold.promotion": 0, "gold.model_metric": 1}
    assert fewest["gold.model_metric"].equals(shown)
    assert len(asked) <= 80
