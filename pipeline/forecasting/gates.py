"""The gates that a challenger passes before it becomes champion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.forecasting.selection import BASELINE
from pipeline.forecasting.spec import Row, Version, serving

#: Share by which a challenger's scaled pinball loss must be lower than the champion's; less is noise.
MARGIN = 0.01
#: How far the 90 % interval's coverage may lie from 90 %, unless the one it would replace lies further off.
COVERAGE_SLACK = 0.15
#: How far the median may lie to one side of the actuals, in seasonal naive's errors.
BIAS_SLACK = 1.0
#: A median beyond that is let through if it lies at most this many times as far as that of the model it would replace.
NO_WORSE = 1.25
#: Chance of mistaking equals for better that a change of champion may take.
ALPHA = 0.05


class Verdict(NamedTuple):
    """What becomes of a challenger, and the figures that say why."""

    decision: str
    reason: str


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
    own, baseline = scores.get(challenger.forecaster), scores.get(BASELINE)
    if own is None or baseline is None or not (_is_scored(own) and _is_scored(baseline)):
        return Verdict("rejected", f"{challenger.forecaster} or {BASELINE} has no finite score to judge by")
    said = f"{challenger.forecaster}: {_figures(own)}"
    if challenger.spec_sha256 in rolled_back:
        return Verdict("rejected", f"{said}. This very model was rolled back; a changed one may come again.")
    if failed:
        return Verdict("rejected", f"{said}. Trained on data that failed {len(failed)} critical expectations: {failed[0]}.")
    if challenger.forecaster != BASELINE and not _beats(own, baseline):
        return Verdict("rejected", f"{said}. Not better than {BASELINE} ({_figures(baseline)}).")
    if champion is not None and champion.spec_sha256 == challenger.spec_sha256:
        return Verdict("kept", f"{said}. The champion is this very model.")
    present = scores.get(serving(champion.forecaster), scores.get(champion.forecaster)) if champion else None
    if champion is None or present is None or present["scaled_pinball"] is None:
        why = "The first champion here." if champion is None else f"The champion {champion.forecaster} could not be measured."
        held = _one_sided(own, baseline)
        return Verdict("rejected", f"{said}. {held}") if held else Verdict("promoted", f"{said}. {why}")
    return _judge_against(present, champion, challenger, own, baseline)


def _judge_against(present: Row, champion: Version, challenger: Version, own: Row, baseline: Row) -> Verdict:
    """What becomes of a challenger that is sound by itself, beside the figures of the champion as it serves."""
    said = f"{challenger.forecaster}: {_figures(own)}"
    against = f"{said}, against the champion {present['model']}: {_figures(present)}"
    is_same, is_weak, held = present["model"] == challenger.forecaster, not _beats(present, baseline), _one_sided(own, present)
    if held and (is_same or is_weak):
        return Verdict("rejected", f"{against}. {held}")
    if is_same:
        return Verdict("promoted", f"{said}. The same forecaster in a newer version.")
    if is_weak and champion.forecaster != BASELINE:
        return Verdict("promoted", f"{against}. The champion is no longer better than {BASELINE}.")
    gain = 1 - own["scaled_pinball"] / present["scaled_pinball"] if present["scaled_pinball"] else 0.0
    if gain < MARGIN:
        return Verdict("rejected", f"{against}. {gain:+.1%} scaled pinball is less than the {MARGIN:.0%} that a change takes.")
    if held:
        return Verdict("rejected", f"{against}. {held}")
    if doubt := _doubt(own, present):
        return Verdict("rejected", f"{against}. {gain:.1%} less scaled pinball, but {doubt}.")
    return Verdict("promoted", f"{against}. {gain:.1%} less scaled pinball, p = {own['p_value']:.2g}.")


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


def _is_scored(row: Row) -> bool:
    return row["scaled_pinball"] is not None and row["mase"] is not None


def _beats(row: Row, baseline: Row) -> bool:
    return _is_scored(row) and bool(row["scaled_pinball"] < baseline["scaled_pinball"] and row["mase"] < baseline["mase"])


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
