"""`airflow scheduler`, once it has imported the libraries that the steps need.

LocalExecutor forks each task from this process, so a task finds them imported: a second instead of four for one that validates.
The project's own modules are not imported here; a changed step is seen by the next task.
"""

from __future__ import annotations

import sys
from importlib import import_module

LIBRARIES = (
    "duckdb",
    "great_expectations",
    "holidays",
    "pandas",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "pyiceberg.table",
    "scipy.stats",
    "sqlglot",
)


def main() -> None:
    for library in LIBRARIES:
        import_module(library)
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()


if __name__ == "__main__":
    main()
