"""Whether the forecasts of a segment got worse than they were, and whether that asks for a new training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

#: Scores that a period must have before it is compared: with fewer, chance alone moves the figures.
MIN_SCORED = 200
#: Bins of the scaled error; its share in each is compared between the two periods.
BINS = 10


@dataclass(frozen=True)
class Limits:
    """From where on a figure is drift, and how often that may ask for a training.

    Attributes:
        pinball_ratio: growth of the pinball loss ÷ the naive error over the period before.
        coverage_90: least share of actuals inside the 90 % interval, 0–1.
        psi: population stability index of the scaled errors.
        retrain_after_days: age at which a training is renewed in any case.
        cooldown_days: age below which drift does not ask for another.
    """

    pinball_ratio: float
    coverage_90: float
    psi: float
    retrain_after_days: int
    cooldown_days: int


def stability_index(before: npt.NDArray[np.float64], recent: npt.NDArray[np.float64]) -> float:
    """Population stability index Σ (r − b) ln(r / b) over the shares of two histograms with the same bins.

    An empty bin counts as half an observation. Below 0.1 the distributions are alike, above 0.25 they differ.

    Args:
        before: (bins,) counts.
        recent: (bins,) counts.

    Source: Siddiqi (2006), Credit Risk Scorecards, 5.
    """
    b, r = (np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum() for counts in (before, recent))
    return float(((r - b) * np.log(r / b)).sum())


def judge(evidence: pd.DataFrame, trained_at: datetime | None, as_of: datetime, limits: Limits) -> list[dict[str, Any]]:
    """One row per segment that was scored recently, with the columns of `gold.drift`.

    Args:
        evidence: sums by metric, granularity, `recent` (or the period before) and `bin` of the scaled error (missing without a
            scale): `scored`, `hits_80`, `hits_90`; and of the `compared` scores, which have a naive error, the scaled `pinball`,
            `abs_error` and `naive`.
        trained_at: the newest training known at `as_of`, if any.
        as_of: when this is judged.
        limits: what counts as drift.
    """
    rows = [
        {"as_of": as_of, "metric": metric, "granularity": granularity, "trained_at": trained_at, **figures}
        for (metric, granularity), segment in evidence.groupby(["metric", "granularity"])
        if (figures := _figures(segment))
    ]
    for row in rows:
        found = list(_drift(row, limits))
        row["drifted"] = bool(found)
        row["retrain"], row["reason"] = decide_training(as_of, trained_at, found, limits, otherwise=_no_drift(row))
    return rows


def decide_training(
    as_of: datetime,
    trained_at: datetime | None,
    drift: Sequence[str],
    limits: Limits,
    otherwise: str = "no drift known",
    changed: Sequence[str] = (),
) -> tuple[bool, str]:
    """Whether a training is due, and why or why not.

    What was never trained is due, and so is what was trained long ago or with other options. Younger trainings are renewed
    where forecasts drifted, but not before the last one has cooled down.

    Args:
        as_of: when this is asked.
        trained_at: the newest training known then, if any.
        drift: what drifted, in words; empty where nothing did.
        limits: ages at which a training is renewed.
        otherwise: what is said of drift where there is none.
        changed: whose options are others than that training's.
    """
    what = f"drift: {'; '.join(drift)}" if drift else otherwise
    if trained_at is None:
        return True, f"never trained; {what}"
    age = (as_of - trained_at).days
    trained = f"trained {age} days ago"
    if age >= limits.retrain_after_days:
        return True, f"schedule: {trained}; {what}"
    if changed:
        return True, f"other options of {', '.join(changed)}: {trained}; {what}"
    if drift and age < limits.cooldown_days:
        return False, f"cooldown: {trained}; {what}"
    return bool(drift), f"{what}; {trained}"


def _figures(segment: pd.DataFrame) -> dict[str, Any]:
    recent, before = segment[segment["recent"]], segment[~segment["recent"]]
    if not recent["scored"].sum():
        return {}
    ratio, ratio_before = _ratio(recent, "pinball"), _ratio(before, "pinball")
    alike = stability_index(_histogram(before), _histogram(recent)) if _enough(recent) and _enough(before) else None
    return {
        "scored": int(recent["scored"].sum()),
        "scored_before": int(before["scored"].sum()),
        "scaled_pinball": _share(recent, "pinball", "compared"),
        "pinball_to_naive": ratio,
        "pinball_to_naive_before": ratio_before,
        "skill": None if (error := _ratio(recent, "abs_error")) is None else 1 - error,
        "coverage_80": _share(recent, "hits_80", "scored"),
        "coverage_90": _share(recent, "hits_90", "scored"),
        "coverage_90_before": _share(before, "hits_90", "scored"),
        "residual_psi": alike,
    }


def _drift(row: dict[str, Any], limits: Limits) -> Iterator[str]:
    """What is wrong with a segment, in words; nothing where there is too little to judge by."""
    if row["scored"] < MIN_SCORED:
        return
    ratio, before = row["pinball_to_naive"], row["pinball_to_naive_before"]
    if row["scored_before"] >= MIN_SCORED and ratio is not None and before and ratio > before * limits.pinball_ratio:
        yield f"pinball loss ÷ naive error rose from {before:.2f} to {ratio:.2f}"
    if row["skill"] is not None and row["skill"] < 0:
        yield f"the median is {-row['skill']:.0%} worse than seasonal naive"
    if row["coverage_90"] < limits.coverage_90:
        yield f"the 90 % interval held {row['coverage_90']:.0%}"
    if row["residual_psi"] is not None and row["residual_psi"] > limits.psi:
        yield f"errors are distributed otherwise, PSI {row['residual_psi']:.2f}"


def _no_drift(row: dict[str, Any]) -> str:
    """What is said of a segment in which nothing drifted."""
    if min(row["scored"], row["scored_before"]) < MIN_SCORED:
        return f"not enough scores to judge drift: {row['scored']} after {row['scored_before']}, of {MIN_SCORED} each"
    return "no drift"


def _enough(period: pd.DataFrame) -> bool:
    return bool(period.loc[period["bin"].notna(), "scored"].sum() >= MIN_SCORED)


def _histogram(period: pd.DataFrame) -> npt.NDArray[np.float64]:
    counts = period.dropna(subset="bin").groupby("bin")["scored"].sum()
    histogram: npt.NDArray[np.float64] = counts.reindex(range(BINS), fill_value=0).to_numpy(np.float64)
    return histogram


def _ratio(period: pd.DataFrame, column: str) -> float | None:
    return _share(period, column, "naive")


def _share(period: pd.DataFrame, above: str, below: str) -> float | None:
    # Rounded, so that the order in which sums were taken does not show.
    total = float(period[below].sum())
    return round(float(period[above].sum()) / total, 9) if total > 0 else None
