"""How all alerts stand after a run, for who is told the state and not the news."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.alerting.decide import Decision, Row
from pipeline.alerting.message import Standing, stand
from pipeline.alerting.rules import Rule
from pipeline.tables.columns import ACKNOWLEDGED, FIRING, RESOLVED

#: Periods of its rule for which an alert stands that is not said again: two runs may be missed.
PERIODS = 3
#: What makes an alert another one to who keeps the state.
_TOLD_APART = ("rule", "subject", "cause", "severity", "team")


def list_standing(
    known: Iterable[Row],
    tried: Sequence[Row],
    decision: Decision,
    clock: datetime,
    period_of: Callable[[str], timedelta],
    rules: Mapping[str, Rule],
    report: str,
) -> list[Standing]:
    """What fires, also of other rhythms and of rules that could not be asked, and what ended within `PERIODS` of its rule.

    That is said again too, for it may not have arrived. An alert whose severity or team changed has ended under the old one.

    Args:
        known: rows of `gold.alert`, but for those of the run itself.
        tried: those that an earlier try of the run published, and posted: what of them is found no more has ended.
        decision: of the run.
        clock: what time it is.
        period_of: how often the rule of a name is asked.
        rules: by name.
        report: where the newest report is.
    """
    now: dict[tuple[str, str, str], Row] = {}
    ended: dict[tuple[str, ...], tuple[Row, datetime]] = {}
    rows = [row for row in (*known, *tried) if row["state"] != ACKNOWLEDGED]
    made = [*decision.changes, *(decision.standing or ())]
    for row in sorted([*rows, *made], key=lambda row: row["as_of"]):
        before = now.pop(_key(row), None)
        if before and (row["state"] == RESOLVED or _identity(before) != _identity(row)):
            ended[_identity(before)] = before, row["as_of"]
        if row["state"] != RESOLVED:
            now[_key(row)] = row
            ended.pop(_identity(row), None)
    # What began in that try is on record no more; what had begun before it stays as it was.
    began = {_key(row) for row in tried if row["fired_at"] == row["as_of"]}
    for key in (began & now.keys()) - {_key(row) for row in made}:
        row = now.pop(key)
        ended[_identity(row)] = row, row["as_of"]
    firing = [stand(row, FIRING, clock + PERIODS * period_of(row["rule"]), rules, report) for row in now.values()]
    over = [
        stand(row, RESOLVED, at, rules, report) for row, at in ended.values() if clock - at <= PERIODS * period_of(row["rule"])
    ]
    return sorted([*firing, *over], key=lambda each: (each.subject, each.cause, each.rule, each.severity, each.team or ""))


def _key(row: Row) -> tuple[str, str, str]:
    return row["rule"], row["subject"], row["cause"]


def _identity(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in _TOLD_APART)
