"""An amount split by weights so that its parts add up to it, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal

from pipeline.tables.types import PRECISION, SCALE

_EXACT = Context(prec=2 * PRECISION)
_UNIT = Decimal(1).scaleb(-SCALE)


def split(amount: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """The parts of an amount, in the order of the weights; their sum is the amount exactly.

    Each is its share, cut to the last digit that money has. What that leaves goes, a unit of that digit each, to those that lost
    the most, of equals to the first: the method of the largest remainder. Of a negative amount every part is what it is of the
    positive one, negative.

    Args:
        amount: of money.
        weights: none negative, at least one positive.

    Raises:
        ValueError: there is nothing to split by, or the amount has more digits than money has.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError(f"expected weights of which none is negative and one is positive, got {list(weights)}")
    scaled = amount.scaleb(SCALE, context=_EXACT)
    units = int(scaled)
    if scaled != units:
        raise ValueError(f"expected at most {SCALE} digits behind the point, got {amount}")
    parts = [divmod(abs(units) * weight, whole) for weight in weights]
    left = abs(units) - sum(part for part, _ in parts)
    favoured = set(sorted(range(len(weights)), key=lambda place: (-parts[place][1], place))[:left])
    sign = -1 if units < 0 else 1
    return [_EXACT.multiply(Decimal(sign * (part + (place in favoured))), _UNIT) for place, (part, _) in enumerate(parts)]
