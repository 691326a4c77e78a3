"""The pictures in README.md, taken from the running thing: `python -m tools.screenshots` after `make demo`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tools.environment import LOOPBACK, ROOT, free_port, home_folder, process_environment
from tools.up import Servers, get_json, migrate, start_airflow, wait_for

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
DAG = "capacity_daily"


def airflow_graph(page: Page, address: str, file: Path) -> None:
    """The graph of the newest run of the daily DAG, with the states of its tasks."""
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


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--home", type=Path, default=home_folder())
    arguments.add_argument("--out", type=Path, default=ROOT / "docs")
    given = arguments.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no chromium on PATH", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environ, address = process_environment(given.home, port), f"http://{LOOPBACK}:{port}"
    migrate(environ)
    with Servers(given.home / "logs") as servers, sync_playwright() as playwright:
        start_airflow(servers, environ, "api-server")
        wait_for(f"{address}/api/v2/version", servers)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1440, "height": 640}, device_scale_factor=1.5)
        airflow_graph(page, address, given.out / "airflow_graph.png")
        browser.close()
    print(given.out / "airflow_graph.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
