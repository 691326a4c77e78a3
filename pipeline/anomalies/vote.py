"""The state of the samples of one series, by a vote of detectors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import ALERT, Detector, Silence, announce, arrival_clock, score_of_excess, severity
from pipeline.anomalies.incidents import IMPACT_RATIO
from pipeline.anomalies.state import hold
from pipeline.anomalies.tail import tail_probability
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.tables.columns import ANOMALOUS, NORMAL, ONLY_FLAGGED

#: All detectors count the same.
EQUAL: Mapping[str, float] = {}
_ROUNDING = 1e-9
_WEIGHT, _LARGEST_WEIGHT = re.compile(r"\d{1,3}(\.\d{1,6})?"), 100
# Share of the highest value so far below which a deviation is never more than low.
MATERIAL_RATIO = 0.05
# What is said of a sample that a detector flags, and not of the others.
_DETAILS = ("value", "expected", "lower", "upper", "threshold", "detectors", "scores_json", "severity")


def read_weights(detectors: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """What each detector counts in the vote.

    Args:
        detectors: those that vote.
        given: the setting `detector_weights`: each a detector, a colon and a number from 0 to 100.

    Raises:
        ConfigError: another form, a weight of a detector that does not vote, two weights of one, or none that counts.
    """
    weights, said = dict.fromkeys(detectors, 1.0), set[str]()
    for text in given:
        name, _, number = text.partition(":")
        if name not in weights:
            raise ConfigError(f"detector_weights: {name!r} does not vote; the setting detectors has {', '.join(detectors)}")
        if not _WEIGHT.fullmatch(number) or float(number) > _LARGEST_WEIGHT:
            raise ConfigError(f"detector_weights={text!r}: expected <detector>:<weight>, the weight from 0 to {_LARGEST_WEIGHT}")
        if name in said:
            raise ConfigError(f"detector_weights: {name!r} has two weights")
        said.add(name)
        weights[name] = float(number)
    if not any(weights.values()):
        raise ConfigError("detector_weights leaves no detector that counts: nothing could ever be an anomaly")
    return weights


def vote(
    series: Any,
    interval: Interval,
    detectors: Mapping[str, Detector],
    wanted: float,
    min_history: int,
    weights: Mapping[str, float] = EQUAL,
) -> Any:
    """The samples of one series in an interval, in the columns of `gold.anomaly_point` but for the granularity.

    Votes are cast on samples, not on what is announced: a detector votes for each sample of a deviation, as long as that goes on.
    What the vote finds is announced as the most talkative of the detectors would; a deviation that goes on is as bad as it was
    when it was flagged.

    Args:
        series: one row per observed hour, in order, with `ts`, `value` and `unit`.
        interval: hours outside it are seen, and not published.
        detectors: name → what votes.
        wanted: weight of the detectors that must agree; all of them where they have less together.
        min_history: observed hours before the first one that is published.
        weights: what a detector counts; 1 where nothing is said. One of 0 stands in the votes and scores alone: score, expected
            value, severity and what is announced are of the others, and what only it flags is low.
    """
    ts, values = series["ts"].to_numpy(), series["value"].to_numpy()
    clock, everyone = arrival_clock(ts), np.arange(len(ts))
    names = np.array(list(detectors))
    found = [detect(ts, values) for detect in detectors.values()]
    excess = np.stack([each.excess for each in found])
    strength = np.stack([hold(clock, values, each) for each in found])
    votes = (strength >= 1).sum(axis=0)
    counted = np.array([weights.get(name, 1.0) for name in detectors])
    weight = counted @ (strength >= 1)
    # Sums of tenths are not quite what they say.
    anomalous = (weight >= min(wanted, counted.sum()) - _ROUNDING) & (votes > 0) & (everyone >= min_history)
    # Who counts nothing is heard, and decides nothing.
    deciding = np.flatnonzero(counted > 0)
    heard = [found[place].silence for place in deciding]
    silence = Silence(min(each.hours for each in heard), min(each.worse_ratio for each in heard))
    strongest = np.where(weight > 0, strength[deciding], excess[deciding]).argmax(axis=0)
    expected, lower, upper = (
        np.stack([getattr(found[place], name) for place in deciding])[strongest, everyone]
        for name in ("expected", "lower", "upper")
    )
    worst = strength[deciding].max(axis=0)
    highest = np.fmax.accumulate(np.abs(values))
    heavy = matters(values, expected, series["unit"].eq("percent").to_numpy(), highest)
    contribution = next((each.contribution for each in found if each.contribution is not None), np.full(len(ts), np.nan))
    said = {
        "score": score_of_excess(excess[deciding].max(axis=0)),
        "is_alert": announce(worst, anomalous, clock, silence),
        "expected": expected,
        "lower": lower,
        "upper": upper,
        "contribution": contribution,
        "votes": votes.astype(np.int64),
        "vote_weight": weight.round(6),
    }
    judged = everyone[(series["ts"] >= interval.start) & (series["ts"] < interval.end) & (everyone >= min_history)]
    scores, flags, rows = score_of_excess(excess[:, judged]), strength[:, judged] >= 1, series.iloc[judged]
    far = [np.abs(values - found[place].expected) for place in deciding]
    rare = np.stack([tail_probability(clock, *each, judged) for each in zip(far, strength[deciding] >= 1, strict=True)])
    flagged: npt.NDArray[np.bool_] = votes[judged] > 0
    grave = (weight[judged] > 0) & heavy[judged]
    # One frame from arrays: a column at a time costs more than all that is worked out above.
    columns = {
        **{name: rows[name] for name in rows},
        **{name: column[judged] for name, column in said.items()},
        "tail_probability": rare[strongest[judged], np.arange(len(judged))].round(6),
        "state": np.select([anomalous[judged], flagged], [ANOMALOUS, ONLY_FLAGGED], NORMAL).astype(object),
        "threshold": np.full(len(rows), ALERT),
        "severity": np.where(grave, severity(score_of_excess(worst[judged])), "low").astype(object),
        "detectors": texts([",".join(names[flags[:, row]]) for row in range(len(rows))]),
        "scores_json": texts([by_name(names, scores[:, row]) if flagged[row] else None for row in range(len(rows))]),
    }
    return pd.DataFrame({**columns, **blank(columns, flagged)}, index=rows.index)


def texts(some: Sequence[str | None]) -> Any:
    """A column of texts, also where none of them is one."""
    column = np.empty(len(some), dtype=object)
    column[:] = some
    return column


def blank(rows: Any, flagged: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """The columns of what was expected of a sample, and of who said what of it, left out where nobody flags it."""
    return {name: np.where(flagged, rows[name], None if rows[name].dtype == object else np.nan) for name in _DETAILS}


def by_name(names: npt.NDArray[np.str_], scores: npt.NDArray[np.float64]) -> str:
    """The raw score of each detector, as a JSON object by name."""
    return json.dumps({str(name): round(float(score), 6) for name, score in zip(names, scores, strict=True)})


def matters(
    values: npt.NDArray[np.float64],
    expected: npt.NDArray[np.float64],
    is_percent: npt.NDArray[np.bool_],
    highest: npt.NDArray[np.float64],
) -> npt.NDArray[np.bool_]:
    """Whether a deviation is at least 5 % of the highest value so far, and of the capacity; where nothing was expected, it is.

    A detector says how unusual an hour is, not whether anyone should get up for it: an idle machine's 2 % is not an incident.
    """
    least = np.where(is_percent, np.fmax(MATERIAL_RATIO * highest, 100 * IMPACT_RATIO["medium"]), MATERIAL_RATIO * highest)
    return ~(np.abs(values - expected) < least)
