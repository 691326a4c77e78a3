"""`airflow scheduler`, once it has imported the libraries that the tasks need.

LocalExecutor forks each task from this process, so a task finds them imported: a second instead of four for one that validates.
Of the project's own modules hardly any is imported here; a changed step is seen by the next task.
"""

from __future__ import annotations

import sys
from importlib import import_module

from pipeline.upkeep import garbage

LIBRARIES = (
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.decorators.short_circuit",
    "airflow.providers.standard.sensors.time_delta",
    "duckdb",
    "great_expectations",
    "great_expectations.render.renderer.site_builder",
    "holidays.countries.united_states",
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


def main() -> None:
    garbage.look_seldom()
    for library in LIBRARIES:
        import_module(library)
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()


if __name__ == "__main__":
    main()
