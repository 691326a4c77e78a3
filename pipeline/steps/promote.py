"""Decide, segment by segment, whether the challenger of a training becomes champion; the vote of the detectors is one."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import plugs
from pipeline.errors import ConflictError
from pipeline.forecasting.gates import judge
from pipeline.forecasting.spec import NONE, Row, Version, model_name
from pipeline.inputs.demand import table_of
from pipeline.interval import Interval
from pipeline.registry import ledger
from pipeline.registry.champion import set_aliases
from pipeline.registry.ledger import ROLLED_BACK, Decision
from pipeline.registry.trainings import read_proposed
from pipeline.registry.versions import read_version
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps._promote_vote import ATTEMPTS, promote_vote
from pipeline.steps.record import record
from pipeline.tables.forecasts import MODEL_METRIC
from pipeline.tables.operations import CHECK_RESULT
from pipeline.tables.schema import Scope, Table

if TYPE_CHECKING:
    from pipeline.lake import Lake

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=("gold.model_metric", "silver.check_result"),
    writes=("gold.promotion", "gold.detector_metric"),
)


def promote(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Decide about the challengers that the trainings as of the interval's end proposed; returns the decisions recorded.

    What the training measured is published first, where `record` has not done so. A decision is recorded once per training and
    segment; running the step again only sets the registry's aliases to what the ledger says.

    Raises:
        SourceError: the registry does not answer.
        ConflictError: other writers kept deciding about the same segment.
    """
    decisions = promote_vote(interval, lake, settings)
    record(interval, lake, settings)
    scores: dict[tuple[str, str], dict[str, Row]] = {}
    for row in lake.read(MODEL_METRIC, MODEL_METRIC.scope(interval)).to_pylist():
        scores.setdefault((row["metric"], row["granularity"]), {})[row["model"]] = row
    if not scores:
        log.warning("no forecaster to promote as of %s: there was no training", interval.as_of)
        return decisions
    proposed = read_proposed(settings, interval.as_of)
    for (metric, granularity), by_model in sorted(scores.items()):
        version = proposed.get(model_name(metric, granularity))
        if version is None:
            log.info("%s by %s: the training as of %s proposed no version", metric, granularity, interval.as_of)
            continue
        decisions += _decide(interval.as_of, lake, settings, metric, granularity, version, by_model)
        set_aliases(settings, lake, metric, granularity)
    return decisions


def _decide(
    as_of: datetime,
    lake: Lake,
    settings: Settings,
    metric: str,
    granularity: str,
    challenger: Version,
    scores: dict[str, Row],
) -> int:
    """Record the decision about one challenger, unless one about it or about newer data is there already."""
    proposal = challenger.forecaster, challenger.version
    hours = settings.history_hours if granularity == "hour" else 24 * settings.history_days
    failed = read_failed_expectations(lake, table_of(metric, granularity), as_of - timedelta(hours=hours), as_of)
    for attempt in range(ATTEMPTS):
        rows = ledger.read_decisions(lake, metric, granularity)
        if any((row["as_of"], row["challenger"], row["challenger_version"]) == (as_of, *proposal) for row in rows):
            log.info("%s by %s: decided before", metric, granularity)
            return 0
        last = rows[-1] if rows else None
        if last and last["as_of"] > as_of:
            log.info("%s by %s: a decision as of %s is newer than %s", metric, granularity, last["as_of"], as_of)
            return 0
        present = (last["champion"], last["champion_version"]) if last else (NONE, NONE)
        verdict = judge(
            challenger,
            _read_version(settings, metric, granularity, present),
            scores,
            rolled_back=_read_rolled_back(settings, metric, granularity, rows),
            failed=failed,
        )
        serves = _name(verdict.serves) if verdict.serves else None
        champion = _name(verdict.champion) if verdict.champion else (NONE, NONE)
        judged = serves, verdict.soundness, verdict.coverage_90
        try:
            made = Decision(as_of, metric, granularity, verdict.decision, champion, proposal, verdict.reason, *judged)
            recorded = ledger.record_decision(lake, last, made)
        except ConflictError:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        log.info("%s by %s: %s: %s", metric, granularity, verdict.decision, verdict.reason)
        return int(recorded)
    return 0


def _name(version: Version) -> tuple[str, str]:
    return version.forecaster, version.version


def read_failed_expectations(lake: Lake, table: Table, since: datetime, as_of: datetime) -> list[str]:
    """Critical expectations that a table of silver did not meet in the runs after `since` up to `as_of`, the newest first.

    A run that was repeated and went well has replaced its failure.
    """
    after = timedelta(microseconds=1)
    scope = Scope("as_of", since + after, as_of + after, (("table_name", (table.name,)),))
    rows = lake.read(CHECK_RESULT, scope, ("as_of", "subject", "rule", "severity", "success")).to_pylist()
    failed = [row for row in rows if row["severity"] == "critical" and not row["success"]]
    newest = sorted(failed, key=lambda row: row["as_of"], reverse=True)
    return [f"{table.name} {row['subject']}: {row['rule']}, as of {row['as_of']:%Y-%m-%d %H:%M}" for row in newest]


def _read_version(settings: Settings, metric: str, granularity: str, serves: tuple[str, str]) -> Version | None:
    """The version that serves, by the ledger; None where none does or its forecaster is no longer installed."""
    forecaster, number = serves
    if number == NONE or forecaster not in plugs.names("forecasters"):
        return None
    known = read_version(settings, model_name(metric, granularity), number)
    spec_sha256 = known.spec_sha256 if known is not None and known.forecaster == forecaster else ""
    return Version(number, forecaster, spec_sha256)


def _read_rolled_back(settings: Settings, metric: str, granularity: str, rows: list[Row]) -> frozenset[str]:
    """Hashes of the specs that were rolled back and not restored since."""
    undone = {row["challenger_version"] for row in rows if row["reason"].startswith(ROLLED_BACK)}
    undone -= {rows[-1]["champion_version"]} if rows else set()
    model = model_name(metric, granularity)
    found = (read_version(settings, model, number) for number in undone)
    return frozenset(version.spec_sha256 for version in found if version is not None)
