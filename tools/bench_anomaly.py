"""`make bench-anomaly`: how well the detectors find what people labelled, on two public sets, at their fixed threshold.

python -m tools.bench_anomaly [--detectors default,novelty] [--kinds] [--hours] [--against default]. VUS-PR is of raw scores, a
mean over series. With `--hours` all series are of hours, as the lake has them: each the p95 of its samples. The sets disagree
about repeats: in Numenta's benchmark a peak of a height that was seen before is a false alert, the labelled telemetry wants
every spike. Beside the detectors stands an alert at every sample, which any honest score must put last. Figures, never a verdict.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline import plugs
from pipeline.anomalies.confidence import hourly
from pipeline.anomalies.detection import ALERT, Detection, Detector, Silence, announced_score
from pipeline.anomalies.scoring import PROBATION, Events, score_events, total
from pipeline.anomalies.surface import volume, widest_buffer
from pipeline.steps import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent
SETS = ROOT / "tests" / "data" / "anomalies"
#: Detectors that need nothing beside a series.
ALONE = [name for name in plugs.names("detectors") if not plugs.declared_inputs("detectors", name)]
CONTROL = "an alert at every sample"

#: Rows of probation at most, in Numenta's benchmark.
MOST_PROBATION = 750

Bools = npt.NDArray[np.bool_]
Stamps = npt.NDArray[np.datetime64]
Numbers = npt.NDArray[np.float64]
Alerts = Callable[[Stamps, Numbers], Bools]


class Profile(NamedTuple):
    """What a false row and a missed window cost in Numenta's benchmark, beside 1 for one that is found."""

    false_row: float
    missed: float


PROFILES = {"standard": Profile(0.11, 1), "few false": Profile(0.22, 1), "few missed": Profile(0.11, 2)}


class Windows(NamedTuple):
    """One of Numenta's profiles on one series, or on several: add them up column by column.

    Attributes:
        gain: above an answer without any alert.
        perfect: the same of an alert at the first row of every window.
    """

    gain: float
    perfect: float

    @property
    def score(self) -> float:
        return 100 * self.gain / self.perfect if self.perfect else float("nan")


def score_windows(ts: Stamps, alerts: Bools, windows: list[list[str]], profile: Profile = PROFILES["standard"]) -> Windows:
    """What alerts are worth: the earlier in a window the more, and outside the less the farther after one.

    Args:
        ts: in the file's own order, with duplicates.
        alerts: one per row.
        windows: first and last stamp of each.
        profile: what errors cost.

    Source: Lavin & Ahmad (2015), arXiv:1510.03336, with the edge cases of the published code: credit s(y) = 2/(1+e^5y) − 1 with
    y = −1 at a window's first row; of a false row y counts the last window's lengths since its end,
    and s = −1 from three of them on and before any.
    """
    first = min(int(PROBATION * len(ts)), MOST_PROBATION)
    outside, gain, perfect = np.ones(len(ts), dtype=np.bool_), 0.0, 0
    worth = np.full(len(ts), -1.0)
    rows_of = [tuple(int(np.flatnonzero(ts == np.datetime64(stamp))[0]) for stamp in window) for window in windows]
    for start, end in sorted(rows_of):
        rows, length = np.arange(start, end + 1), end - start + 1
        after = np.arange(end + 1, len(ts))
        worth[after] = _sigmoid((after - end) / (length - 1))
        outside[rows] = False
        perfect += 1
        credit = _sigmoid(-(end - rows + 1) / length) / _sigmoid(np.array(-1.0))
        inside = rows[alerts[rows] & (rows >= first)]
        if len(inside):
            gain += profile.missed + float(credit[inside[0] - start])
    false = np.flatnonzero(alerts & outside)
    return Windows(gain + profile.false_row * float(worth[false[false >= first]].sum()), (1 + profile.missed) * perfect)


def _sigmoid(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    value: npt.NDArray[np.float64] = np.where(y > 3, -1.0, 2 / (1 + np.exp(np.minimum(5 * y, 700))) - 1)
    return value


def telemetry(by_hour: bool = False) -> Iterator[tuple[str, Stamps, npt.NDArray[np.float64], Bools]]:
    """Category, stamps, values and labels of each labelled series."""
    for _, rows in pd.read_parquet(SETS / "cloud_telemetry.parquet").groupby("file", observed=True, sort=True):
        series = rows["ts"].to_numpy(), rows["value"].to_numpy(), rows["is_anomaly"].to_numpy()
        yield str(rows["category"].iloc[0]), *(hourly(*series) if by_hour else series)


def numenta(by_hour: bool = False) -> Iterator[tuple[str, Stamps, npt.NDArray[np.float64], list[list[str]]]]:
    """Name, stamps, values and windows of each series of Numenta's benchmark; a window of hours has each that it touches."""
    windows = json.loads((SETS / "numenta_windows.json").read_text())
    for name, rows in pd.read_parquet(SETS / "numenta.parquet").groupby("file", observed=True, sort=True):
        ts, values, own = rows["ts"].to_numpy(), rows["value"].to_numpy(), windows[str(name)]
        if by_hour:
            ts, values, _ = hourly(ts, values, np.zeros(len(ts), dtype=np.bool_))
            ends = np.array(own, dtype="datetime64[h]").reshape(-1, 2)
            own = [[str(first), str(last)] for first, last in ts[np.searchsorted(ts, ends).clip(max=len(ts) - 1)] if first < last]
        yield str(name), ts, values, own


def score(alerts: Alerts, by_hour: bool = False) -> tuple[dict[str, list[Events]], dict[str, Windows]]:
    """The events of each series by category, and Numenta's score of each of its series."""
    events: dict[str, list[Events]] = {}
    for category, ts, values, labels in telemetry(by_hour):
        events.setdefault(category, []).append(score_events(ts, alerts(ts, values), labels))
    return events, {name: score_windows(ts, alerts(ts, values), windows) for name, ts, values, windows in numenta(by_hour)}


def surfaces(detect: Detector, by_hour: bool = False) -> tuple[float, float]:
    """Mean VUS-PR of raw scores over the labelled series of each set, after the probation; windows label Numenta's."""
    telemetered = [_surface(ts, detect(ts, values).score, labels) for _, ts, values, labels in telemetry(by_hour)]
    windowed = [_surface(ts, detect(ts, values).score, inside(ts, windows)) for _, ts, values, windows in numenta(by_hour)]
    return float(np.nanmean(telemetered)), float(np.nanmean(windowed))


def _surface(ts: Stamps, scores: Numbers, labels: Bools) -> float:
    after = slice(int(PROBATION * len(ts)), None)
    return volume(scores[after], labels[after], widest_buffer(ts)).pr


def inside(ts: Stamps, windows: list[list[str]]) -> Bools:
    """Rows in any of the windows."""
    marked = np.zeros(len(ts), dtype=np.bool_)
    for first, last in windows:
        marked |= (ts >= np.datetime64(first)) & (ts <= np.datetime64(last))
    return marked


def low_half(series: list[Events], draws: int = 400) -> float:
    """The F1 below which one in ten random halves of the series lies: how much of a figure the choice of series is."""
    rng = np.random.default_rng(0)
    halves = [total([series[place] for place in rng.permutation(len(series))[: len(series) // 2]]).f1 for _ in range(draws)]
    return float(np.quantile(halves, 0.1))


def doubt(mine: Numbers, others: Numbers, figure: Callable[[Numbers], float], draws: int = 2000) -> tuple[float, float]:
    """How much better or worse, and the standard error of that: of series drawn anew, the same ones for both.

    Args:
        mine, others: a row for each series, of `Events` or `Windows`.
        figure: of their sum.
    """
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(mine), len(mine)) for _ in range(draws)]
    found = [figure(mine[some].sum(axis=0)) - figure(others[some].sum(axis=0)) for some in drawn]
    return figure(mine.sum(axis=0)) - figure(others.sum(axis=0)), float(np.nanstd(found))


def detector(name: str) -> Alerts:
    return announcing(plugs.load("detectors", name).detect)


def announcing(detect: Detector) -> Alerts:
    """What a detector, asked alone, tells people of."""
    return lambda ts, values: announced_score(detect(ts, values), ts) >= ALERT


def remember(detect: Detector) -> Detector:
    """The same detector, asked once of each series."""
    known: dict[bytes, Detection] = {}

    def answer(ts: Stamps, values: Numbers) -> Detection:
        key = ts.tobytes() + values.tobytes()
        if key not in known:
            known[key] = detect(ts, values)
        return known[key]

    return answer


def always(ts: Stamps, values: Numbers) -> Detection:
    """The control: one score for all, and never silent."""
    unknown = np.full(len(ts), np.nan)
    return Detection(np.ones(len(values)), unknown, unknown, unknown, np.ones(len(values), dtype=np.bool_), Silence(hours=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default=",".join(ALONE))
    parser.add_argument("--kinds", action="store_true", help="also events by category of telemetry")
    parser.add_argument("--hours", action="store_true", help="series of hours, as the lake has them")
    parser.add_argument("--against", default="", help="one of the detectors: how far the others lie from it")
    given = parser.parse_args()
    console = Console()
    of_events = ("events F1", "precision", "recall", "false per series and day", "a low half")
    quality = (*of_events, "Numenta", "its CloudWatch", "VUS-PR", "Numenta's")
    grid = Table("detector", *quality, "µs a row")
    kinds = Table("detector", "category", "events", "found", "false")
    rows = sum(len(ts) for _, ts, *_ in (*telemetry(given.hours), *numenta(given.hours)))
    by_series: dict[str, tuple[Numbers, Numbers]] = {}
    for name in [*given.detectors.split(","), CONTROL]:
        asked = always if name == CONTROL else plugs.load("detectors", name).detect
        _, ts, values, _ = next(telemetry())
        asked(ts, values)  # What is compiled, is when it is called first.
        detect = remember(asked)
        alerts = (lambda ts, _: np.ones(len(ts), dtype=np.bool_)) if name == CONTROL else announcing(detect)
        before = cpu_seconds()
        events, windows = score(alerts, given.hours)
        spent = 1e6 * (cpu_seconds() - before) / rows
        every = [each for some in events.values() for each in some]
        by_series[name] = np.array(every, dtype=np.float64), np.array([*windows.values()])
        whole, aws = total(every), [each for file, each in windows.items() if "AWSCloudwatch" in file]
        found = [f"{value:.3f}" for value in (whole.f1, whole.precision, whole.recall, whole.false / whole.days, low_half(every))]
        figures = [f"{Windows(*np.sum(some, axis=0)).score:.1f}" for some in (list(windows.values()), aws)]
        volumes = [f"{each:.3f}" for each in surfaces(detect, given.hours)]
        grid.add_row(name, *found, *figures, *volumes, "" if name == CONTROL else f"{spent:.1f}")
        for category, some in events.items():
            of = total(some)
            kinds.add_row(name, category, str(of.found + of.missed), str(of.found), str(of.false))
    console.print(grid)
    if given.kinds:
        console.print(kinds)
    if given.against:
        console.print(_compare(by_series, given.against))


def _compare(by_series: dict[str, tuple[Numbers, Numbers]], against: str) -> Table:
    grid = Table("detector", "F1 against", "standard error", "Numenta against", "standard error", title=f"against {against}")
    for name, (events, windows) in by_series.items():
        f1 = doubt(events, by_series[against][0], lambda row: Events(*row).f1)
        numenta_score = doubt(windows, by_series[against][1], lambda row: Windows(*row).score)
        grid.add_row(name, f"{f1[0]:+.3f}", f"{f1[1]:.3f}", f"{numenta_score[0]:+.1f}", f"{numenta_score[1]:.1f}")
    return grid


if __name__ == "__main__":
    main()
