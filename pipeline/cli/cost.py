"""The commands `cost`: why it changed between two periods, in parts that sum to the change; and answers to its anomalies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import read_month, read_settings
from pipeline.cli.output import console, print_frame
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.tables.columns import COST_ANSWERS, COST_PARTS, SHARED

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
cost_app = typer.Typer(help="Why cost changed, and what is no anomaly of it.", no_args_is_help=True)
app.add_typer(cost_app, name="cost")
#: What a change is split by, beside the dimensions of the allocation.
BY = ("service", "account", "region", "usage_type")
_CENT = Decimal("0.01")
_SIDES = ("cost_before", "cost", "change")


@cost_app.command()
def drivers(
    before_month: Annotated[
        str | None, typer.Option("--from", help="Bill of before, YYYY-MM.", metavar="MONTH", show_default=False)
    ] = None,
    after_month: Annotated[
        str | None, typer.Option("--to", help="Bill that is compared with it, YYYY-MM.", metavar="MONTH", show_default=False)
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(help="Or days, the last one included: YYYY-MM-DD..YYYY-MM-DD.", metavar="DAY..DAY", show_default=False),
    ] = None,
    after: Annotated[str | None, typer.Option(help="Likewise.", metavar="DAY..DAY", show_default=False)] = None,
    by: Annotated[
        str,
        typer.Option(help=f"What the change is split by: {', '.join(BY)}, or a dimension of the allocation, as team."),
    ] = "service",
) -> None:
    """Split the change of cost between two months of bills, or two spans of days, into parts that sum to it to the last digit."""
    from pipeline.inputs import read
    from pipeline.inputs.allocation import explain_change_by, newest_period, read_allocation_rules
    from pipeline.lake import open_lake

    settings = read_settings()
    lake = open_lake(settings)
    rules = None if by in BY else read_allocation_rules(lake, settings)
    if rules and by not in rules.dimension:
        raise ConfigError(
            f"--by {by!r}; expected one of {', '.join(BY)}, or a dimension of the allocation: {', '.join(rules.dimension)}"
        )
    by_bill = before_month is not None or after_month is not None
    if by_bill and (before is not None or after is not None):
        raise ConfigError("expected either --from and --to, or --before and --after")
    if not by_bill and before is None and after is None:
        raise ConfigError("expected two months, as --from 2026-03 --to 2026-04, or two spans of days, by --before and --after")
    old, new = (
        (read_month("--from", before_month), read_month("--to", after_month))
        if by_bill
        else (_days("--before", before), _days("--after", after))
    )
    if old.start < new.end and new.start < old.end:
        raise ConfigError(f"{old} and {new} have days in common; expected two periods apart")
    as_of = max(old.end, new.end, newest_period(lake).end)
    if rules:
        found = explain_change_by(by, old, new, as_of, lake, rules, by_bill=by_bill)
    else:
        bounds = {"before_start": old.start, "before_end": old.end, "after_start": new.start, "after_end": new.end}
        found = read(lake, "cost_drivers", **bounds, by_bill=int(by_bill), as_of=as_of)
    if found.empty:
        raise DataError(
            f"no provider charges a payer in one currency in both {_said(old)} and {_said(new)}; "
            "views.cost_monthly has what is billed"
        )
    column, told = ("value", f" by {by}") if rules else (by, "")
    _show(found, column, f"{_said(old)} to {_said(new)}{told}")


@cost_app.command()
def answer(
    anomaly_id: Annotated[str, typer.Argument(help="As in gold.cost_anomaly.", metavar="ID")],
    verb: Annotated[str, typer.Argument(help=f"What it is: {' or '.join(COST_ANSWERS)}.", metavar="ANSWER")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
) -> None:
    """Say of a cost anomaly that it was planned, or is not an issue: later runs keep it on record, and tell nobody of it."""
    from pipeline.cli.feedback import land_feedback
    from pipeline.inputs import ask
    from pipeline.lake import open_lake

    if verb not in COST_ANSWERS:
        raise ConfigError(f"ANSWER {verb!r}; expected one of {', '.join(COST_ANSWERS)}")
    lake = open_lake(read_settings())
    asked = ask(lake, "answerable_cost", anomaly_id=anomaly_id).to_pylist()
    if not asked:
        raise ConfigError(f"no run found a cost anomaly {anomaly_id!r}; gold.cost_anomaly has the ids")
    [about] = asked
    land_feedback(lake, about["first_day"].replace(day=1), ("cost_anomaly", verb), anomaly_id, reason)
    parts = (about[name] for name in ("account", "service", "usage_type", "resource_id"))
    what = "/".join(part for part in parts if part) or "the whole bill"
    console.print(
        f"{what}, {about['impact_cost']:+,.2f} {about['currency']} from {about['first_day']:%Y-%m-%d} on, is now {verb}; "
        "`cost_anomalies` of later runs respects it.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _show(rows: pd.DataFrame, by: str, title: str) -> None:
    """The parts by currency, the largest changes first, and their sum."""
    parts = [name for name in (*COST_PARTS, SHARED) if name in rows]
    for currency, mine in rows.groupby("currency", sort=True):
        split = mine.groupby(by, as_index=False, sort=True)[[*_SIDES, *parts]].sum()
        size = split["change"].map(abs)
        shown = split.assign(size=size).sort_values(["size", by], ascending=[False, True]).drop(columns="size")
        # What rounds to nothing has no sign.
        cents_shown = shown.astype(dict.fromkeys((*_SIDES, *parts), "float64")).round(2).replace(-0.0, 0.0)
        print_frame(cents_shown, f"{title}, {currency}")
        total = {name: mine[name].sum() for name in ("change", *parts)}
        cents = round_parts(total["change"], {name: total[name] for name in parts})
        said = ", ".join(f"{name} {cost:+,.2f}" for name, cost in cents.items() if cost)
        console.print(
            f"{total['change']:+,.2f} {currency}: {said or 'nothing changed'}", markup=False, highlight=False, soft_wrap=True
        )


def round_parts(change: Decimal, parts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Parts in cents that sum to the cents of the change: what rounding loses is in the largest of them."""
    cents = {name: cost.quantize(_CENT) for name, cost in parts.items()}
    largest = max(cents, key=lambda name: abs(parts[name]))
    cents[largest] += change.quantize(_CENT) - sum(cents.values(), Decimal(0))
    return cents


def _days(option: str, text: str | None) -> Interval:
    first, _, last = (text or "").partition("..")
    try:
        start, end = (datetime.strptime(each, "%Y-%m-%d") for each in (first, last))
    except ValueError:
        raise ConfigError(
            f"{option} {text!r} is no span of days; expected YYYY-MM-DD..YYYY-MM-DD, as 2026-03-01..2026-03-14"
        ) from None
    if end < start:
        raise ConfigError(f"{option} {text}: its last day lies before its first")
    return Interval(start, Interval.day(end.date()).end)


def _said(period: Interval) -> str:
    return f"{period.start:%Y-%m-%d}…{period.end - timedelta(days=1):%Y-%m-%d}"
