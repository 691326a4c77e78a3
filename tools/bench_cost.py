"""Accuracy of the cost forecast on daily cost of real projects, beside the bars that it is held to.

python tools/bench_cost.py FOLDER [--windows 5] [--prophet] [--estates 4]
prints what days and calendar months came to, against what was said of them.

FOLDER holds Parquet files series_id, metric, ts, value; those by the day count. Days are scored over windows of 30, as
`bench_forecast.py` does; months as they were seen on their 5th, 10th and 20th day, with what was billed by then. Months of
made-up estates, each service of an account for itself, are scored alone and pooled with those of FOLDER; nothing was tuned on
these estates.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import date
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 - threads are limited before BLAS is loaded
import pandas as pd  # noqa: E402
from scipy.stats import binomtest  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline import plugs  # noqa: E402
from pipeline.forecasting.backtest import scores, summary  # noqa: E402
from pipeline.forecasting.panel import Floats, Panel, from_frame  # noqa: E402
from pipeline.own_files.backtest import describe, measured, read_series  # noqa: E402
from pipeline.sources import synthetic_bill  # noqa: E402
from pipeline.spend import usage  # noqa: E402
from tools.bench_cost_anomalies import lines_of  # noqa: E402

#: Days of a month on which its total is forecast.
SEEN_ON = (5, 10, 20)
#: Days of history before the first month that is judged.
LEAST = 120
FLOOR = "seasonal_naive"
#: Made-up estates of which nothing was tuned on, and how large they are.
SEEDS, START, DAYS, SERVERS = range(600, 620), date(2024, 1, 1), 425, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--windows", type=int, default=5, help="windows of 30 days")
    parser.add_argument("--horizon", type=int, default=30, help="days of a window")
    parser.add_argument("--prophet", action="store_true", help="beside Prophet, which takes a while")
    parser.add_argument("--estates", type=int, default=0, help=f"made-up estates, {len(SEEDS)} at most")
    options = parser.parse_args()
    frame = pd.concat([read_series(file) for file in sorted(options.folder.glob("*.parquet"))])
    by_day = describe(frame).query("granularity == 'day'")["series_id"]
    panel = from_frame(frame[frame["series_id"].isin(by_day)], "day")
    print(days(panel, options.horizon, options.windows, options.prophet).round(3).to_string(index=False))
    judged = {"traces": judge_months(panel)}
    if options.estates:
        judged["estates"] = pd.concat([judge_months(draw(seed)) for seed in SEEDS[: options.estates]])
        judged["pooled"] = pd.concat(judged.values())
    for name, table in judged.items():
        print(f"\nmonths, {name}\n" + months(table).round(3).to_string(index=False))


def models() -> dict[str, usage.Forecast]:
    """What the step chooses between, the floor last."""
    return {name: plugs.load("forecasters", name).forecast for name in ("default", FLOOR)}


def cost(panel: Panel, horizon: int, levels: tuple[float, ...]) -> Floats:
    """What the table says of days, at other levels: those between are read off."""
    known = models()
    said = usage.quantiles(panel, horizon, known[usage.choose(panel, known).model])
    return np.stack([said[..., usage.LEVELS.index(level)] for level in levels], axis=-1)


def days(panel: Panel, horizon: int, windows: int, prophet: bool) -> pd.DataFrame:
    """One row per model: mean scores over series, and the 95 % interval of the difference to the floor, series resampled."""
    compared: dict[str, usage.Forecast] = {"cost_forecast": cost, **models()}
    if prophet:
        compared["prophet"] = plugs.load("forecasters", "prophet").forecast
    scored = scores(measured(panel, compared, horizon, windows))
    table = summary(scored, by=())
    columns = ["model", "series", "mase", "scaled_pinball", "coverage_50", "coverage_80", "coverage_90", "cpu_s"]
    return table[columns].assign(**{"MASE / ours, 95 %": [_ratio(scored, model) for model in table["model"]]})


def _ratio(scored: pd.DataFrame, model: str, draws: int = 2000) -> str:
    wide = scored.pivot(index="series_id", columns="model", values="mase").dropna()
    random = np.random.default_rng(0)
    picked = random.integers(len(wide), size=(draws, len(wide)))
    ratio = wide[model].to_numpy()[picked].mean(axis=1) / wide["cost_forecast"].to_numpy()[picked].mean(axis=1)
    low, high = np.quantile(ratio, [0.025, 0.975])
    return f"{low:.2f}–{high:.2f}"


def draw(seed: int) -> Panel:
    """Daily cost of each service of an account of a made-up estate, from its first day on."""
    estate = synthetic_bill.draw_estate(synthetic_bill.Options(servers=SERVERS, start=START, days=DAYS, seed=seed))
    lines = lines_of(estate.bill, START, DAYS)
    lines["series_id"] = lines["account"] + "/" + lines["service"]
    wide = lines.pivot_table(index="ts", columns="series_id", values="cost", aggfunc="sum").fillna(0.0)
    known = wide.where(wide.abs().cumsum() > 0).melt(ignore_index=False).dropna().reset_index()
    return from_frame(known.assign(metric="cost"), "day")


def judge_months(panel: Panel) -> pd.DataFrame:
    """One row per month, series and day on which it was seen."""
    return pd.DataFrame([row for cut in _cuts(panel) for row in _month(panel, *cut)])


def months(table: pd.DataFrame) -> pd.DataFrame:
    """One row per day on which months were seen: how often the 90 % band held the total, and how wide it was."""
    found = []
    for seen, part in [*table.groupby("seen on day"), ("all", table)]:
        held = part["held"].mean()
        low, high = binomtest(int(part["held"].sum()), len(part)).proportion_ci()
        factor = _factor(part, held)
        found.append(
            {
                "seen on day": seen,
                "months": len(part),
                "held": held,
                "95 %": f"{low:.3f}–{high:.3f}",
                "median width": (part["width"] / part["scale"]).median(),
                "naive held": (part["miss"].abs() <= part["reach"] + 1e-9).mean(),
                "naive, as often": (2 * factor * part["reach"] / part["scale"]).median(),
                "error": (part["error"].abs() / part["scale"]).mean(),
                "naive error": (part["miss"].abs() / part["scale"]).mean(),
            }
        )
    return pd.DataFrame(found)


def _factor(part: pd.DataFrame, held: float) -> float:
    """By what the naive's half-widths are multiplied to hold as many totals."""
    needed = np.where(part["miss"].abs() > 1e-9, part["miss"].abs() / part["reach"].clip(lower=1e-12), 0.0)
    return float(np.quantile(needed, held))


def _cuts(panel: Panel) -> list[tuple[int, int, int]]:
    """Days known, days to the month's end, and days of it that are known."""
    ends = panel.timestamps()[0].astype("datetime64[D]")
    found = []
    for known in range(LEAST, panel.periods):
        month = ends[known].astype("datetime64[M]")
        day = int((ends[known] - month.astype("datetime64[D]")) / np.timedelta64(1, "D"))
        length = int(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")) / np.timedelta64(1, "D"))
        if day in SEEN_ON and known + length - day <= panel.periods:
            found.append((known, length - day, day))
    return found


def _month(panel: Panel, known: int, ahead: int, day: int) -> list[dict[str, float]]:
    past = panel.truncate(panel.periods - known)
    past = past.take(np.flatnonzero((~np.isnan(past.values)).sum(axis=1) >= 14))
    rows = np.flatnonzero(np.isin(panel.series_id, past.series_id))
    choice = models()
    said = usage.quantiles(past, ahead, choice[usage.choose(past, choice).model])
    naive = choice[FLOOR](past, ahead, usage.LEVELS).sum(axis=1)
    billed = np.nansum(past.values[:, known - day :], axis=1) if day else np.zeros(len(past))
    low, mid, high = (usage.LEVELS.index(level) for level in (0.05, 0.5, 0.95))
    found = []
    for row, paths in enumerate(usage.draw(past, said)):
        actual = panel.values[rows[row], known : known + ahead]
        if np.isnan(actual).any() or billed[row] + actual.sum() <= 0:
            continue
        totals, total = paths.sum(axis=0), actual.sum()
        bottom, middle, top = np.quantile(totals, [0.05, 0.5, 0.95])
        found.append(
            {
                "seen on day": day,
                "held": bottom - 1e-9 <= total <= top + 1e-9,
                "width": top - bottom,
                "scale": billed[row] + total,
                "error": middle - total,
                "miss": naive[row, mid] - total,
                "reach": (naive[row, high] - naive[row, low]) / 2,
            }
        )
    return found


if __name__ == "__main__":
    main()
