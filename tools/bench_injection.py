"""How well the detectors find what was put into made-up series, beside an oracle that knows the series without it.

python -m tools.bench_injection [--detectors default,bounded] [--kinds]. Thirty-minute samples over 60 days with a daily and a
weekly season, a trend and correlated noise; spikes, shifts, drifts, dropouts, restless and stuck hours and broken days of 4–8 or
6–12 deviations of the noise, every altered sample labelled, one in twenty. Seeds 0–14 are to develop with, 100–114 for nothing
but to score.
Nobody's telemetry looks so: it says which kinds of trouble a detector sees, not how it does elsewhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from pipeline import plugs
from pipeline.anomalies.detection import Detection, announced_score, arrival_clock
from pipeline.anomalies.scoring import PROBATION, Events, score_events, total
from pipeline.anomalies.state import hold

#: Detectors that need nothing beside a series.
ALONE = [name for name in plugs.names("detectors") if not plugs.declared_inputs("detectors", name)]
ROWS, PER_DAY = 60 * 48, 48
DEVELOPMENT_SEEDS, TEST_SEEDS = range(15), range(100, 115)
STRENGTHS = {"4–8": (4.0, 8.0), "6–12": (6.0, 12.0)}
CONTAMINATION = 0.055
#: Rows of an event of each kind, at least and at most.
KINDS = {
    "spike": (1, 3),
    "shift": (12, 36),
    "drift": (24, 48),
    "dropout": (4, 12),
    "restless": (12, 36),
    "stuck": (12, 24),
    "broken day": (24, 48),
}

Numbers = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Injected(NamedTuple):
    """A series with trouble in it.

    Attributes:
        ts, values: its samples.
        clean: the same without the trouble.
        labels: samples that were altered.
        kind: of each sample's trouble, "" where there is none.
        noise: the standard deviation of the noise.
    """

    ts: npt.NDArray[np.datetime64]
    values: Numbers
    clean: Numbers
    labels: Bools
    kind: npt.NDArray[np.str_]
    noise: float


def inject(seed: int, weakest: float, strongest: float) -> Injected:
    """One series of 60 days, with trouble of so many deviations of the noise after two weeks; no two events touch."""
    rng = np.random.default_rng(seed)
    hour = np.arange(ROWS) / 2
    shocks, noise = rng.normal(0, 1.5, ROWS), np.zeros(ROWS)
    for row in range(1, ROWS):
        noise[row] = 0.5 * noise[row - 1] + shocks[row]
    daily = 10 * np.sin(2 * np.pi * (hour - rng.uniform(0, 24)) / 24)
    clean = 60 + daily + 6 * ((hour // 24) % 7 < 5) + rng.uniform(-0.05, 0.05) * hour / 24 + noise
    values, kind, deviation = clean.copy(), np.full(ROWS, "", dtype="U10"), float(noise.std())
    names, number = [str(name) for name in rng.permutation(list(KINDS))], 0
    while (kind != "").sum() < CONTAMINATION * ROWS:
        name = names[number % len(names)]
        number += 1
        length = int(rng.integers(KINDS[name][0], KINDS[name][1] + 1))
        start = int(rng.integers(14 * PER_DAY, ROWS - length - 2))
        if (kind[start - 12 : start + length + 12] != "").any():
            continue
        rows = slice(start, start + length)
        values[rows] = _alter(name, clean[rows], rng.uniform(weakest, strongest) * deviation, rng)
        kind[rows] = name
    ts = np.datetime64("2026-01-05T00:00", "us") + np.arange(ROWS) * np.timedelta64(30, "m")
    return Injected(ts, values, clean, kind != "", kind, deviation)


def _alter(kind: str, clean: Numbers, size: float, rng: np.random.Generator) -> Numbers:
    """The samples of one event."""
    sign, length = rng.choice([-1.0, 1.0]), len(clean)
    changed: dict[str, Callable[[], Numbers]] = {
        "spike": lambda: clean + sign * size,
        "shift": lambda: clean + sign * size,
        "drift": lambda: clean + sign * size * np.arange(1, length + 1) / length,
        "dropout": lambda: clean - size - rng.uniform(0, 1, length),
        "restless": lambda: clean + rng.normal(0, size / 2, length),
        "stuck": lambda: np.full(length, clean[0] + sign * size / 2),
        "broken day": lambda: 2 * clean.mean() - clean + sign * size / 2,
    }
    return changed[kind]()


class Scores(NamedTuple):
    """Of several series: events, and labelled and other samples by whether they were flagged."""

    events: Events
    hit: int
    missed: int
    false: int
    quiet: int

    @property
    def point_f1(self) -> float:
        return 2 * self.hit / max(2 * self.hit + self.missed + self.false, 1)

    @property
    def false_ratio(self) -> float:
        return self.false / max(self.false + self.quiet, 1)


Answer = Callable[[Injected], tuple[Bools, Bools]]


def ask(detect: Callable[[npt.NDArray[np.datetime64], Numbers], Detection]) -> Answer:
    """What a detector announces, and which samples it flags while a deviation goes on."""

    def answer(series: Injected) -> tuple[Bools, Bools]:
        found = detect(series.ts, series.values)
        flags = hold(arrival_clock(series.ts), series.values, found) >= 1
        return announced_score(found, series.ts) >= 0.5, flags

    return answer


def oracle(series: Injected) -> tuple[Bools, Bools]:
    """Who knows the series without its trouble, and flags what lies two deviations of the noise away from it."""
    flags = np.abs(series.values - series.clean) > 2 * series.noise
    return flags, flags


def score(answer: Answer, strength: tuple[float, float], seeds: range = TEST_SEEDS) -> Scores:
    events, counts = [], np.zeros(4, dtype=np.int64)
    for seed in seeds:
        series = inject(seed, *strength)
        alerts, flags = answer(series)
        events.append(score_events(series.ts, alerts, series.labels))
        judged = np.arange(ROWS) >= int(PROBATION * ROWS)
        counts += [int((judged & a & b).sum()) for a in (series.labels, ~series.labels) for b in (flags, ~flags)]
    hit, missed, false, quiet = counts.tolist()
    return Scores(total(events), hit, missed, false, quiet)


def found_by_kind(answer: Answer, strength: tuple[float, float], seeds: range = TEST_SEEDS) -> dict[str, Events]:
    """The events of each kind by itself; what was not of that kind counts neither way."""
    found: dict[str, list[Events]] = {kind: [] for kind in KINDS}
    for seed in seeds:
        series = inject(seed, *strength)
        alerts, _ = answer(series)
        for kind in KINDS:
            mine = series.kind == kind
            found[kind].append(score_events(series.ts, alerts & mine, mine))
    return {kind: total(parts) for kind, parts in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default=",".join(ALONE))
    parser.add_argument("--kinds", action="store_true", help="also the share of events found by kind of trouble")
    given = parser.parse_args()
    asked = {name: ask(plugs.load("detectors", name).detect) for name in given.detectors.split(",")} | {"an oracle": oracle}
    console = Console(width=160)
    grid = Table("detector", "deviations", "in development", "events F1", "precision", "recall", "samples F1", "false samples")
    kinds = Table("detector", "deviations", *KINDS)
    for name, answer in asked.items():
        for strength, bounds in STRENGTHS.items():
            of, tuned = score(answer, bounds), score(answer, bounds, DEVELOPMENT_SEEDS)
            quality = (tuned.events.f1, of.events.f1, of.events.precision, of.events.recall, of.point_f1)
            grid.add_row(name, strength, *(f"{value:.2f}" for value in quality), f"{of.false_ratio:.1%}")
            if given.kinds:
                kinds.add_row(name, strength, *(f"{each.recall:.2f}" for each in found_by_kind(answer, bounds).values()))
    console.print(grid)
    if given.kinds:
        console.print(kinds)


if __name__ == "__main__":
    main()
