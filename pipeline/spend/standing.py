"""Where a budget stands: what is billed of its period, what that will come to, with which chance it is exceeded, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting.panel import Floats
from pipeline.spend import usage
from pipeline.spend.budget import Budget
from pipeline.spend.outlook import NOTHING, goes_on, in_meaning, is_known, split_by_end
from pipeline.spend.services import Expected, Group, foresee_each, of_same
from pipeline.spend.tree import Period
from pipeline.tables.columns import DAY
from pipeline.tables.cost_forecast import QUANTILE_COLUMNS

#: Parts that are named as what drives a budget, at most.
DRIVERS = 3
#: A share that was told is told again once it was this many points below it.
REARMED = 5.0
#: Of the day on which a budget is spent: the ends of its 80 % interval, and its median.
SPENT_AT = (0.1, 0.5, 0.9)
_DAY = np.timedelta64(1, "D")


@dataclass
class Course:
    """How a period goes, by day: what is billed, and sample paths of what is ahead.

    Attributes:
        billed: (D,) of whole days, and of what nothing is forecast.
        known: (D,) all that is charged, also of days that are forecast since their bills have a part of them.
        ahead: (D, PATHS); none where nothing of it is forecast.
        parts: what each service of an account comes to at the end.
    """

    billed: Floats
    known: Floats
    ahead: Floats | None = None
    parts: dict[tuple[str, str], float] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    skill: float | None = None

    def add(self, part: tuple[str, str], cost: float) -> None:
        self.parts[part] = self.parts.get(part, 0.0) + cost

    def running(self) -> Floats:
        """(D, paths) what it comes to by the end of each day: never less than is charged for it already.

        To a millionth, so that what sums to the amount does not exceed it by what floats lose.
        """
        daily = self.billed[:, None] if self.ahead is None else self.billed[:, None] + self.ahead
        return np.asarray(np.round(np.maximum(np.cumsum(daily, axis=0), np.cumsum(self.known)[:, None]), 6))


@dataclass(frozen=True)
class Apart:
    """What a scope that names teams is a part of, as of `outlook.foresee`.

    Attributes:
        services: the charges of every service of an account that the scope has a part of, whoever has them.
        teams: the same in parts, with team.
        names: the teams that the scope names.
    """

    services: pd.DataFrame
    teams: pd.DataFrame
    names: frozenset[str]

    def counted(self, budget: Budget, as_of: datetime) -> Apart:
        """What a budget counts of it, in its currency and meaning."""
        services, teams = (_counted(budget, each, as_of) for each in (self.services, self.teams))
        return Apart(_known(budget, services), _known(budget, teams), self.names)


@dataclass(frozen=True)
class Followed:
    """The running period of a budget, and how it goes.

    Attributes:
        period: its first day, and the day after its last.
        counted: the charges of the scope that count, in every currency; as of `outlook.foresee`.
        known: those in the budget's currency and meaning; as of `outlook.in_meaning`.
        today: the day of the moment that all is as of.
    """

    budget: Budget
    period: tuple[date, date]
    counted: pd.DataFrame
    known: pd.DataFrame
    course: Course
    today: np.datetime64

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """(D,) all days of the period."""
        return np.arange(*(np.datetime64(day, "D") for day in self.period))

    def complete_through(self) -> datetime | None:
        """The last day that all bills have which go on; where all have ended, the last day of any."""
        return _whole_in_all(self.known, self.today)


def follow(
    budget: Budget,
    charges: pd.DataFrame,
    as_of: datetime,
    models: Mapping[str, usage.Forecast],
    apart: Apart | None = None,
) -> Followed | None:
    """The period that the day before `as_of` lies in; None where the budget does not count then.

    Args:
        budget: whose it is.
        charges: of its scope, as of `outlook.foresee`, from as long before the period as it is long.
        as_of: naive UTC, midnight.
        models: as of `outlook.foresee`.
        apart: what they are a part of, where the scope names teams.
    """
    period = budget.period_of((as_of - timedelta(days=1)).date())
    if period is None:
        return None
    first, after, today = (np.datetime64(day, "D") for day in (*period, as_of))
    counted = _counted(budget, charges, as_of)
    known = _known(budget, counted)
    course = follow_period(known, first, after, today, models, apart.counted(budget, as_of) if apart else None)
    return Followed(budget, period, counted, known, course, today)


def _counted(budget: Budget, charges: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    return charges[~charges["category"].isin(budget.without) & (charges["ts"] < as_of)]


def _known(budget: Budget, charges: pd.DataFrame) -> pd.DataFrame:
    return in_meaning(charges[charges["currency"] == budget.currency], budget.cost)


def judge(followed: Followed, as_of: datetime, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A row of `gold.budget_status`.

    Args:
        followed: see `follow`.
        as_of: naive UTC, midnight.
        before: what the run before said of the same period: actual_over_pct and forecast_over_pct.

    Returns:
        None where the budget plans nothing of a month of the period.
    """
    budget, period, known, course = followed.budget, followed.period, followed.known, followed.course
    amount = budget.amount_of(*period)
    if amount is None:
        return None
    first, after = (np.datetime64(day, "D") for day in period)
    counted, day = followed.counted, known["day"].to_numpy()
    actual = sum(known["amount"][(day >= first) & (day < after)], Decimal(0))
    shares = _earlier_shares(known, first - (after - first), first)
    row: dict[str, Any] = {
        "as_of": as_of,
        "budget": budget.name,
        "scope": str(budget),
        "cost": budget.cost,
        "currency": budget.currency,
        "period": budget.period,
        "period_start": datetime.combine(period[0], datetime.min.time()),
        "period_end": datetime.combine(period[1], datetime.min.time()),
        "amount": amount,
        "actual": actual,
        "left_out": ", ".join(sorted(set(counted["currency"][counted["ts"] >= pd.Timestamp(period[0])]) - {budget.currency}))
        or None,
        "drivers_json": json.dumps(_drivers(course, shares, float(amount))),
        "complete_through": followed.complete_through(),
        **_ahead(course, float(amount), float(actual), period[0]),
    }
    told = before or {}
    for name, levels, reached in (
        ("actual_over_pct", budget.actual_pct, row["actual"]),
        ("forecast_over_pct", budget.forecast_pct, row["expected"]),
    ):
        row[name] = find_crossed(levels, None if reached is None else 100 * float(reached) / float(amount), told.get(name))
    return row


def find_crossed(levels: Iterable[float], share: float | None, told: float | None) -> float | None:
    """The highest level that a share in percent has crossed, if any.

    One that was told before counts until the share is `REARMED` points below it: what swings about a level is told once.
    """
    if share is None:
        return told
    known = -np.inf if told is None or np.isnan(told) else told
    return max((level for level in levels if share >= level or (level <= known and share >= level - REARMED)), default=None)


def follow_period(
    known: pd.DataFrame,
    first: np.datetime64,
    after: np.datetime64,
    today: np.datetime64,
    models: Mapping[str, usage.Forecast],
    apart: Apart | None = None,
) -> Course:
    """How the days of a period go, from the charges of a scope, as of `outlook.in_meaning`, that are known on the day `today`.

    Where the scope names teams, their services are forecast whole and divided, as `gold.cost_forecast` has them.
    """
    days = (after - first) // _DAY
    course = Course(np.zeros(days), np.zeros(days))
    _add_by_day(course.known, known, first, after)
    _bill(course, known[~goes_on(known["complete_through"], today)], first, after)
    services, teams = (apart.services, apart.teams) if apart else (known, known.head(0))
    going = services[goes_on(services["complete_through"], today)]
    if known.empty or going.empty:
        return course
    course.ahead = np.zeros((len(course.billed), usage.PATHS))
    for number, (whole, part) in enumerate(split_by_end(going, today).items()):
        start = max(whole + _DAY, first)
        among = [Period(DAY, day, day + _DAY) for day in np.arange(start, after)]
        if not among:
            # Of a part the scope has some teams alone; an account's bills end on one day.
            _bill(course, of_same(known, part, ["provider", "account"]) if apart else part, first, after)
            continue
        place = slice((start - first) // _DAY, None)
        for service in foresee_each(Group.of(part, teams, whole, among, number), models):
            for one in _in_scope(service, apart):
                _expect(course, one, place, whole, first, after)
    return course


def _in_scope(service: Expected, apart: Apart | None) -> tuple[Expected, ...]:
    return tuple(each for each in service.teams if each.node.team in apart.names) if apart else (service,)


def _expect(
    course: Course, one: Expected, place: slice, whole: np.datetime64, first: np.datetime64, after: np.datetime64
) -> None:
    """Add what a service of an account, or a team's part of it, was charged and what is ahead of it."""
    for kind, charged in one.kinds.items():
        _bill(course, charged[is_known(charged, kind in one.parts, whole)], first, after)
    for ahead in one.parts.values():
        if course.ahead is not None:
            course.ahead[place] += ahead.paths
        course.add((one.node.account, one.node.service), float(ahead.paths.sum(axis=0).mean()))
        course.models |= ahead.models
    if one.skill is not None:
        course.skill = one.skill if course.skill is None else min(one.skill, course.skill)


def _bill(course: Course, charged: pd.DataFrame, first: np.datetime64, after: np.datetime64) -> None:
    for part, cost in _by_part(_add_by_day(course.billed, charged, first, after)).items():
        course.add(part, cost)


def _add_by_day(days: Floats, charged: pd.DataFrame, first: np.datetime64, after: np.datetime64) -> pd.DataFrame:
    """Add the charges of a period to its days; returns these charges."""
    day = charged["day"].to_numpy()
    inside = charged[(day >= first) & (day < after)]
    np.add.at(days, (inside["day"].to_numpy() - first) // _DAY, inside["value"].to_numpy())
    return inside


def _whole_in_all(known: pd.DataFrame, today: np.datetime64) -> datetime | None:
    """The last day that all bills have which go on; where all have ended, the last day of any."""
    if known.empty:
        return None
    through = np.minimum(known["complete_through"].to_numpy(dtype="datetime64[D]"), today - 1)
    going = through[goes_on(known["complete_through"], today)]
    last: datetime = (going.min() if len(going) else through.max()).astype("datetime64[us]").item()
    return last


def _ahead(course: Course, amount: float, actual: float, first: date) -> dict[str, Any]:
    """What the period comes to, and when it is spent; of what is not forecast only what is certain."""
    running = course.running()
    if course.ahead is None:
        nothing = dict.fromkeys(("expected", *QUANTILE_COLUMNS, "model", "skill"))
        return {**nothing, "p_breach": 1.0 if actual > amount else None, **_spent_at(running, amount, first)}
    ends = running[-1]
    return {
        "expected": float(ends.mean()),
        **dict(zip(QUANTILE_COLUMNS, np.quantile(ends, list(QUANTILE_COLUMNS.values())).tolist(), strict=True)),
        "p_breach": _chance(ends > amount) if course.models else float(actual > amount),
        **_spent_at(running, amount, first),
        "model": ", ".join(sorted(course.models)) or NOTHING,
        "skill": course.skill,
    }


def _chance(breached: npt.NDArray[np.bool_]) -> float:
    """The share of paths, no surer than so many can tell."""
    return float((breached.sum() + 0.5) / (len(breached) + 1))


_SPENT = tuple(f"spent_p{round(100 * level):02d}" for level in SPENT_AT)


def _spent_at(running: Floats, amount: float, first: date) -> dict[str, datetime | None]:
    """The day from which on the amount is exceeded, by its quantiles; None where it is not at the period's end.

    What is exceeded until a credit comes does not count: `p_breach` says likewise.

    Args:
        running: (D, paths), see `Course.running`.
    """
    stays = np.logical_and.accumulate((running > amount)[::-1], axis=0)
    day = len(running) - stays.sum(axis=0)
    found = {}
    for name, level in zip(_SPENT, SPENT_AT, strict=True):
        number = int(np.quantile(day, level, method="inverted_cdf"))
        spent = first + timedelta(days=number)
        found[name] = datetime.combine(spent, datetime.min.time()) if number < len(running) else None
    return found


def _earlier_shares(known: pd.DataFrame, first: np.datetime64, after: np.datetime64) -> dict[tuple[str, str], float]:
    """What share each service of an account had of the cost of the days before; empty where these cost nothing."""
    day = known["day"].to_numpy()
    earlier = _by_part(known[(day >= first) & (day < after)])
    total = sum(earlier.values())
    return {part: cost / total for part, cost in earlier.items()} if total > 0 else {}


def _by_part(charged: pd.DataFrame) -> dict[tuple[str, str], float]:
    summed = charged.groupby(["account", "service"], as_index=False)["value"].sum()
    return {
        (str(account), str(service)): float(cost)
        for account, service, cost in zip(*(summed[name] for name in ("account", "service", "value")), strict=True)
    }


def _drivers(course: Course, shares: Mapping[tuple[str, str], float], amount: float) -> list[dict[str, Any]]:
    """What will cost most beyond its share of the amount, by its share of the days before; all that it costs where it is new."""
    return list(_named(course, shares, amount))[:DRIVERS]


def _named(course: Course, shares: Mapping[tuple[str, str], float], amount: float) -> Iterator[dict[str, Any]]:
    over = {part: cost - amount * shares.get(part, 0.0) for part, cost in course.parts.items()}
    for part in sorted(over, key=lambda each: (-over[each], each)):
        if over[part] > 0:
            account, service = part
            costs = {"expected": course.parts[part], "planned": amount * shares.get(part, 0.0), "over": over[part]}
            yield {"account": account, "service": service, **{name: round(cost, 2) for name, cost in costs.items()}}
