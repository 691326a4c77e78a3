"""compose.yaml, as far as it can be judged without a container engine: what it starts is what `make up` starts."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from pipeline.given import CONFIG_FILE
from tools.environment import ROOT, environment
from tools.up import AIRFLOW_PARTS

TEXT = (ROOT / "compose.yaml").read_text()
IMAGE = (ROOT / "Dockerfile").read_text()
HOME = "/var/headroom"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(TEXT)
    return read


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def airflow(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in services.items() if service["command"][0] == "airflow" if name != "migrate"}


@pytest.fixture(scope="module", autouse=True)
def _postgres_has_no_command(services: dict[str, dict[str, Any]]) -> None:
    services["postgres"].setdefault("command", ["postgres"])


def test_airflows_parts_are_started_by_the_commands_of_make_up(services: dict[str, dict[str, Any]]) -> None:
    # `make up` wraps the scheduler for SQLite; on Postgres it is Airflow's own.
    ours = {part: ["airflow", *command[1:]] for part, command in AIRFLOW_PARTS.items()} | {"scheduler": ["airflow", "scheduler"]}

    assert {name: service["command"] for name, service in airflow(services).items()} == ours


def test_airflow_is_told_what_make_up_tells_it_but_for_where_things_are(services: dict[str, dict[str, Any]]) -> None:
    # How many cores there are; what Postgres needs not; and there DAGs run by the clock, so that a person starts each.
    own = {
        "AIRFLOW__CORE__PARALLELISM",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION",
    }
    by_image = dict(re.findall(r"^(?:ENV|   ) +([A-Z_]+)=(\S+)", IMAGE, re.MULTILINE))
    for service in airflow(services).values():
        told = by_image | service["environment"]
        for name, value in environment(ROOT / "var").items():
            assert name in told or name in own, name
            if "/" not in value and value != "127.0.0.1":
                assert str(told.get(name, value)) == value, name


def test_mlflow_keeps_its_files_where_the_steps_look_for_them(services: dict[str, dict[str, Any]]) -> None:
    flags = dict(word.removeprefix("--").split("=", 1) for word in services["mlflow"]["command"][2:])

    assert flags["default-artifact-root"] == f"{HOME}/mlflow/artifacts"
    assert services["scheduler"]["environment"]["HEADROOM_MLFLOW_URI"] == f"http://mlflow:{flags['port']}"
    assert f"mlflow:{flags['port']}" in services["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")


def test_lake_models_and_databases_outlive_their_containers(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        mounted = dict(volume.split(":") for volume in service["volumes"])
        assert mounted == ({"database": "/var/lib/postgresql/data"} if name == "postgres" else {"state": HOME}), name
    assert set(compose["volumes"]) == {"database", "state"}
    assert f"HEADROOM_HOME={HOME} " in IMAGE.replace("\\", " ")


def test_the_settings_lie_where_the_image_looks_for_them(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    [folder] = set(re.findall(r"^WORKDIR (/opt/\S+)", IMAGE, re.MULTILINE))
    assert "COPY pipeline/ pipeline/" in IMAGE

    assert compose["configs"]["settings"] == {"file": f"./{CONFIG_FILE}"}
    for service in [services["migrate"], *airflow(services).values()]:
        assert service["configs"] == [{"source": "settings", "target": f"{folder}/{CONFIG_FILE}"}]


def test_nobody_but_this_machine_reaches_a_page_and_no_secret_is_in_the_file(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8080:8080", "127.0.0.1:5000:5000"]
    for service in services.values():
        for name, value in service["environment"].items():
            if re.search("SECRET_KEY|PASSWORD|JWT", name) and not name.startswith("AWS_"):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value), name


def test_a_service_starts_once_what_it_needs_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["depends_on"] == services["mlflow"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for service in airflow(services).values():
        assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert "--dbname=mlflow" in services["postgres"]["healthcheck"]["test"], "the second database is made last"
