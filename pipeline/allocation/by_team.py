"""What each team is charged of every charge: bills know charges by kind, the allocation knows teams; together they add up."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

import numpy as np
import pandas as pd

from pipeline.allocation.split import split
from pipeline.tables.columns import ALL, BILLED, CORRECTION, CREDIT, EFFECTIVE, TAX, UNALLOCATED, USAGE
from pipeline.tables.types import SCALE

Amounts: TypeAlias = list[Decimal]
Parts: TypeAlias = list[Decimal | None]
#: Days of the allocation by which that is split which is not allocated yet.
RECENT = pd.Timedelta(days=28)
_SERVICE = ["provider", "account", "service", "currency"]
# What the allocation tells apart.
_CHARGE = [*_SERVICE, "charged_as", "ts"]
_CATEGORIES = (USAGE, "purchase", TAX, CREDIT)


def split_by_team(charges: pd.DataFrame, allocated: pd.DataFrame) -> pd.DataFrame:
    """Every charge in parts, one for each team that has a share of it: `team`, and amounts that sum to the charge's exactly.

    What of a service one team alone has on a day is that team's. Where there are several, each has what it was allocated of the
    day; where charges of a day are of one category, as corrections and the use they correct, each is split as their sum is. What
    the allocation has otherwise, because it is of a later bill, is split in the same proportions; what it does not have yet, by
    those of the service's last 28 days that it has. What nobody was allocated is `unallocated`, as is a team called `all`.

    Args:
        charges: provider, account, service, currency, category, item (of a correction: the category that it corrects), ts,
            billed and effective (Decimal; None where there is none) and any others.
        allocated: provider, account, service, currency, value, category, ts, billed, effective; of the dimension team.
    """
    if allocated.empty or charges.empty:
        return charges.assign(team=UNALLOCATED)
    known = allocated.rename(columns={"value": "team", "category": "charged_as"}).replace({"team": {ALL: UNALLOCATED}})
    known = known[[*_CHARGE, "team", BILLED, EFFECTIVE]]
    asked = charges.assign(charged_as=_charged_as(charges))
    teams = known.drop_duplicates([*_CHARGE, "team"]).groupby(_CHARGE)["team"].agg(["first", "size"])
    asked = asked.join(teams, on=_CHARGE)
    alone = asked[asked["size"] == 1].assign(team=lambda rows: rows["first"])
    several = asked[asked["size"] > 1]
    parts = [alone, _split_each(several, known), _split_as_lately(asked[asked["size"].isna()], known)]
    found = pd.concat([part for part in parts if len(part)])
    return found[[*charges.columns, "team"]].reset_index(drop=True)


def keep_allocated(charges: pd.DataFrame, allocated: pd.DataFrame) -> pd.DataFrame:
    """The charges of bills that are allocated, as far as they are; `complete_through` is the allocation's where that is behind.

    Args:
        charges, allocated: as of `split_by_team`, both with complete_through.
    """
    bill = ["provider", "account", "currency"]
    through = allocated.groupby(bill)["complete_through"].max().rename("through")
    asked = charges.assign(charged_as=_charged_as(charges)).join(through, on=bill)
    asked = asked[asked["through"].notna()]
    known = pd.MultiIndex.from_frame(allocated.rename(columns={"category": "charged_as"})[_CHARGE])
    is_there = pd.MultiIndex.from_frame(asked[_CHARGE]).isin(known) | (asked["ts"] <= asked["through"]).to_numpy()
    kept = asked[is_there]
    return kept.assign(complete_through=kept[["complete_through", "through"]].min(axis=1))[list(charges.columns)]


def _charged_as(charges: pd.DataFrame) -> pd.Series:
    """The category by which the allocation knows a charge."""
    corrects = (charges["category"] == CORRECTION) & charges["item"].isin(_CATEGORIES)
    return charges["category"].where(~corrects, charges["item"])


def _split_each(several: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Charges of which more than one team has a share."""
    if several.empty:
        return several
    wanted = set(several[_CHARGE].itertuples(index=False, name=None))
    own: dict[tuple[object, ...], dict[str, tuple[Decimal, Decimal]]] = {}
    for *named, team, billed, effective in known.itertuples(index=False, name=None):
        if (key := tuple(named)) in wanted:
            teams = own.setdefault(key, {})
            before = teams.get(team, (Decimal(0), Decimal(0)))
            teams[team] = (before[0] + billed, before[1] + effective)
    parts: list[tuple[int, str, Decimal | None, Decimal | None]] = []
    amounts = [several[name].tolist() for name in (BILLED, EFFECTIVE)]
    for charge, rows in several.groupby(_CHARGE).indices.items():
        teams = own[charge]  # type: ignore[index]
        split_amounts = [
            _split_rows([amounts[meaning][row] for row in rows], [each[meaning] for each in teams.values()]) for meaning in (0, 1)
        ]
        for row, billed_parts, effective_parts in zip(rows, *split_amounts, strict=True):
            parts += [(row, *part) for part in zip(teams, billed_parts, effective_parts, strict=True)]
    return _parted(several, parts)


def _split_as_lately(charges: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Charges of which no day is allocated, by what the teams have of the service on the last days that are."""
    if charges.empty:
        return charges
    last = known.groupby(_SERVICE)["ts"].transform("max")
    lately = known[known["ts"] > last - RECENT]
    weights = lately.assign(weight=lately[EFFECTIVE].astype(np.float64).abs()).groupby([*_SERVICE, "team"])["weight"].sum()
    by_service: dict[tuple[object, ...], dict[str, int]] = {}
    for *service, team, weight in weights.reset_index().itertuples(index=False, name=None):
        if (count := round(weight * 1e6)) > 0:
            by_service.setdefault(tuple(service), {})[team] = count
    parts: list[tuple[int, str, Decimal | None, Decimal | None]] = []
    for row, (*service, billed, effective) in enumerate(
        charges[[*_SERVICE, BILLED, EFFECTIVE]].itertuples(index=False, name=None)
    ):
        among = by_service.get(tuple(service), {UNALLOCATED: 1})
        counts = list(among.values())
        amounts = (_split_or_none(billed, counts), _split_or_none(effective, counts))
        parts += [(row, *part) for part in zip(among, *amounts, strict=True)]
    return _parted(charges, parts)


def _split_rows(amounts: Sequence[Decimal | None], own: Amounts) -> list[Parts]:
    """What each of several teams has of each charge; where charges and teams sum to the same, both sums are kept."""
    weights = [int(abs(amount).scaleb(SCALE)) for amount in own]
    weights = weights if any(weights) else [1] * len(own)
    parts = [_split_or_none(amount, weights) for amount in amounts]
    stated = {place: amount for place, amount in enumerate(amounts) if amount is not None}
    if stated and sum(stated.values(), Decimal(0)) == sum(own, Decimal(0)):
        # The largest takes what the others leave, so that no team has more or less than it was allocated.
        largest = max(stated, key=lambda place: abs(stated[place]))
        others = [parts[place] for place in stated if place != largest]
        parts[largest] = [
            whole - sum((other[team] or Decimal(0) for other in others), Decimal(0)) for team, whole in enumerate(own)
        ]
    return parts


def _split_or_none(amount: Decimal | None, weights: Sequence[int]) -> Parts:
    return [None] * len(weights) if amount is None else list(split(amount, weights))


def _parted(charges: pd.DataFrame, parts: list[tuple[int, str, Decimal | None, Decimal | None]]) -> pd.DataFrame:
    """Charges by their number, each with a team and its amounts."""
    numbers, teams, billed, effective = (list(each) for each in zip(*parts, strict=True))
    found = charges.iloc[numbers]
    named = {"team": teams, BILLED: billed, EFFECTIVE: effective}
    return found.assign(**{name: pd.Series(values, found.index, dtype=object) for name, values in named.items()})
