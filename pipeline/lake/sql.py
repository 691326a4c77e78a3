"""SQL files: one SELECT each in Athena's dialect, found by table or view name."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from pipeline.errors import ConfigError

SQL = Path(__file__).resolve().parent.parent.parent / "sql"
VIEWS = "views"


def text(name: str) -> str:
    """The SQL of a table (`silver.metric_hourly`) or a view (`views.server_metrics`).

    Raises:
        ConfigError: there is no such file.
    """
    layer, _, short = name.partition(".")
    path = SQL / layer / f"{short}.sql"
    if not re.fullmatch(r"(silver|gold|views)\.[a-z][a-z0-9_]*", name) or not path.exists():
        raise ConfigError(f"no SQL for {name!r}; there is SQL for {', '.join(names())}")
    return path.read_text()


def names() -> list[str]:
    """Every table and view that has SQL."""
    return sorted(f"{path.parent.name}.{path.stem}" for path in SQL.glob("*/*.sql"))


def views() -> list[str]:
    return [name for name in names() if name.startswith(f"{VIEWS}.")]


@lru_cache(maxsize=256)
def parse(sql: str) -> exp.Query:
    """One query in Athena's dialect.

    Raises:
        ConfigError: it does not parse, or is not a single SELECT.
    """
    try:
        statements = sqlglot.parse(sql, dialect="athena")
    except sqlglot.errors.TokenError as error:
        raise ConfigError(f"not a query in Athena's SQL: {error}") from error
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        where = f"line {first.get('line')}, column {first.get('col')}: {first.get('description')}" if first else str(error)
        raise ConfigError(f"not a query in Athena's SQL: {where}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError("expected exactly one SELECT")
    return statements[0]


def relations(query: exp.Query) -> set[str]:
    """The `layer.table` names a query reads, common table expressions left out.

    Raises:
        ConfigError: a relation without its layer.
    """
    local = {cte.alias for cte in query.find_all(exp.CTE)}
    found = set()
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or (not table.db and table.name in local):
            continue
        if not table.db:
            raise ConfigError(f"{table.name!r} needs its layer, as in silver.{table.name}")
        found.add(f"{table.db}.{table.name}")
    return found


def parameters(query: exp.Query) -> set[str]:
    return {placeholder.name for placeholder in query.find_all(exp.Placeholder)}


def to_duckdb(query: exp.Query) -> str:
    """The same query for DuckDB, with the differences that would pass silently made equal to Athena's meaning."""
    return query.copy().transform(_athena_meaning).sql(dialect="duckdb")


def _athena_meaning(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DateDiff):
        # Athena counts whole units between two moments; DuckDB's date_diff counts boundaries, its date_sub whole units.
        unit = (node.text("unit") or "day").lower()
        return exp.Anonymous(this="date_sub", expressions=[exp.Literal.string(unit), node.expression, node.this])
    if isinstance(node, exp.RegexpReplace) and isinstance(node.args.get("replacement"), exp.Literal):
        replacement = node.args["replacement"]
        node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", replacement.this)))
        node.set("modifiers", exp.Literal.string("g"))
    return node
