"""SQL files: one SELECT each in Athena's dialect, found by the name of a table, a view, an input or a rule for alerts."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from pipeline import tables
from pipeline.errors import ConfigError, suggestion

SQL = Path(__file__).resolve().parent.parent.parent / "sql"
VIEWS = "views"
INPUTS = "inputs"
ALERTS = "alerts"


def text(name: str) -> str:
    """The SQL of a table (`silver.price`), view (`views.demand`), input (`inputs.points`) or rule (`alerts.threshold`).

    Raises:
        ConfigError: there is no such file.
    """
    layer, _, short = name.partition(".")
    path = SQL / layer / f"{short}.sql"
    if not re.fullmatch(r"(silver|gold|views|inputs|alerts)\.[a-z][a-z0-9_]*", name) or not path.exists():
        meant = suggestion(name, names()) or f"; there is SQL for {', '.join(names())}"
        raise ConfigError(f"no SQL for {name!r}{meant}")
    return path.read_text()


def names() -> list[str]:
    """Every table, view, input and rule that has SQL."""
    return sorted(f"{path.parent.name}.{path.stem}" for path in SQL.glob("*/*.sql"))


def views() -> list[str]:
    return [name for name in names() if name.startswith(f"{VIEWS}.")]


def inputs() -> list[str]:
    """What steps read: queries with parameters, which are neither stored nor shown."""
    return [name for name in names() if name.startswith(f"{INPUTS}.")]


def alerts() -> list[str]:
    """The rules that say what a person is told: queries with parameters, as inputs are."""
    return [name for name in names() if name.startswith(f"{ALERTS}.")]


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
        if not isinstance(table.this, exp.Identifier):
            # Such as read_text('/etc/passwd'): what is asked is the lake.
            raise ConfigError(f"{table.this.sql(dialect='athena')} is no table of the lake")
        if not table.db and table.name in local:
            continue
        if not table.db:
            raise ConfigError(f"{table.name!r} needs its layer{_with_layer(table.name)}")
        found.add(f"{table.db}.{table.name}")
    return found


def check_relations(query: exp.Query) -> None:
    """Raise a ConfigError unless every relation of a query is a table or a view; the message says what may have been meant."""
    for name in sorted(relations(query)):
        check_name(name)


def check_name(name: str) -> None:
    """Raise a ConfigError unless there is a table or a view of that name; the message says what may have been meant."""
    known = [*tables.ALL, *views()]
    if name not in known:
        raise ConfigError(f"no table or view named {name!r}{suggestion(name, known, '`tables show` lists them')}")


def _with_layer(short: str) -> str:
    """The end of a message: the name with its layer, or what may have been meant."""
    known = [*tables.ALL, *views()]
    exact = [name for name in known if name.partition(".")[2] == short]
    return f": {' or '.join(exact)}" if exact else suggestion(short, known) or f", as in silver.{short}"


def header(name: str) -> str:
    """What the SQL of a table, view or input says of itself, without the dashes; raises as `text` does."""
    lines = takewhile(lambda line: line.startswith("--"), text(name).splitlines())
    return "\n".join(line.removeprefix("--").removeprefix(" ") for line in lines)


def windows(text: str) -> dict[str, int | None]:
    """How many days before the first moment among its parameters a query reads of each table, as its head states.

    A row lies in the window by the table's time, and none after the last of the moments counts. The head says so in one line,
    `-- Window  0 days, gold.forecast 181 days, silver.price always`: the figure without a name, whose name here is empty, holds
    for tables that are not named, and None stands for a table that is read whole. Empty for a query without the line.

    Raises:
        ConfigError: the line says something else.
    """
    stated = re.search(r"^-- Window (.+)$", text, re.MULTILINE)
    found: dict[str, int | None] = {}
    for part in stated.group(1).split(",") if stated else ():
        match = re.fullmatch(r" *(?:([a-z]+\.[a-z0-9_]+) )?(?:(\d+) days?|always) *", part)
        if match is None:
            expected = "`0 days, gold.forecast 181 days, silver.price always`"
            raise ConfigError(f"a window is written as {expected}, got {part.strip()!r}")
        found[match.group(1) or ""] = int(match.group(2)) if match.group(2) else None
    return found


def parameters(query: exp.Query) -> set[str]:
    return {placeholder.name for placeholder in query.find_all(exp.Placeholder)}


def tables_behind(query: exp.Query) -> set[str]:
    """The `layer.table` names a query reads in the end, through views."""
    found: set[str] = set()
    for name in relations(query):
        found |= tables_behind(parse(text(name))) if name.startswith(f"{VIEWS}.") else {name}
    return found


def title(sql: str, params: dict[str, Any]) -> str:
    """What to call a query in an error: the name in its header or what it reads, and its parameters."""
    header = re.match(r"-- ([a-z]+\.[a-z0-9_]+)", sql)
    name = header.group(1) if header else f"query of {', '.join(sorted(relations(parse(sql))))}"
    used = parameters(parse(sql))
    shown = {key: value.isoformat() if isinstance(value, date) else value for key, value in params.items() if key in used}
    return f"{name} with {', '.join(f'{key}={value}' for key, value in sorted(shown.items()))}" if shown else name


def to_athena(sql: str, database: str, params: dict[str, Any]) -> str:
    """The query as Athena is sent it: its own words, with databases for layers and typed literals for parameters.

    Views of `sql/views` are put in whole, so that what runs is what the files say, whichever views Glue holds. Parameters become
    literals, not `?`: Athena takes those in WHERE alone, and a query may state one in its SELECT.

    Raises:
        ConfigError: a parameter is missing, or has a type without a literal.
    """
    query = parse(sql)
    missing = parameters(query) - params.keys()
    if missing:
        raise ConfigError(f"the query needs a value for {', '.join(f':{name}' for name in sorted(missing))}")
    edits = []
    for table in _named_tables(query):
        start, end = table.args["db"].meta["start"], table.this.meta["end"]
        if table.db != VIEWS:
            edits.append((start, table.args["db"].meta["end"], f"{database}_{table.db}"))
            continue
        inner = to_athena(text(f"{VIEWS}.{table.name}"), database, {}).strip()
        edits.append((start, end, f"(\n{inner}\n)" + ("" if table.alias else f" AS {table.name}")))
    tokens = sqlglot.tokenize(sql, read="athena")
    for colon, name in pairwise(tokens):
        if colon.token_type == sqlglot.TokenType.COLON and name.start == colon.end + 1 and name.text in params:
            edits.append((colon.start, name.end, literal(params[name.text])))
    for start, end, replacement in sorted(edits, reverse=True):
        sql = sql[:start] + replacement + sql[end + 1 :]
    return sql


def view_in_athena(name: str, database: str) -> str:
    """The SQL of a view as Glue is to hold it: over other views by name, for people to read and follow."""
    sql = text(name)
    for table in sorted(_named_tables(parse(sql)), key=lambda table: -table.args["db"].meta["start"]):
        start, end = table.args["db"].meta["start"], table.args["db"].meta["end"]
        sql = f"{sql[:start]}{database}_{table.db}{sql[end + 1 :]}"
    return sql.strip()


def literal(value: Any) -> str:
    """A value as a literal of Athena's SQL.

    Raises:
        ConfigError: there is no literal for it.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime) and value.tzinfo is None:
        # As precise as need be: bronze's timestamps have milliseconds there, and a finer literal would make a cast of the column.
        return f"TIMESTAMP '{value.isoformat(' ', 'microseconds' if value.microsecond % 1000 else 'milliseconds')}'"
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        digits, _, exponent = repr(value).partition("e")
        return f"{digits}e{int(exponent or 0)}"
    if isinstance(value, str) and "\0" not in value:
        # Athena knows no escape but the doubled quote.
        return "'" + value.replace("'", "''") + "'"
    raise ConfigError(f"{value!r} cannot be a parameter of a query")


def _named_tables(query: exp.Query) -> list[exp.Table]:
    """Where a query names `layer.table`."""
    relations(query)
    return [table for table in query.find_all(exp.Table) if table.db]


def to_duckdb(query: exp.Query) -> str:
    """The same query for DuckDB, with the differences that would pass silently made equal to Athena's meaning."""
    return query.copy().transform(_athena_meaning).sql(dialect="duckdb")


def _json_scalar(node: exp.Expr) -> exp.Expr:
    """A text under a key: of what is no JSON, and of an object or an array, there is none. DuckDB raises, or prints it."""
    document, path = node.this, exp.Literal.string(node.expression.sql(dialect="duckdb").strip("'"))
    kind = exp.func("json_type", document, path)
    is_scalar = exp.and_(exp.func("json_valid", document), kind.isin("OBJECT", "ARRAY").not_())
    return exp.Case(ifs=[exp.If(this=is_scalar, true=node.copy())])


def _athena_meaning(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DateDiff):
        # Athena counts whole units between two moments; DuckDB's date_diff counts boundaries, its date_sub whole units.
        unit = (node.text("unit") or "day").lower()
        return exp.Anonymous(this="date_sub", expressions=[exp.Literal.string(unit), node.expression, node.this])
    if isinstance(node, (exp.ArgMax, exp.ArgMin)):
        # Athena's takes the row whatever it has there; DuckDB's own skip those that have null.
        name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
        return exp.Anonymous(this=name, expressions=[node.this, node.expression])
    if isinstance(node, exp.Corr):
        # Of what never changes there is no correlation: null in Athena, NaN in DuckDB.
        return exp.Nullif(this=node.copy(), expression=exp.cast(exp.Literal.string("nan"), "double"))
    if isinstance(node, exp.JSONExtractScalar):
        return _json_scalar(node)
    if isinstance(node, exp.Try) and isinstance(node.this, exp.ParseJSON):
        # DuckDB's TRY does not catch what its parser of JSON throws; its TRY_CAST does.
        return exp.TryCast(this=node.this.this, to=exp.DataType.build("json"))
    if isinstance(node, exp.RegexpReplace) and isinstance(node.args.get("replacement"), exp.Literal):
        replacement = node.args["replacement"]
        node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", replacement.this)))
        node.set("modifiers", exp.Literal.string("g"))
    return node
