"""The gates that a challenger passes before it becomes champion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.forecasting.selection import BASELINE, COVERAGE_SLACK, TIE_SHARE, covers, margin
from pipeline.forecasting.spec import NONE, Row, Version, serving
from pipeline.tables.columns import SOUND, UNJUDGED, UNSOUND

#: How far the median may lie to one side of the actuals, in seasonal naive's errors.
BIAS_SLACK = 1.0
#: A median beyond that is let through if it lies at most this many times as far as that of the model it would replace.
NO_WORSE = 1.25
#: Chance of mistaking equals for better that a change of champion may take.
ALPHA = 0.05


class Verdict(NamedTuple):
    """What becomes of a challenger, the figures that say why, and what the segment is forecast with from now on.

    Attributes:
        champion: who is champion now; None where nobody is.
        serves: what forecasts: the champion, or a fallback that did not pass the gates; None where nothing was measured.
        soundness: of what serves, from SOUNDNESS.
        coverage_90: share of actuals in its 90 % interval; None where that was not measured.
    """

    decision: str
    reason: str
    champion: Version | None = None
    serves: Version | None = None
    soundness: str = UNJUDGED
    coverage_90: float | None = None


def judge(
    challenger: Version,
    champion: Version | None,
    scores: dict[str, Row],
    rolled_back: frozenset[str] = frozenset(),
    failed: Sequence[str] = (),
) -> Verdict:
    """What becomes of a challenger, by the figures of one backtest that both were in, and what serves then.

    The gates, in order: a person's rollback, data quality, skill, coverage and bias, and against a champion a margin that is more
    than chance. The reason names every figure that was looked at.

    Where the challenger does not pass, and there is no champion or its interval is out of order, the one of challenger, champion
    and seasonal naive with the lowest scaled pinball loss serves, and is called unsound.

    Args:
        challenger: the proposed version.
        champion: the version that serves; None where none does.
        scores: forecaster → its row of `gold.model_metric`; a champion with parameters of its own is under `serving`.
        rolled_back: hashes of specs that a person rolled back.
        failed: critical expectations that the segment's table did not meet in the trained interval.
    """
    decision, reason = _decide(challenger, champion, scores, rolled_back, failed)
    if decision == "promoted":
        return Verdict(decision, reason, challenger, challenger, SOUND, scores[challenger.forecaster]["coverage_90"])
    present = _present(champion, scores)
    if champion is not None and (present is None or covers(present["coverage_90"])):
        coverage = present["coverage_90"] if present else None
        return Verdict(decision, reason, champion, champion, SOUND if present else UNJUDGED, coverage)
    barred = challenger.spec_sha256 in rolled_back
    candidates = [(champion, present), (None if barred else challenger, scores.get(challenger.forecaster))]
    candidates.append((Version(NONE, BASELINE, ""), scores.get(BASELINE)))
    known = [(version, row) for version, row in candidates if version is not None and row is not None and _is_scored(row)]
    if not known:
        return Verdict(decision, reason, champion, champion)
    # Of equals the first: who serves stays.
    best, row = min(known, key=lambda one: one[1]["scaled_pinball"])
    covered = "was not measured" if row["coverage_90"] is None else f"covers {row['coverage_90']:.0%}"
    reason = f"{reason} Nothing passed the gates: {best.forecaster} serves as unsound, its 90 % interval {covered}."
    if best is champion:
        return Verdict(decision, reason, champion, champion, UNSOUND, row["coverage_90"])
    return Verdict("rejected", reason, None, best, UNSOUND, row["coverage_90"])


def _present(champion: Version | None, scores: dict[str, Row]) -> Row | None:
    """The figures of the champion as it serves; None where it was not measured."""
    row = scores.get(serving(champion.forecaster), scores.get(champion.forecaster)) if champion else None
    return row if row is not None and row["scaled_pinball"] is not None else None


def _decide(
    challenger: Version, champion: Version | None, scores: dict[str, Row], rolled_back: frozenset[str], failed: Sequence[str]
) -> tuple[str, str]:
    """The decision about a challenger, and why."""
    own, baseline = scores.get(challenger.forecaster), scores.get(BASELINE)
    if own is None or baseline is None or not (_is_scored(own) and _is_scored(baseline)):
        return "rejected", f"{challenger.forecaster} or {BASELINE} has no finite score to judge by"
    said = f"{challenger.forecaster}: {_figures(own)}"
    if challenger.spec_sha256 in rolled_back:
        return "rejected", f"{said}. This very model was rolled back; a changed one may come again."
    if failed:
        return "rejected", f"{said}. Trained on data that failed {len(failed)} critical expectations: {failed[0]}."
    if challenger.forecaster != BASELINE and not _beats(own, baseline):
        return "rejected", f"{said}. Not better than {BASELINE} ({_figures(baseline)})."
    if champion is not None and champion.spec_sha256 == challenger.spec_sha256:
        return "kept", f"{said}. The champion is this very model."
    present = _present(champion, scores)
    if champion is None or present is None:
        why = "The first champion here." if champion is None else f"The champion {champion.forecaster} could not be measured."
        held = _one_sided(own, baseline)
        return ("rejected", f"{said}. {held}") if held else ("promoted", f"{said}. {why}")
    return _judge_against(present, champion, challenger, own, baseline)


def _judge_against(present: Row, champion: Version, challenger: Version, own: Row, baseline: Row) -> tuple[str, str]:
    """What becomes of a challenger that is sound by itself, beside the figures of the champion as it serves."""
    said = f"{challenger.forecaster}: {_figures(own)}"
    against = f"{said}, against the champion {present['model']}: {_figures(present)}"
    if held := _one_sided(own, present):
        return "rejected", f"{against}. {held}"
    if present["model"] == challenger.forecaster:
        return "promoted", f"{said}. The same forecaster in a newer version."
    if not _beats(present, baseline) and champion.forecaster != BASELINE:
        return "promoted", f"{against}. The champion is no longer better than {BASELINE}."
    if not covers(present["coverage_90"]):
        return "promoted", f"{against}. The champion's 90 % interval is off by more than {COVERAGE_SLACK:.0%}."
    gain = 1 - own["scaled_pinball"] / present["scaled_pinball"] if present["scaled_pinball"] else 0.0
    needed = margin(own["series"])
    if gain < needed:
        takes = f"the {needed:.1%} that a change takes where {own['series']} series say so"
        return "rejected", f"{against}. {gain:+.1%} scaled pinball is less than {takes}."
    if doubt := _doubt(own, present):
        return "rejected", f"{against}. {gain:.1%} less scaled pinball, but {doubt}."
    return "promoted", f"{against}. {gain:.1%} less scaled pinball, p = {own['p_value']:.2g}."


def _one_sided(own: Row, replaced: Row) -> str:
    """Why the challenger's intervals or its median are too far off; empty where they are not."""
    if not covers(own["coverage_90"]):
        return f"Its 90 % interval is off by more than {COVERAGE_SLACK:.0%}."
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


def _is_scored(row: Row) -> bool:
    return row["scaled_pinball"] is not None and row["mase"] is not None


def _beats(row: Row, baseline: Row) -> bool:
    """Whether a forecaster is better than the seasonal naive: on pinball loss, and on MASE no worse than equals are."""
    lower = row["scaled_pinball"] is not None and row["scaled_pinball"] < baseline["scaled_pinball"]
    return _is_scored(row) and bool(lower and row["mase"] <= baseline["mase"] * (1 + TIE_SHARE))


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
