"""Rates that logs tell, by the period, from files and S3 objects into `bronze.metric_sample`.

Per resource and period: how many lines (`request_count`, or what a pattern counts), `error_rate` in percent where lines
say whether they failed, `response_time` in milliseconds (Average, p95, Maximum) where they say how long it took, and
`throughput` in bytes per second where they say how many bytes. A period without lines has no row: a log cannot tell
silence from absence. No line's text is kept or shown.
"""

from __future__ import annotations

import fnmatch
import glob
import gzip
import logging
import math
import re
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.interval import Interval
from pipeline.sources import _aws, _bronze
from pipeline.sources._batch import Batch
from pipeline.sources._log_patterns import PATTERNS, Pattern

NAME = "logs"
TABLES = ("bronze.metric_sample",)

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1)
_P95 = 0.95


class Options(BaseModel):
    """Which logs to read, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: tuple[Annotated[str, StringConstraints(min_length=1, max_length=1000)], ...] = Field(
        min_length=1,
        max_length=100,
        description="Files, as paths or patterns: /var/log/nginx/*.log*, s3://bucket/alb/%Y/%m/%d/*.gz. %Y, %m, %d and %H stand "
        "for the hours of the interval and the one after it. Names that end in .gz are unpacked.",
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
    s3_region: _aws.Region = Field(default="us-east-1", description="Region of the S3 buckets.")
    s3_role: _aws.Role | None = Field(default=None, description="Role to assume for reading S3; unset: one's own credentials.")
    endpoint_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="Another address for S3 and STS, for emulators; empty means AWS."
    )
    timeout_s: int = Field(default=30, ge=1, le=600, description="Seconds to wait for AWS's answer.")
    attempts: int = Field(default=6, ge=1, le=15, description="Attempts per AWS call.")

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
    for name, lines in _files(interval, options):
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


def _files(interval: Interval, options: Options) -> Iterator[tuple[str, Iterator[str]]]:
    """Name and lines of every file, each once, in the order of their names."""
    place: _aws.Place | None = None
    for pattern in options.files:
        names = _dated(pattern, interval)
        if pattern.startswith("s3://"):
            place = place or _s3(options)
            yield from _objects(place, pattern, names, options)
            continue
        # Path.glob takes no absolute pattern.
        matched = {path for name in names for path in glob.glob(name, recursive=True)}  # noqa: PTH207
        found = sorted(path for path in matched if Path(path).is_file())
        if not found:
            raise SourceError(f"{NAME}: no file matches {pattern} for {interval}")
        for path in found:
            try:
                with Path(path).open("rb") as file:
                    yield path, _lines(path, file, options)
            except OSError as error:
                raise SourceError(f"{NAME}: {path} cannot be read: {error.strerror}") from None


def _dated(pattern: str, interval: Interval) -> list[str]:
    """The pattern for each hour of the interval and the one after it, in which the last lines may be written."""
    hours = math.ceil((interval.end - interval.start) / timedelta(hours=1)) + 2
    moments = [interval.start + timedelta(hours=hour) for hour in range(hours)]
    names = []
    for moment in moments:
        name = pattern
        for code in ("%Y", "%m", "%d", "%H"):
            name = name.replace(code, moment.strftime(code))
        names.append(name)
    return sorted(set(names))


def _s3(options: Options) -> _aws.Place:
    aws = _aws.AwsOptions(
        regions=(options.s3_region,),
        roles=(options.s3_role,) if options.s3_role else (),
        endpoint_url=options.endpoint_url,
        timeout_s=options.timeout_s,
        attempts=options.attempts,
    )
    [place] = _aws.places(NAME, aws)
    return place


def _objects(place: _aws.Place, pattern: str, names: list[str], options: Options) -> Iterator[tuple[str, Iterator[str]]]:
    found: set[tuple[str, str]] = set()
    for name in names:
        bucket, _, key = name.removeprefix("s3://").partition("/")
        prefix = re.split(r"[*?\[]", key)[0]
        listed = place.listed("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        found |= {(bucket, one["Key"]) for one in listed if fnmatch.fnmatchcase(one["Key"], key)}
    if not found:
        raise SourceError(f"{NAME}: no object matches {pattern}")
    for bucket, key in sorted(found):
        with tempfile.TemporaryFile() as file:
            place.download(bucket, key, file)
            yield f"s3://{bucket}/{key}", _lines(key, file, options)


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
