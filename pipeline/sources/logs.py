"""Rates that logs tell, by the period, from files and S3 objects into `bronze.metric_sample`.

Per resource and period: how many lines (`request_count`, or what a pattern counts), `error_rate` in percent where lines
say whether they failed, `response_time` in milliseconds (Average, p95, Maximum) where they say how long it took, and
`throughput` in bytes per second where they say how many bytes. A period without lines has no row: a log cannot tell
silence from absence. No line's text is kept or shown.
"""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any

from pydantic import Field, field_validator

from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.interval import Interval
from pipeline.sources import _bronze, _files
from pipeline.sources._batch import Batch
from pipeline.sources._log_patterns import PATTERNS, Pattern

NAME = "logs"
TABLES = ("bronze.metric_sample",)

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1)
_P95 = 0.95


class Options(_files.Stored):
    """Which logs to read, and how."""

    files: tuple[_files.Location, ...] = Field(
        min_length=1,
        max_length=100,
        description="Files, folders or patterns: /var/log/nginx/*.log*, s3://bucket/alb/%Y/%m/%d/*.gz. "
        f"{_files.DATED}. Names that end in .gz are unpacked.",
    )
    patterns: tuple[Pattern, ...] = Field(
        default=PATTERNS,
        min_length=1,
        max_length=50,
        description="Kinds of lines; unset: combined access logs, ALB, levelled lines, syslog.",
    )
    resource_id: str | None = Field(
        default=None,
        pattern=f"^{_bronze.IDENTIFIER}$",
        description="The resource, where a line's pattern has no group `resource`.",
    )
    period_s: int = Field(default=300, ge=10, le=86_400, description="Length of a period in seconds.")
    max_unmatched_pct: float = Field(
        default=50.0, ge=0, le=100, description="Share of a file's lines that may match no pattern before the file is an error."
    )
    max_line_chars: int = Field(default=16_384, ge=100, le=1_048_576, description="Characters of a line that are looked at.")
    max_unpacked_mib: int = Field(default=4096, ge=1, le=1_048_576, description="Largest file that is read, unpacked, in MiB.")
    account: str = Field(default="local", pattern=f"^{_bronze.IDENTIFIER}$", description="Account of the resources.")
    region: str = Field(default="local", pattern=f"^{_bronze.IDENTIFIER}$", description="Region of the resources.")

    @field_validator("period_s")
    @classmethod
    def _period_divides_a_day(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("expected a divisor of a day, so that periods do not depend on the day they are asked for")
        return value


@dataclass
class _Period:
    """What the lines of one resource and period add up to."""

    lines: dict[str, int] = field(default_factory=dict)
    judged: int = 0
    failed: int = 0
    durations_ms: array[float] = field(default_factory=lambda: array("d"))
    bytes: float | None = None


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The rates of the periods that start in the interval, in one shard.

    Raises:
        ConfigError: a line's resource is named nowhere.
        SourceError: a file is missing or breaks off; nothing is handed over.
        DataError: too many lines of a file match no pattern, or a resource's name is no plain identifier.
    """
    periods: dict[tuple[datetime, str], _Period] = {}
    for name, lines in _opened(interval, options):
        _add(periods, name, lines, interval, options)
    rows = [
        {"ts": ts, "resource_id": resource, "metric": metric, "statistic": statistic, "value": value, "unit": unit}
        for (ts, resource), period in sorted(periods.items(), key=lambda entry: entry[0])
        for metric, statistic, value, unit in _rates(period, options.period_s)
    ]
    if rows:
        constant = {"source": NAME, "account": options.account, "region": options.region, "period_s": options.period_s}
        columns = {column: [row[column] for row in rows] for column in rows[0]}
        data = _bronze.rows("bronze.metric_sample", {**columns, **constant})
        yield from _bronze.batch("bronze.metric_sample", "logs", _bronze.ordered(data, ("ts", "resource_id", "metric")))


def _add(
    periods: dict[tuple[datetime, str], _Period], name: str, lines: Iterable[str], interval: Interval, options: Options
) -> None:
    length = timedelta(seconds=options.period_s)
    seen = unmatched = yearless = 0
    for text in lines:
        if not text.strip():
            continue
        seen += 1
        line, pattern = next(((line, one) for one in options.patterns if (line := one.read(text, interval))), (None, None))
        if line is None or pattern is None:
            unmatched += 1
            continue
        ts = line.ts - (line.ts - _EPOCH) % length
        if ts not in interval:
            continue
        yearless += pattern.yearless
        period = periods.setdefault((ts, _resource(name, line.resource or options.resource_id)), _Period())
        period.lines[pattern.counts] = period.lines.get(pattern.counts, 0) + 1
        if line.failed is not None:
            period.judged += 1
            period.failed += line.failed
        if line.duration_ms is not None:
            period.durations_ms.append(line.duration_ms)
        if line.bytes is not None:
            period.bytes = (period.bytes or 0.0) + line.bytes
    if unmatched * 100 > seen * options.max_unmatched_pct:
        allowed = f"max_unmatched_pct={options.max_unmatched_pct:g} are allowed"
        raise DataError(f"{NAME}: {name}: {unmatched} of {seen} lines match no pattern; {allowed}")
    if unmatched:
        log.warning("%s: %s: %d of %d lines match no pattern, and are not counted", NAME, name, unmatched, seen)
    if yearless:
        log.warning("%s: %s: %d lines have no year; it is taken from the interval asked for, %s", NAME, name, yearless, interval)


def _resource(name: str, resource: str | None) -> str:
    if resource is None:
        raise ConfigError(f"{NAME}: {name}: its lines name no resource; set resource_id, or a group `resource` in the pattern")
    if not _bronze.is_plain(resource):
        raise DataError(f"{NAME}: {name}: a line's resource is not {_bronze.PLAIN_NAME}")
    return resource


def _rates(period: _Period, period_s: int) -> Iterator[tuple[str, str, float, str]]:
    """Metric, statistic, value and unit."""
    for metric, lines in sorted(period.lines.items()):
        yield metric, "Sum", float(lines), "count"
    if period.judged:
        yield "error_rate", "Average", 100.0 * period.failed / period.judged, "percent"
    if period.durations_ms:
        durations = sorted(period.durations_ms)
        # fsum, so that the order of the files does not show in the last digit.
        yield "response_time", "Average", math.fsum(durations) / len(durations), "milliseconds"
        yield "response_time", "p95", durations[math.ceil(_P95 * len(durations)) - 1], "milliseconds"
        yield "response_time", "Maximum", durations[-1], "milliseconds"
    if period.bytes is not None:
        yield "throughput", "Average", period.bytes / period_s, "bytes/second"


def _opened(interval: Interval, options: Options) -> Iterator[tuple[str, Iterator[str]]]:
    """Name and lines of every file, each once, in the order of their names."""
    stored = _files.stored_of(options)
    for place in options.files:
        for file in _files.find(NAME, place, stored, interval=interval):
            with _files.opened(NAME, file, stored) as stream:
                yield file.name, _lines(file.name, stream, options)


def _lines(name: str, file: IO[bytes], options: Options) -> Iterator[str]:
    """The lines of a file, unpacked and cut to the length that is looked at."""
    left = options.max_unpacked_mib << 20
    source: Any = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
    try:
        while line := source.readline(options.max_line_chars * 4):
            left -= len(line)
            if left < 0:
                raise SourceError(f"{NAME}: {name} is larger than max_unpacked_mib={options.max_unpacked_mib}")
            ended = line.endswith(b"\n")
            yield line[: options.max_line_chars * 4].decode("utf-8", "replace")[: options.max_line_chars]
            # The rest of an overlong line is no line of its own.
            while not ended and (rest := source.readline(1 << 16)):
                left -= len(rest)
                ended = rest.endswith(b"\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{NAME}: {name} is cut off or no gzip file: {error}") from None
