"""Who heard what: messages of earlier runs, by route, and what follows from them for the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.tables.columns import CHECK_SEVERITIES, FIRING

A_WEEK = timedelta(days=7)
GRAVITY: Mapping[str, int] = {severity: len(CHECK_SEVERITIES) - place for place, severity in enumerate(CHECK_SEVERITIES)}


@dataclass(frozen=True)
class Said:
    """That a message about a group was queued, as of which run, and for which route.

    Attributes:
        withheld: it was not sent, for the route had its messages of the week.
        severity: of the gravest alert.
    """

    group_id: str
    as_of: datetime
    kind: str
    route: str
    withheld: bool = False
    severity: str = ""


def routes_told(said: Iterable[Said], group_id: str, as_of: datetime) -> set[str]:
    """The routes that a run has to tell that a group is over: those that were told last that it fires, by this run or before."""
    last = {
        each.route: each.kind
        for each in sorted((one for one in said if not one.withheld), key=when)
        if each.group_id == group_id and (each.as_of < as_of or (each.as_of == as_of and each.kind == FIRING))
    }
    return {route for route, kind in last.items() if kind == FIRING}


def choose_withheld(new: Mapping[str, str], said: Iterable[Said], route: str, as_of: datetime, weekly: int) -> set[str]:
    """The groups that a route is not told of in a run, because it is told no more than so much in the seven days up to it.

    Neither what is critical counts nor that something is over. Of what is equally grave the route is told first of what it never
    heard of, then of what it heard of longest ago.

    Args:
        new: severity of each group that the run would tell the route of; what is critical is not among them.
        said: messages of any run, those of this one that are queued already among them.
        route: its name.
        as_of: of the run.
        weekly: messages of a week.
    """
    own = sorted((one for one in said if one.route == route and one.kind == FIRING and not one.withheld), key=when)
    heard_at = {each.group_id: each.as_of for each in own if each.as_of < as_of}
    told = sum(each.severity != CHECK_SEVERITIES[0] and as_of - A_WEEK < each.as_of <= as_of for each in own)
    ordered = sorted(new, key=lambda group: (-GRAVITY[new[group]], heard_at.get(group, datetime.min), group))
    return set(ordered[max(weekly - told, 0) :])


def when(said: Said) -> tuple[Any, ...]:
    """The order in which messages were made."""
    return said.as_of, said.kind, not said.withheld
