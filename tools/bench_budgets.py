"""`make bench-budgets`: whether the chance that a budget is exceeded is what happens, on the bills of made-up estates.

python -m tools.bench_budgets [--estates 20]. Of each estate all its cost, each account and the three largest services are
budgets; each month from the eighth is seen on its 5th, 10th and 20th day, with the days before in the bill. A limit is what the
three months before cost by the day, over the days of the month, times a ratio drawn between the 10 % and the 90 % quantile of
what the earlier months of that budget came to by this measure, as a normal distribution. Whoever sets it knows no more than the
bills of the months before: a limit that knew what is to come, such as the month itself or the generator's own figures, would be
exceeded half the time whatever a forecast could say, and an honest chance would look too sure. Budgets whose months hardly differ
by it are left out. One forecast of all cost, as `gold.cost_forecast` has it, is summed for each budget; the step draws it for
each scope alone, which is the same for the budget of all cost and takes seven times as long. Beside it the chance that a straight
line says: what is spent so far, as often as the month is long, give or take what that missed by in the months before. Figures,
never a verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import norm

from pipeline import plugs
from pipeline.sources import synthetic_bill
from pipeline.spend import usage
from pipeline.spend.outlook import in_meaning, is_known, split_by_end
from pipeline.spend.services import Group, foresee_each
from pipeline.spend.tree import Node, Period
from pipeline.steps.forecast_cost import MODELS
from pipeline.tables.columns import MONTH, USAGE
from tools.bench_cost_anomalies import lines_of

START, DAYS, SERVERS = date(2024, 1, 1), 425, 20
SEEDS, SEEN_ON, FIRST_MONTH = range(300, 320), (5, 10, 20), 7
#: Limits of one budget and day, services that are budgets, and fifths.
LIMITS, LARGEST, FIFTHS = 4, 3, 5
LOW, HIGH = 0.1, 0.9
#: Budgets whose months differ by less than such a share from what was due are left out: nothing about them is in doubt.
LEAST = 0.005
#: Months before a limit whose cost by the day it starts from, and the fewest ratios that say how months differ from that.
BEFORE, FEWEST = 3, 4
Floats = npt.NDArray[np.float64]


def see(seed: int) -> list[dict[str, Any]]:
    """Of each budget of an estate, month, day and limit: the chances that were said, and whether it was exceeded."""
    random = np.random.default_rng(seed)
    estate = synthetic_bill.draw_estate(synthetic_bill.Options(servers=SERVERS, start=START, days=DAYS, seed=seed))
    daily = lines_of(estate.bill, START, DAYS).groupby(["ts", "account", "service"])["cost"].sum().reset_index()
    models = {name: plugs.load("forecasters", name).forecast for name in MODELS}
    months = pd.period_range(START, START + timedelta(days=DAYS - 31), freq="M")
    scopes = list(_scopes(daily))
    totals = [_by_month(charges, months) for _, charges in scopes]
    found = []
    for number in range(FIRST_MONTH, len(months)):
        days = months[: number + 1].days_in_month.to_numpy(dtype=float)
        limits = [draw_limits(each[: number + 1], days, random) for each in totals]
        for day in SEEN_ON:
            as_of = months[number].start_time.to_pydatetime() + timedelta(days=day)
            ends = foresee_month(daily[daily["ts"] < as_of], as_of, months[number], models)
            for (name, charges), own, total in zip(scopes, limits, totals, strict=True):
                if len(own):
                    said = _share(np.sum([each for node, each in ends.items() if name in ("", *node)], axis=0), own)
                    line = _straight(charges, as_of, day, own)
                    of = {"estate": seed, "day": day}
                    answers = zip(said, line, total[number] > own, strict=True)
                    found += [{**of, "ours": ours, "line": by, "exceeded": was} for ours, by, was in answers]
    return found


def draw_limits(totals: Floats, days: Floats, random: np.random.Generator) -> Floats:
    """Limits of the last month by those before it; none where these hardly differ, or are too few.

    Args:
        totals, days: (M,) what each month came to and how many days it has. Of the last month's total nothing is read.
        random: of the ratios.
    """
    rate = totals[:-1] / days[:-1]
    level = np.array([rate[number - BEFORE : number].mean() for number in range(BEFORE, len(totals))])
    due = level * days[BEFORE:]
    ratios = totals[BEFORE:-1][due[:-1] > 0] / due[:-1][due[:-1] > 0]
    if len(ratios) < FEWEST or due[-1] <= 0:
        return np.empty(0)
    middle, spread = float(ratios.mean()), float(ratios.std(ddof=1))
    drawn = norm.ppf(random.uniform(LOW, HIGH, LIMITS))
    return np.asarray(due[-1] * (middle + spread * drawn)) if spread > LEAST * middle else np.empty(0)


def foresee_month(
    daily: pd.DataFrame, as_of: datetime, month: pd.Period, models: Mapping[str, usage.Forecast]
) -> dict[Node, Floats]:
    """(PATHS,) what each service of an account comes to at a month's end, by one forecast of all that is known on a day of it."""
    first, after = (np.datetime64(each.start_time, "D") for each in (month, month + 1))
    known = in_meaning(_as_charges(daily, as_of), "effective")
    ends: dict[Node, Floats] = {}
    for whole, part in split_by_end(known, np.datetime64(as_of, "D")).items():
        group = Group.of(part, part.head(0), whole, [Period(MONTH, max(whole + 1, first), after)], 0)
        for service in foresee_each(group, models):
            use, parts = service.kinds[USAGE], service.parts
            charged = use[use["day"] >= first]
            ahead = sum((each.paths[0] for each in parts.values()), np.zeros(usage.PATHS))
            billed = charged["value"][is_known(charged, bool(parts), whole)].sum()
            ends[service.node] = np.maximum(billed + ahead, charged["value"].sum())
    return ends


def _share(ends: Floats, limits: Floats) -> Floats:
    """Chances as `standing.judge` says them."""
    return np.asarray(((ends[None, :] > limits[:, None]).sum(axis=1) + 0.5) / (len(ends) + 1))


def _scopes(daily: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The account or service of each budget, empty of all cost, and its charges."""
    yield "", daily
    largest = daily.groupby("service")["cost"].sum().nlargest(LARGEST).index
    for column, names in (("account", daily["account"].unique()), ("service", largest)):
        for name in sorted(names):
            yield name, daily[daily[column] == name]


def _by_month(charges: pd.DataFrame, months: pd.PeriodIndex) -> Floats:
    summed = charges.groupby(charges["ts"].dt.to_period("M"))["cost"].sum()
    return summed.reindex(months, fill_value=0.0).to_numpy(dtype=np.float64)


def _as_charges(daily: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    cost = pd.Series([Decimal(str(round(value, 6))) for value in daily["cost"]], index=daily.index, dtype="object")
    through = as_of - timedelta(days=1)
    return daily.assign(provider="AWS", currency="USD", category="usage", item="", effective=cost, complete_through=through)


def _straight(charges: pd.DataFrame, as_of: datetime, day: int, limits: Floats) -> Floats:
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
    return np.asarray(norm.sf(limits, middle, spread))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estates", type=int, default=len(SEEDS))
    seeds = SEEDS[: parser.parse_args().estates]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        table = pd.DataFrame([row for part in track(pool.map(see, seeds), "estates", total=len(seeds)) for row in part])
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
