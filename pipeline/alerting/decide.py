"""What changes, and what a person is told of it: one pure function of what fires, what was known and said, and a clock given."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.alerting.heard import GRAVITY, Said, when
from pipeline.alerting.rules import Fired
from pipeline.alerting.windows import Window, window_of
from pipeline.tables.columns import ACKNOWLEDGED, FIRING, RESOLVED, SUPPRESSED

Row = Mapping[str, Any]
Key = tuple[str, str, str]
FLAPPING = timedelta(days=7)
A_DAY = timedelta(days=1)
#: What is older tells people nothing that they do not see in the report.
STILL_NEWS = timedelta(days=7)


@dataclass(frozen=True)
class Limits:
    """What may be set.

    Attributes:
        repeat: after how long an alert that still fires is told again, by severity.
        flaps: how often in a week an alert may be resolved before it is flapping.
        within: how long after a run's interval it may send; later it is a backfill.
        behind: of a rule those others of which an alert about the same subject, as grave at least, is told in its place where its
            `detail` names that one's cause: a disk that is full says nothing of a network that is not as it was.
        ends_untold: rules of what happened once: that a run finds it no more is no message.
        quiet: why whoever a state is posted to tells nobody, by rule, subject, cause and severity.
    """

    repeat: Mapping[str, timedelta]
    flaps: int
    within: timedelta
    behind: Mapping[str, Collection[str]] = field(default_factory=dict)
    ends_untold: Collection[str] = ()
    quiet: Mapping[tuple[str, str, str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """What is on record, of any run.

    Attributes:
        alerts: rows of `gold.alert`, what persons acknowledged among them.
        said: messages that were queued.
    """

    alerts: Sequence[Row] = ()
    said: Sequence[Said] = ()


@dataclass(frozen=True)
class News:
    """One message: a group of alerts, all of them about one subject and cause.

    Attributes:
        kind: FIRING or RESOLVED.
        alerts: as rows of `gold.alert`, the gravest first.
    """

    group_id: str
    kind: str
    alerts: tuple[Row, ...]

    @property
    def severity(self) -> str:
        return str(self.alerts[0]["severity"])


@dataclass(frozen=True)
class Decision:
    """What a run adds.

    Attributes:
        changes: rows of `gold.alert`, one per alert that changed, in order of their ids.
        news: what a person is told, the gravest first.
        untold: how many groups nobody is told of, by the reason; `told before` and so on.
        standing: what fires, changed or not, as rows of `gold.alert`; None of a run long past, which says nothing of now.
    """

    changes: tuple[Row, ...]
    news: tuple[News, ...]
    untold: Mapping[str, int] = field(default_factory=dict)
    standing: tuple[Row, ...] | None = ()


def digest(*parts: str, length: int = 12) -> str:
    """A hash that tells the parts apart."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def decide(
    fired: Iterable[Fired],
    known: Known,
    windows: Sequence[Window],
    as_of: datetime,
    clock: datetime,
    limits: Limits,
    unanswered: frozenset[str] = frozenset(),
) -> Decision:
    """What changes in a run, and what a person is told.

    Of what was known, only what earlier runs and persons said counts, and of what was said only what earlier runs did: a run
    that is made again and finds the same decides the same. What it found before, people know of, and it finds no more, is over.
    The order of rows does not matter.

    Args:
        fired: what the rules found.
        known: what is on record.
        windows: of maintenance.
        as_of: end of the run's interval.
        clock: what time it is.
        limits: what is set.
        unanswered: rules that could not be asked: their alerts stay as they are.
    """
    found: dict[Key, Fired] = {}
    for each in sorted(fired, key=lambda each: (-GRAVITY[each.severity], repr(each))):
        found.setdefault((each.rule, each.subject, each.cause), each)
    history = _history(known.alerts, as_of)
    acknowledged = {row["alert_id"]: row for row in sorted(known.alerts, key=_order) if row["state"] == ACKNOWLEDGED}
    now = _judge(found, history, windows, as_of, limits)
    taken = {row["alert_id"] for key, row in now.items() if _taken(row, history.get(key, ()), acknowledged)}
    told_now = {each.group_id for each in known.said if each.as_of == as_of and each.kind == FIRING}
    withdrawn, kept = _made_before(known.alerts, found, as_of, told_now, unanswered)
    over = _resolve(found, history, as_of, unanswered) + withdrawn
    before = {key: _state(past[-1]) for key, past in history.items() if past[-1]["state"] != RESOLVED}
    changes = [row for key, row in now.items() if before.get(key) != _state(row)] + over + kept
    late = clock - as_of > limits.within or any(row["as_of"] > as_of and row["state"] != ACKNOWLEDGED for row in known.alerts)
    said = {each.group_id: each for each in sorted(known.said, key=when) if each.as_of < as_of}
    news, untold = _tell(list(now.values()), taken, {row["alert_id"] for row in changes}, said, as_of, limits)
    news += _tell_over(over, [*now.values(), *kept], history, said, told_now, as_of, limits.ends_untold)
    if late:
        news, untold = [], Counter({"of a run long past": len(news)} if news else {})
    ordered = sorted(news, key=lambda each: (-GRAVITY[each.severity], each.group_id))
    changed = tuple(sorted(changes, key=lambda row: str(row["alert_id"])))
    return Decision(changed, tuple(ordered), dict(sorted(untold.items())), None if late else tuple(now.values()))


def _order(row: Row) -> tuple[Any, ...]:
    return row["as_of"], row["alert_id"], row["state"]


def _history(rows: Iterable[Row], as_of: datetime) -> dict[Key, list[Row]]:
    """What earlier runs said of each alert, oldest first."""
    history: dict[Key, list[Row]] = {}
    for row in sorted(rows, key=_order):
        if row["as_of"] < as_of and row["state"] != ACKNOWLEDGED:
            history.setdefault(_key(row), []).append(row)
    return history


def _key(row: Row) -> Key:
    return row["rule"], row["subject"], row["cause"]


def _state(row: Row) -> tuple[Any, ...]:
    return row["state"], row["severity"], row["suppressed_by"]


def _taken(row: Row, past: Sequence[Row], acknowledged: Mapping[str, Row]) -> bool:
    """Whether a person has acknowledged an alert, and it was never graver since."""
    taken = acknowledged.get(row["alert_id"])
    if taken is None:
        return False
    since = [one for one in past if one["alert_id"] == row["alert_id"] and one["as_of"] > taken["as_of"]]
    return all(GRAVITY[taken["severity"]] >= GRAVITY[one["severity"]] for one in (row, *since))


def _judge(
    found: Mapping[Key, Fired],
    history: Mapping[Key, list[Row]],
    windows: Sequence[Window],
    as_of: datetime,
    limits: Limits,
) -> dict[Key, Row]:
    """How each alert stands that fires, the gravest first: a milder one is suppressed by a graver one of its group.

    Those of rules that stand behind others come last: what they may be behind of is judged then.
    """
    gravest: dict[str, tuple[int, str]] = {}
    told: dict[tuple[str, str], list[Fired]] = {}
    judged: dict[Key, Row] = {}
    troubled = {each.subject for each in found.values()}
    for key, each in sorted(found.items(), key=lambda item: _depth(item[0][0], limits.behind)):
        past = history.get(key, [])
        row = _row(key, each, past, as_of)
        why = _suppressed_by(each, row, past, troubled, gravest.get(row["group_id"]), windows, limits)
        row["suppressed_by"] = why or _said_by(each, told, limits.behind) or limits.quiet.get((*key, each.severity))
        if row["suppressed_by"]:
            row["state"] = SUPPRESSED
        else:
            gravest.setdefault(row["group_id"], (GRAVITY[each.severity], each.rule))
            told.setdefault((each.rule, each.subject), []).append(each)
        judged[key] = row
    return judged


def _row(key: Key, each: Fired, past: Sequence[Row], as_of: datetime) -> dict[str, Any]:
    """A row of `gold.alert`, as if nothing suppressed it; what goes on keeps its id and since when it is so."""
    goes_on = bool(past) and past[-1]["state"] != RESOLVED
    fired_at = past[-1]["fired_at"] if goes_on else as_of
    return {
        "as_of": as_of,
        "alert_id": digest(*key, fired_at.isoformat()),
        "group_id": digest(each.subject, each.cause),
        **asdict(each),
        "state": FIRING,
        "suppressed_by": None,
        "since": past[-1]["since"] if goes_on else each.since,
        "fired_at": fired_at,
        "reason": None,
    }


def _suppressed_by(
    each: Fired,
    row: Row,
    past: Sequence[Row],
    troubled: set[str],
    gravest: tuple[int, str] | None,
    windows: Sequence[Window],
    limits: Limits,
) -> str | None:
    """Why nobody is told of an alert that fires; None where somebody is."""
    if each.depends_on and each.depends_on != each.subject and each.depends_on in troubled:
        return f"what it depends on: {each.depends_on}"
    if gravest is not None and gravest[0] > GRAVITY[each.severity]:
        return f"a graver alert: {gravest[1]}"
    if window := window_of(each.subject, (row["since"], row["as_of"]), windows):
        return f"maintenance: {window.name}"
    resolved = sum(one["state"] == RESOLVED and one["as_of"] >= row["as_of"] - FLAPPING for one in past)
    return "flapping" if resolved >= limits.flaps else None


def _depth(rule: str, behind: Mapping[str, Collection[str]], seen: tuple[str, ...] = ()) -> int:
    """How many rules stand before this one at most, each behind the next."""
    before = [other for other in behind.get(rule, ()) if other not in (*seen, rule)]
    return 1 + max((_depth(other, behind, (*seen, rule)) for other in before), default=-1)


def _said_by(each: Fired, told: Mapping[tuple[str, str], Sequence[Fired]], behind: Mapping[str, Collection[str]]) -> str | None:
    """The rule whose alert says what this one would; None where there is none as grave about a cause that this one names."""
    for rule in sorted(behind.get(each.rule, ())):
        for other in told.get((rule, each.subject), ()):
            # A metric, or what of it is so now.
            cause = rf"\b{re.escape(other.cause.removesuffix(' now'))}\b"
            if GRAVITY[other.severity] >= GRAVITY[each.severity] and re.search(cause, each.detail or ""):
                return f"what another alert says: {rule}"
    return None


def _resolve(
    found: Mapping[Key, Fired], history: Mapping[Key, list[Row]], as_of: datetime, unanswered: frozenset[str]
) -> list[Row]:
    """The alerts that are over. While what one depends on has an alert itself, it may be silent for want of data: it stays."""
    troubled = {each.subject for each in found.values()}
    return [
        {**past[-1], "as_of": as_of, "state": RESOLVED, "suppressed_by": None}
        for key, past in history.items()
        if key not in found
        and past[-1]["state"] != RESOLVED
        and key[0] not in unanswered
        and past[-1]["depends_on"] not in troubled
    ]


def _made_before(
    rows: Sequence[Row], found: Mapping[Key, Fired], as_of: datetime, told_now: set[str], unanswered: frozenset[str]
) -> tuple[list[Row], list[Row]]:
    """Of what the same run published before and does not find now: what is over, for people know of it, and what stays."""
    taken = {row["alert_id"] for row in rows if row["state"] == ACKNOWLEDGED}
    troubled = {each.subject for each in found.values()}
    withdrawn: list[Row] = []
    kept: list[Row] = []
    for row in rows:
        if row["as_of"] != as_of or row["state"] == ACKNOWLEDGED or _key(row) in found:
            continue
        began = row["fired_at"] == as_of
        if row["rule"] in unanswered or (began and row["depends_on"] in troubled):
            kept.append(row)
        elif began and (row["group_id"] in told_now or row["alert_id"] in taken):
            withdrawn.append({**row, "state": RESOLVED, "suppressed_by": None})
    return withdrawn, kept


def _tell(
    now: Sequence[Row],
    taken: set[str],
    changed: set[str],
    last: Mapping[str, Said],
    as_of: datetime,
    limits: Limits,
) -> tuple[list[News], Counter[str]]:
    """What is told of what fires, group by group, and why of the other groups nothing is."""
    news: list[News] = []
    untold: Counter[str] = Counter()
    by_group: dict[str, list[Row]] = {}
    for row in sorted(now, key=lambda row: -GRAVITY[row["severity"]]):
        by_group.setdefault(row["group_id"], []).append(row)
    for group_id, rows in by_group.items():
        open_rows = [row for row in rows if row["state"] == FIRING and row["alert_id"] not in taken]
        if not open_rows:
            reasons = {str(row["suppressed_by"] or ACKNOWLEDGED) for row in rows}
            untold[sorted(reasons)[0].partition(":")[0]] += 1
            continue
        told = last.get(group_id)
        repeat = limits.repeat[open_rows[0]["severity"]]
        if told is not None and told.withheld:
            # Nobody knows of it: it is tried again as soon as there may be messages to spare.
            repeat = min(repeat, A_DAY)
        is_new = told is None or told.kind != FIRING or any(row["alert_id"] in changed for row in open_rows)
        if is_new or as_of - told.as_of >= repeat:  # type: ignore[union-attr]
            news.append(News(group_id, FIRING, tuple(open_rows)))
        else:
            untold["told before"] += 1
    return news, untold


def _tell_over(
    over: Sequence[Row],
    still: Iterable[Row],
    history: Mapping[Key, Sequence[Row]],
    last: Mapping[str, Said],
    told_now: set[str],
    as_of: datetime,
    untold: Collection[str],
) -> list[News]:
    """The groups that were told last that they fire, and have no open alert now; also where a run that told nobody found it."""
    ended = {_key(row): row for row in over}
    newest = [ended.get(key, past[-1]) for key, past in history.items()] + [
        row for key, row in ended.items() if key not in history
    ]
    open_now = {row["group_id"] for row in (*newest, *still) if row["state"] != RESOLVED}
    news = []
    for group_id in sorted({row["group_id"] for row in newest} - open_now):
        told = last.get(group_id)
        if group_id in told_now or (told is not None and told.kind == FIRING):
            after = as_of - STILL_NEWS if told is None else max(as_of - STILL_NEWS, told.as_of)
            skipped = () if group_id in told_now else untold  # What this run told, and made again finds no more, was never so.
            rows = [row for row in newest if row["group_id"] == group_id and row["as_of"] >= after and row["rule"] not in skipped]
            ordered = sorted(rows, key=lambda row: (-GRAVITY[row["severity"]], row["rule"]))
            if ordered:
                news.append(News(group_id, RESOLVED, tuple(ordered)))
    return news
