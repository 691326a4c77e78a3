"""The command `allocation`: the rules of whom a cost belongs to, checked, and what they say of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import read_month, read_settings
from pipeline.cli.output import console, print_frame
from pipeline.errors import DataError
from pipeline.interval import Interval

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
_MONTH = """
SELECT dimension, value, currency, cast(coalesce(effective_cost, billed_cost) AS double) AS cost, ratio
FROM views.cost_by_dimension_monthly
WHERE month = cast(:month AS date)
ORDER BY dimension, currency, cost DESC, value
"""


@app.command()
def allocation(
    resource: Annotated[
        str | None,
        typer.Option("--explain", help="Id of a resource, or how it ends: where its cost goes, and why.", metavar="RESOURCE"),
    ] = None,
    month: Annotated[
        str | None, typer.Option("--month", help="Billing period, YYYY-MM; by default the newest.", show_default=False)
    ] = None,
) -> None:
    """Check the rules of whom a cost belongs to, and show whose that of a month is, or why that of one resource goes where."""
    from pipeline.inputs.allocation import explain_costs_of, newest_period, read_allocation_rules
    from pipeline.lake import open_lake

    settings = read_settings()
    lake = open_lake(settings)
    rules = read_allocation_rules(lake, settings)
    period = read_month("--month", month) if month else newest_period(lake)
    if resource is not None:
        _show(explain_costs_of(resource, period, lake, rules), period)
        return
    stated = f"{settings.allocation or 'no file, tags alone'}: dimensions {', '.join(rules.dimension)}"
    console.print(
        f"{stated}; rules: {len(rules.rule)}, shared costs: {len(rules.shared)}", markup=False, highlight=False, soft_wrap=True
    )
    rows = lake.query(_MONTH, {"month": period.start})
    if not rows.num_rows:
        raise DataError(f"gold.cost_allocation has nothing of {period.start:%Y-%m}; build it for a day of that month")
    print_frame(rows.to_pandas(), f"whose cost {period.start:%Y-%m} is")


def _show(found: pd.DataFrame, period: Interval) -> None:
    """Print for each resource where its cost goes."""
    from pipeline.tables.identifiers import as_given

    for resource_id, rows in found.groupby("resource_id", sort=True):
        shown = rows.drop(columns="resource_id").assign(cost=[float(cost) for cost in rows["cost"]])
        days = shown["first_day"].dt.strftime("%m-%d") + "…" + shown["last_day"].dt.strftime("%m-%d")
        shown = shown.assign(days=days).drop(columns=["first_day", "last_day"])
        print_frame(shown, f"{as_given(str(resource_id))} in {period.start:%Y-%m}")
