"""Routes: ways to people, and which alerts go them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline import plugs
from pipeline.errors import ConfigError, suggestion
from pipeline.tables.columns import DIGESTS, CheckSeverity, Digest

RULES = Path(__file__).resolve().parent.parent / "sql" / "alerts"


class Told(Protocol):
    """What decides who is told of an alert."""

    @property
    def severity(self) -> str: ...

    @property
    def team(self) -> str | None: ...

    @property
    def rule(self) -> str: ...


class Route(BaseModel):
    """One way to people, and which alerts go it: those that meet everything it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notifier: str = Field(description="The plug that sends.")
    severities: tuple[CheckSeverity, ...] = Field(default=(), description="Only these severities; all when empty.")
    teams: tuple[str, ...] = Field(default=(), description="Only resources of these business units; all when empty.")
    rules: tuple[str, ...] = Field(default=(), description="Only these rules; all when empty.")
    weekly_messages: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Messages of seven days after which a warning or an information is withheld; critical ones do not count.",
    )
    digest: Digest | None = Field(
        default=None,
        description="A warning or an information waits for one message a day, or a week; critical ones go at once.",
    )
    digest_hour: int = Field(
        default=0, ge=0, le=23, description="Hour (UTC) at which a digest's day ends, or, on a Monday, its week."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the notifier.")

    @field_validator("notifier")
    @classmethod
    def _notifier_exists(cls, value: str) -> str:
        try:
            plugs.check_name("notifiers", value)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("rules")
    @classmethod
    def _rules_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = sorted(path.stem for path in RULES.glob("*.sql"))
        listed = f"there are {', '.join(known)}"
        for name in value:
            if name not in known:
                raise ValueError(f"no rule named {name!r}{suggestion(name, known, listed)}")
        return value

    @field_validator("digest", mode="before")
    @classmethod
    def _digest_exists(cls, value: Any) -> Any:
        if value is not None and value not in DIGESTS:
            raise ValueError(f"no digest {value!r}{suggestion(str(value), DIGESTS, 'there are daily and weekly')}")
        return value

    @model_validator(mode="after")
    def _digest_is_whole(self) -> Self:
        if self.digest is None and "digest_hour" in self.model_fields_set:
            raise ValueError('digest_hour is the hour of a digest: say digest = "daily" or "weekly" too')
        if self.digest is not None and self.weekly_messages is not None:
            raise ValueError("weekly_messages and digest exclude each other: of a digest all that is not critical is one message")
        return self

    @property
    def takes_state(self) -> bool:
        """Whether its notifier is handed how alerts stand, in every run, and no messages."""
        return bool(getattr(plugs.load("notifiers", self.notifier), "TAKES_STATE", False))

    def takes(self, alert: Told) -> bool:
        """Whether an alert goes this way."""
        met = ((self.severities, alert.severity), (self.teams, alert.team), (self.rules, alert.rule))
        return all(not named or value in named for named, value in met)


def check_routes(routes: Mapping[str, Route]) -> None:
    """Make sure of the options of every route's notifier.

    Raises:
        ConfigError: an option that the notifier does not have, or out of bounds, with the route's name; a number of messages,
            or a digest, for a route that is sent none.
    """
    for name, route in routes.items():
        try:
            plugs.check_options("notifiers", route.notifier, route.options)
        except ConfigError as error:
            raise ConfigError(f"routes.{name}: {error}") from None
        if route.weekly_messages and route.takes_state:
            raise ConfigError(
                f"routes.{name}: weekly_messages: {route.notifier} is sent no messages; how many it sends is set there"
            )
        if route.digest and route.takes_state:
            raise ConfigError(f"routes.{name}: digest: {route.notifier} is sent no messages; it is handed how alerts stand")
