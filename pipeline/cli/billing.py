"""The commands `billing`: the release of a bill that is held, and its charges held against invoices."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.feedback import land_feedback, refuse_empty
from pipeline.cli.options import read_month, read_settings
from pipeline.cli.output import console, print_frame
from pipeline.errors import ConfigError, DataError

app = typer.Typer()
billing_app = typer.Typer(help="Release a bill that is held; hold invoices against bills.", no_args_is_help=True)
app.add_typer(billing_app, name="billing")


@billing_app.command()
def accept(
    export: Annotated[str, typer.Argument(help="As the message that holds it says.", metavar="EXPORT")],
    period: Annotated[str, typer.Argument(help="Its billing period, YYYY-MM.", metavar="PERIOD")],
    execution: Annotated[str, typer.Argument(help="Which execution of it, as the message says.", metavar="EXECUTION")],
    reason: Annotated[str, typer.Option("--reason", help="Why what it says now is right.")],
) -> None:
    """What an execution says of a closed period is right: the next run publishes it, and others are held as before."""
    from pipeline.inputs import ask
    from pipeline.inputs.bills import name_of
    from pipeline.lake import open_lake
    from pipeline.tables.columns import ACCEPTED_BILL

    refuse_empty(reason)
    month = read_month("PERIOD", period)
    lake = open_lake(read_settings())
    loads = ask(lake, "bill_loads", start=month.start, end=month.end).to_pylist()
    known = {name_of(load) for load in loads}
    subject = f"{export} {period} {execution}"
    if subject not in known:
        listed = "; ".join(sorted(known)) or f"nothing was landed of {period}"
        raise ConfigError(f"no newest landing is called {subject!r}, of EXPORT PERIOD EXECUTION there are: {listed}")
    land_feedback(lake, month.start, ACCEPTED_BILL, subject, reason)
    console.print(
        f"{subject} is accepted: `python -m pipeline build --day {month.start:%Y-%m-%d}` publishes it, and so does a run of that "
        "month or of the first half of the next, or the next one of a Monday",
        soft_wrap=True,
    )


@billing_app.command()
def invoices(period: Annotated[str, typer.Argument(help="Their billing period, YYYY-MM.", metavar="PERIOD")]) -> None:
    """Hold the invoices of a billing period against what the bill charges for them; it fails where one does not agree."""
    from pipeline.lake import open_lake
    from pipeline.tables.columns import SETTLED_INVOICES
    from pipeline.tables.money import INVOICE

    month = read_month("PERIOD", period)
    found = open_lake(read_settings()).read(INVOICE, INVOICE.scope(month)).to_pandas()
    if found.empty:
        raise DataError(
            f"silver.invoice has no row of {period}: nothing of FOCUS's Invoice Detail is landed of it, or it is not built"
        )
    names = ["invoice_id", "payer", "currency", "issue_status"]
    for part in ("cost", "tax"):
        found[f"{part}_difference"] = found[f"invoiced_{part}"] - found[f"charged_{part}"]
        names += [f"invoiced_{part}", f"charged_{part}", f"{part}_difference"]
    figures = dict.fromkeys(names[4:], "float64")
    print_frame(found[[*names, "state"]].astype(figures).round(2), f"invoices of {period}, and what the bill charges for them")
    disagree = sorted(found.loc[~found["state"].isin(SETTLED_INVOICES), "invoice_id"])
    if disagree:
        said = "1 invoice of {} does" if len(disagree) == 1 else f"{len(disagree):,} invoices of {{}} do"
        raise DataError(f"{said.format(period)} not agree with the bill: {', '.join(disagree[:5])}")
