"""Planted secrets turn up neither in the logs of a run under Airflow nor in what its tasks hand over or its database keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings as settings_module
from tests.support import secrets
from tests.support.source_servers import serve

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.system]
# Its tasks ask the real sources; what they and their process say goes into the file named first.
SCRIPT = """
import json, os, sys
from datetime import UTC, datetime
sys.path += ["dags", "infra/airflow"]
out, log = os.dup(1), os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
os.dup2(log, 1), os.dup2(log, 2)
from capacity_daily import capacity_daily
dag = capacity_daily()
for task in dag.tasks:
    task.retries = 0
run = dag.test(logical_date=datetime(2026, 3, 2, tzinfo=UTC))
states = [str(ti.state) for ti in run.get_task_instances() if ti.task_id == "ingest"]
sys.stdout.flush()
os.dup2(out, 1)
sys.stdout.write(json.dumps(states) + "\\n")
"""
ASKED: dict[str, Any] = {"token_env": "SHOP_TOKEN", "attempts": 1, "timeout_s": 5}


def test_a_run_whose_sources_refuse_says_no_secret(
    run_python: Callable[..., Any], airflow_database: dict[str, str], tmp_path: Path
) -> None:
    log, home = tmp_path / "log.txt", tmp_path / "home"
    with serve(secrets.refuse) as server:
        options = {
            "http_json": {
                "url": server.url,
                "metric": "sessions",
                "unit": "count",
                "resource_path": "host",
                "period_s": 3600,
                **ASKED,
            },
            "prometheus": {"url": server.url, **ASKED},
        }
        environ = {
            "HEADROOM_HOME": str(home),
            "HEADROOM_SOURCES": "http_json,prometheus",
            "HEADROOM_OPTIONS": json.dumps({"sources": options}),
            **secrets.ENVIRONMENT,
        }
        states = run_python(SCRIPT, str(log), **environ)
        assert states == ["failed", "failed"]
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {secrets.TOKEN}"}

    said = log.read_text()
    airflow = Path(airflow_database["AIRFLOW_HOME"])
    assert "no entry for" in said, "the tasks' logs are here"
    assert secrets.found_in(said) == set()
    assert secrets.found_in_database(airflow / "airflow.db") == set(), "what tasks hand over is in it too"
    assert secrets.found_below(airflow) == secrets.found_below(home) == {}
    assert secrets.found_in_lake(settings_module.load({}, home=home)) == {}
