"""Whatever Apprise reaches, by its plainest address: JSON to a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.notifiers.webhook import ANSWERS
from tests.contract.test_notifiers import Side
from tests.support.people import free_port, web

SECRET = "s3cret-of-apprise"  # noqa: S105 a test's own

#: Apprise says of a connection that failed not how.
STATES = {"nobody": "unknown"}


@contextmanager
def serve(answer: str) -> Iterator[Side]:
    options = {"address_env": "ONCALL_ADDRESS", "timeout_s": 1}
    if answer == "nobody":
        yield Side(options, {"ONCALL_ADDRESS": f"json://user:{SECRET}@127.0.0.1:{free_port()}/"}, list)
        return
    with web(ANSWERS[answer]) as inbox:
        environment = {"ONCALL_ADDRESS": f"json://user:{SECRET}@127.0.0.1:{inbox.where[1]}/"}
        yield Side(options, environment, lambda: [{**each, "id": last_word(each["text"])} for each in inbox.arrived])


def last_word(text: str) -> str:
    """The id at the end of the text that Apprise posts."""
    import json

    found: str = json.loads(text)["message"].split()[-1]
    return found
