"""What is ahead of each service of an account, and of the teams that it is charged to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.forecasting.panel import Floats, Panel
from pipeline.spend import schedule, tree, usage
from pipeline.spend.schedule import Days, Past
from pipeline.spend.teams import MOST, divide, shares_of
from pipeline.spend.tree import Node, Period, Sum
from pipeline.tables.columns import FEE, ONE_OFF, TAX, USAGE

PURCHASE, SCHEDULE = "purchase", "schedule"
_KEY = ["provider", "account", "service"]


def of_same(rows: pd.DataFrame, others: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The rows that are, in these columns, what any of the others is."""
    return rows[pd.MultiIndex.from_frame(rows[names]).isin(pd.MultiIndex.from_frame(others[names].drop_duplicates()))]


@dataclass(frozen=True)
class Group:
    """The charges of one currency and meaning that are complete through the same day.

    Attributes:
        charges: provider, account, service, category, item, day, amount (Decimal), value (float).
        teams: the same in parts, with team.
        dates: (T,) all days known, the last of them the last that is whole.
        ahead: (D,) the days after them.
        among: what is published.
        number: which group it is, for draws of its own.
    """

    charges: pd.DataFrame
    teams: pd.DataFrame
    dates: Days
    ahead: Days
    among: list[Period]
    number: int

    @classmethod
    def of(cls, charges: pd.DataFrame, teams: pd.DataFrame, whole: np.datetime64, among: list[Period], number: int) -> Group:
        """Those whose last whole day is `whole`, for which days are drawn to the end of all that is published.

        Args:
            charges: as of `Group`.
            teams: of them, and maybe of others; without a row where nobody asks for teams.
            whole: see above.
            among: what is published.
            number: as of `Group`.
        """
        first = min(charges["day"].to_numpy(dtype="datetime64[D]").min(), whole)
        end = max(period.end for period in among)
        return cls(charges, of_same(teams, charges, _KEY), np.arange(first, whole + 1), np.arange(whole + 1, end), among, number)

    def past(self, charges: pd.DataFrame) -> Past:
        """The daily sums of some of its charges."""
        amounts = np.zeros(len(self.dates))
        place = (charges["day"].to_numpy(dtype="datetime64[D]") - self.dates[0]).astype(np.int64)
        known = place < len(self.dates)
        np.add.at(amounts, place[known], charges["value"].to_numpy()[known])
        return Past(self.dates, amounts)


@dataclass(frozen=True)
class Expected:
    """A service of an account, or a team's part of it.

    Attributes:
        kinds: what was charged, by kind.
        parts: what is ahead, of each kind that goes on.
        skill: as of `usage.Judged`; None where nothing was forecast.
        teams: its parts, which add up to it.
    """

    node: Node
    kinds: dict[str, pd.DataFrame]
    parts: dict[str, Sum]
    skill: float | None
    teams: tuple[Expected, ...] = ()


def foresee_each(group: Group, models: Mapping[str, usage.Forecast]) -> Iterator[Expected]:
    """Every service of an account, and each of its teams: their charges by kind, and what is ahead of each kind."""
    found = {Node(*map(str, key)): part for key, part in group.charges.groupby(_KEY, sort=True)}
    pasts = {node: group.past(part[part["category"] == USAGE]) for node, part in found.items()}
    monthly = {node for node, past in pasts.items() if schedule.comes_monthly(past)}
    modelled = [node for node, past in pasts.items() if node not in monthly and past.amounts.any()]
    drawn, judged = _draw(group, [pasts[node] for node in modelled], models)
    place = {node: number for number, node in enumerate(modelled)}
    apart = {Node(*map(str, key)): part for key, part in group.teams.groupby(_KEY, sort=True)}
    of_teams = _draw_teams(group, {node: apart[node] for node in modelled if node in apart}, models[judged.model])
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
        parts = {
            kind: tree.in_periods(each, tree.round_means(each), group.ahead, group.among, model)
            for kind, (each, model) in days.items()
        }
        skill = judged.skill if node in place else None
        own = next(of_teams) if node in place and node in apart else None
        teams = _divide(group, Expected(node, kinds, parts, skill), days, apart[node], own) if node in apart else ()
        yield Expected(node, kinds, parts, skill, tuple(teams))


def _divide(
    group: Group, service: Expected, days: dict[str, tuple[Floats, str]], charges: pd.DataFrame, own: dict[str, Floats] | None
) -> Iterator[Expected]:
    """The teams of a service.

    Args:
        service: see above.
        days: what is ahead of each kind, by day, and what said so.
        charges: of the service in parts, with team.
        own: each team's paths of use by itself; None where there is only one, or very many.
    """
    fees = set(service.kinds[FEE]["item"]) if FEE in service.kinds else set()
    by_kind = _by_kind(charges, fees)
    ahead: dict[str, dict[str, Sum]] = {}
    for kind, (whole, model) in days.items():
        names = sorted(by_kind[kind]["team"].unique())
        if len(names) == 1:
            ahead.setdefault(names[0], {})[kind] = service.parts[kind]
            continue
        paths = np.stack([own.get(name, np.zeros_like(whole)) for name in names]) if own and kind == USAGE else None
        parts = divide(whole, paths, shares_of(by_kind[kind], names, group.dates[-1]))
        means = tree.round_parts(parts, tree.round_means(whole))
        for name, part, mean in zip(names, parts, means, strict=True):
            ahead.setdefault(name, {})[kind] = tree.in_periods(part, mean, group.ahead, group.among, model)
    for name, charged in charges.groupby("team", sort=True):
        yield Expected(service.node._replace(team=str(name)), _by_kind(charged, fees), ahead.get(str(name), {}), service.skill)


def _draw(group: Group, pasts: list[Past], models: Mapping[str, usage.Forecast]) -> tuple[Iterator[Floats], usage.Judged]:
    """Sample paths of use, one series after the other, and what they were made by."""
    if not pasts:
        return iter(()), usage.Judged(next(iter(models)), None)
    panel = _panel(group, pasts)
    judged = usage.choose(panel, models)
    return usage.draw(panel, usage.quantiles(panel, len(group.ahead), models[judged.model])), judged


def _draw_teams(group: Group, services: dict[Node, pd.DataFrame], forecast: usage.Forecast) -> Iterator[dict[str, Floats] | None]:
    """Of one service after the other the paths of use of each of its teams; None where one has all of it, or very many have."""
    pasts: dict[Node, dict[str, Past]] = {}
    for node, charges in services.items():
        by_team = charges[charges["category"] == USAGE].groupby("team", sort=True)
        found = {str(team): group.past(part) for team, part in by_team}
        pasts[node] = {team: past for team, past in found.items() if past.amounts.any()}
    apart = {node: each for node, each in pasts.items() if 1 < len(each) <= MOST}
    drawn: Iterator[Floats] = iter(())
    if apart:
        panel = _panel(group, [past for each in apart.values() for past in each.values()])
        drawn = usage.draw(panel, usage.quantiles(panel, len(group.ahead), forecast))
    for node in pasts:
        yield {team: next(drawn) for team in apart[node]} if node in apart else None


def _panel(group: Group, pasts: list[Past]) -> Panel:
    """Daily cost of several series."""
    values = np.stack([past.amounts for past in pasts])
    # Before its first charge a service was not there.
    values[np.cumsum(np.abs(values), axis=1) == 0] = np.nan
    count = len(pasts)
    return Panel(
        series_id=np.array([f"{number:06d}" for number in range(count)]),
        metric=np.full(count, "cost"),
        end=np.full(count, group.dates[-1].astype("datetime64[us]")),
        step="day",
        values=values,
        upper=np.full(count, np.inf),
    )


def _kinds(group: Group, charges: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A service's charges by kind: purchases are fees where they recur, one by one."""
    bought = charges[charges["category"] == PURCHASE]
    return _by_kind(charges, {str(item) for item, part in bought.groupby("item") if schedule.recurs(group.past(part))})


def _by_kind(charges: pd.DataFrame, fees: set[str]) -> dict[str, pd.DataFrame]:
    """Charges by kind, of which these purchases are fees."""
    kinds = {str(category): part for category, part in charges.groupby("category", sort=True)}
    bought = kinds.pop(PURCHASE, None)
    if bought is not None:
        is_fee = bought["item"].isin(fees)
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
