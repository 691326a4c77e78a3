"""The volumes of a list that somebody keeps: one JSON object a line, with day, id, type and size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import SourceError
from pipeline.interval import Interval
from pipeline.sources import Batch, _bronze

TABLES = ("bronze.resource_snapshot",)


class Options(BaseModel):
    """Where the list is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="The file.")


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The volumes of the days that begin in the interval."""
    try:
        listed = [json.loads(line) for line in options.path.read_text().splitlines()]
    except OSError as error:
        raise SourceError(f"volumes: {options.path} cannot be read: {error}") from error
    rows = _bronze.rows(
        TABLES[0],
        {
            "source": "volumes",
            "account": "1",
            "region": "us-east-1",
            "resource_id": [one["id"] for one in listed],
            "ts": [datetime.fromisoformat(one["day"]) for one in listed],
            "service": "ebs",
            "state": "in-use",
            "tags_json": [
                json.dumps({"headroom:volume_type": one["type"], "headroom:size_gib": str(one["gib"])}) for one in listed
            ],
        },
    )
    yield from _bronze.batch(TABLES[0], "all", _bronze.ordered(_bronze.within(rows, interval), ("ts", "resource_id")))
