"""The demo on S3, Glue and Athena: `make demo-aws-local`. AWS is moto's server on loopback, its Athena executes in DuckDB.

Everything is made anew: databases, tables and views by `tables create`, then the DAG runs of `make demo` with other settings. If
`make demo` has been run, its tables are compared with these, row for row.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.aws_server import BUCKET, KEYS, aws_server
from tools.environment import ROOT, home_folder, process_environment

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.lake import Lake
    from pipeline.schema import Table

# How long a model took is the one thing that two trainings never agree on.
TIMES = {"gold.model_metric": ["cpu_s_per_series"]}


def main() -> int:
    console, embedded = Console(highlight=False), home_folder()
    home = embedded / "aws-local"
    # The server forgets everything when it stops; a catalogue of models that are gone would only confuse.
    shutil.rmtree(home, ignore_errors=True)
    os.environ.update(KEYS)
    with aws_server() as server:
        settings = server.settings("headroom") | {"home": home, "mlflow_artifacts": f"s3://{BUCKET}/mlflow"}
        # MLflow's own client of S3 knows no setting of ours for the address.
        variables = {f"HEADROOM_{name.upper()}": str(value) for name, value in settings.items()} | {
            "AWS_ENDPOINT_URL": server.url
        }
        environment = process_environment(home, **variables)
        console.print(f"AWS at {server.url}, lake {settings['lake']}")
        for command in (["pipeline", "tables", "create"], ["tools.demo"], ["pipeline", "cost-of-run", "--day", "2026-04-15"]):
            code = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=False).returncode
            if code:
                return code
        console.print(f"\n{len(server.calls):,} calls of AWS APIs, {len(server.athena.executions)} queries in Athena")
        if not (embedded / "lake" / "catalog.db").exists():
            console.print("Run `make demo` first, and this compares its tables with the embedded run's.")
            return 0
        return compared(console, embedded, settings)


def compared(console: Console, embedded: Path, settings: dict[str, object]) -> int:
    """Hold the tables of both lakes against each other; returns how many differ."""
    from pipeline import settings as settings_module
    from pipeline import tables
    from pipeline.lake import open_lake

    here = open_lake(settings_module.load({}, home=embedded))
    there = open_lake(settings_module.load({}, **settings))
    different = 0
    for table in tables.ALL.values():
        if table.layer == "bronze" or table.name in tables.TELEMETRY:
            continue
        ours, theirs = rows(here, table), rows(there, table)
        different += not ours.equals(theirs)
        verdict = "[green]same[/]" if ours.equals(theirs) else "[red]different[/]"
        console.print(f"{verdict} {table.name}: {theirs.num_rows:,} rows on AWS, {ours.num_rows:,} embedded")
    return different


def rows(lake: Lake, table: Table) -> pa.Table:
    """The rows in key order, without what is a clock reading."""
    found = lake.read(table).sort_by([(name, "ascending") for name in table.key]).combine_chunks()
    return found.drop_columns(TIMES.get(table.name, []))


if __name__ == "__main__":
    sys.exit(main())
