"""E-mail to a server that takes it, refuses it, is busy, and never answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.test_notifiers import Side
from tests.support.people import free_port, post

ANSWERS = {
    "taken": "250 OK",
    "refused": "550 no such user",
    "busy": "451 try again later",
    "failed": "554 transaction failed",
    "never": "never",
}
#: A server that says that it failed has not taken the mail.
STATES = {"failed": "queued"}


@contextmanager
def serve(answer: str) -> Iterator[Side]:
    options = {"host": "127.0.0.1", "encryption": "none", "sender": "Headroom <headroom@example.com>", "timeout_s": 1}
    options |= {"recipients": ["oncall@example.com", "team@example.com"]}
    if answer == "nobody":
        yield Side({**options, "port": free_port()}, {}, list)
        return
    with post(ANSWERS[answer]) as inbox:
        yield Side({**options, "port": inbox.where[1]}, {}, lambda: inbox.arrived)
        assert all(each["headers"]["To"] == "oncall@example.com, team@example.com" for each in inbox.arrived)
