"""What labels of incidents say of the vote that found them: how well it did, and which weights and thresholds did better.

A label is a whole incident that a person confirmed or refuted. A vote is right about a confirmed one that it finds, and about a
refuted one of which it finds nothing. What nobody labelled is neither; it bounds how much more a vote may tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import Detector, arrival_clock, finite
from pipeline.anomalies.incidents import APART, OWNER
from pipeline.anomalies.scoring import Events, rank
from pipeline.anomalies.state import hold
from pipeline.anomalies.voters import Voters, from_threshold
from pipeline.tables.columns import ANOMALY_LABELS

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

CONFIRMED = ANOMALY_LABELS[0]
#: Fewer labels change nothing.
LEAST_LABELS = 30
#: A weight or threshold that leaves what is shipped must be worth so many labels, and as many again for each whole step: twice a
#: threshold, or the whole of a weight.
PRIOR_LABELS = 5
#: The first labels are only learned from; the others are told apart in so many parts, each by what came before it.
FIRST_SHARE, FOLDS = 0.4, 4
#: What takes over may tell people more than what serves by this share of incidents that nobody confirmed.
MORE_RATIO = 0.1
#: Multiples of a detector's own threshold, and shares of its weight, that are tried.
MULTIPLES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0, 2.0)
#: Of sets that are drawn at random.
SEED = 0
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Evidence:
    """What detectors say of the series of labelled incidents.

    Attributes:
        strength: by detector, (n,) how strongly it flags each hour, in multiples of its own threshold; 0 below the lowest of
            `MULTIPLES`.
        excess: by detector, (n,) its own excess of each hour.
        incidents: of each labelled one its places among the hours, in the order of when they began.
        confirmed: of each whether a person says that it is one.
        quiet: (n,) hours that lie in no confirmed incident, nor as near as an hour of the same incident would.
        starts: (n,) hours that begin a series.
        days: of series that were looked at.
    """

    strength: Mapping[str, Floats]
    excess: Mapping[str, Floats]
    incidents: Sequence[Places]
    confirmed: Bools
    quiet: Bools
    starts: Bools
    days: float

    def of_incidents(self) -> Evidence:
        """The same of the hours of labelled incidents alone: all that a search looks at."""
        ends = np.cumsum([len(each) for each in self.incidents])
        rows = np.concatenate(self.incidents) if self.incidents else np.zeros(0, np.int64)
        kept = {name: each[rows] for name, each in self.strength.items()}
        places = [np.arange(end - len(each), end) for each, end in zip(self.incidents, ends, strict=True)]
        return replace(self, strength=kept, incidents=places)


def gather(points: pd.DataFrame, labelled: pd.DataFrame, detectors: Mapping[str, Detector], least_hours: int) -> Evidence:
    """Ask each detector of the whole of each series that a labelled incident is about.

    Args:
        points: as `inputs.labelled_points` gives them, in the order of series and time.
        labelled: as `inputs.labelled_incidents` gives them; one whose hours are not there is left out.
        detectors: by name, each with its own threshold.
        least_hours: of a series before the first that counts.
    """
    asked = {name: from_threshold(each, MULTIPLES[0]) for name, each in detectors.items()}
    found: dict[str, list[Floats]] = {name: [] for name in detectors}
    raw: dict[str, list[Floats]] = {name: [] for name in detectors}
    about = dict(iter(labelled.groupby(OWNER, sort=True)))
    places: dict[Any, list[Places]] = {}
    quiet, starts, done, days = [], [], 0, 0.0
    for _, series in points.groupby("series_id", sort=True):
        first = series.iloc[0]
        own = about.get(tuple(first[OWNER]))
        metric = str(first["metric"])
        mine = [] if own is None else [row for row in own.itertuples() if metric in str(row.metrics).split(",")]
        if not mine or len(series) <= least_hours:
            continue
        ts, values = series["ts"].to_numpy().astype("datetime64[us]"), finite(series["value"].to_numpy())
        after = slice(least_hours, None)
        for name, detect in asked.items():
            said = detect(ts, values)
            found[name].append(MULTIPLES[0] * hold(arrival_clock(ts), values, said)[after])
            raw[name].append(MULTIPLES[0] * said.excess[after])
        moments = ts[after]
        calm = np.ones(len(moments), dtype=np.bool_)
        for row in mine:
            begun, end = (pd.Timestamp(str(each)).to_datetime64() for each in (row.started_at, row.ended_at))
            within = np.flatnonzero((moments >= begun) & (moments < end))
            if len(within):
                places.setdefault(row.Index, []).append(done + within)
            if row.label == CONFIRMED:
                calm &= ~((moments >= begun - APART) & (moments < end + APART))
        quiet.append(calm)
        starts.append(np.arange(len(moments)) == 0)
        done, days = done + len(moments), days + float((moments[-1] - moments[0]) / np.timedelta64(1, "D"))
    known = labelled.loc[[*places]].sort_values(["started_at", "anomaly_id"])
    return Evidence(
        {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in found.items()},
        {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in raw.items()},
        [np.concatenate(places[each]) for each in known.index],
        (known["label"] == CONFIRMED).to_numpy(dtype=np.bool_),
        np.concatenate(quiet) if quiet else np.zeros(0, np.bool_),
        np.concatenate(starts) if starts else np.zeros(0, np.bool_),
        days,
    )


def anomalous(voters: Voters, evidence: Evidence) -> Bools:
    """The hours that a vote finds, by the rule of `vote.vote`."""
    counted = np.array([voters.weights[name] for name in voters.names])
    flags = np.stack([evidence.strength[name] >= voters.thresholds[name] - _ROUNDING for name in voters.names])
    found: Bools = (counted @ flags >= min(voters.votes, counted.sum()) - _ROUNDING) & flags.any(axis=0)
    return found


def is_right(voters: Voters, evidence: Evidence) -> Bools:
    """Of each labelled incident whether a vote says of it what a person does."""
    hours = anomalous(voters, evidence)
    right: Bools = np.array([hours[places].any() for places in evidence.incidents], dtype=np.bool_) == evidence.confirmed
    return right


class Found(NamedTuple):
    """How well a vote does on labels; a ratio of nothing is NaN.

    Attributes:
        labelled, confirmed: incidents that people labelled, and those that they call one.
        confirmed_found, refuted_found: those of which it finds an hour.
        pr_auc: mean precision of its raw score over the hours of confirmed incidents.
        others_per_day: incidents per series and day that it finds where nobody confirmed any.
    """

    labelled: int
    confirmed: int
    confirmed_found: int
    refuted_found: int
    precision: float
    recall: float
    f1: float
    pr_auc: float
    others_per_day: float


def measure(voters: Voters, evidence: Evidence) -> Found:
    """How well a vote does on all labels."""
    hours, confirmed = anomalous(voters, evidence), evidence.confirmed
    seen = np.array([hours[places].any() for places in evidence.incidents], dtype=np.bool_)
    of = Events(int((seen & confirmed).sum()), int((~seen & confirmed).sum()), int((seen & ~confirmed).sum()), evidence.days)
    counting = [name for name in voters.names if voters.weights[name] > 0]
    score = np.max([evidence.excess[name] / voters.thresholds[name] for name in counting], axis=0)
    true = np.zeros(len(score), dtype=np.bool_)
    for places in (each for each, is_one in zip(evidence.incidents, confirmed, strict=True) if is_one):
        true[places] = True
    return Found(
        len(confirmed),
        of.found + of.missed,
        of.found,
        of.false,
        of.precision,
        of.recall,
        of.f1,
        rank(score, true).pr_auc,
        _count(hours & evidence.quiet, evidence.starts) / of.days if of.days else float("nan"),
    )


def _count(hours: Bools, starts: Bools) -> int:
    """Incidents that hours make up: those of one series that are at most six hours apart are one."""
    places = np.flatnonzero(hours)
    apart = np.diff(places) > int(APART / np.timedelta64(1, "h")) + 1
    other = np.diff(np.cumsum(starts)[places]) > 0
    return int(len(places) > 0) + int((apart | other).sum())


def distance(voters: Voters, shipped: Voters) -> float:
    """How far a vote is from what is shipped: 1 and its steps for each number that moved.

    A step is twice or half a threshold, or the whole of a weight.
    """
    steps = [abs(np.log2(voters.thresholds[name] / shipped.thresholds[name])) for name in shipped.names]
    steps += [abs(1 - voters.weights[name] / weight) for name, weight in shipped.weights.items() if weight]
    return float(sum(1 + step for step in steps if step > _ROUNDING))


def search(shipped: Voters, evidence: Evidence, known: Places, trials: int = 0) -> Voters:
    """The weights and thresholds that are wrong about the fewest of some labels, where that is worth their distance from shipped.

    The grid is gone through detector by detector until nothing gets better; then `trials` random sets and sets of a
    tree-structured Parzen estimator are tried. The same input gives the same vote.

    Args:
        shipped: what the settings say, where the search begins.
        evidence: of labelled incidents, as `Evidence.of_incidents` gives it.
        known: places of the labels that are learned from.
        trials: how many sets beside the grid.

    Source: a prior of `PRIOR_LABELS` labels on what is shipped, as in maximum a posteriori estimation; Bergstra et al. (2011).
    """
    if not len(known):
        return shipped

    def loss(voters: Voters) -> float:
        return float((~is_right(voters, evidence)[known]).sum()) + PRIOR_LABELS * distance(voters, shipped)

    best, least = shipped, loss(shipped)
    better = True
    while better:
        better = False
        for name in shipped.names:
            for other in _neighbours(best, shipped, name):
                if (lost := loss(other)) < least - _ROUNDING:
                    best, least, better = other, lost, True
    for other in _sampled(shipped, loss, trials):
        if (lost := loss(other)) < least - _ROUNDING:
            best, least = other, lost
    return best


def _neighbours(voters: Voters, shipped: Voters, name: str) -> Iterator[Voters]:
    """The vote with every other threshold and weight of one detector; a vote of one has no weights."""
    shares = SHARES if len(shipped.names) > 1 and shipped.weights[name] else (1.0,)
    for share in shares:
        for multiple in MULTIPLES:
            weights = {**voters.weights, name: share * shipped.weights[name]}
            if any(weights.values()):
                yield replace(voters, weights=weights, thresholds={**voters.thresholds, name: multiple})


def _sampled(shipped: Voters, loss: Any, trials: int) -> Iterator[Voters]:
    """Sets that Optuna asks for, the first ten at random; it is told what each is worth."""
    if trials < 1:
        return
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED, n_startup_trials=min(10, trials)))
    for _ in range(trials):
        asked = study.ask()
        thresholds = {
            name: round(asked.suggest_float(f"{name} threshold", MULTIPLES[0], MULTIPLES[-1], log=True), 3)
            for name in shipped.names
        }
        shares = {name: round(asked.suggest_float(f"{name} weight", 0, 1), 2) for name in shipped.names if len(shipped.names) > 1}
        weights = {name: round(shares.get(name, 1.0) * weight, 6) for name, weight in shipped.weights.items()}
        if not any(weights.values()):
            weights = dict(shipped.weights)
        voters = replace(shipped, weights=weights, thresholds=thresholds)
        study.tell(asked, loss(voters))
        yield voters


class Learned(NamedTuple):
    """What labels came to.

    Attributes:
        proposed: what all labels together say; what serves, where they are too few.
        passes: whether that is enough, by two standard errors, for it to serve.
        reason: why, or why not, with the figures.
    """

    proposed: Voters
    passes: bool
    reason: str


def learn(shipped: Voters, serving: Voters, evidence: Evidence, trials: int = 0) -> Learned:
    """Learn from labels, and say whether what is learned may serve.

    Each label after the first `FIRST_SHARE` is judged by what was learned from those before it alone, in `FOLDS` parts in order
    of time, beside what serves. What is learned must be right more often by two standard errors of the difference, and what all
    labels propose must not tell people more of what nobody confirmed than what serves, by `MORE_RATIO` of it at most.

    Args:
        shipped: what the settings say.
        serving: what serves now.
        evidence: as `gather` gives it.
        trials: as of `search`.
    """
    labels = len(evidence.incidents)
    if labels < LEAST_LABELS:
        return Learned(serving, passes=False, reason=f"{labels} labels of the {LEAST_LABELS} that are needed")
    small = evidence.of_incidents()
    tested = np.arange(int(FIRST_SHARE * labels), labels)
    learned, present = [], is_right(serving, small)
    for part in np.array_split(tested, FOLDS):
        before = search(shipped, small, np.arange(part[0]), trials)
        learned.append(is_right(before, small)[part])
    now, then = np.concatenate(learned), present[tested]
    better, worse = int((now & ~then).sum()), int((~now & then).sum())
    proposed = search(shipped, small, np.arange(labels), trials)
    outcome = f"of {len(tested)} labels told by what was learned before them {better} are right now and {worse} no more"
    told, tells = measure(proposed, evidence).others_per_day, measure(serving, evidence).others_per_day
    if proposed.text() == serving.text():
        return Learned(proposed, passes=False, reason=f"{labels} labels say what serves; {outcome}")
    enough, quiet = better - worse >= 2 * np.sqrt(better + worse) and better > worse, told <= (1 + MORE_RATIO) * tells + _ROUNDING
    margin = f"needed are {2 * np.sqrt(better + worse):.1f} more"
    reason = (
        f"{labels} labels: {outcome}, {margin}; {told:.4f} incidents that nobody confirmed per series and day, {tells:.4f} before"
    )
    return Learned(proposed, passes=bool(enough and quiet), reason=reason)
