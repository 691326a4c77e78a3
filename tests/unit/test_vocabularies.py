"""A vocabulary stands in `tables/columns.py` alone: Python imports it, and what SQL says keeps to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Le
from sqlglot import exp, parse_one

from pipeline import tables
from pipeline.capacity.backtest import HORIZONS_DAYS
from pipeline.forecasting.panel import SEASON, STEP
from pipeline.forecasting.rows import SILENT
from pipeline.forecasting.tier import TIERS
from pipeline.settings import Settings
from pipeline.tables import columns, schema

ROOT = Path(__file__).resolve().parents[2]
DECLARING = ("pipeline/tables/columns.py", "pipeline/tables/schema.py", "pipeline/tables/types.py")
PYTHON = sorted(path for path in (ROOT / "pipeline").rglob("*.py") if str(path.relative_to(ROOT)) not in DECLARING)
SQL = {f"{path.parent.name}.{path.stem}": path.read_text() for path in sorted((ROOT / "sql").rglob("*.sql"))}

Word = str | int | float
VOCABULARIES: dict[str, tuple[Word, ...]] = {
    name: value
    for module in (columns, schema)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, tuple)
    # Three small whole numbers in a row are seldom quality flags.
    if name != "QUALITY_FLAGS"
}
#: Columns that keep to a vocabulary which their declaration does not enforce.
KEPT = {"quality_flag": columns.QUALITY_FLAGS, "quantile": columns.QUANTILES, "outcome": columns.OUTCOMES}
#: What Python speaks of by the name of a column; `unit` is also that of a source, a price and a declaration.
SPOKEN = {
    "action": columns.ACTIONS,
    "decision": columns.DECISIONS,
    "granularity": columns.GRANULARITIES,
    "outcome": columns.OUTCOMES,
    "severity": (*columns.SEVERITIES, *columns.CHECK_SEVERITIES),
}
#: What a file says beyond the vocabularies: a KPI that is a share is a ratio, and no metric.
ALSO = {(name, "unit"): ("ratio",) for name in ("inputs.executive_kpis", "views.executive_kpis")}
#: What stands otherwise than a recommendation does: a series, and an expectation.
ALSO |= {
    **dict.fromkeys(
        (
            (name, "status")
            for name in (
                "inputs.status_course",
                "inputs.status_now",
                "views.status_course",
                "views.status_now",
                "views.status_timeline",
            )
        ),
        ("stale", "anomalous", "above", "normal", "unknown"),
    ),
    ("views.data_quality_current", "status"): ("critical", "warning", "good"),
}
# Prices have units of their own, which are no metric's.
ALSO[("inputs.price_changes", "unit")] = ("hour",)
# An alert about an incident, or about anomalous samples, has the severity of an alert.
ALSO |= {
    (f"alerts.{rule}", "severity"): columns.CHECK_SEVERITIES
    for rule in ("anomaly_rate", "consecutive_anomalies", "incident", "incident_now")
}


# ---------------------------------------------------------------- Python


def restated(source: str) -> list[tuple[int, str]]:
    """Where a literal collection repeats a vocabulary: its line, and which.

    Three of its words are a repetition, both where it has two; of quantiles all but two. A mapping from all its words is none.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        words, is_mapping = words_of(node)
        if not words:
            continue
        known = {word for vocabulary in VOCABULARIES.values() if set(vocabulary) <= words for word in vocabulary}
        left = words - known if is_mapping else words
        for name, vocabulary in VOCABULARIES.items():
            most = 3 if isinstance(vocabulary[0], str) else len(vocabulary) - 2
            if len(left & set(vocabulary)) >= min(most, len(vocabulary)):
                found.append((node.lineno, name))
    return found


def words_of(node: ast.AST) -> tuple[set[Word], bool]:
    """The literal words of a collection, and whether it maps them to something (pairs do, too)."""
    if isinstance(node, ast.Dict):
        return constants(node.keys), True
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        pairs = [each.elts[0] for each in node.elts if isinstance(each, ast.Tuple) and len(each.elts) > 1]
        return (constants(pairs), True) if pairs else (constants(node.elts), False)
    return set(), False


def constants(nodes: Any) -> set[Word]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) in (str, int, float)}


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_repeats_a_vocabulary(path: Path) -> None:
    assert restated(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('ORDER = ("critical", "high", "medium")', ["SEVERITIES"]),
        ('ORDER = {"critical": 0, "high": 1, "medium": 2}', ["SEVERITIES"]),
        ('ORDER = (("critical", 3.0), ("high", 2.0), ("medium", 1.5))', ["SEVERITIES"]),
        ('Unit = Literal["percent", "mbps", "usd", "furlong"]', ["UNITS", "STATED_UNITS"]),
        ('for each in ["day", "hour"]: pass', ["GRANULARITIES"]),
        ("LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9]", ["QUANTILES"]),
        ('MARKS = {"critical": "◆", "high": "▲", "medium": "●", "low": "○"}', []),
        ('AT_RISK = ("critical", "high")', []),
        ("QUARTILES = (0.25, 0.5, 0.75)", []),
    ],
)
def test_a_repetition_is_found_and_a_complete_mapping_is_none(source: str, names: list[str]) -> None:
    assert [name for _, name in restated(source) if name != "DEGREES"] == names


def test_a_series_that_the_model_answers_has_one_of_the_forecasters_tiers() -> None:
    assert columns.FULL in TIERS


def spoken(source: str) -> Iterator[tuple[str, str]]:
    """Every word that Python gives to, or compares with, something that has the name of a column."""
    for node in ast.walk(ast.parse(source)):
        pairs: list[tuple[Any, Any]] = []
        if isinstance(node, ast.keyword):
            pairs = [(node.arg, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = [(getattr(key, "value", None), value) for key, value in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Compare):
            pairs = [(named(node.left), value) for value in node.comparators]
        elif isinstance(node, ast.Assign):
            pairs = [(named(target), node.value) for target in node.targets]
        yield from ((name, word) for name, value in pairs if name in SPOKEN for word in words_in(value) if word)


def named(node: ast.AST) -> Any:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value
    return getattr(node, "id", getattr(node, "attr", None))


def words_in(node: ast.AST) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*words_in(node.body), *words_in(node.orelse)]
    return [word for word in constants(getattr(node, "elts", [node])) if isinstance(word, str)]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_says_of_a_column_only_what_its_vocabulary_holds(path: Path) -> None:
    assert [(name, word) for name, word in spoken(path.read_text()) if word not in SPOKEN[name]] == []


@pytest.mark.parametrize(
    "source",
    ["f(action='resize')", "{'outcome': 'dnoe'}", "row['severity'] == 'grave'", "granularity = 'hour' if x else 'week'"],
)
def test_a_word_that_no_column_holds_is_found_in_python(source: str) -> None:
    assert len([word for name, word in spoken(source) if word not in SPOKEN[name]]) == 1


# ---------------------------------------------------------------- SQL


@cache
def tables_read(name: str) -> frozenset[str]:
    """The tables behind one file: those it reads, through views, and the one it makes."""
    found = {name}
    for read in parse_one(SQL[name], read="athena").find_all(exp.Table):
        full = f"{read.db}.{read.name}" if read.db else read.name
        if full.startswith("views."):
            found |= tables_read(full)
        elif full in tables.ALL:
            found.add(full)
    return frozenset(found & set(tables.ALL))


def declared(name: str, column: str) -> set[Word]:
    """The words that a column may hold in one file; none where no declaration limits it."""
    if column in KEPT:
        return set(KEPT[column])

    def words(names: frozenset[str]) -> set[Word]:
        return {word for each in names for c in tables.ALL[each].columns if c.name == column for word in c.values}

    known = words(tables_read(name)) or words(frozenset(tables.ALL))
    return known | set(ALSO.get((name, column), ())) if known else set()


def said(query: str) -> Iterator[tuple[str, Word]]:
    """Every literal that a query compares with a column, or makes the column's value."""
    for node in parse_one(query, read="athena").walk():
        if isinstance(node, exp.EQ | exp.NEQ):
            for column, other in ((node.left, node.right), (node.right, node.left)):
                yield from literals(column, [other])
        elif isinstance(node, exp.In):
            yield from literals(node.this, node.expressions)
        elif isinstance(node, exp.Case):
            yield from literals(node.this, [branch.this for branch in node.args["ifs"]])
        elif isinstance(node, exp.Alias):
            yield from literals(exp.column(node.alias), results(node.this))


def literals(column: exp.Expression | None, values: list[exp.Expression]) -> Iterator[tuple[str, Word]]:
    if isinstance(column, exp.Column):
        for value in values:
            if isinstance(value, exp.Literal):
                yield column.name, value.this if value.is_string else float(value.this)


def results(node: exp.Expression) -> list[exp.Expression]:
    """What an expression may come to, as far as it says so itself."""
    if not isinstance(node, exp.Case):
        return [node]
    branches = [branch.args["true"] for branch in node.args["ifs"]]
    return [*branches, *([node.args["default"]] if node.args.get("default") else [])]


def foreign(name: str, query: str) -> list[tuple[str, Word]]:
    """What a query says of a column with declared words that is none of them."""
    return [(column, word) for column, word in said(query) if (known := declared(name, column)) and word not in known]


@pytest.mark.parametrize("name", SQL)
def test_sql_says_of_a_column_only_what_its_vocabulary_holds(name: str) -> None:
    assert foreign(name, SQL[name]) == []


@pytest.mark.parametrize("column", ["action", "granularity", "quality_flag", "quantile", "risk_level", "severity", "unit"])
def test_the_words_of_sql_are_found(column: str) -> None:
    assert any(word in declared(name, column) for name, query in SQL.items() for each, word in said(query) if each == column)


@pytest.mark.parametrize(
    "condition",
    [
        "severity = 'warning'",
        "'grave' <> severity",
        "severity IN ('high', 'hihg')",
        "CASE a.severity WHEN 'hihg' THEN 1 END = 1",
        "quality_flag = 3",
    ],
)
def test_a_word_that_no_column_holds_is_found_in_sql(condition: str) -> None:
    assert len(foreign("views.anomaly_recent", "SELECT 1 FROM gold.anomaly_point AS a WHERE " + condition)) == 1  # noqa: S608 parsed only
    assert foreign("views.data_quality_current", "SELECT 1 FROM gold.quality_result WHERE severity = 'warning'") == []


def test_where_sql_counts_severities_the_gravest_is_first() -> None:
    orders = [
        [branch.this.this for branch in node.args["ifs"]]
        for query in SQL.values()
        for node in parse_one(query, read="athena").find_all(exp.Case)
        if isinstance(node.this, exp.Column) and node.this.name == "severity"
    ]

    assert orders
    assert all(tuple(order) == columns.SEVERITIES[::-1][: len(order)] for order in orders)


def test_silver_understands_every_unit_that_a_source_may_state_and_writes_no_other_than_the_units() -> None:
    written = [
        node.this for node in parse_one(SQL["views.metric_reading"], read="athena").find_all(exp.Alias) if node.alias == "unit"
    ]
    [units] = [node for node in written if isinstance(node, exp.Case)]
    understood = {branch.this.this: branch.args["true"].this for branch in units.args["ifs"]}

    assert set(columns.STATED_UNITS) <= set(understood)
    assert set(understood.values()) == set(columns.UNITS)


def test_metrics_known_by_name_are_those_that_sql_asks_for_or_renames_to() -> None:
    aliases = parse_one(SQL["views.metric_reading"], read="athena").find_all(exp.Alias)
    renamed = [node for node in aliases if node.alias == "metric"]
    [names] = [node for node in renamed if isinstance(node.this, exp.Case)]
    asked = {
        word
        for query in SQL.values()
        for column, word in said(query)
        if column == "metric" and word != "cost" and isinstance(word, str)
    }
    known = set(columns.CANONICAL_METRICS)

    assert {branch.args["true"].this for branch in names.this.args["ifs"]} | asked <= known
    assert {unit for unit, _ in columns.CANONICAL_METRICS.values()} <= set(columns.UNITS)


# ---------------------------------------------------------------- bounds


def most(setting: str) -> int:
    """The upper bound of a setting."""
    [bound] = [rule.le for rule in Settings.model_fields[setting].metadata if isinstance(rule, Le)]
    assert isinstance(bound, int)
    return bound


def days_back(query: str, pattern: str) -> int:
    """How many days a query looks back where the pattern is followed by a number; the same wherever it is."""
    [days] = {int(found) for found in re.findall(pattern, query)}
    return days


#: How far ahead a series is forecast at most, in days.
FURTHEST = {"hour": timedelta(hours=most("horizon_hours")), "day": timedelta(days=most("horizon_days"))}


def test_scores_read_all_forecasts_that_can_reach_into_the_interval() -> None:
    query, _ = SQL["gold.forecast_score"].split("wanted AS (")
    published = days_back(query, r"day >= cast\(:start - INTERVAL '(\d+)' DAY AS date\)")

    assert published >= max(FURTHEST.values()).days + 1


@pytest.mark.parametrize(("granularity", "view"), [("hour", "demand_hourly"), ("day", "demand_daily")])
def test_scores_read_the_history_that_the_longest_horizon_the_longest_silence_and_the_scale_ask_for(
    granularity: columns.Granularity, view: str
) -> None:
    query = SQL["gold.forecast_score"]
    scale = timedelta(days=days_back(query, r"RANGE BETWEEN INTERVAL '(\d+)' DAY PRECEDING"))
    season = timedelta(microseconds=int(SEASON[granularity] * STEP[granularity].astype(int)))

    read = timedelta(days=days_back(query, rf"FROM views\.{view}\s+WHERE ts >= :start - INTERVAL '(\d+)' DAY"))

    assert read >= FURTHEST[granularity] + SILENT[granularity] + scale + season


def test_stated_chances_are_judged_at_every_horizon_with_all_that_was_observed_within_it() -> None:
    query = SQL["gold.risk_reliability"]

    assert tuple(int(days) for days in re.findall(r"(\d+) AS horizon_days", query)) == HORIZONS_DAYS
    assert days_back(query, r"FROM views\.demand_daily\s+WHERE .*ts >= date_add\('day', -(\d+), :start\)") == max(HORIZONS_DAYS)
    assert (
        days_back(query, r"FROM views\.demand_hourly\s+WHERE .*ts >= date_add\('day', -(\d+), :start\)") >= FURTHEST["hour"].days
    )


def test_what_sql_takes_for_ended_is_what_the_ledger_of_savings_does() -> None:
    [listed] = re.findall(r"lower\(state\) IN \((.*)\)", SQL["inputs.ended"])
    assert tuple(re.findall(r"'([^']+)'", listed)) == columns.ENDED_STATES


def test_the_order_of_sources_that_say_something_of_one_moment_is_that_of_what_they_are() -> None:
    rank = {"outside": 1, "replayed": 2, "synthetic": 3}
    # Bills and prices are no samples of metrics.
    of_metrics = columns.SOURCE_KINDS.keys() - {"synthetic_bill", "prices"}

    told = dict(re.findall(r"WHEN '(\w+)' THEN (\d)", SQL["views.metric_reading"].partition("CASE source")[2]))

    assert told == {name: str(rank[columns.SOURCE_KINDS[name]]) for name in of_metrics}
