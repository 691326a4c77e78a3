"""A list of one volume over four days."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.options import Changed
from tests.support.source_cases import Case


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    days = [f"2026-03-{day:02d}" for day in range(1, 5)]
    lines = [json.dumps({"day": day, "id": "vol-1", "type": "gp2", "gib": 100}) for day in days]
    (folder / "volumes.jsonl").write_text("\n".join(lines))
    yield f"{folder}/volumes.jsonl"


CASES = {
    "list": Case({"path": "PLACE"}, "2026-03-01", "2026-03-05", ["2026-03-02T12:00"], {"bronze.resource_snapshot": 4}),
}
DOWN = {"path": "PLACE.gone"}
OPTIONS = {"path": Changed("PLACE.gone")}
