"""What sizing rules would have saved on real traces, what they would have broken, and whether stated chances came true.

python -m tools.bench_sizing [FOLDER] reads those of FOLDER's planetlab, ms_cloud and bitbrains_rnd .parquet that are there
(series_id, ts, value; of bitbrains_rnd cpu_p95), each in one configuration that is frozen here, and prints tables and bars. The
project ships ms_cloud alone; the others may not be handed on. Its values are loads and no percentages: each series is divided by
twice its highest value in the days before the first cutoff, so that half of the machine is used then. A machine is an m5.4xlarge
at list price. bitbrains_rnd is replayed over 30 days as well, the horizon that the rule states a chance for.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.ladder import make_ladder
from pipeline.capacity.replay import Machine, Replay, replay
from pipeline.capacity.replay_score import BIN_LEAST
from pipeline.capacity.sizing import CPU
from pipeline.own_files.replay import INSTANCE_TYPE, Replayed, read_prices, score

OURS = "ours"
#: Points of saving that ours may lie below Compute Optimizer's default at equal risk.
WITHIN = 1.0
#: Points that a stated chance may lie beside the observed one, where it is outside the interval; how many bins must be there.
GAP, LEAST_BINS = 3.0, 4
#: Share of the base rate's Brier score that the stated chances' must lie below it.
BETTER = 0.15


@dataclass(frozen=True)
class Trace:
    """One set in its frozen configuration."""

    name: str
    file: str
    column: str
    days: tuple[int, int]
    is_load: bool = False


TRACES = (
    Trace("planetlab", "planetlab", "value", (5, 2)),
    Trace("ms_cloud", "ms_cloud", "value", (14, 7), is_load=True),
    Trace("bitbrains_rnd", "bitbrains_rnd", "cpu_p95", (14, 7)),
    Trace("bitbrains_rnd, 30 days", "bitbrains_rnd", "cpu_p95", (14, 30)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("tests/data/traces"))
    folder: Path = parser.parse_args().folder
    found = {trace.name: measure(trace, folder) for trace in TRACES if (folder / f"{trace.file}.parquet").exists()}
    missing = [trace.file for trace in TRACES if trace.name not in found]
    for name, one in found.items():
        print(f"\n{name}: {len(one.found.hours)} windows of {len(set(one.found.series_id))} machines")
        print(one.rules.round(2).to_string(index=False))
        print(one.equal.round(2).to_string(index=False))
        print(one.reliability.round(3).to_string(index=False))
    print("\n" + sizing_bars(found).to_string(index=False))
    print("\n" + chance_bars(found).to_string(index=False))
    if missing:
        print(f"\nnot there: {', '.join(dict.fromkeys(missing))}; name a folder that has them")


def measure(trace: Trace, folder: Path) -> Replayed:
    machines = read_trace(trace, folder)
    return score(replay(machines, make_ladder(read_prices(None), INSTANCE_TYPE, with_memory=False), *trace.days))


def read_trace(trace: Trace, folder: Path) -> list[Machine]:
    """The hours of each series of a set, as shares of a capacity; a load that is 0 before the first cutoff is left out."""
    frame = pd.read_parquet(folder / f"{trace.file}.parquet", columns=["series_id", "ts", trace.column])
    frame["hour"] = frame["ts"].dt.floor("h").astype("datetime64[us]")
    machines = []
    for series_id, rows in frame.sort_values(["series_id", "ts"]).drop_duplicates(["series_id", "hour"]).groupby("series_id"):
        values = rows[trace.column].to_numpy(np.float64) / 100
        if trace.is_load:
            highest = values[: 24 * trace.days[0]].max()
            if highest <= 0:
                continue
            values = values / (2 * highest)
        machines.append(Machine(str(series_id), rows["hour"].to_numpy("datetime64[us]"), {CPU: values}, {CPU: values}))
    return machines


def sizing_bars(found: dict[str, Replayed]) -> pd.DataFrame:
    """One row per set and risk: ours beside Compute Optimizer's default, and whether it is no more than a point below."""
    rows = []
    for name, one in found.items():
        for row in one.equal.loc[one.equal["rule"] == OURS].to_dict("records"):
            above = row["beside_low"] > 0
            verdict = "met, above" if above else "met" if row["beside_pct"] >= -WITHIN else "NOT MET"
            interval = f"{row['beside_low']:+.2f} … {row['beside_high']:+.2f}"
            rows.append({"set": name, "at": row["risk"], "beside": round(row["beside_pct"], 2), "80 %": interval, "bar": verdict})
    return pd.DataFrame(rows)


def chance_bars(found: dict[str, Replayed]) -> pd.DataFrame:
    """One row per set, and for all of a horizon of a week or less together: bins that are out, and the Brier score."""
    rows = []
    scored = {**found, "all up to 7 days": together([one.found for one in found.values() if one.found.horizon_days <= 7])}
    for name, one in scored.items():
        bins = one.reliability.loc[one.reliability["windows"] >= BIN_LEAST]
        inside = (bins["observed_low"] <= bins["stated"]) & (bins["stated"] <= bins["observed_high"])
        out = int(((bins["gap_points"].abs() > GAP) & ~inside).sum())
        enough = len(bins) >= LEAST_BINS
        ours, base = one.brier
        rows.append(
            {
                "set": name,
                "bins": len(bins),
                "out": out,
                "widest gap": round(float(bins["gap_points"].abs().max()), 1) if len(bins) else None,
                "bar": "NOT MET" if out else "met" if enough else "too few bins",
                "Brier": round(ours, 4),
                "of base rate": round(base, 4),
                "Brier bar": "met" if ours <= (1 - BETTER) * base else "NOT MET",
            }
        )
    return pd.DataFrame(rows)


def together(parts: list[Replay]) -> Replayed:
    """Replays on the same ladder as one."""

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    every = replace(
        parts[0],
        series_id=joined("series_id"),
        start=joined("start"),
        hours=joined("hours"),
        needs={rule: {CPU: np.concatenate([part.needs[rule][CPU] for part in parts])} for rule in parts[0].needs},
        stated=joined("stated"),
        broken=joined("broken"),
        added=joined("added"),
        held=joined("held"),
    )
    return score(every)


if __name__ == "__main__":
    main()
