"""Decide, segment by segment, whether the challenger of a training becomes champion."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from pipeline import plugs, promotion_ledger, registry
from pipeline.errors import ConflictError
from pipeline.interval import Interval
from pipeline.model_spec import model_name
from pipeline.promotion_ledger import NONE, ROLLED_BACK, Row
from pipeline.registry import FLOOR, Version
from pipeline.settings import Settings
from pipeline.tables import MODEL_METRIC

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.lake import Lake

log = logging.getLogger(__name__)

#: Share by which a challenger's scaled pinball loss must be lower than the champion's; less is noise.
MARGIN = 0.01
#: How far the 90 % interval's coverage may lie from 90 %, unless the one it would replace lies further off.
COVERAGE_SLACK = 0.15
#: How often a decision is taken again because another was recorded meanwhile.
ATTEMPTS = 5


class Verdict(NamedTuple):
    """What becomes of a challenger, and the figures that say why."""

    decision: str
    reason: str


def promote(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Decide about the challengers that the training as of the interval's end proposed; returns the decisions recorded.

    A decision is recorded once per training and segment; running the step again only sets the registry's aliases to what
    the ledger says.

    Raises:
        SourceError: the registry does not answer.
        ConflictError: other writers kept deciding about the same segment.
    """
    scores: dict[tuple[str, str], dict[str, Row]] = {}
    for row in lake.read(MODEL_METRIC, MODEL_METRIC.scope(interval)).to_pylist():
        scores.setdefault((row["metric"], row["granularity"]), {})[row["model"]] = row
    if not scores:
        log.warning("nothing to promote as of %s: no training wrote %s", interval.as_of, MODEL_METRIC.name)
        return 0
    proposed = registry.proposed(settings, interval.as_of)
    decisions = 0
    for (metric, granularity), by_model in sorted(scores.items()):
        version = proposed.get(model_name(metric, granularity))
        if version is None:
            log.info("%s by %s: the training as of %s proposed no version", metric, granularity, interval.as_of)
            continue
        decisions += _decide(interval.as_of, lake, settings, metric, granularity, version, by_model)
        registry.follow(settings, lake, metric, granularity)
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
    for attempt in range(ATTEMPTS):
        rows = promotion_ledger.ledger(lake, metric, granularity)
        if any((row["as_of"], row["challenger"], row["challenger_version"]) == (as_of, *proposal) for row in rows):
            return 0
        last = rows[-1] if rows else None
        if last and last["as_of"] > as_of:
            log.info("%s by %s: a decision as of %s is newer than %s", metric, granularity, last["as_of"], as_of)
            return 0
        serves = (last["champion"], last["champion_version"]) if last else (NONE, NONE)
        verdict = judge(
            challenger,
            _version(settings, metric, granularity, serves),
            scores,
            rolled_back=_rolled_back(settings, metric, granularity, rows),
        )
        try:
            recorded = promotion_ledger.decide(
                lake,
                last,
                as_of=as_of,
                metric=metric,
                granularity=granularity,
                decision=verdict.decision,
                serves=proposal if verdict.decision == "promoted" else serves,
                challenger=proposal,
                reason=verdict.reason,
            )
        except ConflictError:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        log.info("%s by %s: %s: %s", metric, granularity, verdict.decision, verdict.reason)
        return int(recorded)
    return 0


def judge(
    challenger: Version, champion: Version | None, scores: dict[str, Row], rolled_back: frozenset[str] = frozenset()
) -> Verdict:
    """What becomes of a challenger, by the figures of one backtest that both were in.

    Args:
        challenger: the proposed version.
        champion: the version that serves; None where none does.
        scores: forecaster → its row of `gold.model_metric`.
        rolled_back: hashes of specs that a person rolled back.
    """
    own, floor = scores.get(challenger.forecaster), scores.get(FLOOR)
    if own is None or floor is None or None in (own["scaled_pinball"], own["mase"], floor["scaled_pinball"], floor["mase"]):
        return Verdict("rejected", f"{challenger.forecaster} or {FLOOR} has no finite score to judge by")
    said = f"{challenger.forecaster}: {_figures(own)}"
    if challenger.spec_sha256 in rolled_back:
        return Verdict("rejected", f"{said}. This very model was rolled back; a changed one may come again.")
    if challenger.forecaster != FLOOR and not _beats_floor(own, floor):
        return Verdict("rejected", f"{said}. Not better than {FLOOR} ({_figures(floor)}).")
    if champion is not None and champion.spec_sha256 == challenger.spec_sha256:
        return Verdict("kept", f"{said}. The champion is this very model.")
    present = scores.get(champion.forecaster) if champion else None
    if present is None or present["scaled_pinball"] is None:
        why = "No champion yet." if champion is None else f"The champion {champion.forecaster} could not be measured."
        return Verdict("promoted", f"{said}. {why}")
    against = f"{said}, against the champion {present['model']}: {_figures(present)}"
    if present["model"] == challenger.forecaster:
        return Verdict("promoted", f"{said}. The same forecaster in a newer version.")
    if present["model"] != FLOOR and not _beats_floor(present, floor):
        return Verdict("promoted", f"{against}. The champion is no longer better than {FLOOR}.")
    gain = 1 - own["scaled_pinball"] / present["scaled_pinball"] if present["scaled_pinball"] else 0.0
    if gain < MARGIN:
        return Verdict("rejected", f"{against}. {gain:+.1%} scaled pinball is less than the {MARGIN:.0%} that a change takes.")
    allowed = max(COVERAGE_SLACK, _off(present))
    if _off(own) > allowed:
        return Verdict("rejected", f"{against}. Its 90 % interval is off by more than {allowed:.0%}.")
    return Verdict("promoted", f"{against}. {gain:.1%} less scaled pinball.")


def _beats_floor(row: Row, floor: Row) -> bool:
    return bool(
        row["scaled_pinball"] is not None
        and row["mase"] is not None
        and row["scaled_pinball"] < floor["scaled_pinball"]
        and row["mase"] < floor["mase"]
    )


def _off(row: Row) -> float:
    """How far the 90 % interval's coverage lies from what it promises; 1 where it was not measured."""
    return 1.0 if row["coverage_90"] is None else abs(row["coverage_90"] - 0.9)


def _figures(row: Row) -> str:
    coverage = "not measured" if row["coverage_90"] is None else f"{row['coverage_90']:.0%}"
    skill = "none" if row["skill"] is None else f"{row['skill']:+.1%}"
    return f"scaled pinball {row['scaled_pinball']:.4g}, MASE {row['mase']:.4g}, skill {skill}, 90 % interval covers {coverage}"


def _version(settings: Settings, metric: str, granularity: str, serves: tuple[str, str]) -> Version | None:
    """The version that serves, by the ledger; None where none does or its forecaster is no longer installed."""
    forecaster, number = serves
    if number == NONE or forecaster not in plugs.names("forecasters"):
        return None
    known = registry.version(settings, model_name(metric, granularity), number)
    spec_sha256 = known.spec_sha256 if known is not None and known.forecaster == forecaster else ""
    return Version(number, forecaster, spec_sha256)


def _rolled_back(settings: Settings, metric: str, granularity: str, rows: list[Row]) -> frozenset[str]:
    """Hashes of the specs that were rolled back and not restored since."""
    undone = {row["challenger_version"] for row in rows if row["reason"].startswith(ROLLED_BACK)}
    undone -= {rows[-1]["champion_version"]} if rows else set()
    model = model_name(metric, granularity)
    found = (registry.version(settings, model, number) for number in undone)
    return frozenset(version.spec_sha256 for version in found if version is not None)
