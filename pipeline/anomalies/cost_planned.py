"""What was announced of cost, from a calendar file: that is no anomaly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.stated import parse_stated


class Planned(BaseModel):
    """Days in which something begins, or happens, that changes what a part of a bill costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=80, description="What is being done, and by whom.")
    start: date = Field(description="Its first day.")
    end: date = Field(description="Its last day, of a launch a few days later: what still goes on then is the new level.")
    account: str = Field(default="*", description="Pattern of accounts.")
    service: str = Field(default="*", description="Pattern of services.")
    usage_type: str = Field(default="*", description="Pattern of usage types.")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"{self.name} ends on {self.end}, before its start {self.start}")
        return self


class _Calendar(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    planned: tuple[Planned, ...] = ()


def parse_planned(text: str, where: str) -> tuple[Planned, ...]:
    """What a calendar file announces: TOML with one `[[planned]]` each.

    Raises:
        ConfigError: it is no TOML, or says what it may not; the message names the file, the entry and the key.
    """
    return parse_stated(text, where, _Calendar, {"planned": Planned}).planned


def note_planned(planned: Iterable[Planned], since: date) -> str:
    """What was announced of days from one on, as JSON: what a run keeps of its calendar, which a person may change."""
    return _Calendar(planned=tuple(plan for plan in planned if plan.end >= since)).model_dump_json()


def recall_planned(noted: str) -> tuple[Planned, ...]:
    """What `note_planned` noted."""
    return _Calendar.model_validate_json(noted).planned
