"""The main job on real samples, through the real DAGs, and what it found: `make demo`.

Three DAG runs in this process, by Airflow's own `dag.test()`: the history in one interval, a training as of its end, and the day
after it with the champions of that training. Run again, it finds every table as it was and says so.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.cli.output import open_console
from pipeline.upkeep import garbage
from tools.environment import ROOT, environment, home_folder
from tools.processes import end_at_once_when_told

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake

# From the first list prices to the last day of the samples.
FIRST_DAY, DAY = date(2023, 9, 18), date(2026, 4, 15)
WEEK_BEFORE = DAY - timedelta(days=7)


# The samples are real, but few and short. A small synthetic fleet, labelled so in every row, shows what a longer history allows;
# training looks at a few of its series, so that the demo stays under three minutes. Its bill, labelled likewise, is that of an
# estate around it, as the export of the last day says. Whoever sets these variables is obeyed.
LIFE = {"servers": 12, "start": "2025-12-01", "days": 150}
OPTIONS = {"fleet": {"preset": "realistic", **LIFE}, "synthetic_bill": {**LIFE, "exported": str(DAY + timedelta(days=1))}}
DEFAULTS = {
    "HEADROOM_SOURCES": "samples,prices,fleet,synthetic_bill",
    "HEADROOM_BUDGETS": str(ROOT / "pipeline" / "samples" / "budgets.toml"),
    "HEADROOM_OPTIONS": json.dumps({"sources": OPTIONS}),
    "HEADROOM_BACKTEST_SERIES": "4",
    "HEADROOM_BACKTEST_WINDOWS": "3",
}


@dataclass(frozen=True)
class Run:
    """One DAG run of the demo. Its logical date keeps its place in Airflow's UI when the demo is run again."""

    title: str
    dag_id: str
    logical_date: date
    conf: dict[str, str]


RUNS = (
    Run("History until 15 April 2026", "capacity_daily", DAY, {"start": str(FIRST_DAY), "end": str(DAY)}),
    Run("Training on it", "model_training", DAY, {"start": str(WEEK_BEFORE), "end": str(DAY)}),
    Run("The 15th of April, with the champions", "capacity_daily", DAY + timedelta(days=1), {"day": str(DAY)}),
)


class StepFailedError(Exception):
    """A step raised; its text is the step's own."""


class Steps:
    """Stands between the DAGs' tasks and `steps.perform`, to show each step as it runs and to count what changed."""

    def __init__(self, console: Console) -> None:
        from pipeline import lake, steps

        self.console = console
        self.changed: list[str] = []
        self.failure: str | None = None
        self.progress: Progress | None = None
        self.bar: Any = None
        self._perform, self._open_lake = steps.perform, lake.open_lake
        # A step opens its lake through the package, and another one to look at what was before it.
        self._lakes: list[Lake] = []
        steps.perform, lake.open_lake = self.perform, self._remembered

    def _remembered(self, settings: Any) -> Lake:
        self._lakes.append(self._open_lake(settings))
        return self._lakes[-1]

    def perform(self, step: str, interval: Interval, **options: Any) -> int:
        name = " ".join(part for part in (step, options.get("target", "")) if part)
        if options.get("shards", 1) > 1:
            name += f" {options['shard'] + 1}/{options['shards']}"
        self._describe(name)
        if step == "train":
            options["progress"] = lambda done, total, what: self._describe(f"train {done}/{total}  {what}")
        start = time.perf_counter()
        self._lakes.clear()
        try:
            rows = self._perform(step, interval, **options)
        except Exception as error:
            self.failure = f"{name} for {interval}: {type(error).__name__}: {error}"
            raise
        changed = any(lake.changes for lake in self._lakes)
        if changed:
            self.changed.append(name)
        line = Text.assemble(
            ("  ✓ ", "green"),
            f"{name:<34}{rows:>9,} rows {time.perf_counter() - start:>7.1f} s",
            ("   unchanged" if self._is_content(step, options) and not changed else "", "dim"),
        )
        self.console.print(line)
        if self.progress:
            self.progress.advance(self.bar)
        return rows

    def _describe(self, text: str) -> None:
        if self.progress:
            self.progress.update(self.bar, description=text)

    @staticmethod
    def _is_content(step: str, options: dict[str, Any]) -> bool:
        """Whether the step writes tables of content: not files, nor the registry, nor telemetry."""
        from pipeline import steps
        from pipeline.tables.operations import TELEMETRY

        return not (step == "report" or steps.get(step).registering) and options.get("target") not in TELEMETRY


@contextmanager
def quietly(log: Path) -> Iterator[Console]:
    """A console on the terminal, while whatever this process and its children print goes to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    terminal: IO[str] = os.fdopen(os.dup(1), "w", buffering=1)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield open_console(file=terminal, highlight=False, width=None if terminal.isatty() else 120)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)


def prepare_airflow(console: Console) -> None:
    """Create Airflow's database, or bring it up to date."""
    with console.status("Airflow: database"):
        from airflow.utils import db

        db.initdb()


def run_dag(run: Run, steps: Steps, console: Console) -> None:
    """One DAG run, task by task.

    Raises:
        StepFailedError: a task failed.
    """
    dag = getattr(__import__(run.dag_id), run.dag_id)()
    calls = sum(_calls(task) for task in dag.tasks)
    console.print(f"\n[bold]{run.title}[/bold]  [dim]DAG {run.dag_id}, {' … '.join(run.conf.values())}[/dim]")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as steps.progress:
        steps.bar = steps.progress.add_task("starting", total=calls)
        midnight, begun = datetime.combine(run.logical_date, datetime.min.time(), tzinfo=UTC), datetime.now(UTC)
        result = dag.test(logical_date=midnight, run_conf=run.conf)
    steps.progress = None
    _began(result, begun)
    if str(result.state) != "success":
        raise StepFailedError(steps.failure or f"the DAG run of {run.dag_id} ended as {result.state}")


def _began(run: Any, begun: datetime) -> None:
    """Tell Airflow when a run began: `dag.test()` notes its logical date, and the UI would show a run of months."""
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(run).start_date = begun


def _calls(task: Any) -> int:
    """How many times a task calls a step."""
    if task.is_mapped:
        [values] = task.op_kwargs_expand_input.value.values()
        return len(values)
    return int("name" in getattr(task, "op_kwargs", {}))


def main() -> int:
    end_at_once_when_told()
    return run_demo()


def run_demo() -> int:
    garbage.look_seldom()
    home = home_folder()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(environment(home))
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    sys.path[:0] = [str(ROOT / "dags"), str(ROOT / "infra" / "airflow")]
    start, log = time.perf_counter(), home / "logs" / "demo.log"
    with quietly(log) as console:
        try:
            prepare_airflow(console)
            import common

            common.DEFAULT_ARGS["retries"] = 0  # someone is watching: a failure is shown at once instead of retried later
            steps = Steps(console)
            for run in RUNS:
                run_dag(run, steps, console)
            from pipeline import settings
            from pipeline.cli import summary
            from pipeline.interval import Interval

            summary.show(console, settings.load(), Interval.day(DAY))
            console.print("[bold]Tables[/bold]   .venv/bin/python -m pipeline query 'SELECT * FROM views.recommendation_current'")
            console.print("[bold]Airflow and MLflow in the browser[/bold]  make up")
        except StepFailedError as error:
            console.print("\n[red]Failed.[/red]", escape(str(error)))
            console.print(f"Everything that was logged: {log}")
            return 1
        seconds = time.perf_counter() - start
        if steps.changed:
            console.print(f"\nDone in {seconds:.0f} s. Run `make demo` again: it will change nothing.")
        else:
            console.print(f"\nDone in {seconds:.0f} s. [bold]Nothing changed[/bold]: every table is as the last run left it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
