import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pipeline import tables
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.quality.conform import conform
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.forecasts import FORECAST, MODEL_METRIC
from pipeline.tables.schema import BUCKETS, Column, bucket_of, buckets_of
from pipeline.tables.types import TEXT
from pipeline.tables.usage import METRIC_DAILY

DAY = Interval.day("2026-03-01")


@pytest.mark.parametrize("table", tables.ALL.values(), ids=lambda table: table.name)
def test_a_table_says_what_a_row_is_and_what_every_column_means(table: tables.Table) -> None:
    assert table.doc.endswith(".")
    assert all(column.doc for column in table.all_columns)
    assert len({column.name for column in table.all_columns}) == len(table.all_columns)


@pytest.mark.parametrize("table", tables.ALL.values(), ids=lambda table: table.name)
def test_arrow_and_iceberg_agree_about_names_order_and_nulls(table: tables.Table) -> None:
    iceberg = table.iceberg_schema().fields

    assert [field.name for field in iceberg] == table.arrow_schema.names
    assert [not field.required for field in iceberg] == [field.nullable for field in table.arrow_schema]


@pytest.mark.parametrize("pattern", sorted({c.pattern for t in tables.ALL.values() for c in t.columns if c.pattern}))
def test_no_pattern_lets_a_last_newline_pass(pattern: str) -> None:
    candidates = ("a", "0" * 64, "0" * 16, "0" * 12, "USD")

    assert any(re.search(pattern, text) for text in candidates)
    assert not any(re.search(pattern, f"{text}\n") for text in candidates)


@pytest.mark.parametrize("table", tables.ALL.values(), ids=lambda table: table.name)
def test_no_key_column_may_be_null(table: tables.Table) -> None:
    assert [name for name in table.key if table.column(name).nullable] == []


def test_a_column_of_a_type_that_engines_store_differently_cannot_be_declared() -> None:
    with pytest.raises(ConfigError, match=r"does not mean the same in every engine"):
        Column(name="at", type="timestamp[ns]", doc="Too fine.")


@pytest.mark.parametrize("table", tables.ALL.values(), ids=lambda table: table.name)
def test_a_frame_without_rows_has_the_declared_columns_and_is_taken_as_it_is(table: tables.Table) -> None:
    empty = table.empty()

    assert tuple(empty.columns) == table.names
    assert conform(empty, table, DAY).schema == table.arrow_schema


def test_a_frame_without_rows_is_its_owners_and_what_is_done_to_it_changes_no_other() -> None:
    mine = RECOMMENDATION.empty()
    mine["of_mine"] = 1
    mine.loc[0] = mine.columns

    assert tuple(RECOMMENDATION.empty().columns) == RECOMMENDATION.names
    assert RECOMMENDATION.empty().empty


def test_rows_become_a_frame_in_the_declared_order_and_types_and_what_is_unknown_is_null() -> None:
    row = {"action": "keep", "as_of": DAY.as_of, "restart_needed": np.True_, "risk_level": 1, "savings_monthly_usd": np.nan}
    texts = {c.name: "x" for c in RECOMMENDATION.columns if c.type == TEXT and not c.nullable and c.name != "action"}
    whole = {"confidence": 1, "rollback_possible": False, "price_as_of": pd.NaT}

    frame = RECOMMENDATION.frame([{**row, **texts, **whole}, {**texts, **whole, **row, "portfolio_rank": 1}])

    assert tuple(frame.columns) == RECOMMENDATION.names
    assert frame.dtypes.astype(str).to_dict() == RECOMMENDATION.empty().dtypes.astype(str).to_dict()
    assert {name: str(frame[name].dtype) for name in ("confidence", "risk_level", "portfolio_rank", "price_as_of")} == {
        "confidence": "float64",
        "risk_level": "int64",
        "portfolio_rank": "Int64",
        "price_as_of": "datetime64[us]",
    }
    assert frame["portfolio_rank"].isna().tolist() == [True, False]
    assert frame.loc[0, ["target_config", "savings_monthly_usd", "price_as_of"]].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forecast": 1.0}, r"row 0 has columns \['forecast'\]; declared are"),
        ({"series": None}, "column series is null in 1 rows .*; expected a value"),
        ({"series": 2.5}, r"column series is double \(such as 2\.5\), expected int64"),
        ({"model": 7}, r"column model is int64 \(such as 7\), expected string"),
        ({"mase": float("inf")}, "column mase is inf in row 0; expected a finite number"),
        ({"as_of": "2026-03-02"}, "column as_of is string .*, expected timestamp"),
    ],
    ids=["undeclared", "missing", "not whole", "not text", "infinite", "no moment"],
)
def test_a_row_that_a_table_does_not_declare_is_refused_with_table_and_column(change: dict[str, object], message: str) -> None:
    row = {"as_of": DAY.as_of, "metric": "cost", "granularity": "day", "model": "ridge", "series": 3, "windows": 4}

    assert len(MODEL_METRIC.frame([row])) == 1
    with pytest.raises(DataError, match=f"gold.model_metric: {message}"):
        MODEL_METRIC.frame([row | change])


def test_a_table_by_as_of_replaces_what_was_believed_at_the_intervals_end() -> None:
    scope = FORECAST.scope(DAY, bucket=(1, 3))

    assert scope.start == DAY.as_of
    assert "bucket in (1, 3)" in str(scope)
    assert METRIC_DAILY.scope(DAY).start == DAY.start


def test_a_table_that_does_not_exist_is_refused_with_what_may_be_meant_or_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"no table named 'gold\.forcast'; did you mean 'gold\.forecast'\?$"):
        tables.get("gold.forcast")
    with pytest.raises(ConfigError, match=r"no table named 'nonsense'; there are .*gold\.forecast"):
        tables.get("nonsense")


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 64])
def test_shards_cover_every_bucket_once(shards: int) -> None:
    assert sorted(bucket for shard in range(shards) for bucket in buckets_of(shard, shards)) == list(range(BUCKETS))


def test_a_series_stays_in_its_bucket_for_ever() -> None:
    assert bucket_of("100000000001/us-east-1/i-24ae8d/cpu_utilization") == 40


def test_the_declarations_are_read_where_none_of_the_pipelines_packages_is_installed() -> None:
    allowed = {*sys.stdlib_module_names, "pipeline", "pydantic"}
    program = f"""
import sys

class OnlyWhatTheDagsHave:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {allowed}:
            raise ModuleNotFoundError(f"{{name}} is not installed where the DAGs are parsed")

sys.meta_path.insert(0, OnlyWhatTheDagsHave())
from pipeline import tables
from pipeline.tables import columns, schema

print(*tables.ALL)
"""
    parsed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert parsed.stderr == ""
    assert parsed.stdout.split() == list(tables.ALL)
