"""An Airflow that makes everyone admin answers to its own names alone."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

OWN = ("127.0.0.1", "localhost", "::1", "airflow.example")


def answer(headers: dict[str, str]) -> int:
    """The status of what such an Airflow says to a request."""
    from own_names import OwnNames

    sent: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    asyncio.run(OwnNames(app, OWN)(scope, None, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:8080", "[::1]:8080", "airflow.example"])
def test_its_own_names_are_answered(host: str, dag_files: dict[str, ModuleType]) -> None:
    assert dag_files
    assert answer({"host": host}) == 200
    assert answer({"host": host, "origin": f"http://{host}"}) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8080"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "["},
        {},
        {"host": "127.0.0.1:8080", "origin": "https://evil.example"},
        {"host": "127.0.0.1:8080", "origin": "null"},
    ],
)
def test_another_name_or_a_page_of_another_site_is_refused(headers: dict[str, str], dag_files: dict[str, ModuleType]) -> None:
    assert dag_files
    assert answer(headers) == 421
