"""`make mutants`: small faults put into the pure rooms and the steps, to see whether a test notices each.

A seeded sample of what cosmic-ray can change is applied, one change at a time, in a copy of the tree. Of the tests that run the
changed line, by coverage, the most specific are run until one fails. A change that none notices survives: it is listed with
its line, for a person to read. A change of a line that no test runs survives without a run. A figure, never a verdict.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "forecasting",
    "capacity",
    "anomalies",
    "advice",
    "alerting",
    "allocation",
    "features",
    "spend",
    "forecasters",
    "detectors",
    "recommenders",
    "steps",
)
TESTS = ("tests/unit", "tests/contract", "tests/integration/test_registry.py")
#: Tests that are run against one change, at most.
MOST_TESTS = 40
LIBRARIES = (
    "boto3", "duckdb", "great_expectations", "hypothesis", "jinja2", "lightgbm", "mlflow", "numpy", "pandas", "prophet",
    "pyarrow.dataset", "pyarrow.parquet", "pydantic", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow", "scipy.stats",
    "sklearn.linear_model", "sqlglot", "statsmodels.tsa.api", "typer",
)  # fmt: skip
COVERAGE = "[run]\ndynamic_context = test_function\nsource = pipeline\ncore = ctrace\n"
console = Console()


@dataclass(frozen=True)
class Mutant:
    """One change: the file, its line, and what cosmic-ray does there."""

    file: str
    line: int
    operator: str
    occurrence: int


def mutants(root: Path) -> list[Mutant]:
    """Every change that can be made in the rooms, but for what `left_out` names."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast_from_path

    operators = {name: plugins.get_operator(name) for name in sorted(plugins.operator_names())}
    found = []
    for path in sorted(file for room in ROOMS for file in (root / "pipeline" / room).glob("*.py")):
        name, meaningless, tree = str(path.relative_to(root)), set(left_out(path)), get_ast_from_path(path)
        for operator, kind in operators.items():
            if kind.arguments() or operator == "core/NoOp":
                continue
            spots = [start for node in ast_nodes(tree) for start, _ in kind().mutation_positions(node)]
            found += [
                Mutant(name, line, operator, number)
                for number, (line, column) in enumerate(spots)
                if not any(first <= (line, column) <= last for first, last in meaningless)
            ]
    return found


def left_out(path: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations, which mean nothing when the code runs, and compiled functions begin and end, as (line, column)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_compiled = any(getattr(mark, "id", "") in ("compiled", "added") for mark in getattr(node, "decorator_list", ()))
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None), node if is_compiled else None):
            if isinstance(part, ast.expr | ast.stmt) and part.end_lineno is not None and part.end_col_offset is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


def tests_by_line(copies: list[Path], kept: Path | None) -> dict[tuple[str, int], list[str]]:
    """File and line → the tests that run it, those first that run the fewest lines of the file; as `kept`, where it is there."""
    if kept is not None and kept.exists():
        return {(name, line): tests for name, line, tests in json.loads(kept.read_text())}
    found = _run_all(copies)
    if kept is not None:
        kept.write_text(json.dumps([(name, line, tests) for (name, line), tests in found.items()]))
    return found


def _run_all(copies: list[Path]) -> dict[tuple[str, int], list[str]]:
    from coverage import CoverageData

    files = sorted(
        file for test in TESTS for file in ([copies[0] / test] if test.endswith(".py") else (copies[0] / test).glob("test_*.py"))
    )
    names = [str(file.relative_to(copies[0])) for file in files]
    running = []
    for number, root in enumerate(copies):
        (root / ".coveragerc").write_text(COVERAGE)
        command = [
            sys.executable,
            "-m",
            "coverage",
            "run",
            "-m",
            "pytest",
            "-q",
            "-m",
            "not system",
            *names[number :: len(copies)],
        ]
        running.append(
            subprocess.Popen(
                command, cwd=root, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        )
    for each in running:
        said, _ = each.communicate()
        if each.returncode:
            raise SystemExit(f"the tests fail without any change:\n{said[-3000:]}")
    lines: dict[str, dict[int, set[str]]] = {}
    for root in copies:
        data = CoverageData(str(root / ".coverage"))
        data.read()
        for file in data.measured_files():
            seen = lines.setdefault(str(Path(file).relative_to(root)), {})
            for line, tests in data.contexts_by_lineno(file).items():
                seen.setdefault(line, set()).update(test for test in tests if test)
    found: dict[tuple[str, int], list[str]] = {}
    for name, seen in lines.items():
        size = Counter(test for tests in seen.values() for test in tests)
        # What starts a server or a registry takes minutes: it is asked last.
        everyone = sorted(size, key=lambda test: (test.startswith("tests.integration"), size[test], test))
        for line, some in seen.items():
            # What runs when the file is imported is seen by whoever uses the file.
            found[name, line] = [test for test in everyone if test in some] or everyone
    return found


def node(test: str) -> str:
    """The path of a test that coverage calls `tests.unit.test_x.test_name`."""
    module, _, name = test.rpartition(".")
    return f"{module.replace('.', '/')}.py::{name}"


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def survives(root: Path, mutant: Mutant, tests: list[str], timeout_s: float) -> str:
    """The changed line where no test notices; empty where one fails or runs for too long."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import use_mutation

    path = root / mutant.file
    with use_mutation(path, plugins.get_operator(mutant.operator)(), mutant.occurrence) as (before, after):
        if not after or before == after:
            return ""
        changed: str = next(new for old, new in zip(before.splitlines(), after.splitlines(), strict=False) if old != new)
        if tests and _fails(root, tests[:MOST_TESTS], timeout_s):
            return ""
        return changed.strip()


def _fails(root: Path, tests: list[str], timeout_s: float) -> bool:
    """Whether one of the tests fails, or they never end.

    They run in a fork of this process, which has imported the libraries that they use: that costs more than most tests do.
    The limit is of CPU time: beside other work a test waits, which says nothing of the change.
    """
    child = os.fork()
    if not child:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (round(timeout_s), round(timeout_s) + 5))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.chdir(root)
        os.environ.update(environment(root))
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = True
        code = 1
        with contextlib.suppress(BaseException):
            code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *map(node, tests)]))
        os._exit(code)
    deadline = time.monotonic() + 10 * timeout_s
    ended, status = 0, 1
    while not ended and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0 if ended else 0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
    return not ended or status != 0


def _import_libraries() -> None:
    """What the tests import that is not ours, so that each fork has it."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def work(root: Path, mine: list[tuple[Mutant, list[str]]], until: float, timeout_s: float, results: Any) -> None:
    """Try some of the mutants in a copy of one's own, until the time is up."""
    _import_libraries()
    for mutant, tests in mine:
        if time.monotonic() > until:
            break
        results.put((mutant, bool(tests), survives(root, mutant, tests, timeout_s)))
    results.put(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=500, help="changes to try")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--jobs", type=int, default=2, help="at the same time")
    parser.add_argument("--minutes", type=float, default=120, help="after which no new one is begun")
    parser.add_argument("--timeout", type=float, default=180, help="CPU seconds for the tests of one change")
    parser.add_argument("--kept", type=Path, help="file that keeps which test runs which line, for another run on the same tree")
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as folder:
        ignore = shutil.ignore_patterns(".git", ".venv", "var", "*.pyc", ".mypy_cache", ".hypothesis")
        copies = [Path(shutil.copytree(ROOT, Path(folder) / str(number), ignore=ignore)) for number in range(given.jobs)]
        everything = mutants(copies[0])
        chosen = random.Random(given.seed).sample(everything, min(given.sample, len(everything)))  # noqa: S311
        console.print(f"{len(chosen)} of {len(everything)} possible changes; first the tests as they are")
        seen_by = tests_by_line(copies, given.kept)
        queue: Any = multiprocessing.Queue()
        todo = [(mutant, seen_by.get((mutant.file, mutant.line), [])) for mutant in chosen]
        workers = [
            multiprocessing.Process(target=work, args=(copy, todo[number :: given.jobs], until, given.timeout, queue))
            for number, copy in enumerate(copies)
        ]
        for worker in workers:
            worker.start()
        show(list(collected(queue, len(workers))), len(chosen))


def collected(queue: Any, workers: int) -> Iterator[tuple[Mutant, bool, str]]:
    """Results as they come, survivors printed at once."""
    number = 0
    while workers:
        result = queue.get()
        if result is None:
            workers -= 1
            continue
        number += 1
        mutant, ran, changed = result
        if changed:
            unseen = "" if ran else "  (no test runs this line)"
            console.print(f"{number:>4}  {mutant.file}:{mutant.line}  {changed}{unseen}", markup=False, highlight=False)
        yield result


def show(results: list[tuple[Mutant, bool, str]], wanted: int) -> None:
    grid = Table("room", "tried", "noticed", "survived", "of these, no test runs the line")
    for room in (*ROOMS, "all"):
        some = [each for each in results if room in ("all", each[0].file.split("/")[1])]
        lived = [each for each in some if each[2]]
        blind = sum(not ran for _, ran, _ in lived)
        share = f"{1 - len(lived) / len(some):.0%}" if some else ""
        grid.add_row(room, str(len(some)), share, str(len(lived)), str(blind))
    console.print(grid)
    if len(results) < wanted:
        console.print(f"the time was up after {len(results)} of {wanted}")


if __name__ == "__main__":
    main()
