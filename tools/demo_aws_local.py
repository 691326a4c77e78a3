"""The demo on S3, Glue and Athena: `make demo-aws-local`. AWS is moto's server on loopback, its Athena executes in DuckDB.

With TRINO=1 a real Trino executes in DuckDB's place.

Everything is made anew: databases, tables and views by `tables create`, then the DAG runs of `make demo` with other settings.
`make demo-aws-local TERRAFORM=1` runs them on what Terraform has just applied to that server, with its outputs for settings.
In the end every table is compared with that of the embedded run, row for row; where `make demo` was not run, it is run first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.support.aws_server import BUCKET, KEYS, AwsServer, aws_server
from tools import demo, settings_from_terraform, trino
from tools.environment import ROOT, home_folder, process_environment
from tools.processes import leaving_nothing_behind

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.lake import Lake
    from pipeline.tables.schema import Table

# What the demo writes last.
LAST_REPORT = f"{demo.DAY + timedelta(days=1)}T0000/report.html"
# How long a model took is the one thing that two trainings never agree on.
TIMES = {"gold.model_metric": ["cpu_s_per_series"], "silver.bill": ["ingested_at"]}


def main() -> int:
    try:
        with leaving_nothing_behind():
            return run()
    except trino.MissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run() -> int:
    """The whole of it; the exit code, or how many tables differ."""
    console, embedded = Console(highlight=False), home_folder()
    if os.environ.get("TRINO") and os.environ.get("TERRAFORM"):
        console.print("TRINO=1 and TERRAFORM=1 do not go together: choose one")
        return 2
    if not (embedded / "lake" / "reports" / LAST_REPORT).exists():
        console.print("[bold]The embedded run, to compare with[/bold]: `make demo`")
        code = subprocess.run(
            [sys.executable, "-m", "tools.demo"], cwd=ROOT, env=process_environment(embedded), check=False
        ).returncode
        if code:
            return code
    home = embedded / "aws-local"
    # The server forgets everything when it stops; a catalogue of models that are gone would only confuse.
    shutil.rmtree(home, ignore_errors=True)
    os.environ.update(KEYS)
    begun = time.monotonic()
    with applied(console) if os.environ.get("TERRAFORM") else bare() as (server, settings):
        # MLflow's own client of S3 knows no setting of ours for the address.
        environment = process_environment(home) | settings | {"AWS_ENDPOINT_URL": server.url}
        console.print(f"AWS at {server.url}, lake {settings['HEADROOM_LAKE']}")
        for command in (["pipeline", "tables", "create"], ["tools.demo"], ["pipeline", "cost-of-run", "--day", "2026-04-15"]):
            code = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=False).returncode
            if code:
                return code
        took = f"{time.monotonic() - begun:.0f} s"
        console.print(f"\n{took}, {len(server.calls):,} calls of AWS APIs, {len(server.athena.executions)} queries in Athena")
        return compared(console, embedded, settings)


@contextmanager
def start_trino() -> Iterator[str]:
    """Start the Trino that executes, unless one runs already, and give its address; empty where DuckDB executes."""
    running = os.environ.get(trino.URL, "") if os.environ.get("TRINO") else ""
    if running or not os.environ.get("TRINO"):
        yield running
        return
    with trino.running(trino.install()) as url:
        yield url


@contextmanager
def bare() -> Iterator[tuple[AwsServer, dict[str, str]]]:
    """A server with a bucket and a workgroup, and the settings that put a lake there."""
    with start_trino() as url, aws_server(trino=url) as server:
        settings = server.settings("headroom") | {"mlflow_artifacts": f"s3://{BUCKET}/mlflow"}
        yield server, {f"HEADROOM_{name.upper()}": str(value) for name, value in settings.items()}


@contextmanager
def applied(console: Console) -> Iterator[tuple[AwsServer, dict[str, str]]]:
    """A server with all of `infra/` but the budget, and its outputs as settings."""
    from tests.support.terraform import Terraform, aws_for_terraform

    with aws_for_terraform() as server, tempfile.TemporaryDirectory() as folder:
        terraform = Terraform.copied(Path(folder))
        with console.status("terraform apply, two minutes"):
            terraform.init()
            terraform.on(server).run("apply", "-auto-approve", "-no-color", "-parallelism=30")
        outputs = json.loads(terraform.on(server).run("output", "-json"))
        console.print(f"Terraform made {len(terraform.on(server).resources())} resources")
        said = settings_from_terraform.environment(outputs)
        # The demo looks at its samples; the MLflow server's name means something inside its network only.
        told = {name: value for name, value in said.items() if name not in ("HEADROOM_SOURCES", "HEADROOM_OPTIONS")}
        yield server, told | {"HEADROOM_MLFLOW_URI": ""}


def compared(console: Console, embedded: Path, settings: dict[str, str]) -> int:
    """Hold the tables of both lakes against each other; returns how many differ."""
    from pipeline import settings as settings_module
    from pipeline import tables
    from pipeline.lake import open_lake
    from pipeline.tables.operations import TELEMETRY

    here = open_lake(settings_module.load({}, home=embedded))
    there = open_lake(settings_module.load(settings))
    different = 0
    for table in tables.ALL.values():
        if table.layer == "bronze" or table.name in TELEMETRY:
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
