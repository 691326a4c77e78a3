"""Who may import what, and what the project may not contain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline import plugs

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))

# Pure code: numbers in, frames out. No storage, registry, orchestrator, network, environment or clock.
PURE = [
    ROOT / "pipeline" / folder
    for folder in (
        *("forecasting", "capacity", "anomalies", "features", "exploration", "advice", "alerting", "allocation", "spend"),
        *("forecasters", "detectors", "recommenders", "report"),
    )
]
# What numbers and rules are made of; none of it knows where anything is kept.
GROUND = {"errors", "interval", "plugs", "tables"}
WINGS = {"forecasting", "capacity", "anomalies", "features", "exploration", "advice", "alerting", "allocation", "spend"}
READ = {*GROUND, "routes", "settings", "lake"}
# Which rooms a room may import from, beside itself; imports for types alone count as well.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "compiled": set(),
    "stated": {"errors"},
    "interval": {"errors"},
    "plugs": {"errors"},
    "routes": {"errors", "plugs", "tables"},
    "given": {"errors"},
    "profiles": {"errors", "given"},
    "settings": {"errors", "given", "plugs", "profiles", "routes"},
    "logs": {"errors", "settings"},
    "tables": {"errors", "interval"},
    "lake": {*GROUND, "settings"},
    "quality": READ,
    "forecasting": GROUND,
    "capacity": {*GROUND, "forecasting"},
    "anomalies": {*GROUND, "compiled", "features", "stated"},
    "features": {*GROUND, "compiled", "forecasting"},
    "exploration": {*GROUND, "advice", "forecasting"},
    "advice": {*GROUND, "capacity"},
    "spend": {*GROUND, "forecasting", "stated"},
    "alerting": {*GROUND, "stated"},
    "allocation": {*GROUND, "stated"},
    "forecasters": {*GROUND, "features", "forecasting"},
    "detectors": {*GROUND, "anomalies"},
    "recommenders": {*GROUND, "advice", "capacity"},
    "sources": {*GROUND, *WINGS, "settings", "reading"},
    "notifiers": {*GROUND, "alerting"},
    "report": GROUND,
    "inputs": {*READ, *WINGS, "report"},
    "registry": {*READ, "quality", "forecasting"},
    "steps": {*READ, *WINGS, "logs", "quality", "inputs", "registry", "report", "sources"},
    "reading": {"errors", "tables"},
    "own_files": {*GROUND, *WINGS, "reading", "report"},
    "upkeep": {*READ, "inputs", "steps"},
    "cli": {
        *(*READ, "given", "profiles", "inputs", "quality", "registry", "steps", "reading", "own_files", "exploration", "upkeep"),
        "report",
    },
    "__main__": {"cli", "upkeep"},
    "dags": {"errors", "interval", "settings", "steps"},
}
# Arrows against the rules that are there for now, with the reason; "module -> module".
ALLOWED = {
    "pipeline.own_files.backtest -> pipeline.steps": "the timer of CPU seconds stands once, beside the record of a step",
}

IMPURE = {"boto3", "botocore", "mlflow", "airflow", "awswrangler", "pyiceberg", "duckdb", "requests", "os", "socket", "time"}
OWN_IMPURE = {"pipeline.lake", "pipeline.settings", "pipeline.steps", "pipeline.registry", "pipeline.sources", "pipeline.quality"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def pure_files() -> list[Path]:
    return [file for place in PURE for file in ([place] if place.suffix else sorted(place.rglob("*.py")))]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", pure_files(), ids=relative)
def test_models_touch_no_storage_network_environment_or_clock(path: Path) -> None:
    found = imports(path)

    assert {name.split(".")[0] for name in found} & IMPURE == set()
    assert {name for name in found if any(name == own or name.startswith(f"{own}.") for own in OWN_IMPURE)} == set()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_the_dags_see_airflow(path: Path) -> None:
    assert not any(name.split(".")[0] == "airflow" for name in imports(path))


def test_only_the_registry_and_what_it_serves_see_mlflow() -> None:
    seen = {relative(path) for path in SOURCES if any(name.split(".")[0] == "mlflow" for name in imports(path))}

    assert seen <= {p for p in seen if p.startswith("pipeline/registry/")}


def test_only_the_lake_sees_iceberg_and_duckdb() -> None:
    seen = {relative(path) for path in SOURCES if {name.split(".")[0] for name in imports(path)} & {"pyiceberg", "duckdb"}}

    assert {name for name in seen if not name.startswith("pipeline/lake/")} <= {"pipeline/tables/schema.py"}


def test_plugs_do_not_know_the_steps_or_the_command_line() -> None:
    plugged = [path for folder in plugs.FOLDERS for path in sorted((ROOT / "pipeline" / folder).glob("*.py"))]

    assert [p for p in plugged if any(n.startswith(("pipeline.steps", "pipeline.cli")) for n in imports(p))] == []


def test_the_clock_is_read_in_one_place() -> None:
    clock = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time)\(")

    assert [relative(path) for path in SOURCES if clock.search(path.read_text())] == ["pipeline/steps/ingest.py"]


def test_nothing_is_unpickled() -> None:
    assert [relative(path) for path in SOURCES if imports(path) & {"pickle", "joblib", "cloudpickle", "dill"}] == []


def test_dags_import_nothing_heavy_when_they_are_parsed() -> None:
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = parsed(path)
        top = {
            alias.name.split(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        } | {node.module.split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
        assert top & {"pandas", "numpy", "great_expectations", "mlflow", "pyarrow", "pyiceberg"} == set()


@pytest.mark.parametrize("path", [p for p in SOURCES if not p.name.startswith("__")], ids=relative)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(parsed(path))


# ---------------------------------------------------------------- rooms


class Arrow(NamedTuple):
    """One module of the pipeline or of the DAGs imports another of the pipeline; `for_types` where only types need it."""

    importer: str
    imported: str
    name: str
    for_types: bool

    def __str__(self) -> str:
        return f"{self.importer} -> {self.imported}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in [*SOURCES, *sorted((ROOT / "dags").glob("*.py"))]}


def room(module: str) -> str:
    """The folder of a module, or the module itself where it lies flat."""
    top, _, rest = module.partition(".")
    return top if top != "pipeline" else rest.partition(".")[0]


def arrows(importer: str, node: ast.AST, for_types: bool = False) -> Iterator[Arrow]:
    """What a file imports from the pipeline, wherever in it; a package stands for its `__init__`."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name in MODULES:
                yield Arrow(importer, alias.name, "", for_types)
    elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield Arrow(importer, inner if inner in MODULES else node.module, alias.name, for_types)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.body:
            yield from arrows(importer, child, for_types=True)
        for child in node.orelse:
            yield from arrows(importer, child, for_types)
    else:
        for child in ast.iter_child_nodes(node):
            yield from arrows(importer, child, for_types)


@cache
def all_arrows() -> list[Arrow]:
    return [arrow for module, path in MODULES.items() for arrow in arrows(module, parsed(path))]


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One way round a graph, from a node back to itself; empty where there is none."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        found = next((round_ for each in graph.get(node, ()) if (round_ := walk(each, [*way, node]))), [])
        done.add(node)
        return found

    return next((found for node in graph if (found := walk(node, []))), [])


def test_a_circle_is_found_and_told_from_two_ways_to_one_place() -> None:
    assert circle({"a": ["b", "c"], "b": ["d"], "c": ["d"]}) == []
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


def test_every_room_says_which_rooms_it_may_see() -> None:
    assert {room(module) for module in MODULES} - {"pipeline", ""} == set(MAY_IMPORT)


def test_no_room_sees_one_that_it_may_not() -> None:
    wrong = {
        str(arrow)
        for arrow in all_arrows()
        if (own := room(arrow.importer)) != (other := room(arrow.imported)) and other and other not in MAY_IMPORT[own]
    }

    assert wrong - set(ALLOWED) == set()


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_what_is_private_to_a_room_stays_in_it() -> None:
    private = {
        str(arrow)
        for arrow in all_arrows()
        if room(arrow.importer) != room(arrow.imported) and any(map(is_private, (*arrow.imported.split("."), arrow.name)))
    }

    assert private - set(ALLOWED) == set()


def test_every_exception_is_still_needed() -> None:
    assert set(ALLOWED) - set(map(str, all_arrows())) == set()


def test_no_file_reaches_into_another_rooms_module_for_a_private_name() -> None:
    reached = []
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        others = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in MODULES
            for alias in node.names
            if f"{node.module}.{alias.name}" in MODULES and room(f"{node.module}.{alias.name}") != room(module)
        }
        reached += [
            f"{module}: {node.value.id}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in others
            and is_private(node.attr)
        ]

    assert reached == []


def test_no_modules_and_no_rooms_import_each_other_in_a_circle() -> None:
    modules: dict[str, set[str]] = {}
    rooms: dict[str, set[str]] = {}
    for arrow in all_arrows():
        if arrow.for_types or arrow.importer == arrow.imported:
            continue
        modules.setdefault(arrow.importer, set()).add(arrow.imported)
        if room(arrow.importer) != room(arrow.imported):
            rooms.setdefault(room(arrow.importer), set()).add(room(arrow.imported))

    assert circle(modules) == []
    assert circle(rooms) == []


# ---------------------------------------------------------------- size


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without those of the docstring."""
    first = function.body[0]
    said = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) is not None else 0
    return (function.end_lineno or 0) - function.lineno + 1 - said


def test_the_length_of_a_function_leaves_out_its_docstring_alone() -> None:
    [function] = functions(
        ast.parse('@cached\ndef f(\n    x: int,\n) -> int:\n    """One.\n\n    Two.\n    """\n    # Why.\n    return x\n')
    )

    assert length(function) == 5


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in SOURCES}

    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_no_function_is_longer_than_60_lines_without_its_docstring() -> None:
    lengths = {f"{relative(path)}::{f.name}": length(f) for path in SOURCES for f in functions(parsed(path))}

    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}
