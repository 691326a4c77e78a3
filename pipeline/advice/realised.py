"""What a recommendation that was followed really saved, and whether that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.billed import split_usage_type
from pipeline.advice.counterfactual import Counterfactual, Past, Prices, Since, day_of, expect, look_back
from pipeline.advice.followed import Change
from pipeline.tables.columns import EXPECTED, IMPLEMENTED, OBSERVED, REGRESSED, VERIFIED

#: For how many days after a change its saving is followed: farther ahead nobody knows what would have been used.
FOLLOWED_DAYS = 92
#: Days that must be measured before a saving is verified, and before a change is said to cost more.
VERIFIED_AFTER, DEARER_AFTER = 14, 7
#: The interval of what was saved.
LOW, HIGH = 0.1, 0.9
#: Of what it saves on average, this share at least must be saved in so many last days.
STILL, STILL_DAYS = 0.5, 3
#: Share of hours, beyond that of before, in which a resource may be saturated; and the fewest hours that tell.
MOST_SATURATED, LEAST_HOURS = 0.01, 7 * 24
#: Groups of changes that end use, or limit its hours.
_OF_HOURS = ("end", "schedule")
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Seen:
    """What is known of a resource around a change.

    Attributes:
        charges: as `counterfactual.look_back` wants them, of all its days.
        through: last day that is known completely.
        hours: by day: hours that were observed, and in which CPU or memory was saturated: ts, hours, saturated_hours.
        prices: list prices by usage type.
        present: by day the commitments that the bill has.
        unknown: days of which the charges say nothing.
    """

    charges: pd.DataFrame
    through: np.datetime64
    hours: pd.DataFrame
    prices: Prices
    present: dict[np.datetime64, frozenset[str]]
    unknown: frozenset[np.datetime64] = frozenset()


@dataclass(frozen=True)
class Realised:
    """What became of a change.

    Attributes:
        status: one of `VERDICTS`.
        reason: why.
        told: what was paid and would have been, by day; None where nothing is known of either.
    """

    status: str
    reason: str
    told: Counterfactual | None


def realise(change: Change, seen: Seen) -> Realised:
    """What a change saved as far as is known, and the verdict.

    The days begin after the first that shows the change, and end before it ends, or with the 92nd.

    A change is *regressed* where it was taken back; where after 7 days and more the interval of what it saved lies below zero; or
    where CPU or memory is saturated in more than 1 % of the hours beyond what it was before. It is *verified* where after 14 days
    and more that interval lies above zero and the last three days save at least half as much of what they would have cost, or,
    where it was not to save anything, the saturated hours became fewer by 1 % of all; else it is not known.
    """
    told = measure(change, seen)
    breach = _breach(change, seen.hours)
    if change.undone and change.ends is not None:
        return Realised(REGRESSED, f"Taken back on {change.ends:%Y-%m-%d}: it is {change.former} again.", told)
    if breach:
        return Realised(REGRESSED, breach, told)
    if told is None or not len(told.days):
        return Realised(IMPLEMENTED, "Nothing is known yet of what it costs since.", told)
    low, high, days = *interval(told), len(told.days)
    amount = float((told.expected - told.actual).sum())
    figures = f"{amount:,.2f} in {days} days (80 %: {low:,.2f} to {high:,.2f})"
    promised = change.said["savings_monthly_usd"]
    if days >= DEARER_AFTER and high < 0 and not _costs_more_by_design(promised):
        return Realised(REGRESSED, f"It costs more than before it: saved {figures}.", told)
    if days < VERIFIED_AFTER:
        return Realised(IMPLEMENTED, f"Saved {figures}; {VERIFIED_AFTER} days are needed.", told)
    if (low > 0 and _still_saves(told)) or (_costs_more_by_design(promised) and _is_relieved(change, seen.hours)):
        return Realised(VERIFIED, f"Saved {figures}.", told)
    if _costs_more_by_design(promised):
        return Realised(IMPLEMENTED, f"Saved {figures}; that it is saturated in fewer hours is not seen.", told)
    why = "which may as well be nothing" if low <= 0 else f"and less than half of that share in the last {STILL_DAYS} days"
    return Realised(IMPLEMENTED, f"Saved {figures}, {why}.", told)


def measure(change: Change, seen: Seen) -> Counterfactual | None:
    """What was paid since a change, and would have been; None where the days before say too little."""
    before, first = (day_of(day) for day in (change.before, change.first))
    group = change.said["exclusive_group"]
    since = None if change.since is None else day_of(change.since)
    past = look_back(seen.charges, since, before)
    if past is None:
        return None
    basis = EXPECTED if group in _OF_HOURS or _keeps_its_usage_types(change, past) else OBSERVED
    lost = [day for day in seen.unknown if past.first <= day <= past.last]
    if lost and basis == EXPECTED:
        # What was used on such a day is not nothing: what is to be expected is drawn from the days behind it.
        past = look_back(seen.charges, max(lost) + _DAY, before)
        if past is None:
            return None
    last = min(seen.through, first + FOLLOWED_DAYS * _DAY)
    if change.ends is not None:
        # The day before the last that shows it may be of both already.
        last = min(last, day_of(change.ends) - 2 * _DAY)
    days = np.array([day for day in np.arange(first + _DAY, last + _DAY) if day not in seen.unknown], "datetime64[D]")
    ts = seen.charges["ts"].to_numpy("datetime64[D]")
    if basis == EXPECTED and group not in _OF_HOURS:
        # What is charged nothing at all has ended, and that is not what was changed.
        days = days[np.isin(days, ts)]
    if not len(days):
        return None
    after = seen.charges[np.isin(ts, days)]
    seed = int(change.recommendation_id, 16) % 2**32
    return expect(past, Since(after, days, seen.prices, seen.present), basis, seed, hours_only=group == "schedule")


def interval(told: Counterfactual, days: slice = slice(None)) -> tuple[float, float]:
    """Between which amounts the saving of some days in sum lies with a chance of 80 %."""
    would = told.paths[:, days].sum(axis=1)
    paid = float(told.actual[days].sum())
    low, high = np.quantile(would, [LOW, HIGH])
    return float(low) - paid, float(high) - paid


def by_day(told: Counterfactual) -> pd.DataFrame:
    """One row per day: ts, actual_cost, expected_cost, saved_cost, saved_low, saved_high, and the same of all days to it in sum:
    cumulated_cost, cumulated_low, cumulated_high."""
    saved = told.expected - told.actual
    sums, paid = np.cumsum(told.paths, axis=1), np.cumsum(told.actual)
    each = [np.quantile(told.paths, level, axis=0) - told.actual for level in (LOW, HIGH)]
    summed = [np.quantile(sums, level, axis=0) - paid for level in (LOW, HIGH)]
    columns: dict[str, npt.NDArray[Any]] = {
        "ts": told.days.astype("datetime64[us]"),
        "actual_cost": told.actual,
        "expected_cost": told.expected,
        "saved_cost": saved,
        "saved_low": each[0],
        "saved_high": each[1],
        "cumulated_cost": np.cumsum(saved),
        "cumulated_low": summed[0],
        "cumulated_high": summed[1],
    }
    return pd.DataFrame(columns)


def in_sum(told: Counterfactual) -> dict[str, float]:
    """What all days come to: cost before + demand + price − saved = actual cost, to the rounding of doubles."""
    before = told.before * len(told.days)
    low, high = interval(told)
    return {
        "before_cost": before,
        "demand_cost": float(told.at_old_prices.sum()) - before,
        "price_cost": float((told.expected - told.at_old_prices).sum()),
        "expected_cost": float(told.expected.sum()),
        "actual_cost": float(told.actual.sum()),
        "saved_cost": float((told.expected - told.actual).sum()),
        "saved_low": low,
        "saved_high": high,
    }


def known_until(as_of: pd.Timestamp) -> np.datetime64:
    """The last day of which a bill may have all: bills lack the newest two."""
    return day_of(as_of - timedelta(days=3))


def _still_saves(told: Counterfactual) -> bool:
    would, saved = told.expected, told.expected - told.actual
    if would[-STILL_DAYS:].sum() <= 0:
        return True
    return bool(saved[-STILL_DAYS:].sum() / would[-STILL_DAYS:].sum() >= STILL * saved.sum() / would.sum())


def _keeps_its_usage_types(change: Change, past: Past) -> bool:
    """Whether less is charged of the same: a volume of the same type with fewer operations, a function of the same processor,
    a database of another version, a machine that becomes what it was some weeks ago."""
    if change.said["exclusive_group"] == "engine":
        return True
    if change.said["service"] in ("ebs", "lambda"):
        return change.former.split(", ")[0] == change.became.split(", ")[0]
    return any(change.became in (name, split_usage_type(str(name))[1]) for name in past.units.index)


def _costs_more_by_design(promised: Any) -> bool:
    return promised is not None and not pd.isna(promised) and float(promised) <= 0


def _breach(change: Change, hours: pd.DataFrame) -> str:
    """That a resource of another size has too little, or an empty text."""
    shares = _saturated(change, hours)
    if shares is None or shares[1] - shares[0] <= MOST_SATURATED:
        return ""
    return f"CPU or memory is saturated in {shares[1]:.1%} of the hours since, {shares[0]:.1%} before: it has too little."


def _is_relieved(change: Change, hours: pd.DataFrame) -> bool:
    """Whether a resource of another size is saturated in fewer hours than before."""
    shares = _saturated(change, hours)
    return shares is not None and shares[0] - shares[1] > MOST_SATURATED


def _saturated(change: Change, hours: pd.DataFrame) -> tuple[float, float] | None:
    """In which share of the hours a resource was saturated before its size changed, and since; None where too few are known."""
    if change.said["exclusive_group"] != "size" or hours.empty:
        return None
    ended = hours["ts"] < (change.ends if change.ends is not None else pd.Timestamp.max)
    last = change.first + timedelta(days=FOLLOWED_DAYS)
    after = hours[(hours["ts"] > change.first) & ended & (hours["ts"] <= last)]
    before = hours[hours["ts"] < change.before]
    if after["hours"].sum() < LEAST_HOURS:
        return None
    then, now = (
        float(part["saturated_hours"].sum() / part["hours"].sum()) if part["hours"].sum() else 0.0 for part in (before, after)
    )
    return then, now
