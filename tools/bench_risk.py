"""Whether stated capacity risks come true, on the realistic fleet; figures, no verdict.

python tools/bench_risk.py [--seeds 1,2,3] [--servers 80] prints tables: what forecasts of daily P95 miss
beside the seasonal naive and beside the generator's own quantiles; stated chances of crossing against observed ones, by bin;
and how many breaches of the next 30 days a warning names. Seeds 1 to 10 are for development; what README publishes was run once,
on others.

A series is one of CPU, memory and disk of one server, a server crosses where any of them does, with the chance that follows
from taking the three for independent. From each cutoff, rolling by 37 days so that weekdays and the distance to the quarter's
end vary, the `default` forecaster sees what lies before. A crossing is a day whose P95 is at the threshold or above. Chances
are held against everything that happened. Warnings are judged twice: with all breaches, and without those on days that a
labelled incident of the metric touches (memory leak, CPU throttling, disk exhaustion: nobody can foresee them).

Two oracles bound what can be reached. `truth` knows the server's parameters, noise and future level shifts. `truth, shifts
unknown` does not know shifts and added capacity after the cutoff, as no forecaster does. Their chances take days for
independent, which these days nearly are. Intervals are 95 %, from resampling servers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 - threads are limited before BLAS is loaded
import numpy.typing as npt  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.special import ndtri  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.capacity import surprise  # noqa: E402
from pipeline.capacity.crossing import Context, capacity_risk  # noqa: E402
from pipeline.capacity.paths import QuantileFunction, first_passage, normal_paths  # noqa: E402
from pipeline.capacity.reliability import bin_chances, brier_score  # noqa: E402
from pipeline.forecasters import default, seasonal_naive  # noqa: E402
from pipeline.forecasting import metrics  # noqa: E402
from pipeline.forecasting.panel import Panel  # noqa: E402
from pipeline.sources import _realistic, _realistic_demand, _realistic_truth  # noqa: E402
from pipeline.tables.columns import QUANTILES  # noqa: E402

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

START, DAYS = date(2025, 4, 1), 730
METRICS = _realistic_demand.METRICS[:3]
CUTOFFS = range(180, DAYS - 90, 37)
HORIZONS = (7, 30, 90)
HISTORY = ("a year and more", "under a year")
THRESHOLDS = (80.0, 90.0)
INCIDENT_OF = {"memory_leak": 1, "cpu_throttling": 0, "disk_exhaustion": 2}
#: A warning is given from this chance of a server's crossing within 30 days on; chosen on seeds 1 to 10, where recall and
#: precision were about equal.
WARN_FROM = {80.0: 0.52, 90.0: 0.48}
RESAMPLES = 300


@dataclass(frozen=True)
class Fleet:
    """One simulated fleet, (servers · 3, days): P95 by day, and which days an incident touches."""

    servers: list[_realistic_demand.Server]
    seed: int
    daily: Floats
    incident: Flags

    @property
    def names(self) -> list[str]:
        return [f"{self.seed}/{server.name}/{metric}" for server in self.servers for metric in METRICS]


def simulate(servers: int, seed: int) -> Fleet:
    fleet = _realistic.fleet(servers, DAYS, seed)
    daily = np.full((servers, len(METRICS), DAYS), np.nan)
    touched = np.zeros(daily.shape, dtype=bool)
    for row, server in enumerate(fleet):
        hourly, incidents = _realistic.simulate(server, START, DAYS, seed)
        days = np.sort(hourly[:, : len(METRICS)].T.reshape(len(METRICS), DAYS, 24), axis=-1)
        hours = (~np.isnan(days)).sum(axis=-1)
        rank = np.maximum(np.ceil(0.95 * hours).astype(int) - 1, 0)
        daily[row] = np.where(hours >= 12, np.take_along_axis(days, rank[..., None], -1)[..., 0], np.nan)
        for first, end, kind in incidents[["hour", "end_hour", "kind"]].itertuples(index=False):
            if kind in INCIDENT_OF:
                touched[row, INCIDENT_OF[kind], first // 24 : (end - 1) // 24 + 1] = True
    return Fleet(fleet, seed, daily.reshape(-1, DAYS), touched.reshape(-1, DAYS))


def seen(fleet: Fleet, cutoff: int) -> Panel:
    """What a forecaster knows at a cutoff."""
    names = fleet.names
    return Panel(
        np.array(names),
        np.array([name.rsplit("/", 1)[1] for name in names]),
        np.full(len(names), np.datetime64(START, "us") + np.timedelta64(cutoff - 1, "D")),
        "day",
        fleet.daily[:, :cutoff],
        np.full(len(names), 100.0),
    )


def forecasts(fleet: Fleet, cutoff: int, horizon: int) -> dict[str, Floats]:
    """(series, horizon, quantiles) by who says so."""
    panel = seen(fleet, cutoff)
    when = (np.datetime64(START) + np.arange(cutoff, cutoff + horizon)).astype("datetime64[us]")
    truth: list[Floats] = []
    blind: list[Floats] = []
    for server in fleet.servers:
        known = replace(server, shifts=tuple(shift for shift in server.shifts if shift[0] < cutoff))
        for each, answers in ((server, truth), (known, blind)):
            quantiles = _realistic_truth.daily_truth(each, START, when, QUANTILES, fleet.seed)
            answers.append(quantiles[:, : len(METRICS)].transpose(1, 0, 2))
    return {
        "seasonal naive": seasonal_naive.forecast(panel, horizon, QUANTILES),
        "default": default.forecast(panel, horizon, QUANTILES),
        "truth, shifts unknown": np.concatenate(blind),
        "truth": np.concatenate(truth),
    }


def accuracy(fleet: Fleet, cutoff: int, said: dict[str, Floats]) -> pd.DataFrame:
    """One row per series, horizon and forecaster: scaled pinball loss and coverage."""
    scale = metrics.absolute_scale(fleet.daily[:, :cutoff], 7)
    rows = []
    for horizon in (30, 90):
        actual = fleet.daily[:, cutoff : cutoff + horizon]
        for who, quantiles in said.items():
            near = quantiles[:, :horizon]
            rows.append(
                pd.DataFrame(
                    {
                        "server": [name.rsplit("/", 1)[0] for name in fleet.names],
                        "metric": np.tile(METRICS, len(fleet.servers)),
                        "horizon": horizon,
                        "history": HISTORY[0] if cutoff >= 365 else HISTORY[1],
                        "who": who,
                        "pinball": metrics.scaled_pinball(actual, near, np.asarray(QUANTILES), scale),
                        "coverage": metrics.coverage(actual, near[..., 0], near[..., QUANTILES.index(0.95)]),
                    }
                )
            )
    return pd.concat(rows)


def chances(fleet: Fleet, cutoff: int, who: str, quantiles: Floats) -> pd.DataFrame:
    """One row per series, threshold and horizon: the stated chance, and whether it came true with and without incidents."""
    as_of = datetime.combine(START, datetime.min.time()) + timedelta(days=cutoff)
    names, horizon, levels = fleet.names, quantiles.shape[1], len(QUANTILES)
    when = (np.datetime64(as_of, "us") + np.arange(horizon) * np.timedelta64(1, "D")).astype("datetime64[us]")
    if who.startswith("truth"):
        risk = independent(names, quantiles)
    else:
        long = pd.DataFrame(
            {
                "series_id": np.repeat(names, horizon * levels),
                "metric": np.repeat(np.tile(METRICS, len(fleet.servers)), horizon * levels),
                "ts": np.tile(np.repeat(when, levels), len(names)),
                "quantile": np.tile(QUANTILES, len(names) * horizon),
                "value": quantiles.ravel(),
                "granularity": "day",
            }
        )
        context = Context(surprises=surprise.rates([surprise.count(seen(fleet, cutoff), THRESHOLDS)]))
        full = pd.Series(100.0, index=names)
        risk = capacity_risk(long, full, as_of, THRESHOLDS, HORIZONS, context=context).set_index("series_id").loc[names]
    quiet = np.where(fleet.incident, np.nan, fleet.daily)
    rows = []
    for threshold in THRESHOLDS:
        stated = risk[risk["threshold_pct"] == threshold]
        for days in HORIZONS:
            window = slice(cutoff, cutoff + days)
            rows.append(
                pd.DataFrame(
                    {
                        "series_id": names,
                        "cutoff": cutoff,
                        "who": who,
                        "threshold": threshold,
                        "days": days,
                        "stated": stated[f"p_cross_{days}d"].to_numpy(),
                        "crossed": (quiet[:, window] >= threshold).any(axis=1),
                        "with_incidents": (fleet.daily[:, window] >= threshold).any(axis=1),
                    }
                )
            )
    return pd.concat(rows)


def independent(names: list[str], quantiles: Floats) -> pd.DataFrame:
    """The chances of an oracle, whose days are independent and whose quantiles hold every surprise, by series and threshold."""
    paths, scores = normal_paths(quantiles.shape[1], rho=0.0, drift=0.0), ndtri(np.asarray(QUANTILES))
    rows = []
    for name, values in zip(names, np.sort(quantiles, axis=2), strict=True):
        for threshold in THRESHOLDS:
            passage = first_passage(paths, QuantileFunction(scores, values).score_at(threshold))
            chances = {f"p_cross_{days}d": float((passage < days).mean()) for days in HORIZONS}
            rows.append({"series_id": name, "threshold_pct": threshold, **chances})
    return pd.DataFrame(rows).set_index("series_id")


def by_server(risk: pd.DataFrame) -> pd.DataFrame:
    """The same per server: some metric crosses."""
    keyed = risk.assign(server=risk["series_id"].str.rsplit("/", n=1).str[0], spared=1 - risk["stated"])
    grouped = keyed.groupby(["who", "threshold", "days", "server", "cutoff"], sort=True)
    found = grouped.agg(spared=("spared", "prod"), crossed=("crossed", "any"), with_incidents=("with_incidents", "any"))
    return found.assign(stated=1 - found["spared"]).reset_index()


def warned(risk: pd.DataFrame, outcome: str, least: float) -> tuple[float, float]:
    """Recall and precision of warnings from a chance of `least` on."""
    warning, happened = risk["stated"].to_numpy() >= least, risk[outcome].to_numpy()
    hits = float((warning & happened).sum())
    return hits / max(happened.sum(), 1), hits / max(warning.sum(), 1)


def balanced(risk: pd.DataFrame, outcome: str) -> float:
    """Recall, and precision, of as many warnings as there were breaches, the likeliest first: what no choice of a level moves."""
    happened = risk.sort_values("stated", ascending=False, kind="stable")[outcome].to_numpy()
    return float(happened[: happened.sum()].mean()) if happened.any() else float("nan")


def resampled(table: pd.DataFrame, score: Callable[[pd.DataFrame], Sequence[float]]) -> npt.NDArray[np.float64]:
    """(2, k) the 95 % interval of the k numbers that `score` makes of a table, over resampled servers."""
    positions = list(table.reset_index(drop=True).groupby("server").indices.values())
    draw = np.random.default_rng(0)
    found = [
        score(table.iloc[np.concatenate([positions[n] for n in draw.integers(0, len(positions), len(positions))])])
        for _ in range(RESAMPLES)
    ]
    interval: npt.NDArray[np.float64] = np.quantile(np.array(found), [0.025, 0.975], axis=0)
    return interval


def skill(table: pd.DataFrame) -> list[float]:
    loss = table.groupby("who")["pinball"].mean()
    naive, ours = loss["seasonal naive"], loss["default"]
    return [(naive - ours) / (naive - loss[who]) for who in ("truth", "truth, shifts unknown")]


def _between(value: float, low: float, high: float, digits: int = 2) -> str:
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--servers", type=int, default=80)
    options = parser.parse_args()
    misses, risks = [], []
    for seed in map(int, options.seeds.split(",")):
        fleet = simulate(options.servers, seed)
        for cutoff in CUTOFFS:
            said = forecasts(fleet, cutoff, max(HORIZONS))
            misses.append(accuracy(fleet, cutoff, said))
            risks += [chances(fleet, cutoff, who, said[who]) for who in said if who != "seasonal naive"]
    print_accuracy(pd.concat(misses, ignore_index=True))
    series = pd.concat(risks, ignore_index=True)
    servers = by_server(series)
    print_reliability(series, "series")
    print_reliability(servers, "server")
    print_warnings(servers)


def print_accuracy(table: pd.DataFrame) -> None:
    table = table[np.isfinite(table["pinball"])]
    print("Daily P95: mean scaled pinball loss, coverage of 90 %, skill (naive − default) / (naive − truth)")
    rows = []
    for (horizon, of), part in [
        *(((horizon, "all"), part) for horizon, part in table.groupby("horizon")),
        *table.groupby(["horizon", "metric"]),
        # Nobody knows what a year's end does to a fleet before having seen one.
        *table.groupby(["horizon", "history"]),
    ]:
        skills = zip(skill(part), *resampled(part, skill), strict=True)
        rows.append(
            {
                "days": horizon,
                "of": of,
                **part.groupby("who")["pinball"].mean().round(3).to_dict(),
                "coverage": f"{part.loc[part['who'] == 'default', 'coverage'].mean():.1%}",
                **dict(zip(("skill", "skill, shifts unknown"), (_between(*each) for each in skills), strict=True)),
            }
        )
    print(pd.DataFrame(rows).to_string(index=False))


def print_reliability(risk: pd.DataFrame, unit: str) -> None:
    ours = risk[risk["who"] == "default"]
    print(f"\nStated chance of crossing against observed, by {unit}")
    rows = []
    for (threshold, days), part in ours.groupby(["threshold", "days"]):
        stated, crossed = part["stated"].to_numpy(), part["with_incidents"].to_numpy()
        rate = crossed.mean()
        bins = bin_chances(stated, crossed, bins=5)
        gap = (bins["stated_mean"] - bins["observed_rate"]).abs()
        row = {"crosses %": f"{threshold:.0f}", "days": days, "forecasts": len(part), "stated": stated.mean(), "observed": rate}
        row |= {"Brier": brier_score(stated, crossed), "of base rate": rate * (1 - rate)}
        row |= {"mean gap": float((gap * bins["forecasts"]).sum() / bins["forecasts"].sum())}
        for each in bins.itertuples():
            row[f"{each.bin_low:.0%}–{each.bin_high:.0%}"] = f"{each.stated_mean:.2f}→{each.observed_rate:.2f} ({each.forecasts})"
        rows.append(row)
    print(pd.DataFrame(rows).round(3).to_string(index=False))


def print_warnings(servers: pd.DataFrame) -> None:
    print("\nWarnings of a server's breach within 30 days: recall and precision")
    rows = []
    month = servers[servers["days"] == 30]
    month = pd.concat([month.assign(of="all"), month.assign(of=np.where(month["cutoff"] >= 365, *HISTORY))])
    for (threshold, who, of), part in month.groupby(["threshold", "who", "of"]):
        for outcome in ("crossed", "with_incidents"):
            least = WARN_FROM[float(part["threshold"].iloc[0])]
            found = warned(part, outcome, least)
            low, high = resampled(part, partial(warned, outcome=outcome, least=least))
            rows.append(
                {
                    "crosses %": f"{threshold:.0f}",
                    "who": who,
                    "history": of,
                    "incidents": "in" if outcome == "with_incidents" else "out",
                    "breaches": int(part[outcome].sum()),
                    "warn from": least,
                    "recall": _between(found[0], low[0], high[0]),
                    "precision": _between(found[1], low[1], high[1]),
                    "as many as breaches": f"{balanced(part, outcome):.3f}",
                }
            )
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
