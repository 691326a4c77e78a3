"""What a person reads, and what a notifier is given and gives back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.alerting.decide import News, Row, digest
from pipeline.alerting.rules import Rule
from pipeline.tables.columns import FIRING, NO_ANSWER, QUEUED, SENT
from pipeline.tables.identifiers import as_given


@dataclass(frozen=True)
class Message:
    """What a notifier sends.

    Attributes:
        message_id: the same however often it is sent: a Message-ID, or what the other side tells a repetition by.
        group_id: the same for all messages about one subject and cause: what a pager makes one incident of.
        severity: from CHECK_SEVERITIES.
        kind: FIRING or RESOLVED.
        title: one line.
        body: plain text.
    """

    message_id: str
    group_id: str
    severity: str
    kind: str
    title: str
    body: str


@dataclass(frozen=True)
class Standing:
    """How one alert stands, for who keeps the state of alerts and tells people of it himself.

    Attributes:
        alert_id: as in `gold.alert`; a later alert of the same rule, subject, cause and severity has another.
        rule: that found it.
        subject: what it is about, as in `gold.alert`.
        cause: what of it.
        severity: from CHECK_SEVERITIES.
        team: business unit of the resource.
        kind: FIRING or RESOLVED.
        starts_at: since when it is so.
        ends_at: when it was over; while it fires, until when that stands unless it is said again.
        title: what is so where the rule fires.
        body: how bad it is, and why.
        to_do: what a person does next.
        report: where the newest report is.
    """

    alert_id: str
    rule: str
    subject: str
    cause: str
    severity: str
    team: str | None
    kind: str
    starts_at: datetime
    ends_at: datetime
    title: str
    body: str
    to_do: str
    report: str


@dataclass(frozen=True)
class Outcome:
    """How far a message got.

    Attributes:
        state: SENT, QUEUED where it was not taken, NO_ANSWER where that is not known.
        error: what was met, without any secret.
        retry_after_s: how long the other side asked to wait.
    """

    state: str
    error: str | None = None
    retry_after_s: float = 0.0


TAKEN = Outcome(SENT)


def refused(error: str, retry_after_s: float = 0.0) -> Outcome:
    """It did not arrive, for certain."""
    return Outcome(QUEUED, error, retry_after_s)


def unanswered(error: str, retry_after_s: float = 0.0) -> Outcome:
    """Nobody knows whether it arrived."""
    return Outcome(NO_ANSWER, error, retry_after_s)


def message_id(news: News, route: str, as_of: datetime) -> str:
    """The id of a run's message about a group on a route: the same however often the run is made."""
    return digest(as_of.isoformat(), news.group_id, route, news.kind, news.severity, length=32)


def render(news: News, rules: Mapping[str, Rule], report: str) -> tuple[str, str]:
    """Title and body of a message.

    Args:
        news: what it is about.
        rules: by name.
        report: where the run's report is.
    """
    first = news.alerts[0]
    word = first["severity"].upper() if news.kind == FIRING else "RESOLVED"
    title = f"[{word}] {place(first)}: {title_of(first, rules)}"
    if len(news.alerts) > 1:
        title += f" (and {len(news.alerts) - 1} more)"
    parts = [_paragraph(row, rules, is_over=news.kind != FIRING) for row in news.alerts]
    return one_line(title), "\n\n".join([*parts, f"Report       {report}"]) + "\n"


def stand(row: Row, kind: str, ends_at: datetime, rules: Mapping[str, Rule], report: str) -> Standing:
    """How the alert of a row of `gold.alert` stands."""
    rule = rules.get(row["rule"])
    said = (_seen(row), row["detail"], rule.means if rule else None)
    return Standing(
        **{name: row[name] for name in ("alert_id", "rule", "subject", "cause", "severity", "team")},
        kind=kind,
        starts_at=min(row["since"], ends_at),
        ends_at=ends_at,
        title=title_of(row, rules),
        body=one_line("; ".join(text for text in said if text)),
        to_do=rule.to_do if rule else "",
        report=report,
    )


def place(row: Row) -> str:
    """Subject and cause, with names as their sources gave them."""
    return f"{as_given(row['subject'])} {row['cause']}"


def title_of(row: Row, rules: Mapping[str, Rule]) -> str:
    """What is so, as the rule of an alert says it."""
    return rules[row["rule"]].title if row["rule"] in rules else str(row["rule"])


def _paragraph(row: Row, rules: Mapping[str, Rule], *, is_over: bool) -> str:
    rule = rules.get(row["rule"])
    lines = {
        "What": f"{title_of(row, rules)} ({row['rule']})",
        "Where": place(row) + (f", team {row['team']}" if row["team"] else ""),
        "Since": f"{row['since']:%Y-%m-%d %H:%M} UTC" + (f", over as of {row['as_of']:%Y-%m-%d %H:%M} UTC" if is_over else ""),
        "How bad": row["severity"] + (f"; {seen}" if (seen := _seen(row)) else ""),
        "Why": " ".join(text for text in (row["detail"], rule.means if rule else None) if text),
    }
    if not is_over:
        lines["Next"] = rule.to_do if rule else ""
        lines["Acknowledge"] = f'python -m pipeline alert ack {row["alert_id"]} --reason "…"'
    return "\n".join(f"{name:<12} {one_line(text)}" for name, text in lines.items() if text)


def _seen(row: Row) -> str:
    """What was observed against what was expected."""
    if row["observed"] is None:
        return ""
    unit = f" {row['measured_in']}" if row["measured_in"] else ""
    expected = "" if row["expected"] is None else f", expected {row['expected']:,.4g}{unit}"
    return f"observed {row['observed']:,.4g}{unit}{expected}"


def one_line(text: str) -> str:
    """Names come from data: none of them may begin a line, or a header, of its own."""
    return re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text).strip()
