"""Tables of what a person is told: alerts, and the messages about them."""

from __future__ import annotations

from pipeline.tables.columns import ALERT_STATES, CHECK_SEVERITIES, DELIVERIES, as_of, moment, number, text
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import WHOLE

ALERT = Table(
    name="gold.alert",
    doc="One change of one alert: it fires, is suppressed, is acknowledged by a person, or is resolved.",
    key=("as_of", "alert_id"),
    time="as_of",
    columns=(
        moment("as_of", "When it changed: the end of the run's data interval, or when a person acknowledged it."),
        text(
            "alert_id", "Hash of rule, subject, cause and `fired_at`: the same until it is resolved.", pattern=r"^[0-9a-f]{12}\Z"
        ),
        text("group_id", "Hash of subject and cause: what is told in one message.", pattern=r"^[0-9a-f]{12}\Z"),
        text("rule", "The file of `sql/alerts`."),
        text("subject", "account/region/resource, or the table, source, step, segment or route, by that word."),
        text("cause", "What of it: a metric, completeness, delivery …"),
        text("severity", "How bad.", values=CHECK_SEVERITIES),
        text("state", "From then on; `suppressed` fires, and is not told.", values=ALERT_STATES),
        text("suppressed_by", "Why it is suppressed; null else.", nullable=True),
        moment("since", "Since when what the rule looks for is so."),
        moment("fired_at", "End of the first run that found it, of those without a break."),
        number("observed", "What was found.", "as `measured_in`"),
        number("expected", "What it was held to.", "as `measured_in`"),
        text("measured_in", "Unit of both.", nullable=True),
        text("detail", "What is known of the cause.", nullable=True),
        text("depends_on", "A subject: while that has an alert, this one is its consequence.", nullable=True),
        text("team", "Business unit of the resource.", nullable=True),
        text("reason", "What the person wrote who acknowledged it; null else.", nullable=True),
    ),
    may_be_empty=True,
)
NOTIFICATION = Table(
    name="gold.notification",
    doc="One message about one group of alerts on one route, or a digest of several, and how far it got.",
    key=("message_id",),
    time="as_of",
    columns=(
        as_of,
        text(
            "message_id",
            "Hash of run, group, route, kind and severity, of a digest of route and period; also sent, as Message-ID or "
            "deduplication key.",
        ),
        text("route", "The setting `routes` names it."),
        text("group_id", "Of the alerts, or of a digest's route.", pattern=r"^[0-9a-f]{12}\Z"),
        text("subject", "What the alerts are about; of a digest `digest` and the route."),
        text("kind", "firing or resolved.", values=ALERT_STATES),
        text("severity", "Of the gravest alert.", values=CHECK_SEVERITIES),
        text("title", "One line."),
        text("body", "What, where, since when, how bad, why, what next, how to acknowledge."),
        text(
            "state",
            "How far it got; whether one that is `unknown` arrived is not known. What is `held` waits for the digest of its "
            "route, and what is `in_digest` is in one: neither is a message of its own.",
            values=DELIVERIES,
        ),
        Column(name="tries", type=WHOLE, doc="How often it was handed over.", unit="count", ge=0),
        moment("tried_at", "When last.", nullable=True),
        moment("not_before", "When it may be tried again.", nullable=True),
        text("error", "What the last try met.", nullable=True),
    ),
    may_be_empty=True,
)
