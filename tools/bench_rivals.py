"""One frozen `default` beside its rivals on every set, what each part of it adds, and which targets it reaches: figures only.

python -m tools.bench_rivals, two CPU minutes. Both development sets of labelled series (Numenta's with its three profiles, on all
files and on those of CloudWatch) and the made-up series that nothing is tuned on. S, A, B and E are rules of a study of what is
within reach on the labelled telemetry, by which `default` was made; E is that without what it says of calm series.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.anomalies.detection import (
    SIGMA_PER_MEDIAN_DISTANCE,
    Detection,
    Detector,
    Silence,
    arrival_clock,
    finite,
    judge,
    smallest_scale,
    usual_distance,
    usual_of_hour,
)
from pipeline.anomalies.ordered import median_of_three, quantiles_before
from pipeline.anomalies.scoring import Events, score_events, score_samples, total
from pipeline.detectors import default, novelty, seasonal_mad
from tools.bench_anomaly import PROFILES, Windows, announcing, low_half, numenta, remember, score_windows, telemetry
from tools.bench_injection import STRENGTHS, TEST_SEEDS, Scores, ask
from tools.bench_injection import score as score_injected

Stamps = npt.NDArray[np.datetime64]
Numbers = npt.NDArray[np.float64]

WITHOUT_CALM = default.Options(calm_deviations=1000)
#: What takes a part out of the rule: constants of the detector at which it never decides.
PARTS: dict[str, dict[str, float]] = {
    "three in a row at a lower height": {"_BUMP_RATIO": 1e12},
    "larger than usual steps": {"_USUAL_STEPS": 1e-12},
    "somewhat new": {"_LITTLE_NEW": 1e-12},
    "what is very new": {"_VERY_NEW": 1e12},
}
#: The documents' own targets: of precision and recall, of F1, and of the share of false samples.
PRECISION, RECALL, F1, FALSE_RATIO = 0.85, 0.85, 0.92, 0.05


def hour_deviations(ts: Stamps, values: Numbers, steps: float = 0.0) -> Detection:
    """S, and with three usual steps A: 7.5 deviations from the usual of the hour, quiet for six hours or twice as bad."""
    clock, observed = arrival_clock(ts), finite(values)
    expected, spread = usual_of_hour(ts, clock, observed, "28D")
    distance = np.abs(observed - expected)
    excess = distance / (7.5 * spread)
    if steps:
        excess = np.fmin(excess, distance / (steps * usual_step(clock, distance, expected)))
    return judge(clock, observed, excess, expected, silence=Silence(6, 2.0))


def hour_and_level(ts: Stamps, values: Numbers) -> Detection:
    """B: far from the usual of the hour and from a level that fades by half in 24 samples, what is low counted half.

    The geometric mean of both deviations is 7 at an alert, or the median of three deviations from the hour 5.5; larger than three
    usual steps, quiet for six hours or twice as bad. The study tells it in words; of some constants these came nearest to its F1.
    """
    clock, observed = arrival_clock(ts), finite(values)
    expected, spread = usual_of_hour(ts, clock, observed, "28D")
    distance, half = np.abs(observed - expected), np.where(observed < expected, 0.5, 1.0)
    level = pd.Series(observed).ewm(halflife=24, ignore_na=True).mean().shift().to_numpy(dtype=np.float64)
    from_level = np.abs(observed - level)
    [middle] = quantiles_before(clock, from_level, np.timedelta64(14, "D"), 8, (0.5,))
    usual = np.fmax(usual_distance(clock, from_level, level, "14D"), SIGMA_PER_MEDIAN_DISTANCE * middle)
    both = half * np.sqrt(np.nan_to_num(distance / spread) * np.nan_to_num(from_level / usual))
    bump = np.abs(median_of_three(np.nan_to_num(half * (observed - expected) / spread)))
    excess = np.fmin(np.fmax(both / 7, bump / 5.5), distance / (3 * usual_step(clock, distance, expected)))
    return judge(clock, observed, excess, expected, silence=Silence(6, 2.0))


def usual_step(clock: Stamps, distance: Numbers, expected: Numbers) -> Numbers:
    """The median of the distances of four weeks that are more than nothing; NaN until there are two."""
    some = pd.Series(np.where(distance > 2 * smallest_scale(expected), distance, np.nan), index=pd.DatetimeIndex(clock))
    return np.asarray(some.rolling("28D", closed="left", min_periods=2).median(), dtype=np.float64)


#: The study's rules. What E became is `default` without what that says of calm series.
STUDIED: dict[str, Detector] = {
    "S": hour_deviations,
    "A": partial(hour_deviations, steps=3.0),
    "B": hour_and_level,
    "E": partial(default.detect, options=WITHOUT_CALM),
}


@contextmanager
def without(part: str) -> Iterator[None]:
    """The detector `default` without one of its parts."""
    before = {name: getattr(default, name) for name in PARTS[part]}
    try:
        for name, value in PARTS[part].items():
            setattr(default, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(default, name, value)


class Figures:
    """What one detector scores on each set."""

    def __init__(self, detect: Detector) -> None:
        asked = remember(detect)
        alerts = announcing(asked)
        self.series: list[Events] = []
        counts = np.zeros(4, dtype=np.int64)
        for _, ts, values, labels in telemetry():
            self.series.append(score_events(ts, alerts(ts, values), labels))
            counts += score_samples(asked(ts, values).excess >= 1, labels)
        self.events, (_, _, self.false, self.quiet) = total(self.series), counts.tolist()
        self.windows = {
            profile: [(name, score_windows(ts, alerts(ts, values), windows, costs)) for name, ts, values, windows in numenta()]
            for profile, costs in PROFILES.items()
        }
        self.injected: list[Scores] = [score_injected(ask(asked), bounds) for bounds in STRENGTHS.values()]

    def numenta(self, profile: str, part: str = "") -> float:
        return Windows(*np.sum([each for name, each in self.windows[profile] if part in name], axis=0)).score

    def row(self) -> list[str]:
        of = self.events
        both = [f"{self.numenta(profile):.1f}/{self.numenta(profile, 'AWSCloudwatch'):.1f}" for profile in PROFILES]
        made_up = [f"{each.events.f1:.2f}, {each.point_f1:.2f}" for each in self.injected]
        return [f"{of.f1:.3f}", f"{of.false / of.days:.3f}", f"{low_half(self.series):.2f}", *both, *made_up]


def error_of(detect: Detector, bounds: tuple[float, float], draws: int = 400) -> float:
    """Standard error of the event F1 on made-up series: that of drawing them anew from these."""
    each = [score_injected(ask(detect), bounds, range(seed, seed + 1)).events for seed in TEST_SEEDS]
    rng = np.random.default_rng(0)
    return float(np.std([total([each[place] for place in rng.integers(0, len(each), len(each))]).f1 for _ in range(draws)]))


def main() -> None:
    console = Console(width=170)
    rivals: dict[str, Detector] = {
        "default": default.detect,
        "novelty": novelty.detect,
        "seasonal_mad": seasonal_mad.detect,
        **STUDIED,
    }
    columns = (
        "F1",
        "false a day",
        "a low half",
        *(f"Numenta {name}" for name in PROFILES),
        *(f"{each}: event, sample F1" for each in STRENGTHS),
    )
    grid = Table("detector", *columns)
    found = {name: Figures(detect) for name, detect in rivals.items()}
    for name, figures in found.items():
        grid.add_row(name, *figures.row())
    for part in PARTS:
        with without(part):
            grid.add_row(f"default without: {part}", *Figures(default.detect).row())
    console.print(grid)
    targets = Table("set", f"precision ≥ {PRECISION}", f"recall ≥ {RECALL}", f"F1 ≥ {F1}", f"false samples ≤ {FALSE_RATIO:.0%}")
    own = found["default"]
    sets = [("labelled telemetry", own.events, own.false / (own.false + own.quiet))]
    sets += [(f"made up, {name}", each.events, each.false_ratio) for name, each in zip(STRENGTHS, own.injected, strict=True)]
    for name, events, false_ratio in sets:
        reached = [(events.precision, PRECISION), (events.recall, RECALL), (events.f1, F1)]
        said = [f"{value:.2f} {'reached' if value >= target else 'missed'}" for value, target in reached]
        targets.add_row(name, *said, f"{false_ratio:.2%} {'reached' if false_ratio <= FALSE_RATIO else 'missed'}")
    console.print(targets)
    errors = ", ".join(f"{name}: {error_of(default.detect, bounds):.3f}" for name, bounds in STRENGTHS.items())
    console.print(f"Standard error of the event F1 of `default` on made-up series, {errors}")


if __name__ == "__main__":
    main()
