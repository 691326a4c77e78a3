"""`airflow scheduler`, once it has imported what the tasks need.

LocalExecutor forks each task from this process, so a task finds libraries and steps imported: a third of a second instead of four
for one that validates. A file that has changed since is seen by the next task all the same: it then imports the project anew.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module

from tools.environment import ROOT

LIBRARIES = (
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.decorators.short_circuit",
    "airflow.sdk.execution_time.task_runner",
    "duckdb",
    "great_expectations",
    "holidays.countries.united_states",
    "jinja2",
    "pandas",
    "pyarrow.acero",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "pyiceberg.table",
    "scipy.signal",
    "scipy.stats",
    "sqlglot.dialects.athena",
    "sqlglot.dialects.duckdb",
)
PROJECT = ("pipeline", "common")
SOURCES = ("pipeline", "sql", "dags")


def import_pipeline() -> None:
    """Import the whole pipeline, with all its plugs, and read its SQL, once for all that is forked from this process."""
    for module in pkgutil.walk_packages([str(ROOT / "pipeline")], "pipeline."):
        if module.name != "pipeline.__main__":
            import_module(module.name)
    sql, duckdb = import_module("pipeline.lake.sql"), import_module("pipeline.lake.duckdb")
    for name in sql.names():
        duckdb.translate(sql.text(name))
    import_module("pipeline.steps").order_daily()


def newest_change() -> int:
    """When a file of the project was written last, in nanoseconds."""
    return max(file.stat().st_mtime_ns for folder in SOURCES for file in (ROOT / folder).rglob("*.[ps][yq]*"))


def forget_changed(imported: int) -> None:
    """In the process of a task: leave out what was imported when it is not what the files say now."""
    if newest_change() == imported:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] in PROJECT]:
        del sys.modules[name]


def main() -> None:
    from pipeline.upkeep import garbage

    garbage.look_seldom()
    imported = newest_change()
    for library in LIBRARIES:
        import_module(library)
    import_pipeline()
    sys.path.insert(0, str(ROOT / "dags"))
    import_module("common")
    os.register_at_fork(after_in_child=lambda: forget_changed(imported))
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()


if __name__ == "__main__":
    main()
