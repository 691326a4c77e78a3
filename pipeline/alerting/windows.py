"""Maintenance windows: when nobody is told of what, from a calendar file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.stated import parse_stated

_EVERY = {"day": timedelta(days=1), "week": timedelta(weeks=1)}


class Window(BaseModel):
    """A half-open stretch of time, once or again and again, in which alerts about some subjects are expected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=80, description="What is being done, and by whom.")
    start: datetime = Field(description="UTC, or with its offset.")
    end: datetime = Field(description="The first moment after it.")
    every: Literal["day", "week"] | None = Field(default=None, description="It comes again after so long.")
    until: datetime | None = Field(default=None, description="The moment from which it does not come again.")
    subjects: tuple[str, ...] = Field(default=("*",), description="Patterns of subjects: */web-*, `table gold.*`.")

    @field_validator("start", "end", "until")
    @classmethod
    def _is_utc(cls, value: datetime | None) -> datetime | None:
        return value if value is None or value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"{self.name} ends at {self.end}, which is not after its start {self.start}")
        if self.every and self.end - self.start >= _EVERY[self.every]:
            raise ValueError(f"{self.name} comes every {self.every} and lasts as long")
        return self

    def covers(self, subject: str, moment: datetime) -> bool:
        """Whether alerts about the subject are expected at a moment."""
        if moment < self.start or not any(fnmatchcase(subject, pattern) for pattern in self.subjects):
            return False
        if self.every is None:
            return moment < self.end
        if self.until is not None and moment >= self.until:
            return False
        return (moment - self.start) % _EVERY[self.every] < self.end - self.start


class _Calendar(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    window: tuple[Window, ...] = ()


def parse_windows(text: str, where: str) -> tuple[Window, ...]:
    """The windows of a calendar file: TOML with one `[[window]]` each.

    Raises:
        ConfigError: it is no TOML, or a window says what it may not; the message names the file, the window and the key.
    """
    return parse_stated(text, where, _Calendar, {"window": Window}).window


def window_of(subject: str, moments: Iterable[datetime], windows: Iterable[Window]) -> Window | None:
    """The first window that covers a subject at one of the moments."""
    known = tuple(moments)
    return next((window for window in windows if any(window.covers(subject, moment) for moment in known)), None)
