"""Samples from an endpoint of one's own that answers JSON, into `bronze.metric_sample`.

The answer holds a list of samples at `items_path`; in each, paths lead to time, value and resource. A path is keys joined
by dots, `data.points` or `labels.host`, and a number picks from a list. Paging follows a link in the answer (`next_path`)
as long as it stays on the same server. Nothing but these samples is read: a sample without value is none, and one that is
not a moment, a number or a plain identifier is an error that says which.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self
from urllib.parse import urljoin

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, StringConstraints, field_validator, model_validator

from pipeline.errors import SECRET_WORDS, ConfigError, DataError, SourceError, redacted
from pipeline.interval import Interval, naive_utc
from pipeline.sources import _bronze, _http
from pipeline.sources._batch import Batch
from pipeline.sources._periods import commonest_steps
from pipeline.tables.columns import StatedUnit, TimeFormat

NAME = "http_json"
TABLES = ("bronze.metric_sample",)

log = logging.getLogger(__name__)

_PATH = r"^[^.\s]+(\.[^.\s]+)*$"
_PARAMETER = r"^[A-Za-z_][A-Za-z0-9_.\[\]-]{0,127}$"
_EPOCH = datetime(1970, 1, 1)
_MOST_MILLISECONDS = 4_102_444_800_000
_MILLISECONDS = {"epoch_s": 1000.0, "epoch_ms": 1.0, "epoch_us": 0.001}

Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=1000)]
Identifier = Annotated[str, StringConstraints(pattern=f"^{_bronze.IDENTIFIER}$")]


class Options(_http.Asked):
    """Where the endpoint is, and where in its answer things are."""

    url: str = Field(pattern=r"^https?://\S+$", description="Address that is asked by GET, with fixed parameters if any.")
    headers: dict[Header, HeaderValue] = Field(
        default_factory=dict,
        max_length=20,
        description="Headers to send. Not for secrets: those come by token_env or token_file.",
    )
    start_parameter: str | None = Field(
        default=None, pattern=_PARAMETER, description="Query parameter that takes the interval's start; unset: none is sent."
    )
    end_parameter: str | None = Field(
        default=None, pattern=_PARAMETER, description="Query parameter that takes the interval's end, which is not included."
    )
    parameter_format: TimeFormat = Field(default="iso", description="How these parameters write a moment.")
    items_path: str | None = Field(default=None, pattern=_PATH, description="Path to the list; unset: the answer is the list.")
    next_path: str | None = Field(default=None, pattern=_PATH, description="Path to the link of the next page; unset: one page.")
    max_pages: int = Field(default=1000, ge=1, le=100_000, description="Most pages that are followed.")
    time_path: str = Field(default="ts", pattern=_PATH, description="Path to the start of a sample's period.")
    time_format: TimeFormat = Field(default="iso", description="How samples write a moment; without offset it is UTC.")
    value_path: str = Field(default="value", pattern=_PATH, description="Path to the value.")
    resource_path: str | None = Field(
        default=None, pattern=_PATH, description="Path to the resource's name, unless resource_id is set."
    )
    resource_id: Identifier | None = Field(default=None, description="The resource, where all samples are of one.")
    metric_path: str | None = Field(default=None, pattern=_PATH, description="Path to the metric's name, unless metric is set.")
    metric: Identifier | None = Field(default=None, description="The metric, where all samples are of one.")
    unit: StatedUnit | None = Field(default=None, description="Unit of every metric that `units` does not name.")
    units: dict[str, StatedUnit] = Field(default_factory=dict, max_length=200, description="Unit per metric.")
    statistic: str = Field(
        default="Average",
        pattern=r"^(Average|Maximum|Minimum|Sum|SampleCount|p\d{1,2}(\.\d{1,2})?)$",
        description="What a sample is of its period.",
    )
    period_s: int | None = Field(
        default=None, ge=1, le=86_400, description="Seconds that a sample stands for; unset: its series' commonest step."
    )
    account: Identifier = Field(default="local", description="Account of the resources.")
    region: Identifier = Field(default="local", description="Region of the resources.")

    @field_validator("url")
    @classmethod
    def _no_password_in_the_address(cls, value: str) -> str:
        return _http.check_address(value)

    @field_validator("headers")
    @classmethod
    def _no_secret_in_a_header(cls, value: dict[str, str]) -> dict[str, str]:
        secret = [name for name in value if re.search(SECRET_WORDS, name)]
        if secret:
            raise ValueError(f"headers {secret} look like secrets; name a token by token_env or token_file")
        return value

    @model_validator(mode="after")
    def _names_come_from_one_place(self) -> Self:
        for fixed, path in (("resource_id", "resource_path"), ("metric", "metric_path")):
            if (getattr(self, fixed) is None) == (getattr(self, path) is None):
                raise ValueError(f"give one of {fixed} and {path}")
        return self


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The endpoint's samples of the interval, in one shard. A sample that is there twice counts once.

    Raises:
        ConfigError: the token cannot be found, a metric's unit is not stated, or period_s is not for a part of a day.
        SourceError: the endpoint is down, or its pages never end; nothing is handed over.
        DataError: a sample without what the paths promise, two values for one sample, or a period that cannot be.
    """
    if options.period_s is None and not interval.is_whole_days:
        # Told from a few samples it could be another than the day's, and both would count.
        raise ConfigError(
            f"{NAME}: state period_s for {interval}: a part of a day does not tell how its samples follow each other"
        )
    server = _http.Server(NAME, options, options.headers, _http.bearer(options))
    found: dict[tuple[datetime, str, str], tuple[float, str]] = {}
    empty = 0
    for number, item in enumerate(_items(server, options, interval), start=1):
        sample = _sample(options, number, item)
        if sample is None:
            empty += 1
            continue
        ts, resource, metric, value, unit = sample
        if ts in interval and found.setdefault((ts, resource, metric), (value, unit)) != (value, unit):
            both = f"{found[ts, resource, metric][0]} and {value}"
            raise DataError(f"{NAME}: sample {number}: {metric} of {resource} at {ts.isoformat()} is {both}; which is unknown")
    if empty:
        log.warning("%s: %d of %d samples have no value", NAME, empty, number)
    if found:
        keys = sorted(found)
        period_s = _periods(options, keys)
        rows = _bronze.rows(
            "bronze.metric_sample",
            {
                "source": NAME,
                "account": options.account,
                "region": options.region,
                "resource_id": [key[1] for key in keys],
                "metric": [key[2] for key in keys],
                "statistic": options.statistic,
                "period_s": period_s,
                "ts": [key[0] for key in keys],
                "value": [found[key][0] for key in keys],
                "unit": [found[key][1] for key in keys],
            },
        )
        yield from _bronze.batch("bronze.metric_sample", "samples", rows)


def _periods(options: Options, keys: list[tuple[datetime, str, str]]) -> npt.NDArray[np.int64] | int:
    """Seconds that each sample stands for: as stated, or as its series' own samples follow each other.

    Raises:
        DataError: nothing tells, or a series' samples follow each other faster than it is said that they may.
    """
    named = pd.DataFrame(keys, columns=["ts", "resource_id", "metric"]).astype({"ts": "datetime64[us]"})
    series = named.assign(account=options.account, region=options.region, statistic=options.statistic)
    if options.period_s is None:
        return commonest_steps(NAME, series)
    if series.duplicated(["resource_id", "metric"]).any():
        steps = commonest_steps(NAME, series)
        if steps.min() < options.period_s:
            odd = series.iloc[int(steps.argmin())]
            raise DataError(
                f"{NAME}: samples of {odd['metric']} of {odd['resource_id']} follow each other after {steps.min()} s, and "
                f"period_s={options.period_s} says that each stands for longer; leave it out where series differ"
            )
    return options.period_s


def _items(server: _http.Server, options: Options, interval: Interval) -> Iterator[Any]:
    """The samples of all pages, as they are."""
    url = options.url
    params = [
        (name, _written(moment, options.parameter_format))
        for name, moment in ((options.start_parameter, interval.start), (options.end_parameter, interval.end))
        if name
    ]
    seen = {url}
    for _ in range(options.max_pages):
        answer = server.json(url, params)
        items = _at(answer, options.items_path)
        if not isinstance(items, list):
            raise DataError(
                f"{NAME}: {_http.place(url)}: expected a list at {options.items_path or 'the top'}, got {type(items).__name__}"
            )
        yield from items
        link = _at(answer, options.next_path) if options.next_path else None
        if not link:
            return
        # A link carries the whole question; the interval is not added to it a second time.
        url, params = urljoin(url, str(link)), []
        if _http.origin(url) != _http.origin(options.url):
            raise SourceError(f"{NAME}: the next page lies on {_http.place(url)}, another server than the first")
        if url in seen:
            raise SourceError(
                f"{NAME}: the page after {len(seen)} pages was there before: {_http.place(url)}; nothing is complete"
            )
        seen.add(url)
    raise SourceError(f"{NAME}: more than max_pages={options.max_pages} pages at {_http.place(options.url)}")


def _sample(options: Options, number: int, item: Any) -> tuple[datetime, str, str, float, str] | None:
    """Time, resource, metric, value and unit; None for a sample without a value."""
    where = f"{NAME}: sample {number}"
    if not isinstance(item, dict | list):
        raise DataError(f"{where} is {_shown(item)}, expected an object")
    value = _at(item, options.value_path)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not _is_number(value):
        raise DataError(f"{where}: {options.value_path} is {_shown(value)}, expected a finite number")
    ts = _moment(_at(item, options.time_path), options.time_format)
    if ts is None:
        raise DataError(f"{where}: {options.time_path} is {_shown(_at(item, options.time_path))}, expected {options.time_format}")
    names = []
    for fixed, path, kind in (
        (options.resource_id, options.resource_path, "resource"),
        (options.metric, options.metric_path, "metric"),
    ):
        named = fixed or _at(item, path)
        name = str(named) if isinstance(named, str | int) else ""
        if not _bronze.is_plain(name):
            raise DataError(f"{where}: the {kind} at {path} is {_shown(named)}, expected {_bronze.PLAIN_NAME}")
        names.append(name)
    unit = options.units.get(names[1], options.unit)
    if unit is None:
        raise ConfigError(f"{where}: the unit of metric {names[1]} is not stated; set unit or units")
    return ts, names[0], names[1], float(value), unit


def _at(answer: Any, path: str | None) -> Any:
    """What lies at a path, or None."""
    for part in path.split(".") if path else ():
        if isinstance(answer, list) and part.isdigit() and int(part) < len(answer):
            answer = answer[int(part)]
        elif isinstance(answer, dict):
            answer = answer.get(part)
        else:
            return None
    return answer


def _is_number(value: float | str) -> bool:
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _moment(value: Any, form: TimeFormat) -> datetime | None:
    try:
        if form == "iso":
            return naive_utc(datetime.fromisoformat(value))
        milliseconds = float(value) * _MILLISECONDS[form]
        return _EPOCH + timedelta(milliseconds=milliseconds) if 0 <= milliseconds <= _MOST_MILLISECONDS else None
    except (TypeError, ValueError, OverflowError):
        return None


def _written(moment: datetime, form: TimeFormat) -> str:
    if form == "iso":
        return f"{moment.isoformat()}Z"
    seconds = moment.replace(tzinfo=UTC).timestamp()
    return str(round(seconds * 1000 / _MILLISECONDS[form]))


def _shown(value: Any) -> str:
    return redacted(repr(value))[:80]
