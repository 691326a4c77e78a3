"""What recommenders see: the resources of an estate, how they are used, what they cost and what they risk."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import DataError
from pipeline.tables.columns import IMPUTED

Key = tuple[str, str, str]
"""Account, region, resource_id."""

_KEY = ["account", "region", "resource_id"]
_NAMED = [*_KEY, "metric"]
_Part = TypeVar("_Part")


def _nothing_by_day() -> pd.DataFrame:
    columns = {name: pd.Series(dtype="object") for name in (*_KEY, "metric")}
    numbers = {name: pd.Series(dtype="float64") for name in ("mean", "max", "samples", "expected_samples")}
    return pd.DataFrame({**columns, "day": pd.Series(dtype="datetime64[us]"), **numbers})


def _no_weeks() -> pd.DataFrame:
    columns = {name: pd.Series(dtype="object") for name in _KEY}
    return pd.DataFrame({**columns, "hour": pd.Series(dtype="datetime64[us]"), "p95": pd.Series(dtype="float64")})


def no_bill() -> pd.DataFrame:
    """A bill without a row."""
    words = ("payer", "account", "region", "service", "usage_type", "commitment_id", "charged_as")
    columns = {"ts": pd.Series(dtype="datetime64[us]")} | {name: pd.Series(dtype="object") for name in words}
    flags = {name: pd.Series(dtype="bool") for name in ("has_resource", "is_tagged")}
    numbers = ("list_price", "list_usd", "effective_usd")
    return pd.DataFrame({**columns, **flags} | {name: pd.Series(dtype="float64") for name in numbers})


def _no_changes() -> pd.DataFrame:
    words = {name: pd.Series(dtype="object") for name in ("account", "service")}
    return pd.DataFrame({**words, "portfolio_savings_usd": pd.Series(dtype="float64")})


def _no_anomalies() -> pd.DataFrame:
    words = ("anomaly_id", "payer", "account", "service", "usage_type", "resource_id", "currency")
    columns = {name: pd.Series(dtype="object") for name in words} | {"first_day": pd.Series(dtype="datetime64[us]")}
    costs = {name: pd.Series(dtype="float64") for name in ("actual_cost", "expected_cost", "impact_cost")}
    return pd.DataFrame({**columns, **costs, "days": pd.Series(dtype="int64"), "is_open": pd.Series(dtype="bool")})


def _no_budgets() -> pd.DataFrame:
    words = {name: pd.Series(dtype="object") for name in ("budget", "currency")}
    moments = {name: pd.Series(dtype="datetime64[us]") for name in ("period_end", "spent_p50")}
    return pd.DataFrame({**words, **moments} | {name: pd.Series(dtype="float64") for name in ("amount", "actual", "p_breach")})


@dataclass(frozen=True, eq=False)
class Demand:
    """The observed hours of one metric of one resource, oldest first; imputed hours are left out.

    Of what is counted, the figures are of one period; an hour has `periods` of them, NaN where nobody says, of which `samples`
    have a value.
    """

    hours: npt.NDArray[np.datetime64]
    mean: npt.NDArray[np.float64]
    p95: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]
    periods: npt.NDArray[np.float64]
    samples: npt.NDArray[np.float64]

    def coverage(self, days: int) -> float:
        """Observed hours as a share of the hours in `days`."""
        return min(1.0, len(self.hours) / (24 * days))


@dataclass(frozen=True)
class Days:
    """The days on which one metric of one resource was seen, oldest first.

    Attributes:
        day: its midnight.
        mean, max: of the day's periods.
        samples, expected: periods with a value, and periods in a day.
    """

    day: npt.NDArray[np.datetime64]
    mean: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]
    samples: npt.NDArray[np.float64]
    expected: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estate:
    """Everything known about the resources of some accounts at `as_of`.

    Attributes:
        as_of: naive UTC; nothing after it is looked at.
        lookback_days: days before it whose usage is looked at.
        resources: one row per (account, region, resource_id): service ("ec2", "rds", …), instance_type, state,
            launched_at, tags (a JSON object), state_since and config_changed_at (as `inputs.changed_since` says). Only the key
            and service must be there.
        usage: one row per (account, region, resource_id, metric, hour), these names as text or as categories: mean, p95, max
            (percent, Mbit/s for network_* and disk_*, or the count of a period), samples, expected_samples (periods in the hour),
            quality_flag (0 good, 1 imputed, 2 flagged).
        prices: one row per (service, region, item, unit) and price_as_of: price_usd, nullable; for instance types also
            vcpu, memory_gib, arch, and where known network_mbps, ebs_mbps, coremark, burstable, hypervisor, gpu,
            instance_store.
        risk: rows of `capacity_risk` with series_id account/region/resource_id/metric; may be empty.
        activity: one row per (account, region, resource_id, metric, day) of the metrics that tell whether anything uses a
            resource: mean, max, samples and expected_samples of the day's periods; it may reach further back than usage.
        weeks: one row per (account, region, resource_id, hour) of what is not in production: p95, of CPU utilization, observed
            in the last weeks.
        bill: usage as it was charged, as `inputs.spend_by_day` says: one row per (ts, payer, account, region, service,
            usage_type, commitment_id, charged_as, has_resource, is_tagged, list_price): list_usd, effective_usd; list_price is of
            an hour, NaN where there is none.
        changes: what other rules recommend and can be done together, for a rule that judges what these leave (`AFTER_CHANGES`):
            account, service, portfolio_savings_usd.
        anomalies: of a bill, as of `as_of`, without those that a person has answered, as `inputs.gravest_costs` says it.
        budgets: where each stands as of `as_of`, as `inputs.likely_breaches` says it.
    """

    as_of: datetime
    lookback_days: int
    resources: pd.DataFrame
    usage: pd.DataFrame
    prices: pd.DataFrame
    risk: pd.DataFrame
    activity: pd.DataFrame = field(default_factory=_nothing_by_day)
    weeks: pd.DataFrame = field(default_factory=_no_weeks)
    bill: pd.DataFrame = field(default_factory=no_bill)
    changes: pd.DataFrame = field(default_factory=_no_changes)
    anomalies: pd.DataFrame = field(default_factory=_no_anomalies)
    budgets: pd.DataFrame = field(default_factory=_no_budgets)

    @cached_property
    def _known(self) -> dict[Hashable, Any]:
        return {}

    def after(self, changes: pd.DataFrame) -> Estate:
        """The same estate beside other changes; of what is worked out nothing depends on these."""
        other = replace(self, changes=changes)
        vars(other)["_known"] = self._known
        return other

    def once(self, asked: Hashable, work: Callable[[], _Part]) -> _Part:
        """What several rules ask of the estate, worked out for the first of them; nobody changes it."""
        if asked not in self._known:
            self._known[asked] = work()
        known: _Part = self._known[asked]
        return known

    @property
    def demand(self) -> dict[Key, dict[str, Demand]]:
        """The usage observed in the `lookback_days` before `as_of`, by resource and metric; worked out once for all rules."""
        return self.once("demand", lambda: _demand_by_resource(self))

    @property
    def days(self) -> dict[Key, dict[str, Days]]:
        """The activity before `as_of`, by resource and metric."""
        return self.once("days", lambda: _days_by_resource(self))


class Listed(dict[str, Any]):
    """A resource's row of the inventory, by column."""

    @cached_property
    def tags(self) -> dict[str, Any]:
        """As `tags_of` says."""
        return _read_tags(self)


def resources_of(estate: Estate, services: Iterable[str]) -> Iterator[tuple[Key, Listed]]:
    """The resources of some services, in the order of their keys; worked out once for all rules that ask for the same.

    Raises:
        DataError: a resource that is listed twice.
    """
    asked = frozenset(services)
    listed = estate.resources
    yield from estate.once(("listed", asked), lambda: _list_resources(listed.loc[listed["service"].isin(asked)]))


def _list_resources(wanted: pd.DataFrame) -> list[tuple[Key, Listed]]:
    keys = wanted[["account", "region", "resource_id"]].fillna("").astype(str)
    twice = keys.duplicated()
    if twice.any():
        raise DataError(f"resource {'/'.join(keys.loc[twice].iloc[0])} is listed twice in the inventory")
    order = keys.reset_index(drop=True).sort_values(["account", "region", "resource_id"]).index
    names = list(keys.itertuples(index=False, name=None))
    rows = cast(list[dict[str, Any]], wanted.to_dict("records"))
    return [(names[position], Listed(rows[position])) for position in order]


def _demand_by_resource(estate: Estate) -> dict[Key, dict[str, Demand]]:
    usage = estate.usage
    start = estate.as_of - timedelta(days=estate.lookback_days)
    observed = (
        (usage["hour"] >= start)
        & (usage["hour"] < estate.as_of)
        & (usage["quality_flag"].fillna(0) != IMPUTED)
        & np.isfinite(usage["mean"].astype(np.float64))
    ).to_numpy(dtype=bool)
    ordered = _Ordered.of(usage, "hour", observed)
    mean, p95, highest, periods, samples = (
        ordered.numbers(name) for name in ("mean", "p95", "max", "expected_samples", "samples")
    )
    # A source that delivers one statistic only still tells the level: the mean stands in for what is missing.
    peak = np.fmax(highest, mean)
    arrays = [ordered.moments, mean, np.where(np.isnan(p95), peak, p95), peak, periods, samples]
    return ordered.split(lambda part: Demand(*(each[part] for each in arrays)))


def _days_by_resource(estate: Estate) -> dict[Key, dict[str, Days]]:
    before = _Ordered.of(estate.activity, "day", (estate.activity["day"] < estate.as_of).to_numpy(dtype=bool))
    figures = [before.numbers(name) for name in ("mean", "max", "samples", "expected_samples")]
    return before.split(lambda part: Days(before.moments[part], *(each[part] for each in figures)))


@dataclass(frozen=True, eq=False)
class _Ordered:
    """Which rows of a frame are looked at, in the order of resource, metric and time.

    Attributes:
        rows: their positions.
        moments: theirs.
        starts: where in them each resource and metric begins, and at last their number.
    """

    frame: pd.DataFrame
    rows: npt.NDArray[np.int64]
    moments: npt.NDArray[np.datetime64]
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, frame: pd.DataFrame, time: str, wanted: npt.NDArray[np.bool_]) -> _Ordered:
        """The wanted rows; what comes in order, as it does from the lake, is not sorted again."""
        rows = np.flatnonzero(wanted)
        moments = frame[time].to_numpy("datetime64[us]")
        starts = _starts(frame, rows)
        texts = list(frame[_NAMED].iloc[rows[starts]].itertuples(index=False, name=None))
        in_order = all(isinstance(text, str) for row in texts for text in row) and all(
            one < other for one, other in itertools.pairwise(texts)
        )
        backwards = np.flatnonzero(np.diff(moments[rows]) < np.timedelta64(0, "us")) + 1
        if not in_order or not np.isin(backwards, starts).all():
            # The order of categories is not that of names.
            named = frame[[*_NAMED, time]].iloc[rows].reset_index(drop=True).astype(dict.fromkeys(_NAMED, "object"))
            rows = rows[named.sort_values([*_NAMED, time]).index.to_numpy()]
            starts = _changes([pd.factorize(frame[name])[0][rows] for name in _NAMED])
        return cls(frame, rows, moments[rows], np.append(starts, len(rows)))

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """A column of theirs; one that is not there is not known."""
        if name not in self.frame:
            return np.full(len(self.rows), np.nan)
        return self.frame[name].to_numpy(dtype=np.float64)[self.rows]

    def split(self, made: Callable[[slice], _Part]) -> dict[Key, dict[str, _Part]]:
        """What is made of the rows of each resource and metric."""
        found: dict[Key, dict[str, _Part]] = {}
        names = self.frame[_NAMED].iloc[self.rows[self.starts[:-1]]].itertuples(index=False, name=None)
        for (account, region, resource_id, metric), start, end in zip(names, self.starts[:-1], self.starts[1:], strict=True):
            key = (str(account), str(region), str(resource_id))
            found.setdefault(key, {})[str(metric)] = made(slice(int(start), int(end)))
        return found


def codes_of(names: pd.Series) -> npt.NDArray[Any]:
    """What differs where names do, the fastest to compare: the codes of categories, or the names themselves."""
    return names.cat.codes.to_numpy() if isinstance(names.dtype, pd.CategoricalDtype) else names.to_numpy()


def _starts(frame: pd.DataFrame, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where in some rows of a frame, which come in its order, another resource or metric begins than that of the row before."""
    # Which run of the whole frame each is of: to take names out of it row by row costs more than to compare them.
    begins = np.zeros(len(frame), dtype=np.int64)
    begins[_changes([codes_of(frame[name]) for name in _NAMED])] = 1
    return _changes([np.cumsum(begins)[rows]])


def _changes(names: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Where in some rows another resource or metric begins, given the columns that name them."""
    is_new = np.zeros(len(names[0]), dtype=bool)
    is_new[:1] = True
    for column in names:
        is_new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(is_new)


def tags_of(resource: Mapping[str, Any] | pd.Series) -> dict[str, Any]:
    """The tags of a resource by name, among them what the inventory says of it under `headroom:`; nobody changes them.

    Raises:
        DataError: they are no JSON object.
    """
    return resource.tags if isinstance(resource, Listed) else _read_tags(resource)


def _read_tags(resource: Mapping[str, Any] | pd.Series) -> dict[str, Any]:
    text = optional_text(resource.get("tags"))
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise DataError(f"tags of {resource['resource_id']} are not JSON: {text[:80]!r}") from error
    if not isinstance(tags, dict):
        raise DataError(f"tags of {resource['resource_id']} are not a JSON object: {text[:80]!r}")
    return tags


def optional_text(value: object) -> str | None:
    """The value as text; None for whatever pandas calls missing."""
    return None if value is None or value is pd.NaT or value is pd.NA or value != value else str(value)
