"""What a resource would have cost on the days after a change without it, told from the days before the change.

    would have cost = usage × price of a unit as it was before × movement of that price × what is paid of it

Demand and price stand apart. Where the change leaves the unit (hours of another type, gigabytes of another volume) usage is what
was used on the day, so that growth is no loss and decline no saving. Where it ends or limits the usage, that is drawn from the
days before. The price of the former unit moves as the bill says of that day, whoever it is charged to: a price change is no
saving. What is paid of the list price is as before while the commitments that covered the resource are there, else as on the day.
No day after the one that is told changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.billed import split_usage_type
from pipeline.tables.columns import EXPECTED, OBSERVED, UNNAMED

Floats = npt.NDArray[np.float64]
#: Days before a change that are looked at, the fewest that tell anything, those that say what it cost a day, and what was
#: paid of its price.
HISTORY_DAYS, LEAST_DAYS, RECENT_DAYS, PRICED_DAYS = 56, 14, 28, 14
#: Sample paths of what would have been used.
PATHS = 400
#: The level of use is that of so many days; days about it are beside the level of more, and drawn in blocks.
LEVEL_DAYS, AROUND_DAYS, BLOCK = 14, 42, 14
#: A day is like the one before it at least so much (their correlation), and at most.
LEAST_LAG, MOST_LAG = 0.4, 0.8
#: What is thought of the movement of the level in a day before anything is known of it, in spreads of a day about its level, and
#: as how many observed changes that counts.
MOVEMENT_BEFORE, COUNTS_AS = 0.25, 2.0
_HOURS = ("hrs", "hours", "hour")
_DAY = np.timedelta64(1, "D")


def day_of(moment: Any) -> np.datetime64:
    """The day of a moment, as arrays have it."""
    return np.datetime64(pd.Timestamp(moment).to_pydatetime().date(), "D")


@dataclass(frozen=True)
class Prices:
    """What a unit of usage costs at list price, by usage type: the days from which it was seen so, in order, and the price."""

    seen: Mapping[str, tuple[npt.NDArray[np.datetime64], Floats]]

    def listed(self, usage_type: str, days: npt.NDArray[np.datetime64], prices: Floats) -> Prices:
        """The same with a price list of the item that a usage type is of: how the price moved after the bill last had it.

        Args:
            days: from which each price holds, in order.
        """
        seen, known = self.seen.get(usage_type, (np.empty(0, "datetime64[D]"), np.empty(0)))
        place = int(np.searchsorted(days, seen[-1], side="right")) if len(seen) else 0
        if len(seen) and not (0 < place < len(days)):
            return self
        moved = prices[place:] * (known[-1] / prices[place - 1]) if len(seen) else prices
        return Prices({**self.seen, usage_type: (np.concatenate([seen, days[place:]]), np.concatenate([known, moved]))})

    def movement(self, usage_type: str, since: np.datetime64, day: np.datetime64) -> float:
        """The price known on a day, as a multiple of that known on an earlier one; 1 where nobody knows."""
        days, prices = self.seen.get(usage_type, (np.empty(0, "datetime64[D]"), np.empty(0)))
        then, now = (int(np.searchsorted(days, at, side="right")) - 1 for at in (since, day))
        return float(prices[now] / prices[then]) if then >= 0 and prices[then] > 0 else 1.0


@dataclass(frozen=True)
class Counterfactual:
    """What was paid on some days, and what would have been, each (n,); in the currency of the bill.

    Attributes:
        days: that are told.
        actual: paid for what the change is about.
        expected: would have been paid, on average over the paths.
        paths: (PATHS, n) would have been paid.
        at_old_prices: the same as `expected`, at the prices of before.
        before: paid a day before the change.
        basis: how usage is known, of `DEMAND_BASES`.
    """

    days: npt.NDArray[np.datetime64]
    actual: Floats
    expected: Floats
    paths: Floats
    at_old_prices: Floats
    before: float
    basis: str


@dataclass(frozen=True)
class Past:
    """The days before a change.

    Attributes:
        first, last: the first of them and the last.
        rows: charges of these days.
        units: by usage type the unit, its list price, and what was paid of that: unit, list_price, paid, and list_cost a day.
        commitments: those that covered the resource in the last days.
    """

    first: np.datetime64
    last: np.datetime64
    rows: pd.DataFrame
    units: pd.DataFrame
    commitments: frozenset[str]

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        return np.arange(self.first, self.last + _DAY)


def look_back(charges: pd.DataFrame, since: np.datetime64 | None, before: np.datetime64) -> Past | None:
    """The days before a change; None where they are too few, or nothing was charged in the last of them.

    Args:
        charges: of one resource, one row per day, usage type and commitment: ts (datetime64), usage_type, unit, quantity,
            list_cost, cost, commitment_id.
        since: first day of what it was before, if that is known.
        before: the day that may be of both.
    """
    last = before - _DAY
    first = max(last - (HISTORY_DAYS - 1) * _DAY, since if since is not None else last - (HISTORY_DAYS - 1) * _DAY)
    ts = charges["ts"].to_numpy("datetime64[D]")
    rows = charges[(ts >= first) & (ts <= last)]
    if rows.empty:
        return None
    first = max(first, rows["ts"].to_numpy("datetime64[D]").min())
    recent = rows[rows["ts"].to_numpy("datetime64[D]") > last - PRICED_DAYS * _DAY]
    if (last - first) // _DAY + 1 < LEAST_DAYS or recent.empty or recent["list_cost"].sum() <= 0:
        return None
    sums = rows.groupby("usage_type").agg({"unit": "last", "quantity": "sum", "list_cost": "sum", "cost": "sum"})
    lately = recent.groupby("usage_type")[["quantity", "list_cost", "cost"]].sum()
    sums.update(lately[lately["list_cost"] > 0])
    units = sums[sums["list_cost"] > 0]
    units = units.assign(
        list_price=units["list_cost"] / units["quantity"].where(units["quantity"] > 0, units["list_cost"]),
        paid=units["cost"] / units["list_cost"],
    )
    covered = recent.loc[(recent["commitment_id"] != UNNAMED) & (recent["list_cost"] > 0), "commitment_id"]
    return Past(first, last, rows, units, frozenset(covered.astype(str)))


@dataclass(frozen=True)
class Since:
    """What is known of the days after a change.

    Attributes:
        charges: of the resource on these days, as in `look_back`.
        days: that are told, in order, all after the last of the past.
        prices: list prices by usage type.
        present: by day the commitments that the bill has.
    """

    charges: pd.DataFrame
    days: npt.NDArray[np.datetime64]
    prices: Prices
    present: Mapping[np.datetime64, frozenset[str]]


def expect(past: Past, since: Since, basis: str, seed: int, *, hours_only: bool = False) -> Counterfactual:
    """What would have been paid on some days after a change.

    Args:
        past: the days before it.
        since: the days after it.
        basis: `OBSERVED` where the change leaves the unit of what is used, else `EXPECTED`.
        seed: of the draws; the same has the same paths.
        hours_only: the change is about hours of running alone, where the resource has such.
    """
    return _by_observed_use(past, since, seed) if basis == OBSERVED else _by_expected_use(past, since, seed, hours_only)


def _by_observed_use(past: Past, since: Since, seed: int) -> Counterfactual:
    """What was used on each day under a usage type that is new, at the price of the type that it replaces."""
    days = since.days
    actual, expected, old = np.zeros(len(days)), np.zeros(len(days)), np.zeros(len(days))
    about = np.ones((PATHS, len(days)))
    replaced: dict[str, Floats] = {}
    by_day = {day_of(day): rows for day, rows in since.charges.groupby("ts")}
    for place, day in enumerate(days):
        rows = by_day.get(day)
        if rows is None:
            continue
        is_new = ~rows["usage_type"].isin(past.units.index)
        new, kept = rows[is_new], rows.loc[~is_new, "usage_type"]
        actual[place] = new["cost"].sum()
        for unit, same in new.groupby("unit"):
            left = past.units[(past.units["unit"] == unit) & ~past.units.index.isin(kept)]
            if left.empty or same["list_cost"].sum() <= 0:
                continue
            former = str(left["list_cost"].idxmax())
            former_unit = left.loc[former]
            same = _successors(former, same)
            listed = float(same["quantity"].sum()) * float(former_unit["list_price"])
            as_before = _is_covered(past, since.present.get(day, frozenset()))
            paid = float(former_unit["paid"] if as_before else same["cost"].sum() / same["list_cost"].sum())
            old[place] += listed * float(former_unit["paid"])
            expected[place] += listed * since.prices.movement(former, past.last, day) * paid
            if former not in replaced:
                replaced[former] = _draw_paid(past, former, len(days), seed)
            if as_before:
                about[:, place] = replaced[former][:, place]
    return Counterfactual(days, actual, expected, expected * about, old, _daily(past, list(replaced)), OBSERVED)


def _successors(former: str, new: pd.DataFrame) -> pd.DataFrame:
    """Of new charges in a unit those that count what a former usage type counted: of its kind, else the dearest."""
    is_alike = new["usage_type"].map(lambda each: split_usage_type(each)[0]) == split_usage_type(former)[0]
    dearest = new["usage_type"] == new.groupby("usage_type")["list_cost"].sum().idxmax()
    alike: pd.DataFrame = new[is_alike if is_alike.any() else dearest]
    return alike


def _by_expected_use(past: Past, since: Since, seed: int, hours_only: bool) -> Counterfactual:
    """What was to be expected of the usage types of before, against all that is charged for them or for new ones."""
    days, after, prices = since.days, since.charges, since.prices
    by_hour = past.units["unit"].str.lower().isin(_HOURS)
    units = past.units[by_hour] if hours_only and by_hour.any() else past.units
    names = [str(each) for each in units.index]
    ahead = int((days[-1] - past.last) // _DAY)
    usual = draw_paths(_at_last_prices(past, names, prices), ahead, seed)[:, ((days - past.last) // _DAY).astype(np.int64) - 1]
    weight = (units["list_cost"] / units["list_cost"].sum()).to_dict()
    moved = np.array([sum(share * prices.movement(each, past.last, day) for each, share in weight.items()) for day in days])
    paid = np.array([_paid_without(past, units, since.present.get(day, frozenset())) for day in days])
    mine = after[after["usage_type"].isin(names) | ~after["usage_type"].isin(past.units.index)]
    actual = mine.groupby(mine["ts"].to_numpy("datetime64[D]"))["cost"].sum().reindex(pd.DatetimeIndex(days), fill_value=0.0)
    paths = usual * moved * paid
    told = actual.to_numpy(dtype=np.float64)
    return Counterfactual(days, told, paths.mean(axis=0), paths, usual.mean(axis=0), _daily(past, names), EXPECTED)


def draw_paths(history: Floats, steps: int, seed: int) -> Floats:
    """(PATHS, steps) ways in which use may have gone on: a level that wanders from its last one, weekdays, days about it.

    The level is the mean of the last `LEVEL_DAYS`, as sure as that many days make it. Its logarithm moves as a random walk
    without a trend, by as much as levels so far apart have moved. A weekday is as it was beside its week. Days about it are
    drawn in blocks. Of what was always the same all paths are that.

    Args:
        history: (days,) used on each day, oldest first, 0 or more; `LEAST_DAYS` and more.
        steps: days ahead.
        seed: of the draws.
    """
    blocks, walks, levels = (np.random.default_rng([seed, part]) for part in range(3))
    weekday = _weekdays(history)
    shape = np.resize(weekday, len(history) + steps)
    level = float(history[-LEVEL_DAYS:].mean())
    around = _levels(history, shape[: len(history)], AROUND_DAYS)
    usual = shape[: len(history)] * around
    about = np.divide(history, usual, out=np.ones_like(history), where=usual > 1e-12)
    about = about / about.mean() if about.mean() > 0 else np.ones_like(about)
    spread = float(np.std(about))
    lag = float(np.corrcoef(about[:-1], about[1:])[0, 1]) if spread > 1e-9 else 0.0
    lag = min(max(lag, LEAST_LAG), MOST_LAG)
    sure = spread**2 * (1 + lag) / (1 - lag) / LEVEL_DAYS
    move = _movement(_levels(history, shape[: len(history)], LEVEL_DAYS), spread, sure)
    walk = np.cumsum(walks.standard_normal((steps, PATHS)), axis=0).T * np.sqrt(move)
    walk = walk + levels.standard_normal((PATHS, 1)) * np.sqrt(sure)
    centred = walk - (sure + move * np.arange(1, steps + 1)) / 2
    paths: Floats = level * shape[len(history) :] * np.exp(centred) * _draw_blocks(about, steps, blocks)
    return paths


def _draw_blocks(of: Floats, steps: int, random: np.random.Generator) -> Floats:
    """(PATHS, steps) days drawn in blocks; more steps change none of the first."""
    starts = random.integers(len(of) - BLOCK + 1, size=(-(-steps // BLOCK), PATHS)).T
    drawn: Floats = of[(starts[:, :, None] + np.arange(BLOCK)).reshape(PATHS, -1)[:, :steps]]
    return drawn


def _weekdays(history: Floats) -> Floats:
    """(7,) what each day of the week is beside its week, beginning with that of the first day of the history."""
    weeks = history[len(history) % 7 :].reshape(-1, 7)
    means = weeks.mean(axis=1)
    known = means > 0
    if not known.any():
        return np.ones(7)
    beside: Floats = np.roll((weeks[known] / means[known, None]).mean(axis=0), len(history) % 7)
    return beside


def _levels(history: Floats, shape: Floats, days: int) -> Floats:
    """The level of so many days around each day, without its weekday's part."""
    flat = np.divide(history, shape, out=np.full_like(history, np.nan), where=shape > 1e-9)
    around = pd.Series(flat).rolling(days, center=True, min_periods=1).mean().bfill().ffill()
    return np.asarray(around.fillna(0.0), dtype=np.float64)


def _movement(levels: Floats, spread: float, sure: float) -> float:
    """Variance of the movement of the level's logarithm in a day."""
    prior = (MOVEMENT_BEFORE * spread) ** 2 * LEVEL_DAYS
    before, after = levels[:-LEVEL_DAYS], levels[LEVEL_DAYS:]
    known = (before > 0) & (after > 0)
    if not known.any():
        return prior / LEVEL_DAYS
    count = len(levels) / LEVEL_DAYS - 1
    seen = max(float(np.mean(np.log(after[known] / before[known]) ** 2)) - 2 * sure, 0.0)
    return (seen * count + prior * COUNTS_AS) / (count + COUNTS_AS) / LEVEL_DAYS


def _at_last_prices(past: Past, names: list[str], prices: Prices) -> Floats:
    """What was paid for some usage types on each day of the past, at the list prices of its last."""
    rows = past.rows[past.rows["usage_type"].isin(names)]
    days = rows["ts"].to_numpy("datetime64[D]")
    moved = [prices.movement(str(name), day, past.last) for name, day in zip(rows["usage_type"], days, strict=True)]
    paid = pd.Series(rows["cost"].to_numpy(dtype=np.float64) * moved, index=days).groupby(level=0).sum()
    return np.asarray(paid.reindex(pd.DatetimeIndex(past.days), fill_value=0.0), dtype=np.float64)


def _daily(past: Past, names: list[str]) -> float:
    """What some usage types cost a day in the last four weeks of the past."""
    rows = past.rows[past.rows["usage_type"].isin(names)]
    recent = past.days[-RECENT_DAYS:]
    return float(rows.loc[rows["ts"].to_numpy("datetime64[D]") >= recent[0], "cost"].sum() / len(recent))


def _is_covered(past: Past, present: frozenset[str]) -> bool:
    """Whether commitments covered the resource, and all that did are there."""
    return bool(past.commitments) and past.commitments <= present


def _draw_paid(past: Past, former: str, steps: int, seed: int) -> Floats:
    """(PATHS, steps) what may be paid of the list price, beside what is paid of it on average, as on days of the past."""
    rows = past.rows[past.rows["usage_type"] == former]
    sums = rows.groupby(rows["ts"].to_numpy("datetime64[D]"))[["cost", "list_cost"]].sum()
    sums = sums[sums["list_cost"] > 0].iloc[-RECENT_DAYS:]
    paid = (sums["cost"] / sums["list_cost"]).to_numpy(dtype=np.float64)
    if len(paid) < BLOCK or paid.mean() <= 0:
        return np.ones((PATHS, steps))
    return _draw_blocks(paid / paid.mean(), steps, np.random.default_rng([seed, 3]))


def _paid_without(past: Past, units: pd.DataFrame, present: frozenset[str]) -> float:
    """What is paid of what was paid before: as much while commitments are there, on demand when they are gone."""
    if not past.commitments or past.commitments <= present:
        return 1.0
    rows = past.rows[past.rows["usage_type"].isin(units.index)]
    open_rows = rows[(rows["commitment_id"] == UNNAMED) & (rows["list_cost"] > 0)]
    on_demand = open_rows["cost"].sum() / open_rows["list_cost"].sum() if len(open_rows) else 1.0
    listed = units["list_cost"].sum()
    return float(on_demand * listed / units["cost"].sum()) if units["cost"].sum() > 0 else 1.0
