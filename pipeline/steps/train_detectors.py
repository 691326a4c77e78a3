"""Learn from the labels of incidents what each detector counts and from where on it flags, and register that as a challenger."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.anomalies.learning import SEED, Evidence, Learned, gather, learn, measure
from pipeline.anomalies.voters import UNREGISTERED, Voters
from pipeline.forecasting.spec import code_sha256
from pipeline.inputs import read
from pipeline.quality.conform import conform
from pipeline.registry.detectors import Proposal, Trained, find_unchanged, log_detectors
from pipeline.steps._declaration import Step
from pipeline.steps._voters import (
    PROPOSED,
    SEGMENT,
    SERVING,
    bind_detectors,
    next_day,
    read_shipped,
    read_voters,
    told_more,
)
from pipeline.tables.anomalies import ANOMALY, DETECTOR_METRIC

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
STEP = Step(
    role="trainer",
    registering=True,
    reads=("inputs.labelled_incidents", "inputs.labelled_points", "gold.promotion"),
)
#: Labels that are learned from at most, the newest; the hours of their resources are read from the first of them on.
MOST_LABELS, LEARNED = 500, timedelta(days=180)
#: Folders that decide what a training finds, beside labels, hours and settings.
CODE = ("anomalies", "detectors", "features")


def train_detectors(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Measure and learn as of the interval's end; returns 1 where a version is new.

    The vote of the settings is the first version. With `anomalies.learning.LEAST_LABELS` labels and more, weights and thresholds
    are learned from them, by `search_trials` sets beside a grid, and told on labels that came later; below it nothing changes,
    and the reason says so. `promote` decides. The same labels, hours, settings and code again register nothing.

    Raises:
        ConfigError: a weight or option that is none.
        SourceError: the registry does not answer.
    """
    shipped, serving = read_shipped(settings), read_voters(lake, settings, next_day(interval.as_of))
    snapshot_id = lake.snapshot_id(ANOMALY)
    labelled = read(lake, "labelled_incidents", as_of=interval.as_of)
    labelled = labelled[labelled["started_at"] >= interval.as_of - LEARNED].tail(MOST_LABELS).reset_index(drop=True)
    points = _read_points(interval, lake, settings, labelled)
    told: dict[str, Any] = {"code_sha256": code_sha256(folders=CODE)}
    told |= {"labels": len(labelled), "search_trials": settings.search_trials, "seed": SEED, "votes": shipped.votes}
    told |= {"detect_history_hours": settings.detect_history_hours, "detect_min_history_hours": settings.detect_min_history_hours}
    fingerprint = _fingerprint(shipped, serving, labelled, points, told)
    if (before := find_unchanged(settings, fingerprint)) is not None:
        log.info("detectors as of %s, unchanged: labels, hours, settings and code are those as of %s", interval.as_of, before)
        return 0
    beside = told_more(settings)
    evidence = None if beside else gather(points, labelled, bind_detectors(settings), settings.detect_min_history_hours)
    if evidence is None:
        why = f"{len(labelled)} labels; {beside[0]} is told more than its series, so nothing is learned of the vote"
        learned = Learned(serving, passes=False, reason=why)
    else:
        learned = learn(shipped, serving, evidence, settings.search_trials)
    log.info("detectors: %s; %s", learned.reason, learned.proposed.text())
    rows = _measure(shipped, serving, learned.proposed, evidence) if evidence is not None and len(evidence.incidents) else []
    frame = DETECTOR_METRIC.frame({"as_of": interval.as_of, **row} for row in rows)
    trained = Trained(
        SEGMENT,
        fingerprint,
        (shipped.text(), shipped.sha256()),
        told,
        {"table": ANOMALY.name, "snapshot_id": snapshot_id},
        dict(_runs(rows, shipped, serving, learned.proposed)),
        conform(frame, DETECTOR_METRIC, interval),
    )
    proposed = learned.proposed
    proposal = Proposal(proposed.text(), proposed.sha256(), serving.version, learned.passes, learned.reason)
    return int(log_detectors(settings, interval.as_of, trained, proposal))


def _read_points(interval: Interval, lake: Lake, settings: Settings, labelled: pd.DataFrame) -> pd.DataFrame:
    if labelled.empty:
        return pd.DataFrame({"series_id": [], "ts": [], "value": []})
    since = labelled["started_at"].min().to_pydatetime() - timedelta(hours=settings.detect_history_hours)
    return read(lake, "labelled_points", since=since, as_of=interval.as_of)


def _fingerprint(shipped: Voters, serving: Voters, labelled: pd.DataFrame, points: pd.DataFrame, told: dict[str, Any]) -> str:
    digest = hashlib.sha256(f"{shipped.text()}\0{serving.version}\0{serving.text()}\0{sorted(told.items())}".encode())
    for frame in (labelled, points[["series_id", "ts", "value"]]):
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy(dtype=np.uint64).tobytes())
    return digest.hexdigest()


def _measure(shipped: Voters, serving: Voters, proposed: Voters, evidence: Evidence) -> list[dict[str, Any]]:
    """Rows of `gold.detector_metric`, but for the moment: each detector alone and both votes, on all labels."""
    alone = {
        name: Voters({name: shipped.options[name]}, {name: 1.0}, {name: 1.0}, {name: serving.thresholds[name]}, 1.0)
        for name in shipped.names
    }
    votes = {SERVING: serving, PROPOSED: proposed}
    rows = []
    for name, voters in {**alone, **votes}.items():
        figures = {key: value if value == value else None for key, value in measure(voters, evidence)._asdict().items()}
        member = name in alone
        rows.append(
            {
                "model": name,
                "version": serving.version if name == SERVING else UNREGISTERED,
                "threshold": serving.thresholds[name] if member else None,
                "weight": serving.weights[name] if member else None,
                **figures,
            }
        )
    return rows


def _runs(rows: list[dict[str, Any]], shipped: Voters, serving: Voters, proposed: Voters) -> Any:
    """Of each detector and vote its parameters and figures, as MLflow keeps them."""
    figures = {row["model"]: {key: value for key, value in row.items() if isinstance(value, int | float)} for row in rows}
    for name in shipped.names:
        params = {f"param.{key}": value for key, value in shipped.options[name].items()}
        yield name, ({"threshold": serving.thresholds[name], "weight": serving.weights[name], **params}, figures.get(name, {}))
    for name, voters in ((SERVING, serving), (PROPOSED, proposed)):
        params = {f"{each}.threshold": value for each, value in voters.thresholds.items()}
        params |= {f"{each}.weight": value for each, value in voters.weights.items()}
        yield name, ({"votes": voters.votes, **params}, figures.get(name, {}))
