"""Whether the weights and thresholds that detectors learned from labels serve from the next day on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pipeline.anomalies.voters import UNREGISTERED, parse_voters
from pipeline.errors import ConflictError
from pipeline.forecasting.spec import Row
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.registry import ledger
from pipeline.registry.champion import set_aliases
from pipeline.registry.detectors import VOTE, Proposal, read_trained_detectors
from pipeline.registry.ledger import ROLLED_BACK, Decision
from pipeline.steps._voters import PROPOSED, SEGMENT, next_day, read_voters
from pipeline.tables.anomalies import DETECTOR_METRIC

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.anomalies.voters import Voters
    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
#: How often a decision is taken again because another was recorded meanwhile.
ATTEMPTS = 5


def promote_vote(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Publish what the training of detectors as of the interval's end measured, and decide about it; returns the decisions.

    A decision is recorded once per training; running the step again only sets the registry's aliases to what the ledger says.
    About a training of other settings than those now none is.

    Raises:
        SourceError: the registry does not answer.
        ConflictError: other writers kept deciding.
    """
    found = read_trained_detectors(settings, interval.as_of)
    if found is None:
        log.info("no training of detectors as of %s", interval.as_of)
        return 0
    proposal, figures = found
    frame = figures.to_pandas()
    frame.loc[frame["model"] == PROPOSED, "version"] = proposal.version
    rows = validate(conform(frame, DETECTOR_METRIC, interval), DETECTOR_METRIC, interval, lake)
    lake.replace(DETECTOR_METRIC, rows, DETECTOR_METRIC.scope(interval))
    made = _decide(interval.as_of, lake, settings, proposal)
    set_aliases(settings, lake, *SEGMENT)
    return made


def _decide(as_of: datetime, lake: Lake, settings: Settings, proposal: Proposal) -> int:
    """Record the decision, unless one about this training or a newer one is there already."""
    for attempt in range(ATTEMPTS):
        rows = ledger.read_decisions(lake, *SEGMENT)
        last = rows[-1] if rows else None
        if last and (
            last["as_of"] > as_of or any((row["as_of"], row["challenger_version"]) == (as_of, proposal.version) for row in rows)
        ):
            log.info("detectors: decided before")
            return 0
        serving = read_voters(lake, settings, next_day(as_of))
        if parse_voters(proposal.parameters, proposal.version).shipped.text() != serving.shipped.text():
            log.warning("detectors: the settings are others than those of the training as of %s; nothing is decided", as_of)
            return 0
        made = _judge(as_of, proposal, rows, serving)
        try:
            recorded = ledger.record_decision(lake, last, made)
        except ConflictError:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        log.info("detectors: %s: %s", made.decision, made.reason)
        return int(recorded)
    return 0


def _judge(as_of: datetime, proposal: Proposal, rows: list[Row], serving: Voters) -> Decision:
    """What is decided of a proposal: it serves where it passed, nobody took it back, and what it was held against still serves.

    What serves without a version is what the settings say: it gets that one, which changes nothing.
    """
    present = proposal.shipped_version if serving.version == UNREGISTERED else serving.version
    gone = {row["challenger_version"] for row in rows if row["reason"].startswith(ROLLED_BACK)}
    decision, number, parameters, reason = "rejected", present, serving.text(), proposal.reason
    if proposal.version == present:
        decision = "kept" if serving.version == present else "promoted"
    elif proposal.compared_with != serving.version:
        reason = f"it was held against version {proposal.compared_with}, and {serving.version} serves; {reason}"
    elif proposal.version in gone:
        reason = f"a person took it back; {reason}"
    elif proposal.passes:
        decision, number, parameters = "promoted", proposal.version, proposal.parameters
    champion = VOTE, number
    return Decision(as_of, *SEGMENT, decision, champion, (VOTE, proposal.version), reason, champion, parameters=parameters)
