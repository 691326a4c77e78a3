"""The command `explain`: why a recommendation says what it says, and whether its reasons still say so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import Day, read_settings
from pipeline.cli.output import console, print_frame, write_money
from pipeline.cli.plot import draw_hours
from pipeline.interval import Interval
from pipeline.report.evidence import heights, uses_of
from pipeline.report.origin import kind_of_sources, with_kind
from pipeline.report.words import RISK_WORDS
from pipeline.tables.identifiers import as_given

if TYPE_CHECKING:
    from pipeline.upkeep.explain import Explanation

app = typer.Typer()
_MOST_PLOTS, _MOST_LOADS = 3, 5


@app.command()
def explain(
    recommendation_id: Annotated[
        str, typer.Argument(help="recommendation_id, as in views.recommendation_current.", metavar="ID")
    ],
    day: Day = None,
) -> None:
    """Why a recommendation says what it says: rule, evidence, price, landings; and make it again from them.

    Of the newest run, or of that over --day. Example: `python -m pipeline explain 719fa5ba49cfbd27`.
    """
    from pipeline.lake import open_lake
    from pipeline.upkeep.explain import explain as explained

    settings = read_settings()
    as_of = Interval.day(day).as_of if day else datetime.max
    found = explained(recommendation_id, open_lake(settings), settings, as_of)
    for line in _words(found.row):
        _say(line)
    _show_evidence(found)
    for line in (*_origins(found), *_verdict(found)):
        _say(line)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _words(row: dict[str, Any]) -> Iterator[str]:
    """What it says, and what that is worth."""
    about = f"{as_given(row['resource_id'])} ({row['service']}, {as_given(row['account'])}, {row['region']})"
    stands = f", {row['status']}" if row["status"] else ""
    yield f"{row['rule_id']} {row['rule_version']}: {row['action']} {about}, as of {row['as_of']:%Y-%m-%d}{stands}"
    yield row["reason"]
    if row["current_config"] or row["target_config"]:
        yield f"now {row['current_config'] or 'not known'} → {row['target_config'] or 'nothing'}"
    if row["savings_monthly_usd"] is None:
        yield "dollars: not known, for there is no price"
    else:
        low, point, high = (_usd(row[f"savings_{name}_usd"]) for name in ("low", "monthly", "high"))
        paid = row["savings_after_discounts_usd"]
        after = f"; {_usd(paid)} at what is really paid" if paid is not None else "; what is really paid is not known"
        together = f"; {_usd(row['portfolio_savings_usd'])} beside the others" if row["portfolio_rank"] is not None else ""
        yield f"saves {point} a month, {low} to {high}, of {_usd(row['monthly_cost_usd'])}{after}{together}"
    if row["price_as_of"] is not None:
        age = (row["as_of"] - row["price_as_of"]).days
        yield f"prices are of {row['price_as_of']:%Y-%m-%d}, {age:,} days before"
    breach = row["breach_probability"]
    chance = "chance of a breach in 30 days not known" if breach is None else f"chance of a breach in 30 days {breach:.1%}"
    restart = "restarts it" if row["restart_needed"] else "no restart"
    back = "can be undone" if row["rollback_possible"] else "cannot be undone"
    yield f"{chance}; risk {RISK_WORDS[row['risk_level']]}; effort {row['effort']}; {restart}; {back}: {row['rollback_note']}"


def _usd(value: float | None) -> str:
    return "–" if value is None else f"{'−' if value < 0 else ''}${write_money(abs(value))}"


def _show_evidence(found: Explanation) -> None:
    """What was observed beside what it was held to, and the series."""
    import pandas as pd

    observed, thresholds = found.evidence.get("observed", {}), found.evidence.get("thresholds", {})
    rows = [
        {"figure": name, "observed": observed.get(name), "held to": thresholds.get(name)}
        for name in sorted({*observed, *thresholds})
    ]
    rest = {name: value for name, value in found.evidence.items() if name not in ("observed", "thresholds")}
    rows += [{"figure": name, "observed": _text(value), "held to": None} for name, value in rest.items()]
    print_frame(pd.DataFrame(rows, columns=["figure", "observed", "held to"]).astype("object"), "evidence")
    if found.options:
        _say(f"options of {found.row['rule_id']} now: {', '.join(f'{name}={value}' for name, value in found.options.items())}")
    for line in draw_uses(found, console.width):
        _say(line)


def draw_uses(found: Explanation, width: int) -> Iterator[str]:
    """The series that it rests on, first what the evidence speaks of; each title says where the estate did not report it."""
    kind = kind_of_sources(found.loads["source"].astype("str"))
    for use in uses_of(found.hours, found.evidence)[:_MOST_PLOTS]:
        lines = heights(found.evidence, use, found.row["current_config"], found.row["target_config"])
        hours = [moment.to_pydatetime() for moment in use.hours]
        yield draw_hours(hours, use.values, with_kind(f"{use.metric}, {use.said}, {use.unit}", kind), lines, width)


def _text(value: Any) -> Any:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value


def _origins(found: Explanation) -> Iterator[str]:
    """What it was made of."""
    loads = found.loads
    for source, some in loads.groupby("source", sort=True):
        newest = some.sort_values("landed_at").tail(_MOST_LOADS)
        ids = ", ".join(load[:12] for load in newest["load_id"])
        more = f" and {len(some) - len(newest)} before them" if len(some) > len(newest) else ""
        last = some["landed_at"].max()
        counted = f"samples of {source}: {some['samples'].sum():,} in {len(some)} landings"
        yield f"{counted}, the last on {last:%Y-%m-%d %H:%M}: {ids}{more}"
    if loads.empty:
        yield "samples: none of this resource; the evidence is the inventory or the bill"
    for origin in found.origins:
        yield f"{origin.table}: snapshot {origin.snapshot} of {origin.committed_at:%Y-%m-%d %H:%M:%S}"


def _verdict(found: Explanation) -> Iterator[str]:
    """Whether the same reasons make the same row."""
    if not found.is_rebuilt:
        yield (
            f"not rebuilt: with the settings and the lake of now rule {found.row['rule_id']} says nothing under this name: it is "
            "switched off, or the resource or its evidence has gone"
        )
    elif not found.changes:
        yield f"rebuilt from these: the same to the last byte (sha256 {found.digest[:16]})"
    else:
        columns = ", ".join(change.column for change in found.changes)
        yield f"rebuilt from these, and another in {columns}: settings, answers or tables have changed since"
        for change in found.changes:
            yield f"  {change.column}: published {change.published}; now {change.rebuilt}"
