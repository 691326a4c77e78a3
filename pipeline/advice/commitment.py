"""How much to commit to by the hour: what saves most on the ways that usage may go, and is unlikely to lose money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: How likely a commitment may be to lose money over its term, unless the options say another; `make bench-savings` measures it.
MOST_CHANCE = 0.1
#: So close to the best commitment a search comes, as a share of the highest usage.
_CLOSE = 1e-6
#: Parts of a commitment are bought so many days apart, so that they do not end together.
LADDER_DAYS = 91


@dataclass(frozen=True)
class Mix:
    """What usage is made of: families with a discount of their own; a plan covers the largest discount first.

    Attributes:
        shares: (families,) of what usage costs on demand; they sum to 1.
        discounts: (families,) of a plan on that cost, 0 to below 1, the largest first.
    """

    shares: Floats
    discounts: Floats

    def __post_init__(self) -> None:
        d = self.discounts
        if len(d) == 0 or not ((d >= 0) & (d < 1)).all() or (np.diff(d) > 0).any() or abs(self.shares.sum() - 1) > 1e-9:
            raise ValueError(f"discounts {d} with shares {self.shares}; expected shares of 1 by falling discounts below 1")


@dataclass(frozen=True)
class Purchase:
    """One commitment, and what it does on the paths.

    Attributes:
        hourly_usd: to commit to for the term, at the plan's rates; 0 where none is worth it.
        optimum_usd: what saves most on average, whatever the chance of losing.
        saving_usd: in an hour, on average over the paths and the term; `low_usd` and `high_usd` are its quantiles .1 and .9 over
            the paths.
        loses: chance that it costs more in its term than it saves.
        utilisation: share of it that is used.
        break_even: share of it that must be used so that it costs nothing: 1 less the discount of what it covers.
        coverage: share of the cost on demand that it and earlier commitments take the place of.
    """

    hourly_usd: float
    optimum_usd: float
    saving_usd: float
    low_usd: float
    high_usd: float
    loses: float
    utilisation: float
    break_even: float
    coverage: float


def one_family(discount: float) -> Mix:
    """A mix of one discount."""
    return Mix(np.array([1.0]), np.array([discount]))


def choose_commitment(
    usage: Floats, mix: Mix, existing: Floats | float = 0.0, *, most_chance: float, target_coverage: float = 1.0
) -> Purchase:
    """The commitment with the highest expected saving that loses money with a small enough chance and covers no more than asked.

    Of one family without earlier commitments the best is (1 - d) times the d-quantile of usage. Each dollar of a commitment takes
    the place of less than the one before it, so that the best is where the last takes the place of a dollar on average. The
    chance of losing grows with the commitment, as coverage does: each bounds it.

    Args:
        usage: (paths, steps) cost on demand by the hour of what a plan may cover, 0 or more.
        mix: what it is made of, on each step.
        existing: what is committed to already, by the hour at the plan's rates: a number, or one for each step (0 after its end).
        most_chance: to lose money over all steps.
        target_coverage: share of the cost on demand to be covered, 0 to 1, by what exists as well.
    """
    held = np.broadcast_to(np.asarray(existing, dtype=np.float64), usage.shape[-1:])
    most = float(usage.max(initial=0.0)) if usage.size else 0.0

    def search(holds: Callable[[float], bool], upto: float) -> float:
        return _largest(holds, upto, _CLOSE * most)

    best = search(lambda hourly: _worth_of_more(hourly + held, usage, mix) > 1, most)
    safe = search(lambda hourly: _loses(_savings(hourly, held, usage, mix)) <= most_chance, best)
    total = float(usage.mean()) if usage.size else 0.0
    chosen = search(lambda hourly: float(_worth(hourly + held, usage, mix).mean()) <= target_coverage * total, safe)
    return _describe(chosen, best, held, usage, mix)


def ladder(hourly_usd: float, purchases: int) -> list[tuple[int, float]]:
    """When to buy how much: equal parts, `LADDER_DAYS` apart, as (days from now, dollars by the hour)."""
    return [(LADDER_DAYS * number, hourly_usd / purchases) for number in range(purchases)]


def lookback_commitment(history: Floats, discount: float, days: int) -> float:
    """What would have saved most in the last days, by the hour: how AWS recommends, whose lookback is of 7, 30 or 60 days."""
    return (1 - discount) * float(np.quantile(history[-days:], discount))


def lowest_commitment(history: Floats, discount: float, days: int = 60) -> float:
    """What would have been used wholly on each of the last days, by the hour."""
    return (1 - discount) * float(history[-days:].min())


def _describe(hourly: float, best: float, held: Floats, usage: Floats, mix: Mix) -> Purchase:
    savings = _savings(hourly, held, usage, mix)
    worth = _worth(hourly + held, usage, mix)
    gained = worth - _worth(held, usage, mix)
    used = _used(hourly + held, usage, mix) - _used(held, usage, mix)
    low, high = np.quantile(savings, (0.1, 0.9))
    spent, gain, total = float(used.mean()), float(gained.mean()), float(usage.mean())
    return Purchase(
        hourly_usd=hourly,
        optimum_usd=best,
        saving_usd=float(savings.mean()),
        low_usd=float(low),
        high_usd=float(high),
        loses=_loses(savings),
        utilisation=spent / hourly if hourly > 0 else 1.0,
        break_even=spent / gain if gain > 0 else 1.0,
        coverage=float(worth.mean()) / total if total > 0 else 0.0,
    )


def _at_plan(mix: Mix) -> Floats:
    """What the largest discounts cost at the plan's rates, as shares of usage: of none of the families, of the first, of two…"""
    return np.concatenate([[0.0], np.cumsum(mix.shares * (1 - mix.discounts))])


def _reach(hourly: Floats, usage: Floats) -> Floats:
    """(paths, steps) how far a commitment goes, as a share of usage; without end where there is none."""
    reach: Floats = np.divide(hourly, usage, out=np.full(usage.shape, np.inf), where=usage > 0)
    return reach


def _worth(hourly: Floats, usage: Floats, mix: Mix) -> Floats:
    """(paths, steps) cost on demand that a commitment takes the place of."""
    covered: Floats = np.interp(_reach(hourly, usage), _at_plan(mix), np.concatenate([[0.0], np.cumsum(mix.shares)]))
    worth: Floats = usage * covered
    return worth


def _used(hourly: Floats, usage: Floats, mix: Mix) -> Floats:
    """(paths, steps) how much of a commitment is used."""
    used: Floats = np.minimum(hourly, usage * _at_plan(mix)[-1])
    return used


def _worth_of_more(hourly: Floats, usage: Floats, mix: Mix) -> float:
    """What one more dollar of commitment takes the place of, on average."""
    worth = np.append(1 / (1 - mix.discounts), 0.0)
    reach = _reach(hourly, usage)
    # Share of the paths and steps of which it covers a family wholly, so that one more dollar goes to the next.
    beyond = np.array([np.count_nonzero(reach >= end) for end in _at_plan(mix)[1:]]) / reach.size
    return float(worth[0] + beyond @ np.diff(worth))


def _savings(hourly: float, held: Floats, usage: Floats, mix: Mix) -> Floats:
    """(paths,) what a commitment beside those held saves in an hour, on average over the steps; negative where it loses."""
    gained: Floats = (_worth(hourly + held, usage, mix) - _worth(held, usage, mix)).mean(axis=1) - hourly
    return gained


def _loses(savings: Floats) -> float:
    # What is lost to rounding is not lost.
    return float((savings < -1e-12).mean())


def _largest(holds: Callable[[float], bool], upto: float, close: float) -> float:
    """The largest amount up to a bound for which something holds that stops to hold once; 0 where it never does."""
    if upto <= 0 or holds(upto):
        return max(upto, 0.0)
    low, high = 0.0, upto
    while high - low > close:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
