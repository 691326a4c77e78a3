"""Hand over the messages that wait in `gold.notification`, one by one, so that none is lost and none is doubled unawares.

A message is marked before it is handed over, and its outcome recorded after: what a run that was killed has marked is handed over
again, under the same id, once no run can be at it any more. Of two runs at once one marks it, and the other leaves it alone.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline import plugs
from pipeline.alerting.decide import STILL_NEWS
from pipeline.alerting.message import Message, Outcome, refused
from pipeline.errors import ConfigError, ConflictError
from pipeline.inputs.alerts import read_waiting
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.lake.fingerprint import sorted_fingerprint
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.ingest import now
from pipeline.tables.alerts import NOTIFICATION
from pipeline.tables.columns import GIVEN_UP, SENDING, SENT
from pipeline.tables.schema import Scope

log = logging.getLogger(__name__)
#: Longer than any notifier may take: what was marked before is under way no more.
UNDER_WAY = timedelta(seconds=75)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 3600.0


@dataclass(frozen=True)
class Clock:
    """What time it is, and waiting; a test has its own."""

    now: Callable[[], datetime] = now
    sleep: Callable[[float], None] = time.sleep


def deliver(lake: Lake, settings: Settings, clock: Clock = Clock()) -> Counter[str]:
    """Hand over what waits, and go on trying for `notify_wait_s`; nothing that a notifier does is an error of the caller.

    Returns:
        How many messages ended in which state.
    """
    ended: Counter[str] = Counter()
    until = clock.now() + timedelta(seconds=settings.notify_wait_s)
    while True:
        ended.update(_try_each(lake, settings, clock))
        waiting = read_waiting(lake, clock.now())
        next_at = min(_due(waiting).values(), default=datetime.max)
        if next_at > until or clock.now() > until:
            return ended + Counter(row["state"] for row in waiting)
        clock.sleep(max(0.05, (next_at - clock.now()).total_seconds()))


def _try_each(lake: Lake, settings: Settings, clock: Clock) -> Iterator[str]:
    """Try the messages that are due, and yield the state of each that is done with; of a route that takes none, one alone.

    That is the oldest, until it was tried so often that it is an alert: what is wrong may be the message, and not the route.
    """
    waiting = read_waiting(lake, clock.now())
    due, down = _due(waiting), set[str]()
    for row in sorted(waiting, key=lambda row: bool(row["tries"] >= settings.notify_tries)):
        if row["route"] not in down and due[row["message_id"]] <= clock.now():
            state = _try(row, lake, settings, clock)
            if state in (SENT, GIVEN_UP):
                yield state
            else:
                down.add(row["route"])


def _due(waiting: Sequence[dict[str, Any]]) -> dict[str, datetime]:
    """When each message may be tried again, by its id; a route that took one not, or asked to wait, rests for all of them."""
    rests: dict[str, datetime] = {}
    for row in waiting:
        rests[row["route"]] = max(rests.get(row["route"], datetime.min), row["not_before"] or datetime.min)
    return {row["message_id"]: rests[row["route"]] if row["state"] != SENDING else row["tried_at"] + UNDER_WAY for row in waiting}


def _try(row: dict[str, Any], lake: Lake, settings: Settings, clock: Clock) -> str:
    """Hand one message over; the state that it is in then, or that another run took it."""
    at = clock.now()
    if at - row["as_of"] > STILL_NEWS:
        return _move(
            lake, row, {"state": GIVEN_UP, "error": f"no news after {STILL_NEWS.days} days; {row['error'] or 'never tried'}"}
        )
    marked = {**row, "state": SENDING, "tries": row["tries"] + 1, "tried_at": at, "not_before": None}
    try:
        _write(lake, marked, before=row)
    except ConflictError:
        log.info("message %s on route %s: another run is at it", row["message_id"], row["route"])
        return SENDING
    outcome = _hand_over(row, settings)
    if outcome.state != SENT:
        log.warning("route %s: message %s, try %d: %s", row["route"], row["message_id"], marked["tries"], outcome.error)
    pause = min(LONGEST_PAUSE_S, max(outcome.retry_after_s, FIRST_PAUSE_S * 2 ** (marked["tries"] - 1)))
    not_before = None if outcome.state == SENT else clock.now() + timedelta(seconds=pause)
    return _move(lake, marked, {"state": outcome.state, "error": outcome.error, "not_before": not_before})


def _move(lake: Lake, row: dict[str, Any], to: dict[str, Any]) -> str:
    _write(lake, {**row, **to}, before=row)
    return str(to["state"])


def _hand_over(row: dict[str, Any], settings: Settings) -> Outcome:
    """What the route's notifier says of one message."""
    route = settings.routes.get(row["route"])
    if route is None:
        return refused(f"there is no route {row['route']} any more")
    if route.takes_state:
        return refused(f"route {row['route']} takes no messages any more: {route.notifier} is posted how alerts stand")
    message = Message(**{name: row[name] for name in Message.__dataclass_fields__})
    try:
        options = plugs.check_options("notifiers", route.notifier, route.options)
        outcome: Outcome = plugs.bind("notifiers", route.notifier, options)(message)
    except ConfigError as error:
        return refused(str(error))
    return outcome


def _write(lake: Lake, row: dict[str, Any], before: dict[str, Any]) -> None:
    """Put a message's row in place of what it was, unless another run has changed that."""
    interval = Interval(row["as_of"] - timedelta(days=1), row["as_of"])
    data, seen = (conform(NOTIFICATION.frame([each]), NOTIFICATION, interval) for each in (row, before))
    # In a lake that has read nothing: another run may write about other messages meanwhile, and no outcome may be lost to that.
    alone = open_lake(lake.settings)
    alone.replace(NOTIFICATION, data, scope_of(row), based_on=sorted_fingerprint(seen, NOTIFICATION.key))


def scope_of(row: dict[str, Any]) -> Scope:
    """One message's row."""
    return Scope("as_of", row["as_of"], row["as_of"] + timedelta(microseconds=1), (("message_id", (row["message_id"],)),))
