"""A folder that takes files; what else may happen to one is that it is not there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.test_notifiers import STATES as ALL
from tests.contract.test_notifiers import Side

#: Without a folder nothing arrives, and nothing is unknown.
STATES = {answer: "queued" for answer in ALL if answer != "taken"}


@contextmanager
def serve(answer: str) -> Iterator[Side]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def arrived() -> list[dict[str, str]]:
            # A file that is written again is one file: it arrived twice.
            return [{"id": each.stem, "text": each.read_text()} for each in folder.iterdir() for _ in range(2)]

        yield Side({"folder": folder if answer == "taken" else folder / "gone"}, {}, arrived)
