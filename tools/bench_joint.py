"""How well detectors find trouble in made-up machines whose metrics follow one load: `make bench-anomaly`.

python -m tools.bench_joint [--detectors joint_distance,default]. Three metrics by the hour over 60 days with a day, a week, a
load that they share and noise of their own; fifteen events of two to eight hours on each. Either two metrics move against each
other, by 1.2 to 2.4 deviations of what the load does to each, or one moves by 4 to 8. All metrics are asked, and one that tells
is enough. Seeds 100–109 are to develop with, 200–209 are scored. No real machine's metrics follow each other so closely.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from pipeline import plugs
from pipeline.anomalies.detection import ALERT, announced_score
from pipeline.anomalies.scoring import Events, score_events, total

Trouble = Literal["against each other", "one alone"]
SEEDS = range(200, 210)
TROUBLE: dict[Trouble, tuple[float, float]] = {"against each other": (2.0, 4.0), "one alone": (4.0, 8.0)}
HOURS, EVENTS, QUIET = 60 * 24, 15, 20 * 24
#: Of the trouble's size each of two metrics has so much.
EACH_RATIO = 0.6


class Machine(NamedTuple):
    """Moments, the values of three metrics, and which hours were altered."""

    ts: npt.NDArray[np.datetime64]
    metrics: list[npt.NDArray[np.float64]]
    labels: npt.NDArray[np.bool_]


def make(seed: int, trouble: Trouble) -> Machine:
    """One machine, with trouble after its first twenty days."""
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    usual = 10 * np.sin(2 * np.pi * (hour % 24) / 24 - rng.uniform(0, 6)) + 6 * ((hour // 24) % 7 < 5)
    load, shocks = np.zeros(HOURS), rng.normal(0, 2.5, HOURS)
    for row in range(1, HOURS):
        load[row] = 0.5 * load[row - 1] + shocks[row]
    metrics = [
        50 + usual + load + rng.normal(0, 0.8, HOURS),
        60 + 0.5 * usual + 0.6 * load + rng.normal(0, 0.6, HOURS),
        200 + 8 * usual + 9 * load + rng.normal(0, 7, HOURS),
    ]
    follows = [float(np.std(part * load)) for part in (1, 0.6, 9)]
    labels = np.zeros(HOURS, dtype=np.bool_)
    placed = 0
    while placed < EVENTS:
        start, length = int(rng.integers(QUIET, HOURS - 15)), int(rng.integers(2, 9))
        if labels[start - 12 : start + length + 12].any():
            continue
        placed += 1
        rows = slice(start, start + length)
        labels[rows] = True
        size, sign = rng.uniform(*TROUBLE[trouble]), int(rng.choice([-1, 1]))
        if trouble == "one alone":
            one = int(rng.integers(0, 3))
            metrics[one][rows] += sign * size * follows[one]
        else:
            first, second = rng.permutation(3)[:2]
            metrics[first][rows] += sign * size * EACH_RATIO * follows[first]
            metrics[second][rows] -= sign * size * EACH_RATIO * follows[second]
    ts = np.datetime64("2026-01-05", "us") + hour * np.timedelta64(1, "h")
    return Machine(ts, metrics, labels)


def score(name: str, trouble: Trouble, seeds: Sequence[int] = SEEDS) -> Events:
    """The events of all machines, told of by any of their metrics."""
    bound = plugs.bind("detectors", name)
    told = "others" in plugs.declared_inputs("detectors", name)
    parts = []
    for machine in (make(seed, trouble) for seed in seeds):
        alerts = np.zeros(HOURS, dtype=np.bool_)
        for place, own in enumerate(machine.metrics):
            others = {str(number): each for number, each in enumerate(machine.metrics) if number != place}
            detect = partial(bound, others=others) if told else bound
            alerts |= announced_score(detect(machine.ts, own), machine.ts) >= ALERT
        parts.append(score_events(machine.ts, alerts, machine.labels))
    return total(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default="joint_distance,default,seasonal_mad")
    given = parser.parse_args()
    grid = Table("detector", "trouble", "events F1", "precision", "recall", "false per machine and day")
    for name in given.detectors.split(","):
        for trouble in TROUBLE:
            found = score(name, trouble)
            figures = (found.f1, found.precision, found.recall, found.false / found.days)
            grid.add_row(name, trouble, *(f"{value:.3f}" for value in figures))
    Console().print(grid)


if __name__ == "__main__":
    main()
