"""Ask the rules what is wrong, publish what changed of the alerts, and tell people of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline.alerting.decide import Decision, Known, Limits, News, decide
from pipeline.alerting.digest import is_held
from pipeline.alerting.heard import Said, choose_withheld, routes_told
from pipeline.alerting.message import message_id, render
from pipeline.alerting.rules import DAY, Fired
from pipeline.alerting.windows import Window, parse_windows
from pipeline.errors import ConfigError, PartialError, suggestion
from pipeline.inputs import ask
from pipeline.inputs.alerts import (
    REMEMBERED,
    choose_rules,
    find_behind,
    read_fired,
    read_known,
    read_rules,
    read_said,
    rhythm_of,
)
from pipeline.inputs.stated_file import read_stated_file
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.lake.fingerprint import sorted_fingerprint
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold, validate
from pipeline.routes import Route, check_routes
from pipeline.settings import Settings
from pipeline.steps._daily import order_daily, order_monitor
from pipeline.steps._declaration import STEPS, Step
from pipeline.steps._deliver import Clock, deliver
from pipeline.steps._digest import queue_digests
from pipeline.steps._post_state import post_state, read_quiet
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.columns import (
    ACKNOWLEDGED,
    ALERT_STATES,
    CHECK_SEVERITIES,
    FIRING,
    HELD,
    QUEUED,
    RESOLVED,
    SENT,
    SUPPRESSED,
    WITHHELD,
)
from pipeline.tables.schema import Scope, Table

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=("alerts", "inputs.anomaly_share", "inputs.made_in_run", "inputs.resources"),
    writes=("gold.alert", "gold.notification"),
    always=True,
    parts_of_days=True,
)
#: What a run writes of alerts; the rest is what persons said.
BY_RUNS = tuple(state for state in ALERT_STATES if state != ACKNOWLEDGED)


def alert(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.alert` of the run: the alerts that changed. Messages about them are queued in `gold.notification` and sent.

    Over whole days the rules of days are asked, over a part of a day those of the DAG `monitor`; neither touches the alerts of
    the other.
    The same run again sends nothing again, a backfill sends nothing, and a notifier that is down fails nothing: its messages stay
    queued, and where it took none of `notify_tries` tries, the other routes are told in the same run. A route whose notifier
    takes state is handed how all alerts stand, and no messages.

    Raises:
        ConfigError: a route, the maintenance calendar or the head of a rule is not what it must be; nothing was published.
        PartialError: some rules could not be asked; their alerts are as they were.
    """
    return alert_at(interval, lake, settings, Clock())


def alert_at(interval: Interval, lake: Lake, settings: Settings, clock: Clock) -> int:
    """The same by a clock that is given."""
    check_routes(settings.routes)
    windows = read_windows(lake, settings)
    changed, failed, ended = _once(windows, interval, lake, settings, clock)
    if set(ended) - {SENT}:
        # What that found out is an alert itself: a route takes no messages. The lake says more now than this one has read.
        again = open_lake(settings)
        changed, failed, _ = _once(windows, interval, again, settings, clock)
        lake.did |= again.did
        lake.changes += again.changes
    if failed:
        raise PartialError(f"rules that could not be asked: {', '.join(failed)}", changed)
    return changed


def _once(
    windows: tuple[Window, ...], interval: Interval, lake: Lake, settings: Settings, clock: Clock
) -> tuple[int, Mapping[str, str], Mapping[str, int]]:
    """Ask, decide, publish and tell: the rows published, the rules that could not be asked, and messages by how far they got."""
    fired, failed = read_fired(interval, lake, settings)
    unmade = find_unmade(interval, lake)
    if not interval.is_whole_days:
        # Minutes that were not put together look as if nothing had been measured in them.
        fired = [each for each in fired if each.rule not in unmade]
    unanswered = frozenset((*failed, *unmade))
    # A run of one rhythm says nothing of what the other asks: it would end what it never looked for.
    others = read_rules().keys() - choose_rules(read_rules(), interval).keys()
    on_record = read_known(lake, interval.as_of)
    rows = [row for row in on_record if row["rule"] not in others]
    known = Known(rows, read_said(lake, interval.as_of))
    behind = find_behind(read_rules(), settings.routes.values())
    untold = frozenset(name for name, rule in read_rules().items() if rule.ends_untold)
    quiet = read_quiet(rows, interval, clock.now(), settings)
    limits = replace(limits_of(settings), behind=behind, ends_untold=untold, quiet=quiet)
    decision = decide(fired, known, windows, interval.as_of, clock.now(), limits, unanswered)
    changed = _publish(decision, {*choose_rules(read_rules(), interval), *(row["rule"] for row in rows)}, interval, lake)
    queue_messages(decision.news, known.said, interval, lake, settings)
    if clock.now() - interval.as_of <= limits.within:
        queue_digests(lake, settings, clock.now())
    ended = post_state(decision, on_record, read_rules(), interval, lake, settings, clock.now())
    ended += deliver(lake, settings, clock)
    _say(decision, ended, interval)
    return changed, failed, ended


def find_unmade(interval: Interval, lake: Lake) -> list[str]:
    """The rules about tables that a run should have made and did not: of those that find nothing, nobody knows what is over.

    A run that is on record nowhere, as one that was made by hand, is taken for whole.
    """
    rhythm = rhythm_of(interval)
    tried = {row["name"]: row["is_made"] for row in ask(lake, "made_in_run", end=interval.end, rhythm=rhythm).to_pylist()}
    expected = order_daily() if rhythm == DAY else order_monitor()
    unmade = [name for name in expected if not tried.get(name)] if tried.keys() - {"alert", "report", "status"} else []
    tables = {table for name in unmade for table in (STEPS[name].writes if name in STEPS else (name,))}
    found = []
    for name in choose_rules(read_rules(), interval):
        lacking = sorted(sql.tables_behind(sql.parse(sql.text(f"alerts.{name}"))) & tables)
        # What is landed is looked at source by source, by rules about these.
        if lacking := [table for table in lacking if not table.startswith("bronze.") and table not in STEP.writes]:
            log.warning("alerts.%s %s: %s was not made, so what is open of it stays open", name, interval, ", ".join(lacking))
            found.append(name)
    return found


def read_windows(lake: Lake, settings: Settings) -> tuple[Window, ...]:
    """The windows of the maintenance calendar; none without one.

    Raises:
        ConfigError: the file cannot be read, or is no calendar.
    """
    found = read_stated_file("maintenance_calendar", lake, settings)
    return parse_windows(found.text, found.where) if found else ()


def limits_of(settings: Settings) -> Limits:
    minutes = {each: getattr(settings, f"alert_repeat_minutes_{each}") for each in CHECK_SEVERITIES}
    repeat: dict[str, timedelta] = {each: timedelta(minutes=number) for each, number in minutes.items()}
    return Limits(repeat, settings.alert_flaps, timedelta(hours=settings.notify_within_hours))


def _publish(decision: Decision, rules: Collection[str], interval: Interval, lake: Lake) -> int:
    data = conform(ALERT.frame(decision.changes), ALERT, interval)
    scope = ALERT.scope(interval, state=BY_RUNS, rule=tuple(sorted(rules)))
    return lake.replace(ALERT, _checked(data, ALERT, interval, lake), scope).rows


def _checked(data: pa.Table, table: Table, interval: Interval, lake: Lake) -> pa.Table:
    """The same rows; what was found of them is on record of a run of whole days."""
    return validate(data, table, interval, lake) if interval.is_whole_days else hold(data, table, interval)


def queue_messages(news: Iterable[News], said: Sequence[Said], interval: Interval, lake: Lake, settings: Settings) -> int:
    """Queue a message about each group on every route that takes it; one that is there already stays as it is.

    What is no more than a warning is withheld of a route that has had its messages of the week, and is on record as that; for a
    route with a digest it is held.
    """
    # Of a part of a day there is no report: the newest shows the days before.
    rules, report = read_rules(), settings.report_address(interval.as_of if interval.is_whole_days else None)
    there = set(lake.read(NOTIFICATION, NOTIFICATION.scope(interval), ("message_id",))["message_id"].to_pylist())
    rows: dict[str, dict[str, Any]] = {}
    said_of: dict[str, list[Said]] = {}
    for one in said:
        said_of.setdefault(one.group_id, []).append(one)
    for each in news:
        told = routes_told(said_of.get(each.group_id, ()), each.group_id, interval.as_of)
        routes = list(choose_routes(each, settings.routes, told))
        if not routes and not any(one.takes_state for one in settings.routes.values()):
            log.info("%s: no route takes %s", interval, each.alerts[0]["subject"])
        title, body = render(each, rules, report)
        for name in routes:
            is_digested = settings.routes[name].digest is not None
            waits = is_digested and is_held(each, said_of.get(each.group_id, ()), name, interval.as_of)
            made = message_id(each, name, interval.as_of)
            rows[made] = {
                "as_of": interval.as_of,
                "message_id": made,
                "route": name,
                "group_id": each.group_id,
                "subject": each.alerts[0]["subject"],
                "kind": each.kind,
                "severity": each.severity,
                "title": title,
                "body": body,
                "state": HELD if waits else QUEUED,
                "tries": 0,
            }
    new = {made: row for made, row in rows.items() if made not in there}
    if waits_for_digest := sum(row["state"] == HELD for row in new.values()):
        log.info("%s: news that waits for the digest of a route: %d", interval, waits_for_digest)
    mild = [row for row in new.values() if row["kind"] == FIRING and row["severity"] != CHECK_SEVERITIES[0]]
    for name, weekly in ((name, route.weekly_messages) for name, route in settings.routes.items() if route.weekly_messages):
        groups = {row["group_id"]: row["severity"] for row in mild if row["route"] == name}
        if over := choose_withheld(groups, said, name, interval.as_of, weekly):
            why = {"state": WITHHELD, "error": f"the route has had its {weekly} messages of the week"}
            new |= {row["message_id"]: row | why for row in mild if row["route"] == name and row["group_id"] in over}
            log.info("%s: messages withheld of route %s, which has had its messages of the week: %d", interval, name, len(over))
    if new:
        data = conform(NOTIFICATION.frame(new.values()), NOTIFICATION, interval)
        scope: Scope = NOTIFICATION.scope(interval, message_id=tuple(new))
        lake.replace(NOTIFICATION, _checked(data, NOTIFICATION, interval, lake), scope)
    return len(new)


def choose_routes(news: News, routes: Mapping[str, Route], told: Collection[str]) -> Iterable[str]:
    """The routes that take a message of the alerts, none those about itself; that they are over, those that were told of them."""
    about = [Fired(**{key: row[key] for key in Fired.__dataclass_fields__}) for row in news.alerts]
    for name, route in routes.items():
        if route.takes_state:
            continue
        if name in told if news.kind == RESOLVED else any(route.takes(each) for each in about if each.subject != f"route {name}"):
            yield name


def _say(decision: Decision, sent: Mapping[str, int], interval: Interval) -> None:
    """What was found and what was said, in the log; whatever is suppressed is counted with why."""
    log.info("%s: alerts that changed: %d; groups to be told of: %d", interval, len(decision.changes), len(decision.news))
    for reason, groups in decision.untold.items():
        log.info("%s: groups nobody is told of, %s: %d", interval, reason, groups)
    for state, messages in sorted(sent.items()):
        log.info("%s: messages %s: %d", interval, state, messages)


def acknowledge(lake: Lake, alert_id: str, reason: str, at: datetime) -> dict[str, Any]:
    """Record that a person takes an alert: it is told no more until it is resolved, or graver than it was.

    Args:
        lake: where it is recorded.
        alert_id: as the message states it, or how it begins.
        reason: what the person does about it.
        at: when.

    Returns:
        The row that was added to `gold.alert`.

    Raises:
        ConfigError: no reason, no alert of that id, several whose ids begin so, or one that is over.
        ConflictError: another person was faster; look at it again.
    """
    if not reason.strip():
        raise ConfigError('an acknowledgement says why: --reason "the disk is being enlarged"')
    known = sorted((row for row in read_known(lake, at) if row["as_of"] <= at), key=lambda row: row["as_of"])
    # Over is over, also where a run of days past found it after a person took it.
    newest = {row["alert_id"]: row for row in sorted(known, key=lambda row: row["state"] == RESOLVED)}
    found = [row for each, row in newest.items() if each.startswith(alert_id.lower())] if alert_id else []
    if len(found) != 1:
        is_open = [each for each, row in newest.items() if row["state"] in (FIRING, SUPPRESSED)]
        what = "several alerts have ids that begin with" if found else f"no alert of the last {REMEMBERED.days} days has the id"
        raise ConfigError(f"{what} {alert_id!r}{suggestion(alert_id, is_open, '`python -m pipeline alert list` lists them')}")
    if found[0]["state"] == RESOLVED:
        raise ConfigError(f"alert {found[0]['alert_id']} is over since {found[0]['as_of']}; there is nothing to acknowledge")
    row = {**found[0], "as_of": at, "state": ACKNOWLEDGED, "suppressed_by": None, "reason": reason.strip()}
    scope = Scope("as_of", at, at + timedelta(microseconds=1), (("alert_id", (row["alert_id"],)),))
    nothing = sorted_fingerprint(ALERT.arrow_schema.empty_table(), ALERT.key)
    lake.replace(ALERT, conform(ALERT.frame([row]), ALERT, Interval(at - timedelta(days=1), at)), scope, based_on=nothing)
    return row


def send(lake: Lake, settings: Settings) -> Mapping[str, int]:
    """Hand over the messages that wait, digests that are due among them, as a run does; how many ended in which state.

    Raises:
        ConfigError: a route is not what it must be.
    """
    check_routes(settings.routes)
    queue_digests(lake, settings, Clock().now())
    return deliver(lake, settings)
