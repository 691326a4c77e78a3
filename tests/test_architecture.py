"""Who may import what, and what the project may not contain."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pipeline import plugs

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))

# Pure code: numbers in, frames out. No storage, registry, orchestrator, network, environment or clock.
PURE = [
    ROOT / "pipeline" / folder
    for folder in ("forecasting", "capacity", "anomalies", "advice", "forecasters", "detectors", "recommenders")
]
IMPURE = {"boto3", "botocore", "mlflow", "airflow", "awswrangler", "pyiceberg", "duckdb", "requests", "os", "socket", "time"}
OWN_IMPURE = {"pipeline.lake", "pipeline.settings", "pipeline.steps", "pipeline.registry", "pipeline.sources", "pipeline.quality"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


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


def test_what_begins_with_an_underscore_in_a_folder_of_plugs_is_for_that_folder_alone() -> None:
    private = re.compile(rf"pipeline\.({'|'.join(plugs.FOLDERS)})\._(?!_)")

    seen = {(path, match[1]) for path in SOURCES for name in imports(path) if (match := private.match(name))}

    assert [relative(path) for path, folder in seen if path.parent.name != folder] == []


def test_the_clock_is_read_in_one_place() -> None:
    clock = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time)\(")

    assert [relative(path) for path in SOURCES if clock.search(path.read_text())] == ["pipeline/steps/ingest.py"]


def test_nothing_is_unpickled() -> None:
    assert [relative(path) for path in SOURCES if imports(path) & {"pickle", "joblib", "cloudpickle", "dill"}] == []


def test_dags_import_nothing_heavy_when_they_are_parsed() -> None:
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = ast.parse(path.read_text())
        top = {
            alias.name.split(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        } | {node.module.split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
        assert top & {"pandas", "numpy", "great_expectations", "mlflow", "pyarrow", "pyiceberg"} == set()


@pytest.mark.parametrize("path", [p for p in SOURCES if not p.name.startswith("__")], ids=relative)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
