"""Budgets that the setting `budgets` states, and the charges of their scopes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd

from pipeline.allocation.by_team import keep_allocated, split_by_team
from pipeline.allocation.rules import Rules
from pipeline.errors import ConfigError, suggestion
from pipeline.inputs.allocation import read_allocation_rules
from pipeline.inputs.charges import read_allocated, read_charges
from pipeline.inputs.stated_file import read_stated_file
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.spend.budget import NAMED, Budget, everything, parse_budgets
from pipeline.spend.services import of_same
from pipeline.spend.standing import Apart
from pipeline.tables.columns import TEAM
from pipeline.tables.spelling import fold, like, like_value

_SERVICE = ["provider", "account", "service", "currency"]


def read_budgets(lake: Lake, settings: Settings) -> tuple[Budget, ...]:
    """The budgets of the file that the setting names; none without one.

    Raises:
        ConfigError: the file cannot be read, says what it may not, or names a dimension that the rules of allocation do not have.
    """
    found = read_stated_file("budgets", lake, settings)
    budgets = parse_budgets(found.text, found.where) if found else ()
    if not any(each.dimensions for each in budgets):
        return budgets
    rules = read_allocation_rules(lake, settings)
    return tuple(_as_allocated(budget, rules) for budget in budgets)


def read_scopes(
    budgets: tuple[Budget, ...], lake: Lake, since: datetime, as_of: datetime
) -> Iterator[tuple[Budget, pd.DataFrame, Apart | None]]:
    """Each budget with the charges of its scope, then everything by currency, as of `read_charges`.

    With those of a team comes what they are a part of: amounts are as of `read_charges`, whose they are says the allocation. What
    has another dimension is as of the allocation alone, which knows bills as they are now: it may learn what was restated later.
    """
    charges = read_charges(lake, since, as_of)
    asked = {"": charges}
    services = charges.head(0)
    for budget in budgets:
        dimension = next(iter(budget.dimensions), "")
        if dimension not in asked:
            asked[dimension] = read_allocated(lake, dimension, since, as_of)
            if dimension == TEAM:
                services = keep_allocated(charges, asked[dimension])
                asked[dimension] = split_by_team(services, asked[dimension])
        within = _within(budget, asked[dimension])
        yield budget, within, _apart(within, services, asked[TEAM]) if dimension == TEAM else None
    month = (as_of - timedelta(days=1)).replace(day=1)
    for currency in sorted(set(charges["currency"][charges["ts"] >= month])):
        yield everything(currency), charges, None


def _apart(within: pd.DataFrame, services: pd.DataFrame, teams: pd.DataFrame) -> Apart:
    """What the charges of some teams are a part of."""
    whole, parts = (of_same(each, within, _SERVICE) for each in (services, teams))
    return Apart(whole, parts, frozenset(within[TEAM].unique()))


def earliest(budgets: tuple[Budget, ...], as_of: datetime, history: timedelta) -> datetime:
    """From when charges are read: all history, and as long before the longest period, or the running month, as that is."""
    followed = (*budgets, everything(""))
    periods = [period for each in followed if (period := each.period_of((as_of - timedelta(days=1)).date()))]
    firsts = [datetime.combine(first, datetime.min.time()) - (after - first) for first, after in periods]
    return min((as_of - history, *firsts))


def _as_allocated(budget: Budget, rules: Rules) -> Budget:
    """The budget with values of its dimension called as the rules of allocation call them."""
    known, scope = rules.dimension, dict(budget.scope)
    for name in budget.dimensions:
        if name not in known:
            listed = f"there are provider, account, service, {', '.join(known)}"
            raise ConfigError(f"budgets: {budget.name}: scope: no dimension {name!r}{suggestion(name, known, listed)}")
        spellings = rules.spellings(name)
        scope[name] = tuple(spellings.get(fold(pattern), pattern) for pattern in scope[name])
    return budget.model_copy(update={"scope": scope})


def _within(budget: Budget, charges: pd.DataFrame) -> pd.DataFrame:
    """The charges that meet every condition of the scope, each by one of its patterns; values of a dimension in any spelling."""
    for name, patterns in budget.scope.items():
        words = charges[name if name in (*NAMED, TEAM) else "value"]
        likes = (like if name in NAMED else like_value)(patterns)
        charges = charges[words.isin(set(filter(likes, words.unique())))]
    return charges
