"""The bulk files of four offers, published on 18 September 2026 at 17:47:47."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.price_files import Files
from tests.support.source_cases import Case
from tests.support.source_servers import serve

_ASKED = {"files_url": "PLACE", "regions": ["eu-west-2"]}


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(Files()) as aws:
        yield aws.url


CASES = {
    "month": Case(
        _ASKED,
        "2026-09-01",
        "2026-10-01",
        ["2026-09-18T17:47:47", "2026-09-18T17:47:48"],
        {"bronze.price": 15},
        silent=("2026-09-19", "2026-09-30"),
    )
}
DOWN = {**_ASKED, "files_url": "http://127.0.0.1:9", "attempts": 2}
