"""What a Prometheus knows of an interval, by range queries, into `bronze.metric_sample`.

One configured query per metric: nothing is guessed when a query answers with nothing. The shipped ones are the 23 system
metrics of node_exporter. Whatever speaks Prometheus' query API will do (Thanos, Mimir, VictoriaMetrics, Amazon Managed
Prometheus behind a signing proxy).

**Times.** A query over a window that ends at t describes the period before it, so its value lands at `ts` = t - `step_s`.
Periods lie on a grid that does not depend on the interval. A point whose value is NaN is no sample.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from pipeline.errors import ConfigError, SourceError, redacted
from pipeline.interval import Interval
from pipeline.sources import _bronze, _http
from pipeline.sources._batch import Batch
from pipeline.sources._node_exporter import QUERIES, Query

NAME = "prometheus"
TABLES = ("bronze.metric_sample",)

log = logging.getLogger(__name__)

#: Prometheus answers at most this many points per series and request.
MOST_POINTS = 11_000

MetricName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9._:/-]{0,127}$")]
_LABEL = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}$"


class Options(_http.Asked):
    """Whom to ask, and for what."""

    url: str = Field(pattern=r"^https?://[^\s?#]+$", description="Address of the server, up to but without /api/v1.")
    queries: dict[MetricName, Query] = Field(
        default_factory=lambda: dict(QUERIES),
        min_length=1,
        max_length=500,
        description="Query by metric, in place of the 23 of node_exporter.",
    )
    step_s: int = Field(default=300, ge=10, le=3600, description="Length of a period in seconds.")
    points_per_request: int = Field(
        default=MOST_POINTS,
        ge=10,
        le=MOST_POINTS,
        description="Points per series and request; a longer interval is asked for in parts.",
    )
    resource_label: str = Field(default="instance", pattern=_LABEL, description="Label that names the resource.")
    account_label: str | None = Field(default=None, pattern=_LABEL, description="Label that names the account, if there is one.")
    region_label: str | None = Field(default=None, pattern=_LABEL, description="Label that names the region, if there is one.")
    account: str = Field(default="local", pattern=_NAME, description="Account, where no label names it.")
    region: str = Field(default="local", pattern=_NAME, description="Region, where no label names it.")

    @field_validator("url")
    @classmethod
    def _no_password_in_the_address(cls, value: str) -> str:
        return _http.check_address(value)

    @field_validator("step_s")
    @classmethod
    def _step_divides_a_day(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("expected a divisor of a day, so that periods do not depend on the day they are asked for")
        return value


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The values of the periods that start in the interval, in one shard.

    Raises:
        ConfigError: a query gives several series for one resource, or none of its labels names one.
        SourceError: the server is down, refused a query or answered in part; nothing is handed over.
    """
    server = _http.Server(NAME, options, token=_http.bearer(options))
    columns: dict[str, list[Any]] = defaultdict(list)
    for metric, query in options.queries.items():
        for (account, region, resource), points in _series(server, options, metric, query, interval).items():
            columns["account"] += [account] * len(points)
            columns["region"] += [region] * len(points)
            columns["resource_id"] += [resource] * len(points)
            columns["metric"] += [metric] * len(points)
            columns["statistic"] += [query.statistic] * len(points)
            columns["unit"] += [query.unit] * len(points)
            columns["ts"] += [datetime.fromtimestamp(ts, UTC).replace(tzinfo=None) for ts in points]
            columns["value"] += points.values()
    if columns:
        rows = _bronze.rows("bronze.metric_sample", {**columns, "source": NAME, "period_s": options.step_s})
        yield from _bronze.batch("bronze.metric_sample", "samples", _bronze.ordered(rows, ("ts", "resource_id", "metric")))


def _series(
    server: _http.Server, options: Options, metric: str, query: Query, interval: Interval
) -> dict[tuple[str, str, str], dict[int, float]]:
    """Value by start of period, in seconds since 1970, per account, region and resource."""
    by = [label for label in (options.resource_label, options.account_label, options.region_label) if label]
    promql = query.promql.replace("$step", f"{options.step_s}s").replace("$by", ", ".join(by))
    found: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    empty = 0
    for first, last in _parts(interval, options.step_s, options.points_per_request):
        ends = (first + options.step_s, last + options.step_s)
        params = [("query", promql), ("start", str(ends[0])), ("end", str(ends[1])), ("step", str(options.step_s))]
        seen: set[tuple[str, str, str]] = set()
        for series in _matrix(server, options, metric, params):
            key = _resource(options, metric, series.get("metric", {}))
            if key in seen:
                raise ConfigError(f"{NAME}: query {metric} gives several series for {'/'.join(key)}; aggregate it by ($by)")
            seen.add(key)
            for at, value in _points(metric, series):
                if at % options.step_s or not ends[0] <= at <= ends[1]:
                    raise SourceError(f"{NAME}: query {metric} answers for {at}, which was not asked for")
                if math.isnan(value):
                    empty += 1
                else:
                    found[key][at - options.step_s] = value
    if empty:
        log.warning("%s: query %s: %d points are NaN, and no samples", NAME, metric, empty)
    return found


def _points(metric: str, series: dict[str, Any]) -> list[tuple[int, float]]:
    try:
        return [(int(at), float(text)) for at, text in series.get("values", [])]
    except (TypeError, ValueError):
        raise SourceError(f"{NAME}: query {metric} answers points that are no pairs of a time and a number") from None


def _parts(interval: Interval, step_s: int, points: int) -> Iterator[tuple[int, int]]:
    """First and last start of a period, in seconds since 1970, of each request."""
    start, end = (moment.replace(tzinfo=UTC).timestamp() for moment in (interval.start, interval.end))
    first = math.ceil(start / step_s) * step_s
    while first < end:
        last = min(first + (points - 1) * step_s, (math.ceil(end / step_s) - 1) * step_s)
        yield first, last
        first = last + step_s


def _matrix(server: _http.Server, options: Options, metric: str, params: list[tuple[str, str]]) -> list[dict[str, Any]]:
    answer = server.json(f"{options.url.rstrip('/')}/api/v1/query_range", params)
    if not isinstance(answer, dict) or answer.get("status") != "success":
        said = answer.get("error") if isinstance(answer, dict) else answer
        raise SourceError(f"{NAME}: query {metric} failed: {redacted(str(said), server.token)[:300]}")
    # A warning means that some store did not answer: what is there is not everything.
    if answer.get("warnings") or answer.get("isPartial"):
        said = "; ".join(answer.get("warnings") or ["a partial answer"])
        raise SourceError(f"{NAME}: query {metric} was answered in part: {redacted(said, server.token)[:300]}")
    data = answer.get("data", {})
    if data.get("resultType") != "matrix":
        raise SourceError(f"{NAME}: query {metric} answers a {data.get('resultType')}, expected a matrix")
    result: list[dict[str, Any]] = data.get("result") or []
    return result


def _resource(options: Options, metric: str, labels: dict[str, str]) -> tuple[str, str, str]:
    account = labels.get(options.account_label, "") if options.account_label else options.account
    region = labels.get(options.region_label, "") if options.region_label else options.region
    resource = labels.get(options.resource_label, "")
    if not (account and region and resource):
        raise ConfigError(f"{NAME}: query {metric} gives a series without the labels that name its resource: {sorted(labels)}")
    return account, region, resource
