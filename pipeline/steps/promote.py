"""Decide, segment by segment, whether the challenger of a training becomes champion."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from pipeline import plugs, promotion_ledger, registry
from pipeline.errors import ConflictError
from pipeline.interval import Interval
from pipeline.model_spec import model_name
from pipeline.promotion_ledger import NONE, ROLLED_BACK, Row, serving
from pipeline.registry import FLOOR, Version
from pipeline.schema import Scope, Table
from pipeline.settings import Settings
from pipeline.steps.record import record
from pipeline.steps.train import table_of
from pipeline.tables import CHECK_RESULT, MODEL_METRIC

if TYPE_CHECKING:
    from pipeline.lake import Lake

log = logging.getLogger(__name__)

#: Share by which a challenger's scaled pinball loss must be lower than the champion's; less is noise.
MARGIN = 0.01
#: How far the 90 % interval's coverage may lie from 90 %, unless the one it would replace lies further off.
COVERAGE_SLACK = 0.15
#: How far the median may lie to one side of the actuals, in seasonal naive's errors, unless the one it would replace does too.
BIAS_SLACK = 1.0
#: How much further than the one it would replace is still no worse.
NO_WORSE = 1.25
#: Chance of mistaking equals for better that a change of champion may take.
ALPHA = 0.05
#: How often a decision is taken again because another was recorded meanwhile.
ATTEMPTS = 5


class Verdict(NamedTuple):
    """What becomes of a challenger, and the figures that say why."""

    decision: str
    reason: str


def promote(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Decide about the challengers that the training as of the interval's end proposed; returns the decisions recorded.

    What the training measured is published first, where `record` has not done so. A decision is recorded once per training and
    segment; running the step again only sets the registry's aliases to what the ledger says.

    Raises:
        SourceError: the registry does not answer.
        ConflictError: other writers kept deciding about the same segment.
    """
    record(interval, lake, settings)
    scores: dict[tuple[str, str], dict[str, Row]] = {}
    for row in lake.read(MODEL_METRIC, MODEL_METRIC.scope(interval)).to_pylist():
        scores.setdefault((row["metric"], row["granularity"]), {})[row["model"]] = row
    if not scores:
        log.warning("nothing to promote as of %s: there was no training", interval.as_of)
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
    hours = settings.history_hours if granularity == "hour" else 24 * settings.history_days
    failed = failed_expectations(lake, table_of(metric, granularity), as_of - timedelta(hours=hours), as_of)
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
            failed=failed,
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
    challenger: Version,
    champion: Version | None,
    scores: dict[str, Row],
    rolled_back: frozenset[str] = frozenset(),
    failed: Sequence[str] = (),
) -> Verdict:
    """What becomes of a challenger, by the figures of one backtest that both were in.

    The gates, in order: a person's rollback, data quality, skill, coverage and bias, and against a champion a margin that is more
    than chance. The reason names every figure that was looked at.

    Args:
        challenger: the proposed version.
        champion: the version that serves; None where none does.
        scores: forecaster → its row of `gold.model_metric`; a champion with parameters of its own is under `serving`.
        rolled_back: hashes of specs that a person rolled back.
        failed: critical expectations that the segment's table did not meet in the trained interval.
    """
    own, floor = scores.get(challenger.forecaster), scores.get(FLOOR)
    if own is None or floor is None or None in (own["scaled_pinball"], own["mase"], floor["scaled_pinball"], floor["mase"]):
        return Verdict("rejected", f"{challenger.forecaster} or {FLOOR} has no finite score to judge by")
    said = f"{challenger.forecaster}: {_figures(own)}"
    if challenger.spec_sha256 in rolled_back:
        return Verdict("rejected", f"{said}. This very model was rolled back; a changed one may come again.")
    if failed:
        return Verdict("rejected", f"{said}. Trained on data that failed {len(failed)} critical expectations: {failed[0]}.")
    if challenger.forecaster != FLOOR and not _beats_floor(own, floor):
        return Verdict("rejected", f"{said}. Not better than {FLOOR} ({_figures(floor)}).")
    if champion is not None and champion.spec_sha256 == challenger.spec_sha256:
        return Verdict("kept", f"{said}. The champion is this very model.")
    present = scores.get(serving(champion.forecaster), scores.get(champion.forecaster)) if champion else None
    if present is None or present["scaled_pinball"] is None:
        why = "No champion yet." if champion is None else f"The champion {champion.forecaster} could not be measured."
        held = _one_sided(own, floor)
        return Verdict("rejected", f"{said}. {held}") if held else Verdict("promoted", f"{said}. {why}")
    against = f"{said}, against the champion {present['model']}: {_figures(present)}"
    if (held := _one_sided(own, present)) and (present["model"] == challenger.forecaster or not _beats_floor(present, floor)):
        return Verdict("rejected", f"{against}. {held}")
    if present["model"] == challenger.forecaster:
        return Verdict("promoted", f"{said}. The same forecaster in a newer version.")
    if champion and champion.forecaster != FLOOR and not _beats_floor(present, floor):
        return Verdict("promoted", f"{against}. The champion is no longer better than {FLOOR}.")
    gain = 1 - own["scaled_pinball"] / present["scaled_pinball"] if present["scaled_pinball"] else 0.0
    if gain < MARGIN:
        return Verdict("rejected", f"{against}. {gain:+.1%} scaled pinball is less than the {MARGIN:.0%} that a change takes.")
    if held:
        return Verdict("rejected", f"{against}. {held}")
    if doubt := _doubt(own, present):
        return Verdict("rejected", f"{against}. {gain:.1%} less scaled pinball, but {doubt}.")
    return Verdict("promoted", f"{against}. {gain:.1%} less scaled pinball, p = {own['p_value']:.2g}.")


def failed_expectations(lake: Lake, table: Table, since: datetime, as_of: datetime) -> list[str]:
    """Critical expectations that a table of silver did not meet in the runs after `since` up to `as_of`, the newest first.

    A run that was repeated and went well has replaced its failure.
    """
    after = timedelta(microseconds=1)
    scope = Scope("as_of", since + after, as_of + after, (("table_name", (table.name,)),))
    rows = lake.read(CHECK_RESULT, scope, ("as_of", "subject", "rule", "severity", "success")).to_pylist()
    failed = [row for row in rows if row["severity"] == "critical" and not row["success"]]
    newest = sorted(failed, key=lambda row: row["as_of"], reverse=True)
    return [f"{table.name} {row['subject']}: {row['rule']}, as of {row['as_of']:%Y-%m-%d %H:%M}" for row in newest]


def _one_sided(own: Row, replaced: Row) -> str:
    """Why the challenger's intervals or its median are too far off; empty where they are not."""
    allowed = max(COVERAGE_SLACK, _off(replaced))
    if _off(own) > allowed:
        return f"Its 90 % interval is off by more than {allowed:.0%}."
    allowed = max(BIAS_SLACK, NO_WORSE * _leaning(replaced))
    if _leaning(own) > allowed:
        return f"Its bias is beyond ±{allowed:.2f} of seasonal naive's error."
    return ""


def _doubt(own: Row, present: Row) -> str:
    """Why the challenger's lower loss may be chance; empty where it hardly is."""
    if own["compared_with"] != present["model"]:
        return f"it was tested against {own['compared_with'] or 'none'}, not against the champion that serves now"
    if own["p_value"] is None:
        return "too few series and windows to tell that from chance"
    return "" if own["p_value"] < ALPHA else f"p = {own['p_value']:.2g} is not under {ALPHA:g}"


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


def _leaning(row: Row) -> float:
    """How far the median lies to one side of the actuals; infinite where it was not measured."""
    return float("inf") if row["bias"] is None else abs(float(row["bias"]))


def _figures(row: Row) -> str:
    coverage = "not measured" if row["coverage_90"] is None else f"{row['coverage_90']:.0%}"
    skill = "none" if row["skill"] is None else f"{row['skill']:+.1%}"
    bias = "not measured" if row["bias"] is None else f"{row['bias']:+.3f}"
    return (
        f"scaled pinball {row['scaled_pinball']:.4g}, MASE {row['mase']:.4g}, skill {skill}, "
        f"90 % interval covers {coverage}, bias {bias}"
    )


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
