"""What a line of a log says: patterns with named groups, and the shipped ones for web servers, load balancers and services.

Groups: `ts` (required), `resource`, `status` (an HTTP status), `level`, `duration`, `bytes`. A line counts by the first
pattern that matches from its beginning.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.errors import ConfigError
from pipeline.interval import Interval, naive_utc

GROUPS = frozenset({"ts", "resource", "status", "level", "duration", "bytes"})
_EPOCH = datetime(1970, 1, 1)
_COUNTED = ("epoch_s", "epoch_ms")
_MILLISECONDS = {"s": 1000.0, "ms": 1.0, "us": 0.001}


class Line(NamedTuple):
    """What one line says; None for what it does not."""

    ts: datetime
    resource: str | None
    failed: bool | None
    duration_ms: float | None
    bytes: float | None


class Pattern(BaseModel):
    """One kind of line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regex: str = Field(max_length=4000, description="Regular expression with named groups, matched from a line's beginning.")
    time_format: str = Field(
        default="iso",
        max_length=64,
        description="iso, epoch_s, epoch_ms, or a strptime format such as %d/%b/%Y:%H:%M:%S %z; one without a year, as syslog's, "
        "takes the year that brings the moment into the interval asked for, or nearest to it.",
    )
    timezone: str = Field(default="UTC", max_length=64, description="IANA time zone of moments that carry no offset.")
    duration_unit: Literal["s", "ms", "us"] = Field(default="s", description="Unit of the group `duration`.")
    failed_from_status: int = Field(default=500, ge=100, le=600, description="HTTP status from which a line is a failure.")
    failed_levels: tuple[str, ...] = Field(
        default=("ERROR", "CRITICAL", "FATAL", "ALERT", "EMERG", "SEVERE"),
        max_length=50,
        description="Levels, in capitals, at which a line is a failure.",
    )
    counts: str = Field(
        default="request_count", pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Metric under which the lines are counted."
    )

    resource_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9._:/@+-]{0,64}$", description="What the inventory writes before the group `resource`."
    )

    @field_validator("regex")
    @classmethod
    def _regex_has_known_groups(cls, value: str) -> str:
        try:
            groups = set(re.compile(value).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if "ts" not in groups or groups - GROUPS:
            raise ValueError(f"expected a group `ts` and others of {sorted(GROUPS)}, got {sorted(groups)}")
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no IANA time zone named {value!r}") from error
        return value

    @property
    def yearless(self) -> bool:
        """Whether moments have no year."""
        return self.time_format not in _COUNTED and not re.search(r"%[YyGcxs]|^iso$", self.time_format)

    def read(self, text: str, interval: Interval) -> Line | None:
        """What the line says, or None where it is of another kind or its time cannot be read.

        Raises:
            ConfigError: a moment has no year, and the interval asked for has it in several.
        """
        matched = _compiled(self.regex).match(text)
        if matched is None:
            return None
        said = matched.groupdict()
        ts = _moment(said["ts"], self.time_format, self.timezone, interval if self.yearless else None)
        if ts is None:
            return None
        duration = _number(said.get("duration"))
        return Line(
            ts,
            f"{self.resource_prefix}{said['resource']}" if said.get("resource") else None,
            self._failed(said.get("status"), said.get("level")),
            None if duration is None else duration * _MILLISECONDS[self.duration_unit],
            _number(said.get("bytes")),
        )

    def _failed(self, status: str | None, level: str | None) -> bool | None:
        if status is not None and status.isdigit():
            return int(status) >= self.failed_from_status
        return None if level is None else level.upper() in self.failed_levels


@lru_cache(maxsize=64)
def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


# Many lines share a second, and reading a moment costs more than anything else here.
@lru_cache(maxsize=100_000)
def _moment(text: str, form: str, timezone: str, interval: Interval | None = None) -> datetime | None:
    """Naive UTC; an interval is given where the form has no year."""
    if interval is not None:
        return _in_the_year_of(text, form, timezone, interval)
    try:
        if form in _COUNTED:
            return _EPOCH + timedelta(milliseconds=float(text) * (1000 if form == "epoch_s" else 1))
        read = datetime.fromisoformat(text.replace(",", ".")) if form == "iso" else datetime.strptime(text, form)
    except (ValueError, OverflowError):
        return None
    if read.tzinfo is not None:
        return naive_utc(read)
    local = read.replace(tzinfo=ZoneInfo(timezone))
    # An hour that the change from summer time repeats is counted as the first; one that does not exist is no moment.
    return naive_utc(local) if local.astimezone(UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None) == read else None


def _in_the_year_of(text: str, form: str, timezone: str, interval: Interval) -> datetime | None:
    """The moment in the year in which it lies in the interval, or nearest to it."""
    years = range(interval.start.year - 1, interval.end.year + 2)
    found = [each for year in years if (each := _moment(f"{year} {text}", f"%Y {form}", timezone)) is not None]
    if sum(each in interval for each in found) > 1:
        raise ConfigError(f"lines have no year, and {interval} is longer than one: ask for less than a year")
    return min(found, key=lambda each: max(interval.start - each, each - interval.end, timedelta(0)), default=None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    # A load balancer writes -1 where no target answered.
    return value if 0 <= value < float("inf") else None


# nginx's and Apache's combined format; a last number is the request's time in seconds ($request_time).
COMBINED = Pattern(
    regex=r'\S+ \S+ \S+ \[(?P<ts>[^\]]+)\] "[^"]*" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    r'(?: "[^"]*" "[^"]*"(?: (?P<duration>\d+\.\d+))?)?',
    time_format="%d/%b/%Y:%H:%M:%S %z",
)
# Application Load Balancer access logs: type, time, elb, client, target, three times, two statuses, bytes in and out.
ALB = Pattern(
    regex=r"(?:https?|h2|grpcs|wss?) (?P<ts>\S+) (?P<resource>\S+) \S+ \S+ \S+ (?P<duration>\S+) \S+ (?P<status>\d{3}) "
    r"\S+ \d+ (?P<bytes>\d+) ",
    resource_prefix="loadbalancer/",
)
# A service's own lines: a moment, perhaps a logger, and a level.
LEVELLED = Pattern(
    regex=r"\[?(?P<ts>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})?)\]?\W"
    r"(?:.{0,80}?\W)??(?P<level>DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b",
    counts="log_lines",
)
# Syslog's old form, of RFC 3164: no year, and the host after the time.
SYSLOG = Pattern(
    regex=r"(?:<\d{1,3}>)?(?P<ts>[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}) (?P<resource>[A-Za-z0-9]\S*) ",
    time_format="%b %d %H:%M:%S",
    counts="log_lines",
)
PATTERNS = (COMBINED, ALB, LEVELLED, SYSLOG)
