"""What every file in pipeline/notifiers promises, against a real server on loopback, which its cases start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from pipeline import plugs
from pipeline.alerting.message import Message, Outcome, Standing
from pipeline.errors import ConfigError
from pipeline.routes import Route
from pipeline.tables.columns import FIRING, NO_ANSWER, QUEUED, SENT
from tests.support.plug_cases import load_cases, without_plug

NOTIFIERS = plugs.names("notifiers")
BRINGS = "serve(answer), which starts a server that gives one of the answers and yields a Side"
MESSAGE = Message(
    "0123456789abcdef0123456789abcdef",
    "fedcba987654",
    "critical",
    FIRING,
    "[CRITICAL] 1/r/db-1 disk_utilization: a disk is forecast to fill up soon",
    "What         A disk is forecast to fill up soon\nWhere        Zürich\n",
)
#: The same of a notifier that takes no messages but how alerts stand; what a repetition is told by is the alert's own id.
STANDING = Standing(
    MESSAGE.message_id,
    *("disk_full", "1/r/db-1", "disk_utilization", MESSAGE.severity, None, FIRING),
    starts_at=datetime(2026, 3, 14, 5),
    ends_at=datetime(2026, 3, 15, 5),
    title=MESSAGE.title,
    body=MESSAGE.body,
    to_do="Enlarge it.",
    report="s3://lake/reports/latest/report.html",
)
#: How far a message got, by what the other side did; `STATES` of a plug's cases says where it differs.
STATES = {"taken": SENT, "refused": QUEUED, "busy": QUEUED, "failed": NO_ANSWER, "never": NO_ANSWER, "nobody": QUEUED}


@dataclass(frozen=True)
class Side:
    """The other side of a notifier.

    Attributes:
        options: that lead there.
        environment: what the options name.
        arrived: what it was handed so far, each with its `id` and `text`.
    """

    options: Mapping[str, Any]
    environment: Mapping[str, str]
    arrived: Callable[[], Sequence[Mapping[str, Any]]]


def serve(name: str, answer: str) -> AbstractContextManager[Side]:
    found: AbstractContextManager[Side] = load_cases("notifiers", name, BRINGS).serve(answer)
    return found


def send(name: str, side: Side, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    for variable, value in side.environment.items():
        monkeypatch.setenv(variable, value)
    outcome: Outcome = plugs.bind("notifiers", name, plugs.check_options("notifiers", name, side.options))(given(name))
    return outcome


def given(name: str) -> Message | list[Standing]:
    return [STANDING] if Route(notifier=name).takes_state else MESSAGE


def test_no_cases_are_left_of_a_notifier_that_is_gone() -> None:
    assert without_plug("notifiers") == set()


@pytest.mark.parametrize("name", NOTIFIERS)
def test_a_message_arrives_whole_and_a_second_time_under_the_same_id(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(name, "taken") as side:
        outcomes = [send(name, side, monkeypatch) for _ in range(2)]
        arrived = side.arrived()

    assert [each.state for each in outcomes] == [SENT, SENT]
    assert len(arrived) == 2
    assert len({each["id"] for each in arrived}) == 1
    assert MESSAGE.message_id in arrived[0]["id"]
    for part in (MESSAGE.title, "A disk is forecast to fill up soon"):
        assert part in arrived[0]["text"] + str(arrived[0].get("headers", "")).replace("\\n", "").replace("  ", " ")


@pytest.mark.parametrize("answer", [answer for answer in STATES if answer != "taken"])
@pytest.mark.parametrize("name", NOTIFIERS)
def test_how_far_a_message_got_is_told_without_raising_or_showing_a_secret(
    name: str, answer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cases = load_cases("notifiers", name, BRINGS)
    caplog.set_level(logging.DEBUG)

    with serve(name, answer) as side:
        outcome = send(name, side, monkeypatch)
        arrived = side.arrived()

    assert outcome.state == {**STATES, **getattr(cases, "STATES", {})}[answer]
    assert outcome.error
    assert outcome.retry_after_s == getattr(cases, "WAITS_S", {}).get(answer, 0.0)
    # Once is once: to try again is not a notifier's to decide.
    assert len(arrived) <= 1
    secret = getattr(cases, "SECRET", None)
    assert secret is None or secret not in outcome.error + caplog.text


@pytest.mark.parametrize("name", NOTIFIERS)
def test_a_secret_that_is_not_in_the_environment_is_named_by_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {option for option in plugs.declared_options("notifiers", name).model_fields if option.endswith("_env")}
    with serve(name, "nobody") as side:
        for option in options & set(side.options):
            monkeypatch.delenv(side.options[option], raising=False)
            notify = plugs.bind("notifiers", name, plugs.check_options("notifiers", name, side.options))
            with pytest.raises(ConfigError, match=f"environment variable {side.options[option]} is not set"):
                notify(given(name))
