"""CloudWatch's datapoints of an interval, by GetMetricData, into `bronze.metric_sample`.

**Which resources.** ListMetrics finds them, with the exact dimensions that each metric has; it forgets what has had no
data for two weeks, so an older interval, or a resource that is gone, needs the option `resources`. A `resource_id` is the
cloud's own id, or the resource part of the ARN where that is only a name: `db:orders`, `loadbalancer/app/web/50dc6c49`,
`service/cluster/name`, `function:name`.

**Late data.** A period's datapoint may change until everything has reported. Fetching again lands the changed payload
beside the first, and an unchanged one not at all.

**Retention.** CloudWatch keeps one-minute points for 15 days, five-minute points for 63 and hours for 455. Asking for
finer points than it still has would silently answer with gaps, so it is refused, or answered with the finest period that
is left where `past` says so.

**All or nothing.** Rows are handed over when every account, region and service has answered in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, field_validator

from pipeline.errors import ConfigError, SourceError
from pipeline.interval import Interval, naive_utc
from pipeline.sources import _aws, _bronze, _http
from pipeline.sources._batch import Batch
from pipeline.sources._cloudwatch_metrics import METRICS, SERVICES, Metric

NAME = "cloudwatch"
TABLES = ("bronze.metric_sample",)

QUERIES_PER_CALL = 500
#: How long CloudWatch keeps points of at least this many seconds, the finest first.
RETENTION: tuple[tuple[int, timedelta], ...] = (
    (60, timedelta(days=15)),
    (300, timedelta(days=63)),
    (3600, timedelta(days=455)),
)
#: Seconds between the points of basic monitoring, and how many must lie that far apart to be taken for it.
BASIC_S, LEAST_POINTS = 300, 3
#: What is asked for at least, where basic monitoring must be told.
REACH = timedelta(hours=1)
_ROUNDS = 4
_KEY = ("ts", "resource_id", "metric", "statistic")


class Options(_aws.AwsOptions):
    """What to ask CloudWatch for, and whom."""

    services: tuple[str, ...] = Field(
        default=SERVICES,
        min_length=1,
        max_length=40,
        description=f"Kinds of resources: {', '.join(SERVICES)}, or of more_metrics.",
    )
    resources: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        max_length=40,
        description='Only these resources of a service, by their dimension: {"ec2": ["i-…"], "ecs": ["cluster/service"]}. They '
        "need not be listed by CloudWatch any more, except for the agent's metrics.",
    )
    period_s: int = Field(default=300, ge=60, le=86_400, multiple_of=60, description="Length of a period in seconds.")
    past: Literal["refuse", "coarser"] = Field(
        default="refuse",
        description="For an interval whose points of period_s have expired: refuse, or take the finest period that is kept.",
    )
    more_metrics: tuple[Metric, ...] = Field(default=(), max_length=200, description="Metrics beside those of the default list.")

    @field_validator("period_s")
    @classmethod
    def _period_divides_a_day(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("expected a divisor of a day, so that periods do not depend on the day they are asked for")
        return value


@dataclass(frozen=True)
class _Query:
    """One statistic of one metric of one resource."""

    metric: Metric
    statistic: str
    resource_id: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    def stat(self, number: int, period_s: int) -> dict[str, Any]:
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {"Namespace": self.metric.namespace, "MetricName": self.metric.name, "Dimensions": dimensions}
        return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": period_s, "Stat": self.statistic}}


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The datapoints whose period starts in the interval; one shard per account, region and service.

    Raises:
        ConfigError: an unknown service, an interval whose points CloudWatch no longer keeps, or access denied.
        SourceError: AWS has not answered in full. Nothing is handed over.
    """
    catalogue = (*METRICS, *options.more_metrics)
    unknown = {*options.services, *options.resources} - {metric.service for metric in catalogue}
    if unknown:
        raise ConfigError(f"{NAME}: no services named {sorted(unknown)}; there are {', '.join(SERVICES)}")
    answers: list[Batch] = []
    for place in _aws.places(NAME, options):
        period_s = _kept_period(options, interval, place.now)
        for service in options.services:
            queries = _queries(
                place, [metric for metric in catalogue if metric.service == service], options.resources.get(service)
            )
            by_period: dict[int, list[_Query]] = defaultdict(list)
            for query in queries:
                by_period[query.metric.period_s or period_s].append(query)
            parts = [_bronze.within(_rows(place, some, interval, period), interval) for period, some in sorted(by_period.items())]
            rows = pa.concat_tables(parts) if parts else _bronze.schema("bronze.metric_sample").empty_table()
            answers += _bronze.batch(
                "bronze.metric_sample", f"{place.account}/{place.region}/{service}", _bronze.ordered(rows, _KEY)
            )
    yield from answers


def _kept_period(options: Options, interval: Interval, now: datetime) -> int:
    """The period to ask for, given how long ago the interval begins."""
    age = now - interval.start
    wanted = options.period_s
    kept = max((limit for seconds, limit in RETENTION if seconds <= wanted))
    if age <= kept:
        return wanted
    left = [seconds for seconds, limit in RETENTION if seconds > wanted and age <= limit]
    if left and options.past == "coarser":
        return left[0]
    advice = f"set period_s={left[0]} or past=coarser" if left else "CloudWatch keeps nothing that old"
    raise ConfigError(
        f"{NAME}: {interval} begins {age.days} days ago; points of {wanted} s are kept for {kept.days} days: {advice}"
    )


def _queries(place: _aws.Place, metrics: Sequence[Metric], only: Sequence[str] | None) -> list[_Query]:
    """What to ask for: per metric and resource the dimensions that CloudWatch knows it by."""
    queries: list[_Query] = []
    for metric in metrics:
        found: dict[tuple[str, str], list[tuple[tuple[str, str], ...]]] = defaultdict(list)
        known = _listed(place, metric) if only is None or metric.optional else _named(metric, only)
        for dimensions in sorted(known):
            values = dict(dimensions)
            if only is not None and "/".join(values[name] for name in metric.dimensions) not in only:
                continue
            part = values.get(metric.part, "") if metric.part else ""
            if metric.part and not part:
                continue
            name = metric.name if part in ("", "/") else f"{metric.name}:{part}"
            found[metric.resource.format(**values), name].append(dimensions)
        for (resource_id, name), candidates in sorted(found.items()):
            # Where an agent publishes both detail and roll-ups, the fewest dimensions are the whole resource. As many more
            # than once are the same resource before and after a change, such as of its instance type.
            fewest = min(map(len, candidates))
            whole = [dimensions for dimensions in candidates if len(dimensions) == fewest or not metric.is_whole]
            queries += [_Query(metric, one, resource_id, name, dimensions) for one in metric.statistics for dimensions in whole]
    return queries


def _listed(place: _aws.Place, metric: Metric) -> Iterator[tuple[tuple[str, str], ...]]:
    required, allowed = set(metric.dimensions), {*metric.dimensions, *metric.optional}
    for one in place.listed("cloudwatch", "list_metrics", "Metrics", Namespace=metric.namespace, MetricName=metric.name):
        dimensions = tuple(sorted((pair["Name"], pair["Value"]) for pair in one["Dimensions"]))
        if required <= {name for name, _ in dimensions} <= allowed:
            yield dimensions


def _named(metric: Metric, only: Sequence[str]) -> Iterator[tuple[tuple[str, str], ...]]:
    for resource in only:
        values = resource.split("/", len(metric.dimensions) - 1)
        if len(values) != len(metric.dimensions):
            raise ConfigError(f"{NAME}: resource {resource!r} of {metric.service}: expected {'/'.join(metric.dimensions)}")
        yield tuple(zip(metric.dimensions, values, strict=True))


def _rows(place: _aws.Place, queries: Sequence[_Query], interval: Interval, period_s: int) -> Any:
    series: dict[tuple[str, str, str, str], dict[datetime, float]] = defaultdict(dict)
    for first in range(0, len(queries), QUERIES_PER_CALL):
        asked = queries[first : first + QUERIES_PER_CALL]
        for query, points in zip(asked, _points(place, asked, interval, period_s), strict=True):
            known = series[query.resource_id, query.name, query.statistic, query.metric.unit]
            # In the period of a change both sides may have a value, as have the parts of a whole; the larger one counts.
            known.update({ts: max(value, known.get(ts, value)) for ts, value in points.items()})
    columns: dict[str, list[Any]] = defaultdict(list)
    for key, points in series.items():
        for name, value in zip(("resource_id", "metric", "statistic", "unit"), key, strict=True):
            columns[name] += [value] * len(points)
        columns["period_s"] += [_delivered_period(points, period_s)] * len(points)
        columns["ts"] += points.keys()
        columns["value"] += points.values()
    if not columns["ts"]:
        return _bronze.schema("bronze.metric_sample").empty_table()
    constant = {"source": NAME, "account": place.account, "region": place.region}
    return _bronze.rows("bronze.metric_sample", {**columns, **constant})


def _delivered_period(points: Iterable[datetime], period_s: int) -> int:
    """Seconds that a series' points stand for.

    Who asks an instance under basic monitoring for minutes is given its points of five, with all that was counted in them.
    """
    stamps = [ts.minute * 60 + ts.second for ts in points]
    basic = period_s < BASIC_S and len(stamps) >= LEAST_POINTS and not any(stamp % BASIC_S for stamp in stamps)
    return BASIC_S if basic else period_s


def _points(place: _aws.Place, queries: Sequence[_Query], interval: Interval, period_s: int) -> list[dict[datetime, float]]:
    """Value by start of period for each query; what comes back incomplete is asked for again, from its beginning."""
    # A part of a day alone would not tell basic monitoring: see `_delivered_period`.
    start = min(interval.start, interval.end - REACH) if period_s < BASIC_S else interval.start
    window = {"StartTime": _utc(_floor(start, period_s)), "EndTime": _utc(_ceil(interval.end, period_s))}
    points: list[dict[datetime, float]] = [{} for _ in queries]
    missing = list(range(len(queries)))
    for turn in range(_ROUNDS):
        for number in missing:
            points[number].clear()
        asked = [queries[number].stat(number, period_s) for number in missing]
        status: dict[int, str] = {}
        for page in place.pages("cloudwatch", "get_metric_data", MetricDataQueries=asked, ScanBy="TimestampAscending", **window):
            for result in page["MetricDataResults"]:
                number = int(result["Id"][1:])
                status[number] = result.get("StatusCode", "Complete")
                _add(points[number], result, queries[number])
        refused = [number for number in missing if status.get(number) == "Forbidden"]
        if refused:
            raise ConfigError(f"{_where(place, queries[refused[0]])}: access denied to {len(refused)} metrics of the call")
        missing = [number for number in missing if status.get(number, "no answer") != "Complete"]
        if not missing:
            return points
        if turn + 1 < _ROUNDS:
            _http.pause(turn)
    raise SourceError(
        f"{_where(place, queries[missing[0]])}: {len(missing)} of {len(queries)} metrics stayed incomplete "
        f"({status.get(missing[0], 'no answer')}) for {interval}"
    )


def _add(points: dict[datetime, float], result: dict[str, Any], query: _Query) -> None:
    for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
        ts = naive_utc(moment)
        if points.setdefault(ts, float(value)) != float(value):
            raise SourceError(f"{NAME}: {query.resource_id} {query.name}: pages give {points[ts]} and {value} for {ts}")


def _where(place: _aws.Place, query: _Query) -> str:
    return f"{NAME}: account {place.account}, {place.region}: {query.resource_id} {query.name} {query.statistic}"


def _floor(moment: datetime, period_s: int) -> datetime:
    return moment - (moment - datetime(2000, 1, 1)) % timedelta(seconds=period_s)


def _ceil(moment: datetime, period_s: int) -> datetime:
    floor = _floor(moment, period_s)
    return floor if floor == moment else floor + timedelta(seconds=period_s)


def _utc(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"
