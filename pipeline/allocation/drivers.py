"""Why what each value of a dimension is charged changed between two periods, in parts that sum to the change exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from math import isfinite
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.allocation.allocate import allocate
from pipeline.allocation.decide import Charges, decide
from pipeline.allocation.rules import NO_RULE, Rules
from pipeline.interval import Interval
from pipeline.tables.columns import (
    BY_COMMITMENT,
    BY_DISCOUNT,
    BY_GONE,
    BY_NEW,
    BY_OTHER,
    BY_RATE,
    BY_USAGE,
    COST_PARTS,
    SHARED,
    SPLITS,
    UNALLOCATED,
)
from pipeline.tables.types import PRECISION, SCALE

_PARTS = (*COST_PARTS, SHARED)
_SIDES = ("cost_before", "cost", "change")
_PAYER = ("provider", "payer", "currency")
_NODE = (*_PAYER, "account", "service")
#: Of what charges `usage` and prices are told.
_USE = (*_NODE, "region", "usage_type", "unit", "value", "is_use")
_AMOUNTS = ("quantity", "effective_cost", "list_cost", "contracted_cost")
_ZERO = Decimal(0)
# A part by use is a double, which no money can be that has more digits before its point.
_LARGEST = 10.0 ** (PRECISION - SCALE)
Key: TypeAlias = tuple[Any, ...]
Amounts: TypeAlias = tuple[Decimal, ...]
Parts: TypeAlias = Mapping[str, Decimal]


def split_change(
    charges: Charges, rules: Rules, dimension: str, before: Interval, after: Interval, *, by_bill: bool
) -> pd.DataFrame:
    """What each value of a dimension costs more or less in one period than in another, by account and service.

    Use and prices are told of what a value is charged for itself. A share of a shared cost is nobody's use, and it moves with
    what others cost: all that it moved by is `shared`. What passes from one value to another is less use of the one, and more
    of the other.

    Args:
        charges: as of `inputs.driver_charges`; bills that charge either period, whole.
        rules: of which the dimension is one.
        dimension: by whose values the change is told.
        before: what is compared with `after`; they have no day in common.
        after: the newer one.
        by_bill: whether the periods are those of bills, else the days of charges.

    Returns:
        provider, payer, currency, account, service, value; cost_before, cost and change (Decimal, effective), the parts of
        `inputs.cost_drivers` and `shared`; they sum to the change exactly, as the changes of all values do to that of
        everything. What a provider charges a payer in a currency in one of the periods alone is not compared, as there.

    Raises:
        DataError: what was allocated does not add up to what was charged.
    """
    found, verdicts = decide(charges, rules, dimension)
    values = pa.array([None if each.shared else each.value for each in verdicts], pa.string())
    side = _tell_sides(before, after, by_bill=by_bill)
    rows = side(charges.rows.append_column("value", values.take(pa.array(found))))
    sums = _sum_up(rows.filter(pc.is_valid(rows["value"])), _USE, _AMOUNTS)
    alone = rules.model_copy(update={"dimension": {dimension: rules.dimension[dimension]}})
    allocated = side(allocate(charges, alone))
    shared = _sum_up(allocated.filter(_is_shared(allocated)), (*_NODE, "value"), ("effective_cost",))
    payers = _sum_up(rows, _PAYER, ("effective_cost",))
    compared = {payer for payer, (old, new) in payers.items() if old is not None and new is not None}
    parts: dict[Key, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys((*_SIDES, *_PARTS), _ZERO))
    with localcontext(prec=2 * PRECISION):
        for key, sides, said in (*_told_of_use(sums), *_told_of_shares(shared)):
            if key[: len(_PAYER)] in compared:
                _add(parts[key], sides, said)
    columns = [*_NODE, "value", *_SIDES, *_PARTS]
    return pd.DataFrame([dict(zip(columns, (*key, *each.values()), strict=True)) for key, each in parts.items()], columns=columns)


def _tell_sides(before: Interval, after: Interval, *, by_bill: bool) -> Callable[[pa.Table], pa.Table]:
    """What keeps of rows those of either period, with `is_now`."""

    def side(rows: pa.Table) -> pa.Table:
        of = rows["billing_period" if by_bill else "ts"]
        old, new = (
            pc.and_(pc.greater_equal(of, _as(each.start, of)), pc.less(of, _as(each.end, of))) for each in (before, after)
        )
        return rows.append_column("is_now", new).filter(pc.or_(old, new))

    return side


def _as(moment: Any, column: pa.ChunkedArray) -> pa.Scalar:
    return pa.scalar(moment, column.type)


def _is_shared(allocated: pa.Table) -> pa.ChunkedArray:
    """The rows that came by a shared cost, also those that nobody was there to share."""
    left = pc.and_(pc.equal(allocated["method"], UNALLOCATED), pc.not_equal(allocated["rule"], NO_RULE))
    return pc.or_(pc.is_in(allocated["method"], pa.array(SPLITS)), left)


def _sum_up(rows: pa.Table, by: Iterable[str], amounts: Iterable[str]) -> dict[Key, list[Amounts | None]]:
    """By key the sums of before and of now; None where there are no rows."""
    by, amounts = list(by), list(amounts)
    sums = rows.group_by([*by, "is_now"], use_threads=False).aggregate([(name, "sum") for name in amounts])
    found: dict[Key, list[Amounts | None]] = defaultdict(lambda: [None, None])
    for row in sums.to_pylist():
        found[tuple(row[name] for name in by)][row["is_now"]] = tuple(row[f"{name}_sum"] or _ZERO for name in amounts)
    return found


def _told_of_use(sums: Mapping[Key, list[Amounts | None]]) -> Iterator[tuple[Key, Amounts, Parts]]:
    none = (_ZERO,) * len(_AMOUNTS)
    place, used = _USE.index("value"), _USE.index("is_use")
    for key, (old, new) in sums.items():
        sides = ((old or none)[1], (new or none)[1])
        change = sides[1] - sides[0]
        if not key[used]:
            said: Parts = {BY_OTHER: change}
        elif old is None:
            said = {BY_NEW: change}
        elif new is None:
            said = {BY_GONE: change}
        else:
            said = _told_of_both(old, new)
        yield (*key[: len(_NODE)], key[place]), sides, said


def _told_of_both(old: Amounts, new: Amounts) -> Parts:
    """What is used in both periods: by more or less of it at the list price of before, and by what prices did."""
    (quantity_before, cost_before, list_before, contracted_before), (quantity, cost, at_list, contracted) = old, new
    by_use = round(float(list_before) * (float(quantity) / float(quantity_before) - 1), 6)
    usage = Decimal(repr(by_use)) if isfinite(by_use) and abs(by_use) < _LARGEST else _ZERO
    return {
        BY_USAGE: usage,
        BY_RATE: at_list - list_before - usage,
        BY_DISCOUNT: (contracted - at_list) - (contracted_before - list_before),
        BY_COMMITMENT: (cost - contracted) - (cost_before - contracted_before),
    }


def _told_of_shares(sums: Mapping[Key, list[Amounts | None]]) -> Iterator[tuple[Key, Amounts, Parts]]:
    for key, sides in sums.items():
        old, new = (each[0] if each else _ZERO for each in sides)
        yield key, (old, new), {SHARED: new - old}


def _add(to: dict[str, Decimal], sides: Amounts, said: Parts) -> None:
    old, new = sides
    for name, amount in {"cost_before": old, "cost": new, "change": new - old, **said}.items():
        to[name] += amount
