"""Messages as files in a folder, for whoever collects them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Where messages go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="The folder; it is made where it is missing.")


def notify(messages: Iterable[str], options: Options) -> int:
    """Messages that were not there yet; the same one twice is one file."""
    options.folder.mkdir(parents=True, exist_ok=True)
    sent = 0
    for message in messages:
        file = options.folder / f"{hashlib.sha256(message.encode()).hexdigest()[:16]}.txt"
        sent += not file.exists()
        file.write_text(message)
    return sent
