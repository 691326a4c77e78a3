"""What Alertmanager is posted of an alert, and what is read back of its answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.notifiers import alertmanager
from pipeline.plugs import check_options
from tests.contract.test_notifiers import STANDING
from tests.support.alertmanagers import check_body
from tests.support.people import web


def posted(**changed: Any) -> dict[str, Any]:
    with web((200, {})) as inbox:
        alertmanager.notify([replace(STANDING, **changed)], alertmanager.Options(url=f"http://127.0.0.1:{inbox.where[1]}"))
    [alert] = check_body(inbox.arrived[0]["text"])
    return alert


def test_a_resource_is_named_as_its_source_gave_it_and_found_again_by_its_subject() -> None:
    subject = "1/eu-1/app%20server/i-1"

    labels = posted(subject=subject, cause="cpu_utilization now", team="Payments")["labels"]

    assert labels == {
        "alertname": "disk_full",
        "job": "headroom",
        "severity": "critical",
        "subject": subject,
        "cause": "cpu_utilization now",
        "account": "1",
        "region": "eu-1",
        "resource": "app server/i-1",
        "metric": "cpu_utilization",
        "team": "Payments",
    }


@pytest.mark.parametrize("subject", ["table gold.cost/month/now", "segment cpu_utilization/day", "source cloudwatch"])
def test_what_is_no_resource_is_not_taken_for_one(subject: str) -> None:
    labels = posted(subject=subject, cause="quality")["labels"]

    assert set(labels) == {"alertname", "job", "severity", "subject", "cause"}


@pytest.mark.parametrize("report", ["/home/lake/report.html", "s3://lake/report.html"])
def test_the_report_is_an_address(report: str) -> None:
    assert posted(report=report)["generatorURL"] == report.replace("/home", "file:///home")


def test_an_answer_that_says_nothing_of_silences_is_an_error_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret")
    with web((200, {})) as inbox:
        options = alertmanager.Options(url=f"http://127.0.0.1:{inbox.where[1]}", user="me", password_env="PASSWORD")  # noqa: S106
        with pytest.raises(DataError, match="it answered 501") as raised:
            alertmanager.read_quiet(options)

    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"url": "http://user:pw@alerts.example"}, "an address holds no user"),
        ({"url": "http://alerts.example", "user": "me"}, "user and password_env belong together"),
        ({"url": "http://a.example", "user": "me", "password_env": "P", "token_env": "T"}, "a password or a token, not both"),
    ],
)
def test_who_asks_is_named_by_a_variable_of_the_environment_and_once(options: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        check_options("notifiers", "alertmanager", options)
