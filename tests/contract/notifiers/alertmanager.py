"""Alertmanager's API v2, from a server that holds each body to its documentation; the real one is in `tests/integration`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.contract.notifiers.webhook import ANSWERS as OF_A_HOOK
from tests.contract.test_notifiers import Side
from tests.support.alertmanagers import check_body
from tests.support.people import free_port, web

ANSWERS = {**OF_A_HOOK, "taken": (200, {})}
SECRET = "s3cret-of-alertmanager"  # noqa: S105 a test's own
WAITS_S = {"busy": 7.0}


@contextmanager
def serve(answer: str) -> Iterator[Side]:
    environment = {"ALERTMANAGER_TOKEN": SECRET}
    if answer == "nobody":
        yield Side({"url": f"http://127.0.0.1:{free_port()}", "token_env": "ALERTMANAGER_TOKEN"}, environment, list)
        return
    with web(ANSWERS[answer]) as inbox:
        options = {"url": f"http://127.0.0.1:{inbox.where[1]}/", "token_env": "ALERTMANAGER_TOKEN", "timeout_s": 1}
        yield Side(options, environment, lambda: [read(each) for each in inbox.arrived])
        assert all(each["headers"]["Authorization"] == f"Bearer {SECRET}" for each in inbox.arrived)


def read(arrived: Mapping[str, Any]) -> dict[str, Any]:
    """One alert that was posted, by the id that it has in Headroom."""
    [alert] = check_body(arrived["text"])
    return {**arrived, "id": alert["annotations"]["alert_id"], "text": json.dumps(alert)}
