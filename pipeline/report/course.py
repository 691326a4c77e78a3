"""How the running month goes: what is charged, expected and planned, cumulated, as charts."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.report import charts
from pipeline.report.frames import floats, numbers
from pipeline.report.section import Content
from pipeline.report.words import COST_WORDS, day, missing, percent
from pipeline.tables.columns import UNNAMED

#: Charts at most: everything, and the budgets that are likeliest exceeded.
SHOWN = 4
#: What the legend says, and the style of each.
LEGEND = {"charged": "observed", "expected": "median", "90 % band": "band-90", "budget": "planned"}


def draw_course(cost_course: pd.DataFrame, budgets: Sequence[str]) -> list[Content]:
    """A chart of everything by currency, then one of each budget in the order given, `SHOWN` in all.

    Args:
        cost_course: `gold.cost_course` of one run.
        budgets: names, the likeliest exceeded first.
    """
    place = {name: number for number, name in enumerate((UNNAMED, *budgets))}
    by_budget = cost_course.groupby(["budget", "currency"], sort=True)
    groups = {(str(budget), str(currency)): rows.sort_values("ts") for (budget, currency), rows in by_budget}
    order = sorted(groups, key=lambda key: (place.get(key[0], len(place)), key))
    return [_figure(groups[key]) for key in order[:SHOWN]]


def _figure(rows: pd.DataFrame) -> Content:
    first, last = rows.iloc[0], rows.iloc[-1]
    currency, days = str(first["currency"]), list(rows["ts"])
    known = numbers(rows["actual"]).notna()
    # The band begins where what is charged ends.
    ahead = rows[~known | ~known.shift(-1, fill_value=False)]
    lines = [charts.Line(days, floats(rows["actual"]), "observed", "charged")]
    if rows["planned"].notna().any():
        lines.append(charts.Line(days, floats(rows["planned"]), "planned", "budget"))
    bands = []
    if ahead["expected"].notna().any():
        lines.append(charts.Line(list(ahead["ts"]), floats(ahead["expected"]), "median", "expected"))
        bands.append(charts.Band(list(ahead["ts"]), floats(ahead["p05"]), floats(ahead["p95"]), "band-90", "90 % band"))
    name = f"{'Everything' if first['budget'] == UNNAMED else first['budget']}, {COST_WORDS[first['cost']]}"
    since = "" if first["period_start"] == first["ts"] else f", since {day(first['period_start'])}"
    return {
        "title": name,
        "under": " · ".join(filter(None, (_end(last), _known(first)))),
        "svg": charts.time_chart(
            f"{name}: {currency} charged, expected and planned by the end of each day{since}",
            charts.Curves(lines, bands),
            charts.Scale(f"{currency}, cumulated{since}", lambda value: f"{value:,.2f} {currency}"),
        ),
    }


def _end(last: pd.Series) -> str:
    """What it comes to at the month's end, against the plan."""
    parts = []
    if not missing(last["expected"]):
        band = f"{last['p05']:,.2f} to {last['p95']:,.2f}"
        parts.append(f"{last['expected']:,.2f} {last['currency']} expected to {day(last['ts'])} ({band} with {percent(0.9)})")
    if not missing(last["planned"]):
        parts.append(f"{last['planned']:,.2f} planned")
    return ", ".join(parts)


def _known(first: pd.Series) -> str:
    return "" if missing(first["complete_through"]) else f"billed to {day(first['complete_through'])}"
