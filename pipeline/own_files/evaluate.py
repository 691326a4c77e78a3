"""How well detectors find what people labelled in a user's own series, or in the sets that they were developed on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import plugs
from pipeline.anomalies.confidence import CURVES, add_up, calibration_error, find_incidents, hourly
from pipeline.anomalies.detection import ALERT, Detection, Detector, Silence, announced_score, arrival_clock, finite
from pipeline.anomalies.scoring import PROBATION, Ranks, Samples, delays, precision_at, rank, score_events, score_samples, total
from pipeline.anomalies.state import hold
from pipeline.anomalies.surface import volume, widest_buffer
from pipeline.errors import ConfigError
from pipeline.own_files._labelled import Labelled, read_labelled
from pipeline.own_files._samples import make_folder
from pipeline.reading.options import Reading
from pipeline.report.evaluation import Drawn, Overview, render_evaluation

#: Where the development sets lie in a checkout.
SHIPPED = Path(__file__).resolve().parents[2] / "tests" / "data" / "anomalies" / "cloud_telemetry.parquet"
#: What is written, and the page last.
WRITTEN = ("scores.csv", "thresholds.csv", "evaluation.html")
CONTROL = "an alert at every sample"
#: Multiples of a detector's own threshold; of `prophet_interval` .75, 1 and 1.5 are a `threshold_multiplier` of 1.5, 2 and 3.
MULTIPLES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
#: Of reading: nothing is stated.
DEFAULTS = Reading()
#: Of a detector, or of options, whose confidence nobody measured.
UNKNOWN = {"incidents": float("nan"), "calibration_error": float("nan")}
# Series drawn of each detector: those with the most events.
_DRAWN = 3

log = logging.getLogger(__name__)


def read_files(files: Sequence[Path], windows: Path | None = None, reading: Reading = DEFAULTS) -> list[Labelled]:
    """The labelled series of files, or of the shipped development set where there are none.

    Args:
        files: labelled by a column, unless windows label them.
        windows: a file of windows that labels them.
        reading: what is said about the files; nothing has to be said about the shipped set.

    Raises:
        ConfigError: no such file, or what a column means has to be stated; or nothing is shipped here.
        DataError: a file is not what it should be.
    """
    if files:
        return read_labelled(files, windows, reading)
    if not SHIPPED.is_file():
        raise ConfigError("name a labelled file: the development sets come with the repository, and are not here")
    return read_labelled([SHIPPED], windows, Reading(resource_column="file"))


def evaluate_series(
    series: Sequence[Labelled],
    detectors: Sequence[str],
    out_dir: Path,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    plots: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Score detectors on labelled series, and write what `WRITTEN` names; who judged nothing of a series is warned of.

    Args:
        series: as `read_files` gives them.
        detectors: names of detector plugs.
        out_dir: created when missing.
        options: of detectors, by name.
        plots: whether the page has charts.
        progress: called with (detectors done, detectors in all).

    Returns:
        `scores.csv`: a row per detector, and the control last. A ratio of nothing is NaN.

    Raises:
        ConfigError: no such detector, or an option that it does not have; or nothing can be written there.
    """
    chosen = {name: plugs.check_options("detectors", name, (options or {}).get(name, {})) for name in detectors}
    bound = {name: plugs.bind("detectors", name, each) for name, each in chosen.items()}
    by_default = {name for name, each in chosen.items() if each == plugs.check_options("detectors", name, {})}
    hours = [hourly(one.ts, one.values, one.labels) for one in series]
    make_folder(out_dir)
    scores, thresholds, drawn = [], [], []
    for done, (name, detect) in enumerate({**bound, CONTROL: _always}.items(), start=1):
        found = [detect(one.ts, one.values) for one in series]
        if unjudged := sum(not each.judged.any() for each in found):
            log.warning("%s knows too little to judge any sample of %d of %d series", name, unjudged, len(series))
        figures, ranks = _score(series, found)
        events = {each: _events(series, found, each) for each in (MULTIPLES if name != CONTROL else (1.0,))}
        calibration = _calibration(hours, name, detect) if name in by_default else UNKNOWN
        scores.append({"detector": name, **events[1.0], **figures, **calibration})
        if name != CONTROL:
            other = pd.DataFrame([{"multiple": each, **row} for each, row in events.items()])
            thresholds.append(other.assign(detector=name))
            drawn.append(_draw(name, series, found, ranks, other))
        if progress:
            progress(done, len(bound) + 1)
    rows = pd.DataFrame(scores)
    samples = sum(len(one.ts) for one in series)
    what = f"{len(series)} series of {samples:,} samples with {rows['events'].iloc[0]} events"
    texts = rows.to_csv(index=False), pd.concat(thresholds).to_csv(index=False), render_evaluation(rows, drawn, what, plots)
    for written, text in zip(WRITTEN, texts, strict=True):
        (out_dir / written).write_text(text, encoding="utf-8")
    return rows


def _always(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> Detection:
    """One score for all: who it scores well is no measure."""
    nothing = np.full(len(ts), np.nan)
    return Detection(np.ones(len(values)), nothing, nothing, nothing, np.ones(len(values), dtype=np.bool_), Silence(hours=0))


def _calibration(hours: Sequence[tuple[Any, Any, Any]], name: str, detect: Detector) -> dict[str, float]:
    """How well the shipped confidence of a detector's incidents holds on these labels; nothing is learned from them."""
    if name not in CURVES:
        return UNKNOWN
    found = add_up([find_incidents(one, detect) for one in hours])
    stated = CURVES[name].of(found.excess, found.hours)
    return {"incidents": len(found.true), "calibration_error": calibration_error(stated, found.true)}


def _score(series: Sequence[Labelled], found: Sequence[Detection]) -> tuple[dict[str, float], Ranks]:
    """What a detector's row has beside events, and the curves that two figures of it are the areas of."""
    after = [slice(int(len(one.labels) * PROBATION), None) for one in series]
    raw = np.concatenate([each.score[rows] for each, rows in zip(found, after, strict=True)])
    labels = np.concatenate([one.labels[rows] for one, rows in zip(series, after, strict=True)])
    ranks = rank(raw, labels)
    waited = [hours for one, each in zip(series, found, strict=True) for hours in delays(one.ts, _alerts(one, each), one.labels)]
    flagged = [
        score_samples(hold(arrival_clock(one.ts), finite(one.values), each) >= 1, one.labels)
        for one, each in zip(series, found, strict=True)
    ]
    hit, missed, false, quiet = Samples(*(sum(column) for column in zip(*flagged, strict=True)))
    surfaces = [
        volume(each.score[rows], one.labels[rows], widest_buffer(one.ts))
        for one, each, rows in zip(series, found, after, strict=True)
    ]
    figures = {
        "pr_auc": ranks.pr_auc,
        "roc_auc": ranks.roc_auc,
        **{f"vus_{curve}": _mean([getattr(each, curve) for each in surfaces]) for curve in ("pr", "roc")},
        **{f"precision_at_{k}": precision_at(raw, labels, k) for k in (10, 100)},
        "delay_hours": float(np.median(waited)) if waited else float("nan"),
        "hit_samples": hit,
        "missed_samples": missed,
        "false_samples": false,
        "quiet_samples": quiet,
    }
    return figures, ranks


def _mean(values: Sequence[float]) -> float:
    """Of the series that have one; NaN where none has."""
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")


def _events(series: Sequence[Labelled], found: Sequence[Detection], multiple: float) -> dict[str, float]:
    """Event scores where a detector's threshold is so many times its own."""
    parts = [
        score_events(one.ts, _alerts(one, replace(each, excess=each.excess / multiple)), one.labels)
        for one, each in zip(series, found, strict=True)
    ]
    events = total(parts)
    return {
        "f1": events.f1,
        "precision": events.precision,
        "recall": events.recall,
        "events": events.found + events.missed,
        "found": events.found,
        "false": events.false,
        "false_per_day": events.false / events.days if events.days else float("nan"),
    }


def _alerts(one: Labelled, found: Detection) -> npt.NDArray[np.bool_]:
    """What people are told of; who is never silent tells them of every sample that is flagged."""
    return np.asarray(announced_score(found, one.ts) >= ALERT if found.silence.hours else found.excess >= 1)


def _draw(name: str, series: Sequence[Labelled], found: Sequence[Detection], ranks: Ranks, thresholds: pd.DataFrame) -> Drawn:
    """What the page shows of one detector."""
    busiest = sorted(range(len(series)), key=lambda place: (-int(np.diff(series[place].labels, prepend=False).sum()), place))[
        :_DRAWN
    ]
    shown = [_overview(series[place], found[place]) for place in sorted(busiest)]
    curve = ranks.false_ratio.tolist(), ranks.recall.tolist()
    return Drawn(name, curve, (ranks.recall.tolist(), ranks.precision.tolist()), thresholds, shown)


def _overview(one: Labelled, found: Detection) -> Overview:
    moments = list(pd.DatetimeIndex(one.ts))
    starts = np.flatnonzero(np.diff(one.labels.astype(np.int8), prepend=0) == 1).tolist()
    alerts = np.flatnonzero(_alerts(one, found)).tolist()
    drawn = [moment for moment, value in zip(moments, one.values, strict=True) if np.isfinite(value)]
    values = [float(value) for value in one.values if np.isfinite(value)]
    known = set(drawn)
    labelled = [moments[row] for row in starts if moments[row] in known]
    return Overview(one.name, drawn, values, labelled, [moments[row] for row in alerts if moments[row] in known])
