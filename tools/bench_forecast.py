"""Accuracy, coverage and CPU cost of forecasters on a folder of traces, beside the bars they are held to.

python tools/bench_forecast.py FOLDER [--models default,prophet,seasonal_naive] [--scale] [--fleet] prints scores per set and
model and the bars; with --scale time and memory of 1,000 and 10,000 daily series; with --fleet the skill against the oracle of
the realistic synthetic fleet. Whether stated chances of crossing come true there, `bench_risk.py` measures.

FOLDER holds Parquet files series_id, metric, ts, value; the file's name is the set's. Hourly sets are scored over 3 windows of
24 hours, daily ones over 5 windows of 30 days. `dc_totals` is scored together with `aws_cloudwatch`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import date
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 - threads are limited before BLAS is loaded
import pandas as pd  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline import plugs  # noqa: E402
from pipeline.forecasting.backtest import backtest, scores, summary  # noqa: E402
from pipeline.forecasting.panel import Panel, from_frame  # noqa: E402
from pipeline.own_files.backtest import describe, measured, read_series  # noqa: E402
from pipeline.steps import cpu_seconds  # noqa: E402
from pipeline.tables.columns import QUANTILES, Granularity  # noqa: E402

PROTOCOL: dict[Granularity, tuple[int, int]] = {"hour": (24, 3), "day": (30, 5)}
TOGETHER = {"dc_totals": "aws_cloudwatch"}
#: Sets on which the default need not be 20 % better than Prophet, only not worse.
NOT_WORSE = ("planetlab",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="default,prophet,seasonal_naive")
    parser.add_argument("--scale", action="store_true", help="also time 1,000 and 10,000 daily series")
    parser.add_argument("--fleet", action="store_true", help="also score on the realistic synthetic fleet")
    options = parser.parse_args()
    models = options.models.split(",")
    table = accuracy(options.folder, models)
    columns = ["set", "series", "model", "mase", "rmsse", "wape", "scaled_pinball", "coverage_50", "coverage_80", "coverage_90"]
    print(table[[*columns, "ms_per_series"]].round(3).to_string(index=False))
    if {"default", "prophet", "seasonal_naive"} <= set(models):
        print("\n" + bars(table).to_string(index=False))
    if options.fleet:
        print("\n" + fleet_skill(*fleet()).round(3).to_string(index=False))
    if options.scale:
        print("\n" + scale().round(2).to_string(index=False))


def accuracy(folder: Path, models: list[str]) -> pd.DataFrame:
    """One row per set and model: mean scores over its series, and CPU milliseconds per series and window."""
    files = sorted(folder.glob("*.parquet"))
    sets: dict[str, list[Path]] = {}
    for file in files:
        sets.setdefault(TOGETHER.get(file.stem, file.stem), []).append(file)
    forecasts = {name: plugs.load("forecasters", name).forecast for name in models}
    rows = []
    for name, members in sets.items():
        frame = pd.concat([read_series(file) for file in members])
        granularity: Granularity = "hour" if (describe(frame)["granularity"] == "hour").mean() > 0.5 else "day"
        horizon, windows = PROTOCOL[granularity]
        result = measured(from_frame(frame, granularity), forecasts, horizon, windows)
        found = summary(scores(result), by=())
        found.insert(0, "set", name)
        found["ms_per_series"] = 1000 * found["cpu_s"] / windows
        rows.append(found)
    return pd.concat(rows, ignore_index=True)


def bars(table: pd.DataFrame) -> pd.DataFrame:
    """One row per set: how far the default lies below Prophet and below seasonal naive, its coverage and its cost."""
    rows = []
    for name, found in table.groupby("set", sort=False):
        by_model = found.set_index("model").to_dict("index")
        ours, prophet, floor = by_model["default"], by_model["prophet"], by_model["seasonal_naive"]
        below = {score: 1 - ours[score] / prophet[score] for score in ("mase", "scaled_pinball")}
        above_floor = all(ours[score] < floor[score] for score in ("mase", "scaled_pinball"))
        bar = 0.0 if name in NOT_WORSE else 0.2
        rows.append(
            {
                "set": name,
                "MASE below Prophet": f"{below['mase']:.0%}",
                "pinball below Prophet": f"{below['scaled_pinball']:.0%}",
                "bar": f"{bar:.0%}",
                "below seasonal naive": "yes" if above_floor else "NO",
                "coverage of 90 %": f"{ours['coverage_90']:.1%}",
                "Prophet's CPU / ours": f"{prophet['cpu_s'] / ours['cpu_s']:.0f}×",
                "met": "yes"
                if min(below.values()) >= bar
                and above_floor
                and 0.87 <= ours["coverage_90"] <= 0.93
                and prophet["cpu_s"] >= 10 * ours["cpu_s"]
                else "NO",
            }
        )
    return pd.DataFrame(rows)


def scale() -> pd.DataFrame:
    """Cost of the default on 730 days, horizon 90, five quantiles, by number of series."""
    import resource

    forecast = plugs.load("forecasters", "default").forecast
    rows = []
    for series in (1000, 10_000):
        panel = synthetic(series, 730)
        wall, cpu = time.perf_counter(), cpu_seconds()
        forecast(panel, 90, (0.05, 0.25, 0.5, 0.75, 0.95))
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"series": series, "wall s": wall, "CPU s": cpu, "CPU ms per series": 1000 * cpu / series, "peak MB": peak})
    return pd.DataFrame(rows)


def fleet(servers: int = 60, days: int = 548, seed: int = 11) -> tuple[Panel, np.ndarray]:
    """Daily P95 of CPU, memory, disk and incoming network of the realistic fleet, and the true quantiles of its last 240 days."""
    from pipeline.sources import _realistic, _realistic_truth
    from pipeline.sources._realistic_demand import METRICS

    start, last = date(2025, 4, 1), 240
    dates = np.datetime64(start, "us") + np.arange(days) * np.timedelta64(1, "D")
    values, truth, names, measured_in = [], [], [], []
    for server in _realistic.fleet(servers, days, seed):
        hours = _realistic.simulate(server, start, days, seed)[0].reshape(days, 24, 5)
        enough = (~np.isnan(hours)).sum(axis=1) >= 12
        # A day without samples has no P95; numpy would warn of it.
        p95 = np.nanquantile(np.where(enough[:, None], hours, 0.0), 0.95, axis=1, method="inverted_cdf")
        true = _realistic_truth.daily_truth(server, start, dates[-last:], QUANTILES, seed)
        for column, metric in enumerate(METRICS[:4]):
            values.append(np.where(enough[:, column], p95[:, column], np.nan))
            truth.append(true[:, column])
            names.append(f"{server.name}/{metric}")
            measured_in.append(metric)
    upper = np.where(np.array(measured_in) == "network_in", np.inf, 100.0)
    return Panel(
        np.array(names), np.array(measured_in), np.full(len(names), dates[-1]), "day", np.array(values), upper
    ), np.array(truth)


def fleet_skill(panel: Panel, truth: np.ndarray, horizon: int = 30, windows: int = 4) -> pd.DataFrame:
    """One row per score: the mean of naive, default and oracle, and the share of what can be gained that is gained."""

    def oracle(past: Panel, ahead: int, _: tuple[float, ...]) -> np.ndarray:
        cut = truth.shape[1] - int((panel.end[0] - past.end[0]) / np.timedelta64(1, "D"))
        return truth[np.isin(panel.series_id, past.series_id), cut : cut + ahead]

    models = {name: plugs.load("forecasters", name).forecast for name in ("seasonal_naive", "default")} | {"oracle": oracle}
    result = summary(scores(backtest(panel, models, horizon, windows)), by=()).set_index("model")
    rows = []
    for score in ("mase", "scaled_pinball"):
        naive, ours, best = (float(result[score].loc[model]) for model in ("seasonal_naive", "default", "oracle"))
        rows.append({"fleet": score, "naive": naive, "default": ours, "oracle": best, "skill": (naive - ours) / (naive - best)})
    return pd.DataFrame(rows)


def synthetic(series: int, periods: int) -> Panel:
    """Daily utilisation with a week, a trend and noise."""
    rng = np.random.default_rng(1)
    days = np.arange(periods)
    wave = 40 + 10 * np.sin(2 * np.pi * days / 7) + 0.01 * days * rng.random((series, 1))
    values = np.clip(wave + rng.normal(0, 5, (series, periods)) + rng.normal(0, 8, (series, 1)), 0, 100)
    metric = np.array(["cpu_utilization", "disk_utilization", "memory_utilization"])[np.arange(series) % 3]
    end = np.full(series, np.datetime64("2026-01-01", "us"))
    names = np.array([f"s{number:05d}" for number in range(series)])
    return Panel(names, metric, end, "day", values, np.full(series, 100.0))


if __name__ == "__main__":
    main()
