"""How well detectors find the incidents that the realistic fleet labels, and whether deploys and backups are told as ones.

python -m tools.bench_fleet [--detectors default,bounded] [--rivals] [--servers 200]. Series by the hour, each asked alone by its
frozen threshold; the first two weeks are there to learn from. Memory that leaks, CPU that is throttled, a disk that fills and a
network that is saturated are incidents: found by an alert of any metric of the server from two hours before to three after.
Every other alert is false, one for six hours of a server, of deploys and backups as well; what is told of a change of load
(level_shift, scale_out) is neither. Beside each kind stands in how many windows as long an alert lies by chance. Made up by our
own generator, with a seed on which nothing is tuned. Figures, never a verdict.
"""

from __future__ import annotations

import argparse
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from pipeline import plugs
from pipeline.anomalies.detection import ALERT, Detector, announced_score
from pipeline.anomalies.scoring import AFTER, BEFORE, ONE_ALARM, Events
from pipeline.sources import _realistic
from tools.bench_rivals import STUDIED

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

#: A fleet that is none of those on which rules of alerts were mended.
START, SEED, SERVERS, DAYS, LEARNED_DAYS = date(2026, 3, 2), 501, 200, 60, 14
WANTED = ("memory_leak", "cpu_throttling", "disk_exhaustion", "network_saturation")
PLANNED = ("deploy", "backup")


class Happened(NamedTuple):
    """A labelled window of a server: its kind, and its first hour and the one after its last."""

    kind: str
    first: int
    end: int

    @property
    def near(self) -> slice:
        """The hours in which an alert is about it."""
        return slice(max(self.first - BEFORE, 0), self.end + AFTER)


class Watched(NamedTuple):
    """One server: observed values (hours, metrics), NaN where nobody reported, and what happened to it."""

    values: Numbers
    happened: tuple[Happened, ...]


@lru_cache(maxsize=2)
def fleet(servers: int = SERVERS, days: int = DAYS, seed: int = SEED) -> tuple[Watched, ...]:
    made = (_realistic.simulate(server, START, days, seed) for server in _realistic.fleet(servers, days, seed))
    return tuple(
        Watched(
            values,
            tuple(
                Happened(*each) for each in zip(*(labels[name].tolist() for name in ("kind", "hour", "end_hour")), strict=True)
            ),
        )
        for values, labels in made
    )


class Score(NamedTuple):
    """What became of the windows of a fleet.

    Attributes:
        events: wanted incidents found and missed, false alerts, and server-days.
        told, there, chance: by kind, windows with an alert, windows, and how many of them chance would have given one.
    """

    events: Events
    told: dict[str, int]
    there: dict[str, int]
    chance: dict[str, float]


def alerts_of(detect: Detector, values: Numbers) -> Bools:
    """(hours,) at which any metric of a server is told of."""
    ts, told = np.datetime64(START, "us") + np.arange(len(values)) * np.timedelta64(1, "h"), np.zeros(len(values), dtype=np.bool_)
    for column in values.T:
        seen = np.flatnonzero(~np.isnan(column))
        told[seen] |= announced_score(detect(ts[seen], column[seen]), ts[seen]) >= ALERT
    return told


def score(detect: Detector, servers: tuple[Watched, ...]) -> Score:
    """Wanted incidents and planned work that begin after the first two weeks."""
    first, found, missed, false, days = 24 * LEARNED_DAYS, 0, 0, 0, 0.0
    kinds = sorted({each.kind for server in servers for each in server.happened})
    told, there, chance = (dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0.0))
    for server in servers:
        alerts = alerts_of(detect, server.values)
        alerts[:first] = False
        days += (len(alerts) - first) / 24
        explained = np.zeros(len(alerts), dtype=np.bool_)
        for each in server.happened:
            if each.kind not in PLANNED:
                explained[each.near] = True
            if each.first < first:
                continue
            hit = bool(alerts[each.near].any())
            there[each.kind] += 1
            told[each.kind] += hit
            chance[each.kind] += _by_chance(alerts[first:], each.near.stop - each.near.start)
            if each.kind in WANTED:
                found, missed = found + hit, missed + (not hit)
        last = -ONE_ALARM - 1
        for hour in np.flatnonzero(alerts & ~explained).tolist():
            if hour - last > ONE_ALARM:
                false, last = false + 1, hour
    return Score(Events(found, missed, false, days), told, there, chance)


def _by_chance(alerts: Bools, hours: int) -> float:
    """Share of the windows of so many hours with an alert."""
    before = np.concatenate([[0], np.cumsum(alerts)])
    return float((before[hours:] > before[:-hours]).mean()) if 0 < hours < len(before) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default="default,bounded,novelty,seasonal_mad")
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--rivals", action="store_true", help="also the rules S, A, B and E of `tools.bench_rivals`")
    given = parser.parse_args()
    servers = fleet(given.servers, given.days)
    asked: dict[str, Detector] = {name: plugs.load("detectors", name).detect for name in given.detectors.split(",")}
    if given.rivals:
        asked |= STUDIED
    grid = Table("detector", "events F1", "precision", "recall", "false per 100 server-days")
    kinds = Table("detector", "kind", "windows", "told of", "by chance")
    for name, detect in asked.items():
        found = score(detect, servers)
        of = found.events
        grid.add_row(name, f"{of.f1:.2f}", f"{of.precision:.2f}", f"{of.recall:.2f}", f"{100 * of.false / of.days:.2f}")
        for kind, there in found.there.items():
            kinds.add_row(name, kind, str(there), str(found.told[kind]), f"{found.chance[kind]:.1f}")
    console = Console(width=140)
    console.print(grid)
    console.print(kinds)


if __name__ == "__main__":
    main()
