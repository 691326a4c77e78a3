"""Queue the digests that are due in `gold.notification`: one message of what waits for a route, for each day or week.

What goes into one is taken from what waits in the commit that queues it: a run that is killed leaves both as they were, and of
two runs at once one makes it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from pipeline.alerting.decide import digest
from pipeline.alerting.digest import Contents, Period, Rate, count_untold, digest_id, period_at, render_digest
from pipeline.alerting.rules import Fired
from pipeline.errors import ConflictError, HeadroomError
from pipeline.inputs import ask
from pipeline.inputs.alerts import read_held, read_known, read_rules
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.lake.fingerprint import sorted_fingerprint
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold
from pipeline.settings import Settings
from pipeline.tables.alerts import NOTIFICATION
from pipeline.tables.columns import CHECK_SEVERITIES, DAILY, FIRING, IN_DIGEST, QUEUED, WEEKLY
from pipeline.tables.schema import Scope

log = logging.getLogger(__name__)


def queue_digests(lake: Lake, settings: Settings, clock: datetime) -> int:
    """Queue the digest of the newest period that is over of each route that has one, unless it was; how many were.

    What waited for periods whose runs were missed is in it too. A day without news is told to nobody, a week is. What waits for a
    route that has no digest any more goes as of the last midnight.
    """
    waiting: dict[str, list[dict[str, Any]]] = {name: [] for name, route in settings.routes.items() if route.digest}
    for row in read_held(lake, clock):
        waiting.setdefault(row["route"], []).append(row)
    queued = 0
    for name, rows in sorted(waiting.items()):
        route = settings.routes.get(name)
        period = period_at((route and route.digest) or DAILY, route.digest_hour if route else 0, clock)
        held = [row for row in rows if row["as_of"] <= period.end]
        if (held or period.kind == WEEKLY) and not _is_made(name, period, lake):
            queued += _queue(name, period, held, lake, settings)
    return queued


def _is_made(route: str, period: Period, lake: Lake) -> bool:
    there = (("message_id", (digest_id(route, period),)),)
    scope = Scope("as_of", period.end, period.end + timedelta(microseconds=1), there)
    return bool(lake.read(NOTIFICATION, scope, ("message_id",)).num_rows)


def _queue(name: str, period: Period, held: Sequence[dict[str, Any]], lake: Lake, settings: Settings) -> bool:
    """Put one digest in place of what waited for it; False where another run did."""
    known = read_known(lake, period.end)
    about = [row for row in known if row["subject"] != f"route {name}"]
    if route := settings.routes.get(name):
        about = [row for row in about if route.takes(Fired(**{key: row[key] for key in Fired.__dataclass_fields__}))]
    rate = _read_rate(lake, period) if period.kind == WEEKLY else None
    told = Contents(held, known, count_untold(about, period), rate)
    title, body = render_digest(name, period, told, read_rules(), settings.report_address())
    made: dict[str, Any] = dict.fromkeys(NOTIFICATION.names) | {
        "as_of": period.end,
        "message_id": digest_id(name, period),
        "route": name,
        "group_id": digest("digest", name),
        "subject": f"digest {name}",
        "kind": FIRING,
        "severity": min((row["severity"] for row in held), key=CHECK_SEVERITIES.index, default=CHECK_SEVERITIES[-1]),
        "title": title,
        "body": body,
        "state": QUEUED,
        "tries": 0,
    }
    interval = Interval(period.start, period.end)
    data, seen = (
        conform(NOTIFICATION.frame(rows), NOTIFICATION, interval)
        for rows in ([made, *(row | {"state": IN_DIGEST} for row in held)], held)
    )
    ids = (made["message_id"], *(row["message_id"] for row in held))
    first = min([period.end, *(row["as_of"] for row in held)])
    scope = Scope("as_of", first, period.end + timedelta(microseconds=1), (("message_id", ids),))
    try:
        # In a lake that has read nothing: another run may write about other messages meanwhile.
        open_lake(settings).replace(
            NOTIFICATION, hold(data, NOTIFICATION, interval), scope, based_on=sorted_fingerprint(seen, NOTIFICATION.key)
        )
    except ConflictError:
        log.info("the %s digest of route %s as of %s: another run makes it", period.kind, name, period.end)
        return False
    log.info("the %s digest of route %s as of %s: news in it: %d", period.kind, name, period.end, len(held))
    return True


def _read_rate(lake: Lake, period: Period) -> Rate | None:
    """How much was anomalous in the days before the period's end; a digest goes out without it too."""
    try:
        [row] = ask(lake, "anomaly_share", as_of=datetime.combine(period.end, time())).to_pylist()
    except HeadroomError as error:
        log.warning("the anomaly rate of a digest could not be asked: %s", error)
        return None
    return Rate(**row)
