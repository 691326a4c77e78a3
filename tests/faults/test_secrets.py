"""Planted secrets turn up nowhere: not on the console, in an error, a log, the lake or a report.

`tests/dags/test_secrets_of_a_run.py` searches Airflow's logs and database, `tests/integration/test_registry.py` MLflow's.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import settings as settings_module
from pipeline.cli import app
from pipeline.errors import ConfigError, HeadroomError, SourceError
from pipeline.interval import Interval
from pipeline.settings import Settings
from pipeline.steps import perform
from tests.support import secrets
from tests.support.secrets import ACCESS_KEY, ENVIRONMENT, PASSWORD, SECRET_KEY, TOKEN, refuse
from tests.support.source_servers import json_reply, serve

pytestmark = [pytest.mark.server]
DAY = Interval.day("2026-03-01")
ASKED: dict[str, Any] = {"token_env": "SHOP_TOKEN", "attempts": 1, "timeout_s": 5}
JSON_OPTIONS = {"metric": "sessions", "unit": "count", "resource_path": "host", "period_s": 3600, **ASKED}
OPTIONS_OF_JSON = {"url": "https://example.com", **JSON_OPTIONS}


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_what_a_source_was_asked_with_is_in_no_error_log_or_file(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with serve(refuse) as server, caplog.at_level(logging.DEBUG):
        for source, more in (("http_json", JSON_OPTIONS), ("prometheus", ASKED)):
            asked = settings.model_copy(update={"options": {"sources": {source: {"url": server.url, **more}}}})
            with pytest.raises(SourceError, match="no entry for") as failed:
                perform("ingest", DAY, target=source, settings=asked)
            assert secrets.found_in(shown(failed.value)) == set()
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}

    assert secrets.found_in(caplog.text) == set()
    assert secrets.found_in_lake(settings) == secrets.found_below(settings.home) == {}


def test_what_was_landed_built_and_reported_says_nothing_of_the_token(settings: Settings) -> None:
    points = [{"ts": f"{(DAY.start + timedelta(hours=n)).isoformat()}Z", "value": n, "host": "web-1"} for n in range(24)]
    with serve(lambda _: json_reply(points)) as server:
        asked = settings.model_copy(update={"options": {"sources": {"http_json": {"url": server.url, **JSON_OPTIONS}}}})
        perform("ingest", DAY, target="http_json", settings=asked)
        for table in ("silver.metric_hourly", "silver.metric_daily"):
            perform("build", DAY, target=table, settings=asked)
        perform("report", DAY, settings=asked)

    assert any(settings.home.rglob("report.html"))
    assert any(settings.home.rglob("data_docs/index.html"))
    assert secrets.found_in_lake(settings) == secrets.found_below(settings.home) == {}


@pytest.mark.parametrize(
    "environ",
    [
        {"HEADROOM_MLFLOW_URI": f"http://ada:{PASSWORD}@mlflow.example:5000"},
        {"HEADROOM_MLFLOW_URI": f"postgresql://ada:{PASSWORD}@db.example/mlflow"},
        {"HEADROOM_MLFLOW_URI": f"postgresql://db.example/mlflow?user=ada&password={PASSWORD}"},
        {"HEADROOM_LAKE": f"s3://{ACCESS_KEY}:{SECRET_KEY}@bucket/lake"},
        {"HEADROOM_DATABASE": f"postgresql://ada:{PASSWORD}@db.example/lake"},
        {"HEADROOM_SHARDS": f"token={TOKEN}"},
        {
            "HEADROOM_OPTIONS": json.dumps(
                {"sources": {"promethos": {"token": TOKEN, "url": f"https://ada:{PASSWORD}@example.com"}}}
            )
        },
        {"HEADROOM_OPTIONS": json.dumps({"sources": [TOKEN]})},
        {"HEADROOM_OPTIONS": f'{{"sources": {{"http_json": {{"token": "{TOKEN}"'},
    ],
)
def test_a_setting_that_is_refused_is_named_without_its_secret(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refused:
        settings_module.load(environ)

    assert secrets.found_in(shown(refused.value)) == set()
    assert next(iter(environ)).removeprefix("HEADROOM_").lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    ("source", "option"),
    [
        ("prometheus", {"url": f"https://ada:{PASSWORD}@example.com"}),
        ("prometheus", {"url": "https://example.com", "token": TOKEN}),
        ("http_json", {"url": f"https://example.com/?api_key={TOKEN}"}),
        ("http_json", {"url": "https://example.com", "headers": {"Authorization": f"Bearer {TOKEN}"}}),
        ("http_json", {"url": "https://example.com", "token_env": f"{TOKEN}!"}),
        ("http_json", {"url": "https://example.com", "period_s": TOKEN}),
    ],
)
def test_an_option_that_is_mistyped_or_a_secret_is_named_without_its_value(
    settings: Settings, source: str, option: dict[str, Any]
) -> None:
    asked = settings.model_copy(update={"options": {"sources": {source: option}}})

    with pytest.raises(ConfigError, match=f"options.sources.{source}: ") as refused:
        perform("ingest", DAY, target=source, settings=asked)

    assert secrets.found_in(shown(refused.value)) == set()


def test_settings_and_doctor_print_no_secret(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    monkeypatch.setenv("HEADROOM_AWS_ENDPOINT_URL", f"http://ada:{PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("HEADROOM_MLFLOW_URI", "http://127.0.0.1:9")
    options = {
        "sources": {"csv": {"path": f"https://ada:{PASSWORD}@example.com/a.csv?token={TOKEN}"}, "http_json": OPTIONS_OF_JSON}
    }
    monkeypatch.setenv("HEADROOM_OPTIONS", json.dumps(options))
    monkeypatch.setenv("COLUMNS", "400")

    said = [CliRunner().invoke(app, [command]) for command in ("settings", "doctor")]

    assert "aws_endpoint_url" in said[0].output
    assert "SHOP_TOKEN" in said[0].output, "where a secret is may be said"
    assert "mlflow: http://127.0.0.1:9" in said[1].output
    assert [secrets.found_in(each.output + repr(each.exception)) for each in said] == [set(), set()]


def test_the_doctor_names_a_route_whose_address_holds_a_password_and_not_the_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = {"pager": {"notifier": "alertmanager", "options": {"url": f"http://ada:{PASSWORD}@127.0.0.1:9"}}}
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    monkeypatch.setenv("HEADROOM_ROUTES", json.dumps(routes))
    monkeypatch.setenv("COLUMNS", "400")

    said = CliRunner().invoke(app, ["doctor"])

    assert said.exit_code == 1
    assert "bad  routes: routes.pager: " in said.output
    assert "an address holds no user, password or key" in said.output
    assert secrets.found_in(said.output + repr(said.exception)) == set()


def test_an_error_shows_no_secret_whoever_words_it() -> None:
    said = HeadroomError(f"asked postgresql://ada:{PASSWORD}@db/x with Bearer {TOKEN} and aws_secret_access_key={SECRET_KEY}")

    assert secrets.found_in(str(said)) == set()
    assert "asked postgresql://[redacted]@db/x" in str(said)


def shown(error: BaseException) -> str:
    """Whatever a traceback of the error would print, its causes too."""
    return "".join(traceback.format_exception(error)) + repr(error)
