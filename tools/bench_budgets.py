"""`make bench-budgets`: whether the chance that a budget is exceeded is what happens, on the bills of made-up estates.

python -m tools.bench_budgets [--estates 20]. Of each estate all its cost, each account and the three largest services are
budgets; each month from the eighth is seen on its 5th, 10th and 20th day, with the days before in the bill. A limit is what the
month should cost by the generator's own figures, times a ratio drawn between the 10 % and the 90 % quantile of what the months of
that budget came to by this measure, as a normal distribution: by itself it tells nobody whether it is exceeded. Budgets whose
months hardly differ by it are left out. Beside it the
chance that a straight line says: what is spent so far, as often as the month is long, give or take what that missed by in the
months before. Figures, never a verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import norm

from pipeline import plugs
from pipeline.sources import synthetic_bill
from pipeline.sources._bill_estate import ACCOUNTS
from pipeline.spend.outlook import in_meaning
from pipeline.spend.standing import follow_period
from pipeline.steps.forecast_cost import MODELS
from tools.bench_cost_anomalies import lines_of

START, DAYS, SERVERS = date(2024, 1, 1), 425, 20
SEEDS, SEEN_ON, FIRST_MONTH = range(300, 320), (5, 10, 20), 7
#: Limits of one budget and day, services that are budgets, and fifths.
LIMITS, LARGEST, FIFTHS = 4, 3, 5
LOW, HIGH = 0.1, 0.9
#: Budgets whose months differ by less than such a share from what was due are left out: nothing about them is in doubt.
LEAST = 0.005
#: Limits for which chances are kept, as ratios of what was due.
RATIOS = np.linspace(0.01, 1.5, 14901)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """One budget's month on one day.

    Attributes:
        estate, scope: whose budget.
        day: of the month.
        total: what it came to.
        due: what it should come to at list prices, by the generator.
        ahead: the chance that it comes to more, one for each of `RATIOS` times `due`.
        line: likewise, by the straight line.
    """

    estate: int
    scope: int
    day: int
    total: float
    due: float
    ahead: Floats
    line: Floats


def see(seed: int) -> list[Seen]:
    """All budgets of an estate, on all days."""
    estate = synthetic_bill.draw_estate(synthetic_bill.Options(servers=SERVERS, start=START, days=DAYS, seed=seed))
    daily = lines_of(estate.bill, START, DAYS).groupby(["ts", "account", "service"])["cost"].sum().reset_index()
    nodes = [(ACCOUNTS[each.environment][0], each.kind.service) for each in estate.streams]
    dollars = estate.expected * np.array([each.kind.price for each in estate.streams])
    due = pd.DataFrame(dollars, index=pd.date_range(START, periods=DAYS), columns=pd.MultiIndex.from_tuples(nodes))
    models = {name: plugs.load("forecasters", name).forecast for name in MODELS}
    months = pd.period_range(START, START + timedelta(days=DAYS - 31), freq="M")[FIRST_MONTH:]
    found = []
    for scope, (charges, expected) in enumerate(_scopes(daily, due)):
        for month in months:
            first, after = (np.datetime64(each.start_time, "D") for each in (month, month + 1))
            total = float(charges["cost"][(charges["ts"] >= first) & (charges["ts"] < after)].sum())
            should = float(expected[month.start_time : month.end_time].sum())
            for day in SEEN_ON:
                as_of = month.start_time.to_pydatetime() + timedelta(days=day)
                known = in_meaning(_as_charges(charges[charges["ts"] < as_of], as_of), "effective")
                course = follow_period(known, first, after, np.datetime64(as_of, "D"), models)
                ends = np.sort(course.running()[-1])
                beyond = len(ends) - np.searchsorted(ends, RATIOS * should, side="right")
                ahead = (beyond + 0.5) / (len(ends) + 1)
                found.append(Seen(seed, scope, day, total, should, ahead, _straight(charges, as_of, day, should)))
    return found


def _scopes(daily: pd.DataFrame, due: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.Series]]:
    """The charges of each budget and what they should be by day."""
    yield daily, due.sum(axis=1)
    named = {
        "account": sorted(daily["account"].unique()),
        "service": sorted(daily.groupby("service")["cost"].sum().nlargest(LARGEST).index),
    }
    for level, (column, names) in enumerate(named.items()):
        for name in names:
            yield daily[daily[column] == name], due.loc[:, due.columns.get_level_values(level) == name].sum(axis=1)


def _as_charges(daily: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    cost = pd.Series([Decimal(str(round(value, 6))) for value in daily["cost"]], index=daily.index, dtype="object")
    through = as_of - timedelta(days=1)
    return daily.assign(provider="AWS", currency="USD", category="usage", item="", effective=cost, complete_through=through)


def _straight(charges: pd.DataFrame, as_of: datetime, day: int, should: float) -> Floats:
    """Chances by a straight line, with the spread of what it missed by in the months before."""
    by_day = charges.groupby("ts")["cost"].sum()
    month = pd.Timestamp(as_of - timedelta(days=day)).to_period("M")
    misses = []
    for back in range(1, 7):
        past = by_day[(month - back).start_time : (month - back).end_time]
        said = float(past.iloc[:day].sum()) / day * (month - back).days_in_month
        misses.append(float(past.sum()) / said if said > 0 else 1.0)
    said = float(by_day[month.start_time : pd.Timestamp(as_of) - timedelta(days=1)].sum()) / day * month.days_in_month
    middle, spread = said * float(np.mean(misses)), max(said * float(np.std(misses, ddof=1)), 1e-9)
    return np.asarray(norm.sf(RATIOS * should, middle, spread))


def judge(seen: list[Seen]) -> pd.DataFrame:
    """One row per budget, day and limit: the chances that were said, and whether it was exceeded."""
    random = np.random.default_rng(0)
    found = pd.DataFrame([{"estate": each.estate, "scope": each.scope, "ratio": each.total / each.due} for each in seen])
    middle, spread = (found.groupby(["estate", "scope"])["ratio"].transform(name).to_numpy()[:, None] for name in ("mean", "std"))
    limits = middle + spread * norm.ppf(random.uniform(LOW, HIGH, (len(seen), LIMITS)))
    rows = []
    varies = np.flatnonzero(spread > LEAST * middle)
    for each, own in ((seen[place], limits[place]) for place in varies):
        for place in np.abs(RATIOS[None, :] - own[:, None]).argmin(axis=1):
            said = {"ours": each.ahead[place], "line": each.line[place]}
            rows.append({"estate": each.estate, "day": each.day, "exceeded": each.total > RATIOS[place] * each.due, **said})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estates", type=int, default=len(SEEDS))
    seeds = SEEDS[: parser.parse_args().estates]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        seen = [each for part in track(pool.map(see, seeds), "estates", total=len(seeds)) for each in part]
    table = judge(seen)
    console = Console(width=120)
    console.print(_fifths(table))
    console.print(_scores(table))


def _fifths(table: pd.DataFrame) -> Table:
    shown = Table(*("chance said", "limits", "mean of it", "exceeded", "apart, points"), title=f"{len(table)} limits")
    fifth = np.minimum((table["ours"] * FIFTHS).astype(int), FIFTHS - 1)
    for number in range(FIFTHS):
        part = table[fifth == number]
        said, was = part["ours"].mean(), part["exceeded"].mean()
        bounds = f"{number / FIFTHS:.0%}–{(number + 1) / FIFTHS:.0%}"
        shown.add_row(bounds, str(len(part)), f"{said:.1%}", f"{was:.1%}", f"{100 * (was - said):+.1f}")
    return shown


def _scores(table: pd.DataFrame) -> Table:
    shown = Table(*("seen on day", "limits", "exceeded", "Brier", "base rate's", "below it", "straight line's"))
    for day, part in [*table.groupby("day"), ("all", table)]:
        ours, line = (float(((part[name] - part["exceeded"]) ** 2).mean()) for name in ("ours", "line"))
        rate = float(part["exceeded"].mean())
        base = rate * (1 - rate)
        scores = (f"{ours:.3f}", f"{base:.3f}", f"{1 - ours / base:.0%}", f"{line:.3f}")
        shown.add_row(str(day), str(len(part)), f"{rate:.1%}", *scores)
    return shown


if __name__ == "__main__":
    main()
