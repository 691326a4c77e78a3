"""The whole outlook: charges in, rows of `gold.cost_forecast` out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.spend import tree, usage
from pipeline.spend.services import Expected, Group, foresee_each
from pipeline.spend.tree import Billed, Node, Period, Sum
from pipeline.tables.columns import ALL, COST_MEANINGS, UNALLOCATED, USAGE
from pipeline.tables.cost_forecast import COST_FORECAST, QUANTILE_COLUMNS

#: How far days and months are published.
DAYS, MONTHS = 92, 18
# A payer whose bills ended so long ago has left.
_GONE = np.timedelta64(31, "D")
NOTHING = "billed"
# Days at the end of what is billed that may be half billed, and the share of the same weekday's usual total that tells so.
_LATE, _HALF = 3, 0.5
_LEVELS = np.array(list(QUANTILE_COLUMNS.values()))


def foresee(
    charges: pd.DataFrame, as_of: datetime, models: Mapping[str, usage.Forecast], teams: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rows of `gold.cost_forecast`.

    What is ahead of a service follows from its charges alone, whoever has them, and is divided among its teams then.

    Args:
        charges: provider, account, service, currency, category (`usage`, `purchase`, `tax`, `credit`, `correction`), item (what
            tells one purchase from another), ts, billed and effective (Decimal; None where there is none), complete_through (of
            who pays). Nothing from `as_of` on.
        as_of: naive UTC, midnight.
        models: a forecaster by its name and, second, the floor that it must beat.
        teams: the charges in parts, with team; without it nobody has any.

    Returns:
        In the order of the key; empty where nothing was charged lately.
    """
    today = np.datetime64(as_of, "D")
    lately = charges[goes_on(charges["complete_through"], today)]
    apart = charges.assign(team=UNALLOCATED) if teams is None else teams
    parts = []
    for currency, of_currency in lately.groupby("currency", sort=True):
        of_teams = apart[apart["currency"] == currency]
        for meaning in COST_MEANINGS:
            known = in_meaning(of_currency, meaning)
            if len(known):
                rows = _foresee(known, in_meaning(of_teams, meaning), today, models)
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


def is_known(charged: pd.DataFrame, is_forecast: bool, whole: np.datetime64) -> npt.NDArray[np.bool_]:
    """Which charges of a kind are counted as billed: all of them, or those of whole days where the days after are forecast."""
    return np.asarray(~np.bool_(is_forecast) | (charged["day"].to_numpy(dtype="datetime64[D]") <= whole))


def goes_on(complete_through: pd.Series, today: np.datetime64) -> npt.NDArray[np.bool_]:
    """Which bills, by the last day that they have whole, have not ended."""
    return np.asarray(complete_through.to_numpy(dtype="datetime64[D]") > today - _GONE)


def find_gone(charges: pd.DataFrame, as_of: datetime) -> pd.Series:
    """The last whole day of each account whose bills ended too long ago to be forecast; arguments as of `foresee`."""
    through = charges.groupby("account")["complete_through"].max()
    return through[~goes_on(through, np.datetime64(as_of, "D"))]


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


def _foresee(
    charges: pd.DataFrame, teams: pd.DataFrame, today: np.datetime64, models: Mapping[str, usage.Forecast]
) -> pd.DataFrame:
    """One currency and meaning."""
    by_end = split_by_end(charges, today)
    among = tree.periods(max(by_end), today, DAYS, MONTHS)
    since = min(period.start for period in among)
    sums: dict[tuple[Node, str], Sum] = {}
    skills: dict[Node, float] = {}
    billed: list[Billed] = []
    blocks = []
    for number, (whole, part) in enumerate(by_end.items()):
        for service in foresee_each(Group.of(part, teams, whole, among, number), models):
            rows: list[pd.DataFrame] = []
            for one in (service, *service.teams):
                charged = _billed(one.node, one.kinds, set(one.parts), whole, since)
                billed += charged
                # What one team has alone is what the service is: its quantiles are not read off again.
                is_all = one is not service and len(service.teams) == 1
                named = {"team": one.node.team, "level": one.node.level}
                rows = [each.assign(**named) for each in rows] if is_all else _rows_of(one, charged, among, whole)
                blocks += rows
                for kind, ahead in one.parts.items():
                    tree.add_up(sums, one.node, kind, ahead)
                for above in one.node.above():
                    if one.skill is not None:
                        skills[above] = min(one.skill, skills.get(above, one.skill))
    summed = tree.add_billed(billed, among)
    already = {key: row for key, row in summed.items() if ALL in (key[0].account, key[0].service)}
    last = max(by_end)
    for node, kind in sorted(sums.keys() | already.keys()):
        blocks.append(_rows(node, kind, sums.get((node, kind)), already.get((node, kind)), among, skills.get(node), last))
    shown = [block for block in blocks if len(block)]
    return pd.concat(shown, ignore_index=True) if shown else COST_FORECAST.empty()


def _rows_of(one: Expected, charged: list[Billed], among: list[Period], whole: np.datetime64) -> list[pd.DataFrame]:
    """The rows of a service of an account, or of a team's part, by kind and of all kinds."""
    own = dict(one.parts)
    if own:
        own[ALL] = _all(one.parts)
    already = tree.add_billed(charged, among)
    names = {kind for each, kind in already if each == one.node} | set(own)
    return [
        _rows(one.node, kind, own.get(kind), already.get((one.node, kind)), among, one.skill, whole) for kind in sorted(names)
    ]


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
        "team": node.team,
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
