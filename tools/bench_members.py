"""How fast each detector and each part of `default` is, and how far what is drawn at random changes what a learned one finds.

python -m tools.bench_members [--detectors default,zscore] [--seeds 5] [--samples]. Speed is samples a CPU second, one thread, in
one pass over ten series of 50 days by the hour, after compiling: the best of three, for what others do on the machine makes all
slower. Seeds: event F1 on the labelled telemetry by the hour, with `--samples` as it comes; 0 leaves them out. Figures only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline import plugs
from pipeline.anomalies.calm import calm_excess
from pipeline.anomalies.detection import Detector, announced_score, arrival_clock, finite, smallest_scale, usual_of_hour
from pipeline.anomalies.novelty import novelty_excess
from pipeline.anomalies.ordered import median_of_three, quantiles_before
from pipeline.anomalies.scoring import score_events, total
from pipeline.anomalies.state import hold
from pipeline.steps import cpu_seconds
from tools.bench_anomaly import ALONE, announcing, telemetry

Stamps = npt.NDArray[np.datetime64]
Numbers = npt.NDArray[np.float64]

SERIES, DAYS, PASSES = 10, 50, 3
#: What draws at random, beside those that learn: its simulated futures.
DRAWN = [name for name in ALONE if "seed" in plugs.declared_options("detectors", name).model_fields]


def hourly_series(number: int) -> tuple[Stamps, Numbers]:
    """Days and a working week with correlated noise, in percent, by the hour."""
    rng, hours = np.random.default_rng(number), np.arange(24 * DAYS)
    noise = np.zeros(len(hours))
    for row, shock in enumerate(rng.normal(0, 1.5, len(hours))):
        noise[row] = 0.5 * noise[row - 1] + shock
    values = 50 + 10 * np.sin(2 * np.pi * hours / 24) + 6 * (hours // 24 % 7 < 5) + noise
    return np.datetime64("2026-01-05T00:00", "us") + hours * np.timedelta64(1, "h"), values


def parts_of_default() -> dict[str, Callable[[Stamps, Numbers], object]]:
    """Each part of the rule by itself, on what the others have made of the series before."""
    default, span = plugs.load("detectors", "default").detect, np.timedelta64(28, "D")

    def usual(ts: Stamps, values: Numbers) -> object:
        return usual_of_hour(ts, arrival_clock(ts), finite(values), "28D")

    def novelty(ts: Stamps, values: Numbers) -> object:
        return novelty_excess(ts, arrival_clock(ts), finite(values), 28)

    def steps(ts: Stamps, values: Numbers) -> object:
        return quantiles_before(arrival_clock(ts), np.abs(values - values.mean()), span, 2, (0.5,))

    def bump(_: Stamps, values: Numbers) -> object:
        return median_of_three(values)

    def calm(ts: Stamps, values: Numbers) -> object:
        return calm_excess(ts, values - values.mean(), smallest_scale(values), 28, 6.0)

    found = {number: default(*hourly_series(number)) for number in range(SERIES)}
    of = {values.tobytes(): found[number] for number in found for _, values in [hourly_series(number)]}
    return {
        "usual value and spread of the hour": usual,
        "novelty": novelty,
        "usual step": steps,
        "three in a row": bump,
        "calm series": calm,
        "what goes on": lambda ts, values: hold(arrival_clock(ts), values, of[values.tobytes()]),
        "what is announced": lambda ts, values: announced_score(of[values.tobytes()], ts),
    }


def speed(ask: Callable[[Stamps, Numbers], object]) -> float:
    """Samples a CPU second, of the fastest pass."""
    series = [hourly_series(number) for number in range(SERIES)]
    ask(*series[0])  # What is compiled, is when it is called first.
    spent = []
    for _ in range(PASSES):
        before = cpu_seconds()
        for ts, values in series:
            ask(ts, values)
        spent.append(cpu_seconds() - before)
        if spent[-1] > 2:
            break
    return SERIES * 24 * DAYS / max(min(spent), 1e-9)


def f1_of(detect: Detector, by_hour: bool) -> float:
    alerts = announcing(detect)
    return total([score_events(ts, alerts(ts, values), labels) for _, ts, values, labels in telemetry(by_hour)]).f1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default=",".join(ALONE))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--samples", action="store_true", help="telemetry as it comes")
    given = parser.parse_args()
    console, names = Console(width=140), given.detectors.split(",")
    with threadpool_limits(limits=1):
        fast = Table("detector, or part of `default`", "samples a CPU second")
        for name in names:
            fast.add_row(name, f"{speed(plugs.load('detectors', name).detect):,.0f}")
        for name, part in parts_of_default().items() if "default" in names else ():
            fast.add_row(f"… {name}", f"{speed(part):,.0f}")
        console.print(fast)
        if given.seeds:
            console.print(apart([name for name in DRAWN if name in names], range(given.seeds), not given.samples))


def apart(names: list[str], seeds: range, by_hour: bool) -> Table:
    """Event F1 of detectors by seed, and how far the best lies from the worst."""
    grid = Table("detector", *(f"seed {seed}" for seed in seeds), "apart")
    for name in names:
        chosen = [plugs.check_options("detectors", name, {"seed": seed}) for seed in seeds]
        found = [f1_of(plugs.bind("detectors", name, each), by_hour) for each in chosen]
        grid.add_row(name, *(f"{each:.3f}" for each in found), f"{max(found) - min(found):.3f}")
    return grid


if __name__ == "__main__":
    main()
