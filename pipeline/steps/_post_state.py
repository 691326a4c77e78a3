"""Post how alerts stand to routes that keep the state of alerts, and read back of which of them nobody is told there.

Nothing of it waits: the next run posts what is so then. That a route did not take it is on record in `gold.notification` until it
does, so that the rule `undelivered` tells the other routes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from pipeline import plugs
from pipeline.alerting.decide import Decision, Row, digest
from pipeline.alerting.message import Outcome, Standing, refused
from pipeline.alerting.rules import DAY, Fired, Rule
from pipeline.alerting.standing import list_standing
from pipeline.errors import ConfigError, ConflictError, DataError
from pipeline.inputs.alerts import rhythm_of
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.routes import Route
from pipeline.settings import Settings
from pipeline.steps._deliver import scope_of
from pipeline.tables.alerts import NOTIFICATION
from pipeline.tables.columns import ACKNOWLEDGED, CHECK_SEVERITIES, FIRING, GIVEN_UP, RESOLVED, SENT
from pipeline.tables.schema import Scope

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Keeper:
    """A route whose other side keeps the state of alerts."""

    name: str
    route: Route
    module: ModuleType

    @property
    def options(self) -> Any:
        return plugs.check_options("notifiers", self.route.notifier, self.route.options)


def read_quiet(
    rows: Iterable[Row], interval: Interval, clock: datetime, settings: Settings
) -> dict[tuple[str, str, str, str], str]:
    """Of which alerts nobody is told where their state is kept: why, by rule, subject, cause and severity.

    Of an alert that it has not, as after it was started anew, that is so as it was; of all, where it cannot be asked, or the run
    is too late to tell anyone of now.

    Args:
        rows: of `gold.alert`.
        interval: of the run.
        clock: what time it is.
        settings: with the routes.
    """
    past = sorted((row for row in rows if row["as_of"] < interval.as_of), key=lambda row: row["as_of"])
    last = {(row["rule"], row["subject"], row["cause"]): row for row in past if row["state"] != ACKNOWLEDGED}
    quiet: dict[tuple[str, str, str, str], str] = {}
    is_late = clock - interval.as_of > timedelta(hours=settings.notify_within_hours)
    for each in _list_keepers(settings):
        held: dict[tuple[str, str, str, str], str | None] = {}
        try:
            held = {} if is_late else each.module.read_quiet(each.options)
        except (ConfigError, DataError) as error:
            log.warning("%s: route %s was not asked of which alerts it tells nobody: %s", interval, each.name, error)
        quiet |= {key: why for key, why in held.items() if why}
        begins = tuple(f"{why}: " for why in each.module.QUIET)
        for key, row in last.items():
            known = *key, row["severity"]
            if known not in held and str(row["suppressed_by"]).startswith(begins) and each.route.takes(_told(row)):
                quiet.setdefault(known, row["suppressed_by"])
    return quiet


def _told(row: Row) -> Fired:
    return Fired(**{name: row[name] for name in Fired.__dataclass_fields__})


def post_state(
    decision: Decision,
    rows: Iterable[Row],
    rules: Mapping[str, Rule],
    interval: Interval,
    lake: Lake,
    settings: Settings,
    clock: datetime,
) -> Counter[str]:
    """Hand each route that keeps state how the alerts stand that it takes; nothing that it does is an error of the caller.

    A run of a part of a day says it of all alerts, one of whole days of those of its rules.

    Args:
        decision: of the run; one of a run long past is handed to nobody.
        rows: of `gold.alert` before the run published.
        rules: by name, all.
        interval: of the run.
        lake: where it is recorded that a route took nothing.
        settings: with the routes.
        clock: what time it is.

    Returns:
        By state, the routes of which `undelivered` has something to tell now.
    """
    ended: Counter[str] = Counter()
    keepers = _list_keepers(settings)
    if decision.standing is None or not keepers:
        return ended

    def period_of(rule: str) -> timedelta:
        is_daily = rule not in rules or rules[rule].rhythm == DAY
        return timedelta(days=1) if is_daily else timedelta(seconds=settings.monitor_period_s)

    others = {name for name, rule in rules.items() if rule.rhythm != rhythm_of(interval)}
    told = [row for row in rows if not interval.is_whole_days or row["rule"] not in others]
    tried = [row for row in told if row["rule"] not in others and row["as_of"] == interval.as_of]
    known = [row for row in told if row["rule"] in others or row["as_of"] != interval.as_of]
    standing = list_standing(known, tried, decision, clock, period_of, rules, settings.report_address())
    for each in keepers:
        # What is about a route goes by the others.
        own = [one for one in standing if each.route.takes(one) and one.subject != f"route {each.name}"]
        outcome = _hand_over(each, own)
        if outcome.state == SENT:
            firing = sum(one.kind != RESOLVED for one in own)
            log.info(
                "%s: route %s was handed alerts that fire: %d, that are over: %d", interval, each.name, firing, len(own) - firing
            )
        else:
            log.warning("%s: route %s did not take how the alerts stand: %s", interval, each.name, outcome.error)
        tries = _record(each.name, outcome, interval, lake, clock)
        if tries >= settings.notify_tries and interval.is_whole_days:
            ended[GIVEN_UP] += 1
    return ended


def _list_keepers(settings: Settings) -> list[_Keeper]:
    return [
        _Keeper(name, route, plugs.load("notifiers", route.notifier))
        for name, route in settings.routes.items()
        if route.takes_state
    ]


def _hand_over(keeper: _Keeper, standing: Sequence[Standing]) -> Outcome:
    try:
        outcome: Outcome = keeper.module.notify(standing, keeper.options)
    except ConfigError as error:
        return refused(str(error))
    return outcome


def _record(route: str, outcome: Outcome, interval: Interval, lake: Lake, clock: datetime) -> int:
    """Put on record that a route takes nothing, or does again; how often it took nothing without a break.

    One row counts the tries of the runs of a day, so that what is open of a long break is as young as the rule looks.
    """
    group = digest(f"route {route}", "state")
    scope = Scope("as_of", interval.as_of - timedelta(days=8), interval.as_of + timedelta(days=8), (("route", (route,)),))
    there = lake.read(NOTIFICATION, scope, NOTIFICATION.names).to_pylist()
    broken = sorted((row for row in there if row["group_id"] == group and row["state"] != SENT), key=lambda row: row["as_of"])
    if outcome.state == SENT:
        for row in broken:
            _write({**row, "state": SENT, "error": None}, lake)
        return 0
    newest = broken[-1] if broken else None
    tries = (newest["tries"] if newest else 0) + 1
    if newest is None or interval.as_of - newest["as_of"] >= timedelta(days=1):
        newest = {
            "as_of": interval.as_of,
            "message_id": digest(interval.as_of.isoformat(), route, "state", length=32),
            "route": route,
            "group_id": group,
            "subject": f"route {route}",
            "kind": FIRING,
            "severity": CHECK_SEVERITIES[0],
            "title": "how the alerts stand",
            "body": "The state of the alerts that the route takes; the next run says it anew.",
        }
    _write({**newest, "state": GIVEN_UP, "tries": tries, "tried_at": clock, "error": outcome.error}, lake)
    return tries


def _write(row: dict[str, Any], lake: Lake) -> None:
    moment = row["as_of"]
    data = conform(NOTIFICATION.frame([row]), NOTIFICATION, Interval(moment - timedelta(days=1), moment))
    try:
        # In a lake that has read nothing: another run may write about other messages meanwhile.
        open_lake(lake.settings).replace(NOTIFICATION, data, scope_of(row))
    except ConflictError:
        log.info("route %s: another run has put on record what it takes", row["route"])
