"""One frozen `default` beside its rivals on every set, what each part of it adds, and which targets it reaches: figures only.

python -m tools.bench_rivals, two CPU minutes. Both development sets of labelled series (Numenta's with its three profiles, on all
files and on those of CloudWatch) and the made-up series that nothing is tuned on. S and A are rules of a study of what is within
reach on the labelled telemetry, by which `default` was made.
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

from pipeline.anomalies.detection import Detection, Detector, Silence, arrival_clock, finite, judge, smallest_scale, usual_of_hour
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
        some = pd.Series(np.where(distance > 2 * smallest_scale(expected), distance, np.nan), index=pd.DatetimeIndex(clock))
        usual = some.rolling("28D", closed="left", min_periods=2).median().to_numpy(dtype=np.float64)
        excess = np.fmin(excess, distance / (steps * usual))
    return judge(clock, observed, excess, expected, silence=Silence(6, 2.0))


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
        "default without calm series": lambda ts, values: default.detect(ts, values, WITHOUT_CALM),
        "novelty": novelty.detect,
        "seasonal_mad": seasonal_mad.detect,
        "S": hour_deviations,
        "A": partial(hour_deviations, steps=3.0),
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
