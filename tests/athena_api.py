"""What Athena does, for `tests.aws_server`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Athena:
    s3_url: str = ""

    def patches(self) -> list[Any]:
        return []

    def join(self) -> None:
        pass
