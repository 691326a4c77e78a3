"""Whom all that was charged belongs to, in every dimension; what is shared is split so that nothing is lost or added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.allocation.decide import Charges, Verdict, decide
from pipeline.allocation.rules import Rules, Shared
from pipeline.allocation.split import split
from pipeline.errors import DataError
from pipeline.tables.allocation import COST_ALLOCATION, COSTS, KEPT
from pipeline.tables.columns import UNALLOCATED
from pipeline.tables.spelling import fold
from pipeline.tables.types import SCALE

Row: TypeAlias = dict[str, Any]
Bill: TypeAlias = tuple[Any, ...]
"""Within which what is shared is proportional: billing period, source, provider, payer and currency."""
Weights: TypeAlias = dict[str, int]
"""Value of a dimension → what it counts beside the others."""
_BILL = KEPT[:5]
# A null and a null are null, as in SQL.
_SUMS = [(name, "sum", pc.ScalarAggregateOptions(skip_nulls=True, min_count=1)) for name in COSTS]
_SCHEMA = pa.schema([COST_ALLOCATION.arrow_schema.field(name) for name in COST_ALLOCATION.names])


def allocate(charges: Charges, rules: Rules) -> pa.Table:
    """The rows of `gold.cost_allocation`, without its partition.

    Args:
        charges: with `KEPT` and `COSTS` beside what rules look at; of whole billing periods, for these are what a proportional
            split is proportional to.
        rules: of which every dimension is allocated.

    Raises:
        DataError: the sum over a dimension is not what was charged, to the last digit, on some day of a bill.
    """
    parts = [_allocate_in(charges, rules, dimension) for dimension in rules.dimension]
    check_sums(charges.rows, parts)
    return pa.concat_tables(parts)


def check_sums(charged: pa.Table, parts: Iterable[pa.Table]) -> None:
    """Hold what was allocated in each dimension to what was charged, by all that both have.

    Raises:
        DataError: naming the dimension, the charge and by how much it is off.
    """
    expected = _add_up(charged, KEPT)
    for part in parts:
        minus = [pc.negate(part[name]) for name in COSTS]
        other = pa.table([*(part[name] for name in KEPT), *minus], names=[*KEPT, *COSTS])
        both = _add_up(pa.concat_tables([expected, other], promote_options="permissive"), KEPT)
        for name in COSTS:
            wrong = both.filter(pc.not_equal(both[name], pa.scalar(Decimal(0), both[name].type)))
            if wrong.num_rows:
                [off] = wrong.slice(0, 1).to_pylist()
                raise DataError(
                    f"gold.cost_allocation {off['billing_period']:%Y-%m}: {name} of {part['dimension'][0]} is off by {off[name]} "
                    f"from what {off['service']} in account {off['account']} was charged on {off['ts']:%Y-%m-%d}"
                )


def _allocate_in(charges: Charges, rules: Rules, dimension: str) -> pa.Table:
    found, verdicts = decide(charges, rules, dimension)
    outcomes: dict[tuple[str, str, str], int] = {}
    places = [outcomes.setdefault((each.method, each.rule, each.value), len(outcomes)) for each in verdicts]
    by_outcome = dict(zip(places, verdicts, strict=True))
    numbered = pa.array(np.array(places, np.int32)[found] if len(found) else [], pa.int32())
    rows = _add_up(charges.rows.append_column("outcome", numbered), (*KEPT, "outcome"))
    shared = {place: each.shared for place, each in by_outcome.items() if each.shared}
    is_shared = pc.is_in(rows["outcome"], pa.array(shared, pa.int32()))
    own = _named(rows.filter(pc.invert(is_shared)), by_outcome, dimension)
    basis, spellings = _own_costs(own), rules.spellings(dimension)
    split_rows = [
        part | {"dimension": dimension}
        for row in rows.filter(is_shared).to_pylist()
        for part in _share(row, shared[row["outcome"]], basis[tuple(row[name] for name in _BILL)], spellings)
    ]
    return pa.concat_tables([own, pa.Table.from_pylist(split_rows, schema=_SCHEMA)])


def _add_up(rows: pa.Table, by: Sequence[str]) -> pa.Table:
    """Sums of cost by some columns, as the names of the costs."""
    summed = rows.select([*by, *COSTS]).group_by(list(by), use_threads=False).aggregate(_SUMS)
    kinds = {name: COST_ALLOCATION.arrow_schema.field(name).type for name in COSTS}
    return pa.table(
        [*(summed[name] for name in by), *(summed[f"{name}_sum"].cast(kinds[name]) for name in COSTS)], names=[*by, *COSTS]
    )


def _named(rows: pa.Table, by_outcome: Mapping[int, Verdict], dimension: str) -> pa.Table:
    """Rows with the words of their outcomes."""
    numbers = rows["outcome"].combine_chunks()
    count = len(by_outcome)
    said = {
        "dimension": pa.array([dimension] * rows.num_rows, pa.string()),
        "share": pa.array(np.ones(rows.num_rows)),
        **{
            name: pa.array([getattr(by_outcome[n], name) for n in range(count)]).take(numbers)
            for name in ("value", "method", "rule")
        },
    }
    return pa.table([said[name] if name in said else rows[name] for name in _SCHEMA.names], schema=_SCHEMA)


def _own_costs(own: pa.Table) -> dict[Bill, Weights]:
    """What each value is charged for itself in a bill, where that is more than nothing: effective, else billed."""
    charged = own.filter(pc.not_equal(own["method"], UNALLOCATED))
    cost = pc.coalesce(charged["effective_cost"], charged["billed_cost"])
    named = pa.table([*(charged[name] for name in (*_BILL, "value")), cost], names=[*_BILL, "value", "cost"])
    found: dict[Bill, Weights] = defaultdict(dict)
    for row in named.group_by([*_BILL, "value"], use_threads=False).aggregate([("cost", "sum")]).to_pylist():
        if row["cost_sum"] > 0:
            found[tuple(row[name] for name in _BILL)][row["value"]] = int(row["cost_sum"].scaleb(SCALE))
    return found


def _share(row: Row, shared: Shared, own: Weights, spellings: Mapping[str, str]) -> list[Row]:
    """The rows that a shared cost is split into; it stays whole, and unallocated, where nobody is there to share it."""
    weights = _weights(shared, own, spellings)
    plain = {name: row[name] for name in KEPT} | {"rule": shared.name}
    if not weights:
        return [plain | {name: row[name] for name in COSTS} | {"value": UNALLOCATED, "method": UNALLOCATED, "share": 1.0}]
    values = sorted(weights)
    counts = [weights[value] for value in values]
    whole = sum(counts)
    parts = {name: [None] * len(values) if row[name] is None else split(row[name], counts) for name in COSTS}
    return [
        plain
        | {name: parts[name][place] for name in COSTS}
        | {"value": value, "method": shared.split, "share": counts[place] / whole}
        for place, value in enumerate(values)
    ]


def _weights(shared: Shared, own: Weights, spellings: Mapping[str, str]) -> Weights:
    if shared.split == "fixed":
        found: Weights = defaultdict(int)
        for value, share in shared.shares.items():
            found[spellings[fold(value)]] += int(share.scaleb(SCALE))
        return found
    named = [spellings[fold(value)] for value in shared.among]
    if shared.split == "even":
        return dict.fromkeys(named or own, 1)
    return {value: own[value] for value in named if value in own} if named else own
