"""The whole outlook: charges in, rows of `gold.cost_forecast` out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting.panel import Floats, Panel
from pipeline.spend import schedule, tree, usage
from pipeline.spend.schedule import Days, Past
from pipeline.spend.tree import Billed, Node, Period, Sum
from pipeline.tables.columns import ALL, COST_MEANINGS, FEE, ONE_OFF, TAX, USAGE
from pipeline.tables.cost_forecast import COST_FORECAST, QUANTILE_COLUMNS

#: How far days and months are published.
DAYS, MONTHS = 92, 18
#: A payer whose bills ended so long ago has left.
GONE = np.timedelta64(31, "D")
PURCHASE = "purchase"
SCHEDULE, NOTHING = "schedule", "billed"
# Days at the end of what is billed that may be half billed, and the share of the same weekday's usual total that tells so.
_LATE, _HALF = 3, 0.5
_KEY = list(Node._fields)
_LEVELS = np.array(list(QUANTILE_COLUMNS.values()))


@dataclass(frozen=True)
class Group:
    """The charges of one currency and meaning that are complete through the same day.

    Attributes:
        charges: provider, account, service, category, item, day, amount (Decimal), value (float).
        dates: (T,) all days known, the last of them the last that is whole.
        ahead: (D,) the days after them.
        among: what is published.
        number: which group it is, for draws of its own.
    """

    charges: pd.DataFrame
    dates: Days
    ahead: Days
    among: list[Period]
    number: int

    @classmethod
    def of(cls, charges: pd.DataFrame, whole: np.datetime64, among: list[Period], number: int) -> Group:
        """Those whose last whole day is `whole`, for which days are drawn to the end of all that is published."""
        first = min(charges["day"].to_numpy(dtype="datetime64[D]").min(), whole)
        end = max(period.end for period in among)
        return cls(charges, np.arange(first, whole + 1), np.arange(whole + 1, end), among, number)

    def past(self, charges: pd.DataFrame) -> Past:
        """The daily sums of some of its charges."""
        amounts = np.zeros(len(self.dates))
        place = (charges["day"].to_numpy(dtype="datetime64[D]") - self.dates[0]).astype(np.int64)
        known = place < len(self.dates)
        np.add.at(amounts, place[known], charges["value"].to_numpy()[known])
        return Past(self.dates, amounts)


def foresee(charges: pd.DataFrame, as_of: datetime, models: Mapping[str, usage.Forecast]) -> pd.DataFrame:
    """Rows of `gold.cost_forecast`.

    Args:
        charges: provider, account, service, currency, category (`usage`, `purchase`, `tax`, `credit`, `correction`), item (what
            tells one purchase from another), ts, billed and effective (Decimal; None where there is none), complete_through (of
            who pays). Nothing from `as_of` on.
        as_of: naive UTC, midnight.
        models: a forecaster by its name and, second, the floor that it must beat.

    Returns:
        In the order of the key; empty where nothing was charged lately.
    """
    today = np.datetime64(as_of, "D")
    lately = charges[charges["complete_through"].to_numpy(dtype="datetime64[D]") > today - GONE]
    parts = []
    for currency, of_currency in lately.groupby("currency", sort=True):
        for meaning in COST_MEANINGS:
            known = in_meaning(of_currency, meaning)
            if len(known):
                rows = _foresee(known, today, models)
                if len(rows):
                    parts.append(rows.assign(as_of=as_of, currency=currency, cost=meaning))
    if not parts:
        return COST_FORECAST.empty()
    return pd.concat(parts, ignore_index=True)[list(COST_FORECAST.names)].sort_values(list(COST_FORECAST.key), ignore_index=True)


def in_meaning(charges: pd.DataFrame, meaning: str) -> pd.DataFrame:
    """The charges that have a cost of this meaning: with amount (Decimal), value (float) and day."""
    known = charges[charges[meaning].notna()]
    return known.assign(
        amount=known[meaning],
        value=known[meaning].astype(np.float64),
        day=known["ts"].to_numpy(dtype="datetime64[D]"),
    )


def is_known(charged: pd.DataFrame, goes_on: bool, whole: np.datetime64) -> npt.NDArray[np.bool_]:
    """Which charges of a kind are counted as billed: all of them, or those of whole days where the days after are forecast."""
    return np.asarray(~np.bool_(goes_on) | (charged["day"].to_numpy(dtype="datetime64[D]") <= whole))


def find_gone(charges: pd.DataFrame, as_of: datetime) -> pd.Series:
    """The last whole day of each account whose bills ended too long ago to be forecast; arguments as of `foresee`."""
    through = charges.groupby("account")["complete_through"].max()
    return through[through.to_numpy(dtype="datetime64[D]") <= np.datetime64(as_of, "D") - GONE]


def split_by_end(charges: pd.DataFrame, today: np.datetime64) -> dict[np.datetime64, pd.DataFrame]:
    """The charges of one currency and meaning, by the last day that their bills have whole.

    Args:
        charges: as of `Group`, with complete_through.
        today: what a bill says of days from it on is not known yet.
    """
    throughs = np.minimum(charges["complete_through"].to_numpy(dtype="datetime64[D]"), today - 1)
    parts: dict[np.datetime64, list[pd.DataFrame]] = {}
    for through in np.unique(throughs):
        part = charges[throughs == through]
        parts.setdefault(_last_whole(part, through), []).append(part)
    return {whole: pd.concat(each) for whole, each in parts.items()}


def _foresee(charges: pd.DataFrame, today: np.datetime64, models: Mapping[str, usage.Forecast]) -> pd.DataFrame:
    """One currency and meaning."""
    by_end = split_by_end(charges, today)
    among = tree.periods(max(by_end), today, DAYS, MONTHS)
    since = min(period.start for period in among)
    sums: dict[tuple[Node, str], Sum] = {}
    skills: dict[Node, float] = {}
    billed: list[Billed] = []
    blocks = []
    for number, (whole, part) in enumerate(by_end.items()):
        for node, kinds, parts, skill in foresee_each(Group.of(part, whole, among, number), models):
            charged = _billed(node, kinds, set(parts), whole, since)
            billed += charged
            for kind, one in parts.items():
                tree.add_up(sums, node, kind, one)
            own = dict(parts)
            if parts:
                own[ALL] = _all(parts)
            already = tree.add_billed(charged, among)
            names = {kind for each, kind in already if each == node} | set(own)
            for kind in sorted(names):
                blocks.append(_rows(node, kind, own.get(kind), already.get((node, kind)), among, skill, whole))
            for above in node.above():
                if skill is not None:
                    skills[above] = min(skill, skills.get(above, skill))
    already = {key: row for key, row in tree.add_billed(billed, among).items() if key[0].level != "by_account_service"}
    last = max(by_end)
    for node, kind in sorted(sums.keys() | already.keys()):
        blocks.append(_rows(node, kind, sums.get((node, kind)), already.get((node, kind)), among, skills.get(node), last))
    shown = [block for block in blocks if len(block)]
    return pd.concat(shown, ignore_index=True) if shown else COST_FORECAST.empty()


def _last_whole(charges: pd.DataFrame, through: np.datetime64) -> np.datetime64:
    """The last day that is billed wholly: at most three at the end may have less than half of what their weekday had."""
    use = charges[charges["category"] == USAGE]
    total = use.groupby("day")["value"].sum()
    total.index = total.index.to_numpy(dtype="datetime64[D]")
    for day in (through - back for back in range(_LATE)):
        before = [float(total.get(day - 7 * week, np.nan)) for week in range(1, 5)]
        if np.isnan(before).any() or float(total.get(day, 0.0)) >= _HALF * float(np.median(before)):
            return day
    return through - _LATE


def foresee_each(
    group: Group, models: Mapping[str, usage.Forecast]
) -> Iterator[tuple[Node, dict[str, pd.DataFrame], dict[str, Sum], float | None]]:
    """Every service of an account: its charges by kind, and what is ahead of each kind."""
    found = {Node(*map(str, key)): part for key, part in group.charges.groupby(_KEY, sort=True)}
    pasts = {node: group.past(part[part["category"] == USAGE]) for node, part in found.items()}
    monthly = {node for node, past in pasts.items() if schedule.comes_monthly(past)}
    modelled = [node for node, past in pasts.items() if node not in monthly and past.amounts.any()]
    drawn, judged = _draw(group, [pasts[node] for node in modelled], models)
    place = {node: number for number, node in enumerate(modelled)}
    for number, (node, charges) in enumerate(found.items()):
        random = np.random.default_rng([1, number, group.number])
        kinds = _kinds(group, charges)
        days: dict[str, tuple[Floats, str]] = {}
        if node in place:
            days[USAGE] = next(drawn), judged.model
        elif node in monthly:
            days[USAGE] = schedule.go_on(pasts[node], group.ahead, random), SCHEDULE
        if FEE in kinds:
            items = [group.past(item) for _, item in kinds[FEE].groupby("item", sort=True)]
            days[FEE] = np.sum([schedule.go_on(item, group.ahead, random) for item in items], axis=0), SCHEDULE
        if TAX in kinds and (tax := _tax(group, kinds, days, random)) is not None:
            days[TAX] = tax, SCHEDULE
        parts = {kind: tree.in_periods(each, group.ahead, group.among, model) for kind, (each, model) in days.items()}
        yield node, kinds, parts, judged.skill if node in place else None


def _draw(group: Group, pasts: list[Past], models: Mapping[str, usage.Forecast]) -> tuple[Iterator[Floats], usage.Judged]:
    """Sample paths of use, one series after the other, and what they were made by."""
    if not pasts:
        return iter(()), usage.Judged(next(iter(models)), None)
    values = np.stack([past.amounts for past in pasts])
    # Before its first charge a service was not there.
    values[np.cumsum(np.abs(values), axis=1) == 0] = np.nan
    count = len(pasts)
    panel = Panel(
        series_id=np.array([f"{number:06d}" for number in range(count)]),
        metric=np.full(count, "cost"),
        end=np.full(count, group.dates[-1].astype("datetime64[us]")),
        step="day",
        values=values,
        upper=np.full(count, np.inf),
    )
    judged = usage.choose(panel, models)
    return usage.draw(panel, usage.quantiles(panel, len(group.ahead), models[judged.model])), judged


def _kinds(group: Group, charges: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A service's charges by kind: purchases are fees where they recur, one by one."""
    kinds = {str(category): part for category, part in charges.groupby("category", sort=True)}
    bought = kinds.pop(PURCHASE, None)
    if bought is not None:
        recurring = {item for item, part in bought.groupby("item") if schedule.recurs(group.past(part))}
        is_fee = bought["item"].isin(recurring)
        kinds |= {kind: part for kind, part in ((FEE, bought[is_fee]), (ONE_OFF, bought[~is_fee])) if len(part)}
    return kinds


def _tax(
    group: Group, kinds: dict[str, pd.DataFrame], days: dict[str, tuple[Floats, str]], random: np.random.Generator
) -> Floats | None:
    """What tax is ahead: a share of use and fees where there are such, else as a fee of its own; None where it ended."""
    past = group.past(kinds[TAX])
    if not schedule.recurs(past):
        return None
    base = [kinds[kind] for kind in (USAGE, FEE) if kind in kinds]
    before = group.past(pd.concat(base)) if base else None
    rate = schedule.tax_rate(past, before) if before else None
    if before is None or rate is None or not days:
        return schedule.go_on(past, group.ahead, random)
    return schedule.tax_ahead(past, before, rate, np.sum([each for each, _ in days.values()], axis=0), group.ahead)


def _billed(
    node: Node, kinds: dict[str, pd.DataFrame], going_on: set[str], through: np.datetime64, since: np.datetime64
) -> list[Billed]:
    """What was charged, by month: of kinds expected to go on, the days that are whole; of the rest, all that is known."""
    found = []
    for kind, part in kinds.items():
        day = part["day"].to_numpy(dtype="datetime64[D]")
        counts = (day >= since) & is_known(part, kind in going_on, through)
        amounts, months = part["amount"].to_numpy()[counts], day[counts].astype("datetime64[M]")
        found += [Billed(node, kind, month, sum(amounts[months == month], Decimal(0))) for month in np.unique(months)]
    return found


def _all(parts: dict[str, Sum]) -> Sum:
    whole = Sum(*(sum(getattr(part, name) for part in parts.values()) for name in ("paths", "means")))
    whole.models.update(*(part.models for part in parts.values()))
    return whole


def _rows(
    node: Node,
    kind: str,
    ahead: Sum | None,
    billed: list[Decimal] | None,
    among: list[Period],
    skill: float | None,
    through: np.datetime64,
) -> pd.DataFrame:
    """One node and kind: a row per period; of what nothing is ahead, those periods only that have something billed."""
    already = billed or [Decimal(0)] * len(among)
    shown = [number for number in range(len(among)) if ahead or already[number]]
    values = np.zeros((len(among), len(_LEVELS)))
    means = [Decimal(0)] * len(among)
    if ahead:
        values = np.quantile(ahead.paths, _LEVELS, axis=1).T
        means = [Decimal(int(mean)) / tree.UNIT for mean in ahead.means]
    values = values + np.array([float(amount) for amount in already])[:, None]
    columns: dict[str, Any] = {
        "provider": node.provider,
        "account": node.account,
        "service": node.service,
        "level": node.level,
        "kind": kind,
        "granularity": [among[number].granularity for number in shown],
        "ts": [among[number].ts for number in shown],
        "billed": [already[number] for number in shown],
        "mean": [already[number] + means[number] for number in shown],
        **{name: values[shown, column] for column, name in enumerate(QUANTILE_COLUMNS)},
        "model": " and ".join(sorted(ahead.models)) if ahead else NOTHING,
        "skill": np.nan if skill is None else skill,
        "complete_through": through.astype("datetime64[us]").item(),
    }
    return pd.DataFrame(columns)
