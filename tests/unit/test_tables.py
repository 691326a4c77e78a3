import subprocess
import sys

import pytest

from pipeline import tables
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.schema import BUCKETS, Column, bucket_of, buckets_of
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


@pytest.mark.parametrize("table", tables.ALL.values(), ids=lambda table: table.name)
def test_no_key_column_may_be_null(table: tables.Table) -> None:
    assert [name for name in table.key if table.column(name).nullable] == []


def test_a_column_of_a_type_that_engines_store_differently_cannot_be_declared() -> None:
    with pytest.raises(ConfigError, match=r"does not mean the same in every engine"):
        Column(name="at", type="timestamp[ns]", doc="Too fine.")


def test_a_table_by_as_of_replaces_what_was_believed_at_the_intervals_end() -> None:
    scope = FORECAST.scope(DAY, bucket=(1, 3))

    assert scope.start == DAY.as_of
    assert "bucket in (1, 3)" in str(scope)
    assert METRIC_DAILY.scope(DAY).start == DAY.start


def test_a_table_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"no table named 'gold\.forcast'; there are .*gold\.forecast"):
        tables.get("gold.forcast")


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
