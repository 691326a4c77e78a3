"""What commitments would have saved on real cost by the day, and how often they would have lost money, beside the bars.

python -m tools.bench_savings [FOLDER] reads FOLDER/cloud_cost.parquet (series_id, ts, value). Every 15 days from the 90th on a
plan is bought for 90 or 180 days at a discount of 19 or 34 %, by rules that see the days before alone. Series of less than $5 a
day are left out. A window's saving is a share of its cost on demand; the mean over the windows is what is compared, and beside it
stands the share of all dollars. Windows overlap, and so do the series: who reads the figures must not take them for independent.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.advice.commitment import MOST_CHANCE, Floats, choose_commitment, lookback_commitment, lowest_commitment, one_family
from pipeline.advice.spend_paths import spend_paths

#: What a rule commits to, from the days before, for a term in days at a discount.
Rule = Callable[[Floats, int, float], float]
FIRST, EVERY, LEAST_USD = 90, 15, 5.0
TERMS, DISCOUNTS = (90, 180), (0.19, 0.34)
OURS, BASELINE = "forecast paths", "minimum of 60 days"
#: The bar: no more windows that lose than the baseline, and a saving of at least its own less so many points.
WITHIN = 0.3


def _ours(history: Floats, term: int, discount: float) -> float:
    return choose_commitment(spend_paths(history, term), one_family(discount), most_chance=MOST_CHANCE).hourly_usd


RULES: dict[str, Rule] = {
    "optimum of 7 days": lambda history, _, discount: lookback_commitment(history, discount, 7),
    "optimum of 30 days": lambda history, _, discount: lookback_commitment(history, discount, 30),
    "optimum of 60 days": lambda history, _, discount: lookback_commitment(history, discount, 60),
    "minimum of 30 days": lambda history, _, discount: lowest_commitment(history, discount, 30),
    "80 % of that": lambda history, _, discount: 0.8 * lookback_commitment(history, discount, 60),
    BASELINE: lambda history, _, discount: lowest_commitment(history, discount),
    OURS: _ours,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("tests/data/traces"))
    table = measure(read_series(parser.parse_args().folder / "cloud_cost.parquet"))
    print(table.round({"loses_pct": 1, "saving_pct": 1, "saving_of_all_pct": 1}).to_string(index=False))
    print("\n" + bars(table).to_string(index=False))


def read_series(path: Path) -> list[Floats]:
    """Cost of each day of each series that costs enough, oldest first."""
    frame = pd.read_parquet(path, columns=["series_id", "ts", "value"]).sort_values(["series_id", "ts"])
    series = [group["value"].to_numpy(np.float64) for _, group in frame.groupby("series_id")]
    return [values for values in series if values.mean() >= LEAST_USD]


def measure(series: list[Floats], rules: dict[str, Rule] = RULES) -> pd.DataFrame:
    """One row per rule, term and discount: windows, how many of them lose, what a window saves on average, what all save."""
    rows = []
    for rule, commit in rules.items():
        for discount in DISCOUNTS:
            for term in TERMS:
                costs, totals = np.array(list(replay(series, commit, term, discount))).T
                rows.append(
                    {
                        "rule": rule,
                        "term": term,
                        "discount": discount,
                        "windows": len(costs),
                        "loses_pct": 100 * np.mean(costs > totals * (1 + 1e-12)),
                        "saving_pct": 100 * np.mean(1 - costs / totals),
                        "saving_of_all_pct": 100 * (1 - costs.sum() / totals.sum()),
                    }
                )
    return pd.DataFrame(rows)


def replay(series: list[Floats], commit: Rule, term: int, discount: float) -> Iterator[tuple[float, float]]:
    """Of each window what it would have cost with the commitment, and on demand."""
    for values in series:
        for day in range(FIRST, len(values) - term + 1, EVERY):
            window, hourly = values[day : day + term], commit(values[:day], term, discount)
            yield float((hourly + np.maximum(0, window - hourly / (1 - discount))).sum()), float(window.sum())


def bars(table: pd.DataFrame) -> pd.DataFrame:
    """One row per term and discount: ours beside the baseline, and whether it loses no more and saves no less."""
    ours, base = (table[table["rule"] == rule].set_index(["discount", "term"]) for rule in (OURS, BASELINE))
    met = (ours["loses_pct"] <= base["loses_pct"]) & (ours["saving_pct"] >= base["saving_pct"] - WITHIN)
    better = met & (ours["saving_pct"] > base["saving_pct"])
    found = pd.DataFrame(
        {
            "saves": ours["saving_pct"].round(1),
            "baseline saves": base["saving_pct"].round(1),
            "loses": ours["loses_pct"].round(1),
            "baseline loses": base["loses_pct"].round(1),
            "bar": np.where(better, "met, better", np.where(met, "met", "NOT MET")),
        }
    )
    return found.reset_index()


if __name__ == "__main__":
    main()
