"""What is told to people, read from the lake: what the rules find, what was known of it, and what was said."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline.alerting.decide import Row
from pipeline.alerting.heard import Said
from pipeline.alerting.rules import COLUMNS, DAY, MONITOR, Fired, Rule, parse_rule
from pipeline.errors import DataError, HeadroomError
from pipeline.inputs.resources import read_resources
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.routes import Route
from pipeline.settings import Settings
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.columns import GIVEN_UP, HELD, IN_DIGEST, SENT, WITHHELD
from pipeline.tables.schema import Scope

log = logging.getLogger(__name__)
# What did not change for longer fires anew.
REMEMBERED = timedelta(days=400)
# Clocks of runs and persons may lie after the end of a run's interval, by days where the run is late.
_EVER = datetime(9999, 1, 1)


def read_rules() -> dict[str, Rule]:
    """The rules of `sql/alerts` by name.

    Raises:
        ConfigError: the head of one does not state what it must.
    """
    return {name: parse_rule(name, sql.text(f"alerts.{name}")) for name in (each.partition(".")[2] for each in sql.alerts())}


def choose_rules(rules: Mapping[str, Rule], interval: Interval) -> dict[str, Rule]:
    """Those that a run asks: of whole days the rules of days, of a part of a day the others."""
    return {name: rule for name, rule in rules.items() if rule.rhythm == rhythm_of(interval)}


def find_behind(rules: Mapping[str, Rule], routes: Collection[Route]) -> dict[str, tuple[str, ...]]:
    """Of each rule those that are told in its place; none that a route does not take which takes this one by its name."""
    asked = [route.rules for route in routes if route.rules]
    return {
        name: tuple(other for other in rule.behind if all(other in names for names in asked if name in names))
        for name, rule in rules.items()
        if rule.behind
    }


def rhythm_of(interval: Interval) -> str:
    """The rhythm of the run of an interval."""
    return DAY if interval.is_whole_days else MONITOR


def read_fired(interval: Interval, lake: Lake, settings: Settings) -> tuple[list[Fired], dict[str, str]]:
    """What the rules find in a run, and those that could not be asked, each with why.

    Raises:
        DataError: a rule gives a severity that its head does not state, or none; it names the rule and the row.
    """
    teams = _teams(lake, interval)
    fired: list[Fired] = []
    failed: dict[str, str] = {}
    for name, rule in choose_rules(read_rules(), interval).items():
        text = sql.text(f"alerts.{name}")
        try:
            rows = lake.query(text, _params(text, interval, settings)).select(list(COLUMNS)).to_pylist()
        except HeadroomError as error:
            failed[name] = str(error)
            log.warning("alerts.%s %s: could not be asked, so its alerts stay as they were: %s", name, interval, error)
            continue
        for row in rows:
            if row["severity"] not in rule.severities or not row["subject"] or not row["cause"] or row["since"] is None:
                raise DataError(
                    f"alerts.{name} {interval}: expected subject, cause, since and one of {rule.severities}, got {row}"
                )
            fired.append(Fired(rule=name, team=teams.get(row["subject"]), **row))
    return fired, failed


def read_known(lake: Lake, as_of: datetime) -> list[Row]:
    """What runs and persons said of alerts since 400 days before `as_of`, later ones among it."""
    rows: list[Row] = lake.read(ALERT, Scope("as_of", as_of - REMEMBERED, _EVER), ALERT.names).to_pylist()
    return rows


def read_said(lake: Lake, as_of: datetime) -> list[Said]:
    """The messages that were queued since 400 days before `as_of`."""
    scope = Scope("as_of", as_of - REMEMBERED, _EVER)
    rows = lake.read(NOTIFICATION, scope, ("group_id", "as_of", "kind", "route", "severity", "state")).to_pylist()
    return [Said(withheld=row.pop("state") == WITHHELD, **row) for row in rows]


def read_waiting(lake: Lake, clock: datetime) -> list[dict[str, Any]]:
    """The messages that are to be sent, those among them that are no news any more at `clock`, oldest first."""
    rows = lake.read(NOTIFICATION, Scope("as_of", clock - REMEMBERED, _EVER), NOTIFICATION.names).to_pylist()
    return sorted(
        (row for row in rows if row["state"] not in (SENT, GIVEN_UP, WITHHELD, HELD, IN_DIGEST)),
        key=lambda row: (row["as_of"], row["message_id"]),
    )


def read_held(lake: Lake, clock: datetime) -> list[dict[str, Any]]:
    """What waits for a digest, of any route and run."""
    scope = Scope("as_of", clock - REMEMBERED, _EVER, (("state", (HELD,)),))
    rows: list[dict[str, Any]] = lake.read(NOTIFICATION, scope, NOTIFICATION.names).to_pylist()
    return rows


def _params(text: str, interval: Interval, settings: Settings) -> dict[str, Any]:
    """A rule's parameters: the run's moments, and settings by their names."""
    moments = {"start": interval.start, "end": interval.end, "as_of": interval.as_of}
    asked = sql.parameters(sql.parse(text))
    return {
        name: moments[name] if name in moments else getattr(settings, name)
        for name in asked & {*moments, *type(settings).model_fields}
    }


def _teams(lake: Lake, interval: Interval) -> dict[str, str]:
    """Business unit by account/region/resource, where one is known."""
    known = read_resources(lake, interval.end)
    owned = known.loc[known["business_unit"].notna(), ["account", "region", "resource_id", "business_unit"]]
    return {f"{row.account}/{row.region}/{row.resource_id}": str(row.business_unit) for row in owned.itertuples(index=False)}
