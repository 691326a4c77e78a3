"""The pictures in README.md, taken from the running thing: `python -m tools.screenshots` after `make demo`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.environment import LOOPBACK, ROOT, free_port, home_folder, process_environment
from tools.processes import Servers
from tools.screenshot import browser
from tools.up import get_json, migrate, start_airflow, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DAG = "capacity_daily"


def airflow_graph(started: Browser, address: str, file: Path) -> None:
    """The graph of the newest run of the daily DAG, with the states of its tasks."""
    page = started.new_page(viewport={"width": 1440, "height": 640}, device_scale_factor=1.5)
    runs: list[dict[str, Any]] = get_json(f"{address}/api/v2/dags/{DAG}/dagRuns?order_by=-logical_date&limit=1")["dag_runs"]
    if not runs:
        raise RuntimeError(f"Airflow knows no run of {DAG}: run `make demo` first")
    seen = {"default_dag_view": "graph", f"{DAG}/open-groups": ["silver"], f"direction-{DAG}": "RIGHT"}
    page.add_init_script(";".join(f"localStorage.setItem('{key}', '{json.dumps(value)}')" for key, value in seen.items()))
    page.goto(f"{address}/dags/{DAG}/runs/{runs[0]['dag_run_id']}")
    page.get_by_test_id("node-report").or_(page.get_by_text("report", exact=True)).first.wait_for(timeout=60_000)
    page.get_by_role("button", name="Collapse Details Panel").click()
    page.wait_for_timeout(2_000)  # the graph is laid out after it is shown
    page.get_by_role("button", name="Fit View").click()
    page.wait_for_timeout(2_000)
    page.screenshot(path=file)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--home", type=Path, default=home_folder())
    arguments.add_argument("--out", type=Path, default=ROOT / "docs")
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environ, address = process_environment(given.home, port), f"http://{LOOPBACK}:{port}"
    migrate(environ)
    with Servers(given.home / "logs") as servers, browser() as started:
        start_airflow(servers, environ, "api-server")
        wait_for(f"{address}/api/v2/version", servers)
        airflow_graph(started, address, given.out / "airflow_graph.png")
    print(given.out / "airflow_graph.png")


if __name__ == "__main__":
    main()
