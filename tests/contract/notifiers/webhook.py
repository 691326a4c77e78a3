"""A server of one's own that takes JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.test_notifiers import Side
from tests.support.people import free_port, web

ANSWERS = {
    "taken": (204, {}),
    "refused": (400, {}),
    "busy": (429, {"Retry-After": "7"}),
    "failed": (500, {}),
    "never": None,
}
SECRET = "s3cret-of-the-hook"  # noqa: S105 a test's own
WAITS_S = {"busy": 7.0}


@contextmanager
def serve(answer: str) -> Iterator[Side]:
    environment = {"HOOK_TOKEN": SECRET}
    if answer == "nobody":
        yield Side({"url": f"http://127.0.0.1:{free_port()}/alerts", "token_env": "HOOK_TOKEN"}, environment, list)
        return
    with web(ANSWERS[answer]) as inbox:
        options = {"url": f"http://127.0.0.1:{inbox.where[1]}/alerts", "token_env": "HOOK_TOKEN", "timeout_s": 1}
        yield Side(options, environment, lambda: inbox.arrived)
        assert all(each["headers"]["Authorization"] == f"Bearer {SECRET}" for each in inbox.arrived)
