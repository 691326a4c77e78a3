"""What waits for a day or a week and goes out as one message: for which periods, of what, and in which words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.alerting.decide import News, Row, digest
from pipeline.alerting.heard import Said
from pipeline.alerting.message import one_line, place, title_of
from pipeline.alerting.rules import Rule
from pipeline.tables.columns import ACKNOWLEDGED, CHECK_SEVERITIES, DAILY, FIRING, RESOLVED, SUPPRESSED, WEEKLY

SPANS: Mapping[str, timedelta] = {DAILY: timedelta(days=1), WEEKLY: timedelta(days=7)}
#: Groups of one message, the gravest: what is left out is counted, and stands in the report.
LISTED = 50
#: Below this share of anomalous samples an estate is quiet.
QUIET_RATIO = 0.02
RATE_DAYS = 30


@dataclass(frozen=True)
class Period:
    """What one digest is of: as of after `start`, up to and with `end`."""

    kind: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Rate:
    """Samples of hours of the last `RATE_DAYS` days: on how many of the days any was judged, and how many are anomalous."""

    days: int
    judged: int
    anomalous: int


@dataclass(frozen=True)
class Contents:
    """What a digest tells of.

    Attributes:
        held: rows of `gold.notification` that waited for it; those of runs before the period were made too late for their own.
        alerts: rows of `gold.alert`; those of other groups do not count.
        untold: alerts that nobody was told of, by why.
        rate: how much was anomalous, None where that could not be asked; only a weekly digest tells it.
    """

    held: Sequence[Row] = ()
    alerts: Sequence[Row] = ()
    untold: Mapping[str, int] = field(default_factory=dict)
    rate: Rate | None = None


def period_at(kind: str, hour: int, clock: datetime) -> Period:
    """The newest period that is over: a day that ends at that hour (UTC), or a week that ends then on a Monday."""
    end = clock.replace(hour=hour, minute=0, second=0, microsecond=0)
    if kind == WEEKLY:
        end -= timedelta(days=end.weekday())
    if end > clock:
        end -= SPANS[kind]
    return Period(kind, end - SPANS[kind], end)


def digest_id(route: str, period: Period) -> str:
    """The id of the one message of a route and period, whichever run makes it."""
    return digest("digest", route, period.kind, period.end.isoformat(), length=32)


def is_held(news: News, said: Iterable[Said], route: str, as_of: datetime) -> bool:
    """Whether news waits for the digest of a route: never what is critical, nor that what was told at once as critical is over.

    Args:
        news: what a run would tell the route.
        said: messages of any run.
        route: its name.
        as_of: of the run.
    """
    if news.severity == CHECK_SEVERITIES[0]:
        return False
    told_at_once = False
    own = (one for one in said if one.route == route and one.group_id == news.group_id)
    for each in sorted(own, key=lambda one: (one.as_of, one.kind)):
        if each.as_of < as_of or (each.as_of == as_of and each.kind == FIRING):
            told_at_once = each.kind == FIRING and (told_at_once or each.severity == CHECK_SEVERITIES[0])
    return news.kind == FIRING or not told_at_once


def count_untold(alerts: Iterable[Row], period: Period) -> dict[str, int]:
    """How many alerts nobody was told of in a period, or for a part of it, by why; one that had two reasons counts for each.

    Args:
        alerts: rows of `gold.alert`, from before the period too: what was suppressed before may be so still.
        period: of the digest.
    """
    reasons: dict[str, set[str]] = {}
    for row in _sorted(alerts, period.end):
        why = {ACKNOWLEDGED} if row["state"] == ACKNOWLEDGED else set[str]()
        if row["state"] == SUPPRESSED:
            why = {str(row["suppressed_by"]).partition(":")[0]}
        # What was so before the period, and changed in it or not at all, counts as it was when the period began.
        before = reasons.get(row["alert_id"], set()) if row["as_of"] > period.start else set[str]()
        reasons[row["alert_id"]] = before | why
    return dict(sorted(Counter(why for each in reasons.values() for why in each).items()))


def render_digest(route: str, period: Period, told: Contents, rules: Mapping[str, Rule], report: str) -> tuple[str, str]:
    """Title and body of a digest.

    Args:
        route: its name.
        period: of the digest.
        told: what it tells of.
        rules: by name.
        report: where the newest report is.
    """
    since = min([period.start, *(row["as_of"] - timedelta(microseconds=1) for row in told.held)])
    groups: dict[str, list[Row]] = {row["group_id"]: [] for row in told.held}
    for row in _sorted(told.alerts, period.end):
        if row["group_id"] in groups:
            groups[row["group_id"]].append(row)
    # A group without rows was told by a run that was made again since, and found nothing.
    found = [_Group.of(rows, since, rules) for rows in groups.values() if rows]
    found.sort(key=lambda each: (each.is_over, CHECK_SEVERITIES.index(each.row["severity"]), place(each.row), each.row["rule"]))
    over = sum(each.is_over for each in found)
    firing = len(found) - over
    counted = f"{firing} {'fires' if firing == 1 else 'fire'}, {over} {'is' if over == 1 else 'are'} over"
    title = (
        f"[DIGEST] {period.kind} of route {route} to {period.end:%Y-%m-%d %H:%M} UTC: {counted if found else 'nothing waited'}"
    )
    parts = [f"From {since:%Y-%m-%d %H:%M} to {period.end:%Y-%m-%d %H:%M} UTC: {counted}."]
    parts += [each.paragraph(rules) for each in found[:LISTED]]
    if len(found) > LISTED:
        parts.append(f"And {len(found) - LISTED} more; the report lists what fires.")
    reasons = "; ".join(f"{why}: {number}" for why, number in told.untold.items()) or "nothing"
    last = {"Untold": f"{reasons} (alerts, by why nobody is told)"}
    if period.kind == WEEKLY:
        last["Anomalies"] = say_rate(told.rate)
    parts.append("\n".join(_line(name, text) for name, text in (last | {"Report": report}).items()))
    return one_line(title), "\n\n".join(parts) + "\n"


def say_rate(rate: Rate | None) -> str:
    """How much of the estate was anomalous, and whether that is little."""
    if rate is None:
        return "anomaly rate not known: it could not be asked"
    if not rate.judged:
        return f"anomaly rate not known: nothing was judged in {RATE_DAYS} days"
    ratio = rate.anomalous / rate.judged
    days = (
        f"{RATE_DAYS} days" if rate.days >= RATE_DAYS else f"{RATE_DAYS} days, of which {rate.days} have samples that were judged"
    )
    return (
        f"anomaly rate {'' if ratio < QUIET_RATIO else 'not '}below {QUIET_RATIO:.0%} over {days}: ".replace("%", " %")
        + f"{rate.anomalous:,} of {rate.judged:,} samples, {100 * ratio:.2f} %"
    )


@dataclass(frozen=True)
class _Group:
    """The alerts of one subject and cause in a period: the newest row of the gravest, and how often they came and went."""

    row: Row
    is_over: bool
    state: str
    began: int
    ended: int

    @staticmethod
    def of(rows: Sequence[Row], since: datetime, rules: Mapping[str, Rule]) -> _Group:
        newest = {row["alert_id"]: row for row in sorted(rows, key=lambda row: (row["state"] == RESOLVED, row["as_of"]))}
        fires = [row for row in newest.values() if row["state"] != RESOLVED]
        latest = max(row["as_of"] for row in newest.values())
        row = max(
            fires or [row for row in newest.values() if row["as_of"] == latest],
            key=lambda row: (row["state"] != SUPPRESSED, -CHECK_SEVERITIES.index(row["severity"]), row["rule"], row["alert_id"]),
        )
        ended = {one["alert_id"] for one in rows if one["state"] == RESOLVED and one["as_of"] > since}
        began = {one["alert_id"] for one in rows if one["fired_at"] > since}
        # What happened once does not end.
        happened = row["rule"] in rules and rules[row["rule"]].ends_untold
        return _Group(row, not fires and not happened, str(row["state"]), len(began), len(ended))

    def paragraph(self, rules: Mapping[str, Rule]) -> str:
        row, rule = self.row, rules.get(self.row["rule"])
        word = "RESOLVED" if self.is_over else row["severity"].upper()
        standing = f", over as of {row['as_of']:%Y-%m-%d %H:%M} UTC" if self.is_over else ""
        if self.state in (ACKNOWLEDGED, SUPPRESSED):
            standing = f", {self.state}"
        lines = {
            "Since": f"{row['since']:%Y-%m-%d %H:%M} UTC{standing}",
            "How often": f"began {_times(self.began)}, was over {_times(self.ended)}",
        }
        if not self.is_over:
            lines["Next"] = rule.to_do if rule else ""
        if self.state != RESOLVED:
            lines["Acknowledge"] = f'python -m pipeline alert ack {row["alert_id"]} --reason "…"'
        first = one_line(f"[{word}] {place(row)}: {title_of(row, rules)}")
        return "\n".join([first, *(_line(name, text) for name, text in lines.items() if text)])


def _sorted(alerts: Iterable[Row], until: datetime) -> list[Row]:
    return sorted(
        (row for row in alerts if row["as_of"] <= until), key=lambda row: (row["as_of"], row["alert_id"], str(row["state"]))
    )


def _line(name: str, text: str) -> str:
    return f"{name:<12} {one_line(text)}"


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")
