"""Cost by the day and service, and what the next 30 days are expected to bring."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.report import charts
from pipeline.report.cell import cell_of
from pipeline.report.course import LEGEND, draw_course
from pipeline.report.findings import Findings
from pipeline.report.frames import dollars, floats, numbers, records
from pipeline.report.invoices import list_unlike, sum_up_invoices
from pipeline.report.month import estimate_month_end, total_ahead
from pipeline.report.origin import kind_of_sources
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import SHOWN
from pipeline.report.words import COST_WORDS, DASH, day, missing, percent, plural, service_word, usd
from pipeline.tables.columns import DAY, FEE, UNALLOCATED, UNNAMED, USAGE

# Layers of the chart beside "all others", and the least share of all cost that can be seen as a layer.
_LAYERS, _THIN = 7, 0.01
_OTHERS = "all others"
# Who has most, named in one line.
_OWNERS = 5
_DAY, _MONTH = pd.Timedelta(days=1), pd.Timedelta(days=30)
# What rounds to nothing.
HALF_A_CENT = 0.005


def cost(findings: Findings) -> Content | Empty:
    data = findings.cost_daily
    if data.empty:
        return Empty(
            "No cost in the 120 days before the end of the interval.",
            "Ingest a billing export of that time, then build `silver.cost_daily`.",
        )
    usage = data["charge_category"].isin(["Usage", "Purchase"])
    daily = pd.DataFrame(
        {
            "ts": data["ts"],
            "account": data["account"],
            "service": data["service"].map(service_word).where(usage, data["charge_category"].map(_apart)),
            "usd": dollars(data),
        }
    )
    layers, budgets = _layers(daily), likeliest(findings.budget_status)
    total = _total_ahead(findings)
    swatches = [(name, charts.legend_swatch(f"layer layer-{number}")) for number, name in enumerate(layers)]
    if total.lines:
        swatches += [("expected", charts.legend_swatch("median")), ("90 % band", charts.legend_swatch("band-90"))]
    in_usd = daily[data["currency"] == "USD"]
    said = _served_line(findings), _came_true(findings.cost_accuracy), _left_line(findings, in_usd), _as_billed(data)
    return {
        "svg": _chart(layers, total),
        "kind": kind_of_sources(data["source"].astype("str")),
        "legend": swatches,
        "rows": _rows(findings, daily),
        "foreign": sorted({str(c) for c in data["currency"]} - {"USD"}),
        "last": day(daily["ts"].max()),
        "month": _month_line(findings),
        "served": " ".join(filter(None, said)),
        "belongs": _belongs(findings.cost_allocated),
        "budgets": [budget_row(row) for row in budgets],
        "courses": draw_course(findings.cost_course, [row["budget"] for row in budgets]),
        "course_legend": [(name, charts.legend_swatch(style)) for name, style in LEGEND.items()],
        "invoices": sum_up_invoices(findings.invoice),
        "unlike": list_unlike(findings.invoice),
        "judged": _judged_line(findings),
        "unusual": [_unusual_row(row) for row in records(_by_impact(_unanswered(findings.cost_anomaly)).head(SHOWN))],
    }


def likeliest(budget_status: pd.DataFrame) -> list[dict[str, Any]]:
    """Budgets, those that are most likely exceeded first; those of which nobody knows last."""
    return records(budget_status.sort_values(["p_breach", "budget"], ascending=[False, True], kind="stable", na_position="last"))


def budget_row(row: dict[str, Any]) -> Content:
    drivers = json.loads(row["drivers_json"])
    said = [f"{each['service']} in {each['account']} +{each['over']:,.2f}" for each in drivers]
    chance = percent(row["p_breach"])
    if not missing(row["spent_p50"]):
        chance += f", on {day(row['spent_p50'])}"
    without = "" if missing(row["left_out"]) else f"; without what is charged in {row['left_out']}"
    return {
        "budget": row["budget"],
        "scope": f"{row['scope']}, {COST_WORDS[row['cost']]}{without}",
        "to": day(row["period_end"] - pd.Timedelta(days=1)),
        "amount": f"{row['amount']:,.2f} {row['currency']}",
        "actual": f"{row['actual']:,.2f}",
        "expected": DASH if missing(row["expected"]) else f"{row['expected']:,.2f}",
        "chance": chance,
        "drivers": "; ".join(said) or DASH,
    }


def _judged_line(findings: Findings) -> str:
    """Which days of how many bills were held to what they should have cost."""
    judged = findings.cost_judged.dropna(subset=["judged_through"])
    if judged.empty:
        return "No bill has the five weeks of complete days that a cost anomaly is told by."
    last = f"{plural(len(judged), 'bill')} judged, to {day(judged['judged_through'].max())}"
    answered = findings.cost_anomaly["answer"].notna()
    if answered.any():
        last += f"; {plural(int(answered.sum()), 'cost anomaly', 'cost anomalies')} said to be planned or not an issue"
    if answered.all():
        return f"{last}: nothing cost unusually much or little."
    return f"{last}: {plural(int((~answered).sum()), 'cost anomaly', 'cost anomalies')} in the last 62 days."


def _unanswered(found: pd.DataFrame) -> pd.DataFrame:
    unanswered: pd.DataFrame = found[found["answer"].isna()]
    return unanswered


def _by_impact(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values(
        ["impact_cost", "anomaly_id"], key=lambda column: -column.abs() if column.name == "impact_cost" else column
    )


def _cause(cause: dict[str, Any]) -> str:
    """What an event is made of, by the resource, or by what it is where the bill names none."""
    named = [cause[name] for name in ("resource_id", "usage_type", "service") if cause.get(name, UNNAMED) != UNNAMED]
    return f"{named[0] if named else 'nothing that the bill names'}: {cause['impact']:+,.2f}"


def _unusual_row(row: dict[str, Any]) -> Content:
    causes = json.loads(row["causes_json"])
    words = (row[name] for name in ("account", "service", "usage_type", "resource_id"))
    part = [word for word in words if not (missing(word) or word == UNNAMED)]
    return {
        "part": " / ".join(part) or "the whole bill",
        "source": row["source"],
        "days": f"{day(row['first_day'])} – {day(row['last_day'])}" if row["days"] > 1 else day(row["first_day"]),
        "open": bool(row["is_open"]),
        "actual": f"{row['actual_cost']:,.2f}",
        "expected": f"{row['expected_cost']:,.2f}",
        "impact": f"{row['impact_cost']:+,.2f} {row['currency']}",
        "cause": _cause(causes[0]) if causes else "",
    }


def _apart(category: str) -> str:
    """What is charged for no use: a line of its own, and no service."""
    return f"{category}, of all services"


def _month_line(findings: Findings) -> str:
    """What the month has cost and will have, and which of its days that rests on; empty where nothing was billed lately."""
    month = estimate_month_end(findings.cost_daily, findings.cost_forecast, findings.as_of)
    if month is None:
        return ""
    until = "no day of it is billed yet" if month.billed_until is None else f"billed to {day(month.billed_until)}"
    spent = f"{usd(month.spent_usd)} spent in {month.month:%B %Y} on usage and purchases, without tax and credits, {until}"
    if not month.forecast_days:
        return f"{spent}, the whole month."
    if month.expected_usd is None:
        return f"{spent}. The forecasts do not reach the month's end."
    band = "" if month.low_usd is None or month.high_usd is None else f", {usd(month.low_usd)} to {usd(month.high_usd)} with 90 %"
    return f"{spent}; {usd(month.expected_usd)} expected at its end, {plural(month.forecast_days, 'day')} later{band}."


def _served_line(findings: Findings) -> str:
    """Who forecasts the total, and how that did; nothing worse than the floor goes without a word."""
    usage = total_ahead(findings.cost_forecast, (USAGE,))
    if usage.empty:
        in_usd = (findings.cost_daily["currency"] == "USD").any()
        return "Cost is not forecast: run the step forecast_cost for this interval." if in_usd else ""
    model, skill = str(usage["model"].iloc[0]), usage["skill"].iloc[0]
    if missing(skill):
        return f"Usage is forecast by {model}; there is too little history to hold it against a seasonal naive."
    if skill <= 0:
        return "Nothing did better than repeating the last week over the last three months: that is what is shown."
    return f"Usage is forecast by {model}, whose loss over the last three months was {percent(skill)} below a seasonal naive's."


def _came_true(accuracy: pd.DataFrame) -> str:
    """How forecasts of all cost did where all of it is billed by now, and where a seasonal naive would have been better."""
    parts = []
    for row in records(accuracy[accuracy["wape"].notna() & accuracy["naive_wape"].notna()]):
        ahead = "days up to a week ahead" if row["granularity"] == DAY else "months seen within them"
        beside = f"a seasonal naive's by {percent(row['naive_wape'])}"
        worse = "; the naive was better" if row["wape"] > row["naive_wape"] else ""
        held = f"their 90 % band held {percent(row['coverage_90'])} of {plural(row['scored'], 'forecast')}"
        parts.append(f"{ahead} were off by {percent(row['wape'])} of the cost, {beside}{worse}, and {held}")
    return f"Of the last three months, {'; '.join(parts)}." if parts else ""


def _left_line(findings: Findings, daily: pd.DataFrame) -> str:
    """Which accounts were billed lately in US dollars and are not forecast, and how much of the cost that was."""
    forecast = set(findings.cost_forecast["account"])
    left = daily[~daily["account"].isin(forecast)]
    if left.empty or not forecast:
        return ""
    accounts = left.groupby("account")["ts"].max()
    named = ", ".join(f"{account} (billed to {day(last)})" for account, last in accounts.head(_OWNERS).items())
    more = f" and {len(accounts) - _OWNERS} more" if len(accounts) > _OWNERS else ""
    share = percent(left["usd"].sum() / total) if (total := daily["usd"].sum()) > 0 else "an unknown share"
    return f"Not forecast: {named}{more}, {share} of the cost of the last 120 days."


def _as_billed(data: pd.DataFrame) -> str:
    """How much of the cost is what was billed, for its bill states no effective cost."""
    stands_in = data["effective_cost"].isna()
    if not stands_in.any():
        return ""
    sources = ", ".join(sorted(set(data.loc[stands_in, "source"])))
    whole = dollars(data).abs()
    share = percent(whole[stands_in].sum() / total) if (total := whole.sum()) > 0 else "an unknown share"
    return f"Bills of {sources} state no effective cost: {share} of what is shown is billed cost, with purchases on their day."


def _belongs(allocated: pd.DataFrame) -> list[str]:
    """A sentence for each currency: whose cost the newest billing period is, and how much of it is nobody's."""
    return [_belongs_in(rows, str(currency)) for currency, rows in allocated.groupby("currency", sort=True)]


def _belongs_in(rows: pd.DataFrame, currency: str) -> str:
    dimensions = sorted(rows["dimension"].unique(), key=lambda name: (name != "team", name))
    nobodys = rows[rows["value"] == UNALLOCATED].set_index("dimension")["ratio"]
    first, *others = ((name, percent(nobodys.get(name, 0.0))) for name in dimensions)
    owners = rows[(rows["dimension"] == first[0]) & (rows["value"] != UNALLOCATED)].head(_OWNERS)
    shown = ", ".join(f"{value} {percent(ratio)}" for value, ratio in zip(owners["value"], owners["ratio"], strict=True))
    month = pd.Timestamp(rows["billing_period"].iloc[0])
    sentence = f"Of the cost in {currency} of {month:%B %Y}, {first[1]} belongs to no {first[0].replace('_', ' ')}"
    sentence += f" ({'; '.join(f'no {name}: {ratio}' for name, ratio in others).replace('_', ' ')})" if others else ""
    return f"{sentence}. Largest: {shown}." if shown else f"{sentence}."


def _layers(daily: pd.DataFrame) -> pd.DataFrame:
    """Cost by the day, one column per layer of the chart, the largest first; services too small to be seen are one."""
    totals = daily.groupby("service")["usd"].sum().sort_index().sort_values(ascending=False, kind="stable")
    top = [name for name in totals.index[:_LAYERS] if totals[name] >= _THIN * totals[totals > 0].sum()]
    layer = daily["service"].where(daily["service"].isin(top), _OTHERS)
    wide = daily.assign(layer=layer).pivot_table(index="ts", columns="layer", values="usd", aggfunc="sum")
    return wide.fillna(0.0).sort_index()[[name for name in [*top, _OTHERS] if name in wide]]


def _total_ahead(findings: Findings) -> charts.Curves:
    """What all services together will cost by day: the median and the 90 % band of the total itself."""
    total = total_ahead(findings.cost_forecast)
    total = total[total["granularity"] == DAY].sort_values("ts")
    days, lines, bands = list(total["ts"]), [], []
    if days:
        lines.append(charts.Line(days, floats(total["p50"]), "median", "expected"))
        bands.append(charts.Band(days, floats(total["p05"]), floats(total["p95"]), "band-90", "90 % band"))
    return charts.Curves(lines, bands, findings.as_of)


def _chart(layers: pd.DataFrame, ahead: charts.Curves) -> Markup:
    return charts.stacked_chart(
        "Cost per day by service, USD",
        ahead,
        charts.Scale("USD per day", usd),
        days=list(layers.index),
        layers=[(str(name), layers[name].tolist()) for name in layers],
    )


def _rows(findings: Findings, daily: pd.DataFrame) -> list[Content]:
    """Per account and service: the last 30 days billed, the 30 before, and what is expected of the 30 after this moment.

    Days end at the last one billed, as those of the KPIs do: a bill that is late would read as a fall. Where bills do not reach
    back 60 days nothing was before.
    """
    end, now = daily["ts"].max() + _DAY, pd.Timestamp(findings.as_of)
    recent = daily[daily["ts"] >= end - _MONTH]
    before = daily[(daily["ts"] < end - _MONTH) & (daily["ts"] >= end - 2 * _MONTH)]
    if daily["ts"].min() > end - 2 * _MONTH:
        before = before.head(0)
    keys = ["account", "service"]
    table = pd.DataFrame({"recent": recent.groupby(keys)["usd"].sum(), "before": before.groupby(keys)["usd"].sum()})
    table = table.reset_index()
    table = table.merge(_month_ahead(findings.cost_forecast, now), on=keys, how="left")
    table = table.sort_values(["recent", *keys], ascending=[False, True, True], kind="stable", na_position="last")
    named = findings.cost_daily.assign(service=daily["service"]).groupby(keys)["source"]
    table = table.join(named.agg(lambda names: ", ".join(sorted(set(names)))).rename("source"), on=keys)
    counts = (numbers(table["recent"]).abs() >= HALF_A_CENT) | (numbers(table["before"]).abs() >= HALF_A_CENT)
    return [_row(row) for row in records(table[counts].head(SHOWN))]


def _month_ahead(cost_forecast: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Account, service, and `ahead`, what is expected of usage and fees in 30 days; rows add up to the total."""
    parts = cost_forecast[
        (cost_forecast["level"] == "by_account_service")
        & cost_forecast["kind"].isin([USAGE, FEE])
        & (cost_forecast["granularity"] == DAY)
        & (cost_forecast["ts"] >= now)
        & (cost_forecast["ts"] < now + _MONTH)
    ]
    named = parts.assign(service=parts["service"].map(service_word), ahead=numbers(parts["mean"]))
    return named.groupby(["account", "service"])["ahead"].sum().reset_index()


def _row(row: dict[str, Any]) -> Content:
    unknown = missing(row["recent"]) or missing(row["before"]) or not row["before"]
    change = None if unknown else row["recent"] / row["before"] - 1
    return {
        "service": row["service"],
        "account": row["account"],
        "source": "" if missing(row["source"]) else row["source"],
        "recent": cell_of(row["recent"], usd),
        "before": cell_of(row["before"], usd),
        "change": cell_of(change, percent, sign=True),
        "ahead": cell_of(row["ahead"], usd),
    }


SECTION = Section(anchor="cost", title="Cost trend", label="Cost", content=cost)
