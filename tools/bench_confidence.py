"""How well the confidence of incidents holds on series of a category that it was not made from, and the table that is shipped.

python -m tools.bench_confidence [--detectors default,bounded]. Incidents of hours on the development halves of the labelled
telemetry and of Numenta's benchmark. A category is judged by the curve of all others; the error is that of all judged so. With
45 incidents in a part chance alone makes an error of about .06. Figures, never a verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from pipeline import plugs
from pipeline.anomalies.confidence import CURVES, Incidents, add_up, calibration_error, find_incidents, fit, hourly
from tools.bench_anomaly import inside, numenta, telemetry

Floats = npt.NDArray[np.float64]


def incidents_by_category(name: str) -> dict[str, Incidents]:
    """What a detector with its defaults finds in both sets."""
    detect = plugs.load("detectors", name).detect
    found: dict[str, list[Incidents]] = {}
    for category, ts, values, labels in telemetry():
        found.setdefault(f"telemetry {category}", []).append(find_incidents(hourly(ts, values, labels), detect))
    for file, ts, values, windows in numenta():
        found.setdefault(f"Numenta {file.split('/')[0]}", []).append(
            find_incidents(hourly(ts, values, inside(ts, windows)), detect)
        )
    added = {category: add_up(parts) for category, parts in found.items()}
    return {category: each for category, each in added.items() if len(each.true)}


def leave_out(by_category: Mapping[str, Incidents], state: Callable[[Incidents, Incidents], Floats]) -> Floats:
    """Of each incident what is stated by those of the other categories, in the order of the categories."""
    return np.concatenate(
        [state(add_up([by_category[other] for other in by_category if other != each]), by_category[each]) for each in by_category]
    )


def by_curve(others: Incidents, judged: Incidents) -> Floats:
    return fit(others).of(judged.excess, judged.hours)


def by_share(others: Incidents, judged: Incidents) -> Floats:
    """The control: what is true of all others."""
    return np.full(len(judged.true), others.true.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default=",".join(CURVES))
    given = parser.parse_args()
    grid = Table("detector", "incidents", "true", "error left out, 5 parts", "10 parts", "its Brier", "of a constant", "curve")
    for name in given.detectors.split(","):
        by_category = incidents_by_category(name)
        every = add_up(list(by_category.values()))
        stated, flat = leave_out(by_category, by_curve), leave_out(by_category, by_share)
        errors = [f"{calibration_error(stated, every.true, parts):.3f}" for parts in (5, 10)]
        brier = [f"{float(np.mean((each - every.true) ** 2)):.3f}" for each in (stated, flat)]
        curve = ", ".join(f"{weight:.4f}" for weight in fit(every))
        grid.add_row(name, str(len(every.true)), f"{every.true.mean():.2f}", *errors, *brier, curve)
    Console(width=160).print(grid)


if __name__ == "__main__":
    main()
