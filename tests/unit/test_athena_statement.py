"""The statement that Athena is sent: the author's own words, with names and values that cannot be anything else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from pipeline import tables
from pipeline.errors import ConfigError
from pipeline.lake import glue, sql
from tests.support import golden

START, END = datetime(2026, 3, 1), datetime(2026, 3, 2)
# Every parameter that a SQL file has, with a value of its type.
VALUES: dict[str, Any] = {
    **golden.SETTINGS,
    **dict.fromkeys(("start", "since", "before"), START),
    **dict.fromkeys(("end", "as_of"), END),
    "shard": 1,
    "shards": 4,
    "hours": 168,
    "at_most": 200,
    "metric": "cpu_utilization",
    "rhythm": "monitor",
    "resource": "i-1",
    "by_resource_id": 1,
    "by_usage_type": 0,
    "table_name": "bronze.focus_line",
    "recommendation_id": "0123456789abcdef",
    "anomaly_id": "0123456789abcdef",
    "metrics": ",AWS Lambda=Invocations,",
    **dict.fromkeys(("resources", "items", "series"), " i-1 "),
    "usage_types": "|BoxUsage:m5.large|",
    "by_bill": 1,
    **dict.fromkeys(("before_start", "after_start"), START),
    **dict.fromkeys(("before_end", "after_end", "until"), END),
    **dict.fromkeys(
        ("source", "provider", "payer", "currency", "account", "service", "usage_type", "dimension", "region", "resource_id"), "a"
    ),
}


@cache
def sent_of(name: str) -> str:
    """What Athena is sent for a SQL file."""
    return sql.to_athena(sql.text(name), "estate", VALUES)


@cache
def tree_of(name: str) -> exp.Expr:
    """The same as a tree; whoever changes it takes a copy."""
    return sqlglot.parse_one(sent_of(name), dialect="athena")


def test_layers_become_databases_and_parameters_typed_literals() -> None:
    sent = sql.to_athena(
        "SELECT ts AS ts FROM silver.calendar AS c WHERE ts >= :start AND ts < :end AND year = :year",
        "estate",
        {"start": START, "end": END, "year": 2026, "unused": "x"},
    )

    assert sent == (
        "SELECT ts AS ts FROM estate_silver.calendar AS c "
        "WHERE ts >= TIMESTAMP '2026-03-01 00:00:00.000' AND ts < TIMESTAMP '2026-03-02 00:00:00.000' AND year = 2026"
    )


def test_comments_and_texts_keep_their_words() -> None:
    text = "-- silver.calendar from :start\nSELECT 'gold.x :start' AS a, b.gold AS g FROM gold.anomaly AS b"

    assert sql.to_athena(text, "estate", {"start": START}) == text.replace("FROM gold.anomaly", "FROM estate_gold.anomaly")


def test_a_view_is_put_in_whole_so_that_what_runs_is_what_the_file_says() -> None:
    sent = sql.to_athena("SELECT m.ts AS ts FROM views.metric_point AS m", "estate", {})
    without_alias = sql.to_athena("SELECT metric_point.ts AS ts FROM views.metric_point", "estate", {})

    assert sent.startswith("SELECT m.ts AS ts FROM (\n-- views.metric_point")
    assert sent.endswith(") AS m")
    assert without_alias.endswith(") AS metric_point")
    assert {table.db for table in sqlglot.parse_one(sent, dialect="athena").find_all(exp.Table) if table.db} == {"estate_bronze"}


def test_a_view_in_glue_names_the_views_it_reads() -> None:
    text = sql.view_in_athena("views.metric_correlation", "estate")

    assert "estate_views.server_metrics" in text
    assert "views.server_metrics" not in text.replace("estate_views.", "").split("SELECT", 1)[1]


@pytest.mark.parametrize("name", sql.names())
def test_what_athena_is_sent_means_what_the_file_means(name: str) -> None:
    """The same tree, but for the names of databases, the views put in and the values."""
    read = {f"{t.db}.{t.name}" for t in tree_of(name).find_all(exp.Table) if t.db}

    assert read == {f"estate_{each}" for each in sql.tables_behind(sql.parse(sql.text(name)))}
    assert not list(tree_of(name).find_all(exp.Placeholder))
    assert len(sent_of(name)) < 262_144, "Athena takes no longer statement"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (7, "7"),
        (-7, "-7"),
        (0.1, "0.1e0"),
        (1e-07, "1e-7"),
        (date(2026, 3, 1), "DATE '2026-03-01'"),
        (datetime(2026, 3, 1, 12, 30), "TIMESTAMP '2026-03-01 12:30:00.000'"),
        (datetime(2026, 3, 1, 0, 0, 0, 1), "TIMESTAMP '2026-03-01 00:00:00.000001'"),
        ("it's", "'it''s'"),
    ],
)
def test_a_value_is_written_as_a_literal_of_its_type(value: Any, written: str) -> None:
    assert sql.literal(value) == written


@pytest.mark.parametrize("value", [datetime(2026, 3, 1, tzinfo=UTC), math.nan, math.inf, "a\0b", b"x", [1], None])
def test_a_value_without_a_literal_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be a parameter"):
        sql.literal(value)


@pytest.mark.parametrize("text", ["'; DROP TABLE gold.forecast; --", "' OR '1'='1", "\\' OR 1=1 --", "%00", "a:start", "''"])
def test_no_text_leaves_its_quotes(text: str) -> None:
    sent = sql.to_athena("SELECT 1 AS n FROM silver.resource WHERE resource_id = :id", "estate", {"id": text, "start": START})
    [statement] = sqlglot.parse(sent, dialect="trino")

    [literal] = statement.find(exp.Where).find_all(exp.Literal)
    assert literal.this == text


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r":end, :start"):
        sql.to_athena(sql.text("silver.resource"), "estate", {})


def test_an_error_calls_a_query_by_its_name_and_its_interval() -> None:
    assert sql.title(sql.text("silver.resource"), {"start": START, "end": END}) == (
        "silver.resource with end=2026-03-02T00:00:00, start=2026-03-01T00:00:00"
    )
    assert sql.title("SELECT 1 AS n FROM gold.anomaly", {"start": START}) == "query of gold.anomaly"


# ---------------------------------------------------------------- what Athena engine v3 has

# Functions that Athena's engine version 3 documents, by Trino's names; a query that needs another one looks it up first.
ATHENA_HAS = frozenset(
    """
    abs approx_percentile arbitrary array_agg array_join array_sort avg bool_and bool_or cardinality cast ceil ceiling
    coalesce concat concat_ws contains corr count count_if covar_samp date_add date_diff date_format date_parse date_trunc
    day dense_rank element_at exp filter first_value flatten floor from_unixtime greatest hour if is_finite is_nan
    json_array_length json_extract_scalar json_format json_parse lag last_value lead least length ln lower map map_agg max
    max_by min min_by mod month nth_value ntile nullif percent_rank power rank reduce regexp_extract regexp_like
    regexp_replace regr_intercept regr_slope replace round row_number sequence sign split split_part sqrt stddev_pop
    stddev_samp strpos substr sum to_unixtime transform trim try try_cast upper var_pop var_samp year
    """.split()  # noqa: SIM905 as a table
)


def called(text: str) -> set[str]:
    """The functions a query calls, as its author spelled them; only a function stands next to its parenthesis."""
    names = {
        token.text.lower()
        for token, after in pairwise(sqlglot.tokenize(text, read="athena"))
        if after.token_type == sqlglot.TokenType.L_PAREN and after.start == token.end + 1 and token.text.isidentifier()
    }
    with_columns = {alias.name.lower() for alias in sql.parse(text).find_all(exp.TableAlias) if alias.args.get("columns")}
    return names - with_columns - {"decimal", "unnest"}


@pytest.mark.parametrize("name", sql.names())
def test_no_window_function_has_a_filter_which_athena_refuses(name: str) -> None:
    windows = sql.parse(sql.text(name)).find_all(exp.Window)

    assert [window.sql() for window in windows if isinstance(window.this, exp.Filter)] == []


@pytest.mark.parametrize("name", sql.names())
def test_a_sql_file_calls_only_functions_that_athena_has(name: str) -> None:
    assert called(sql.text(name)) - ATHENA_HAS == set()


RESERVED = frozenset(
    """
    alter and as between by case cast constraint create cross cube current_date current_time current_timestamp deallocate delete
    describe distinct drop else end escape except execute exists extract false for from full group grouping having in inner insert
    intersect into is join left like listagg localtime localtimestamp natural normalize not null on or order outer prepare
    recursive right rollup select skip table then trim true uescape union unnest using values when where with
    """.split()  # noqa: SIM905 as a table
)


def test_no_column_table_or_alias_is_a_word_that_athena_reserves() -> None:
    names = {column.name for table in tables.ALL.values() for column in table.all_columns}
    names |= {table.short_name for table in tables.ALL.values()}
    for text in [sql.text(name) for name in sql.names()]:
        names |= {each.name.lower() for each in sql.parse(text).find_all(exp.Identifier)}

    assert names & RESERVED == set()


# ---------------------------------------------------------------- what Athena would not convert by itself

KINDS = {
    "text": (exp.DType.VARCHAR, exp.DType.TEXT),
    "number": (exp.DType.BIGINT, exp.DType.INT, exp.DType.DOUBLE, exp.DType.DECIMAL),
    "truth": (exp.DType.BOOLEAN,),
    "date": (exp.DType.DATE,),
    "moment": (exp.DType.TIMESTAMP,),
}


SIDES = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul, exp.Div)


def kind(node: exp.Expr) -> str:
    """Text, number, truth, date or moment; empty where the type cannot be told."""
    if isinstance(node, exp.JSONExtractScalar):
        return "text"
    return next((name for name, types in KINDS.items() if node.type and node.type.this in types), "")


def operands(query: exp.Expr) -> Iterator[tuple[exp.Expr, list[exp.Expr]]]:
    """What must be of one kind: both sides of a comparison, the branches of a CASE, the parts of a text."""
    for node in query.find_all(*SIDES, exp.Coalesce, exp.Case, exp.In, exp.Between, exp.Concat, exp.ConcatWs, exp.Least):
        if isinstance(node, exp.Case):
            parts = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
            chosen = [node.this, *(branch.this for branch in node.args["ifs"])] if node.this else []
            yield node, [each for each in chosen if each]
        elif isinstance(node, exp.Between):
            parts = [node.this, node.args["low"], node.args["high"]]
        else:
            parts = [node.this, *([node.expression] if isinstance(node, SIDES) else node.expressions)]
        known = [each for each in parts if isinstance(each, exp.Expr)]
        if not any(isinstance(each, (exp.Interval, exp.Tuple, exp.Bracket)) for each in known):
            yield node, known


@cache
def declared() -> MappingSchema:
    """Tables as Glue has them."""
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for table in tables.ALL.values():
        columns = {c.name: glue.HIVE_TYPES[c.type].replace("string", "varchar") for c in table.all_columns}
        schema.setdefault(f"estate_{table.layer}", {})[table.short_name] = columns
    return MappingSchema(schema, dialect="athena")


@pytest.mark.parametrize("name", sql.names())
def test_a_query_mixes_no_kinds_that_athena_would_not_convert_by_itself(name: str) -> None:
    """DuckDB compares a text with a date and joins numbers to texts; Athena refuses both."""
    schema = declared()
    query = annotate_types(qualify(tree_of(name).copy(), schema=schema, dialect="athena"), schema=schema, dialect="athena")

    mixed, unknown, seen = [], 0, 0
    for node, parts in operands(query):
        kinds = [kind(each) for each in parts if not isinstance(each, exp.Null)]
        seen, unknown = seen + 1, unknown + ("" in kinds)
        if len({each for each in kinds if each}) > 1 or (isinstance(node, (exp.Concat, exp.ConcatWs)) and "number" in kinds):
            mixed.append(f"{node.sql('athena')[:100]}: {kinds}")
    assert mixed == []
    assert unknown <= max(6, seen // 4), "types are told of nearly everything"
