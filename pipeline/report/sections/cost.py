"""Cost by the day and service, and what the next 30 days are expected to bring."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.report import charts
from pipeline.report.cell import cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import BAND_90, at_quantile, floats, numbers, records
from pipeline.report.month import estimate_month_end
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import SHOWN, service_names
from pipeline.report.words import day, missing, percent, plural, series_parts, service_word, usd

# Layers of the chart beside "all others", and the least share of all cost that can be seen as a layer.
_LAYERS, _THIN = 7, 0.01
_OTHERS = "all others"
_DAY, _MONTH = pd.Timedelta(days=1), pd.Timedelta(days=30)
# What rounds to nothing.
_HALF_A_CENT = 0.005


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
            "usd": numbers(data["effective_usd"]).fillna(numbers(data["billed_usd"])),
        }
    )
    ahead = findings.forecast[(findings.forecast["metric"] == "cost") & (findings.forecast["granularity"] == "day")]
    layers = _layers(daily)
    total = _total_ahead(ahead, findings.as_of)
    swatches = [(name, charts.legend_swatch(f"layer layer-{number}")) for number, name in enumerate(layers)]
    if total.lines:
        swatches += [("sum of the medians", charts.legend_swatch("median")), ("90 % band", charts.legend_swatch("band-90"))]
    return {
        "svg": _chart(layers, total),
        "legend": swatches,
        "rows": _rows(findings, daily, ahead[at_quantile(ahead, 0.5)]),
        "foreign": sorted({str(c) for c in data["currency"]} - {"USD"}),
        "last": day(daily["ts"].max()),
        "month": _month_line(findings, ahead),
        "judged": _judged_line(findings),
        "unusual": [_unusual_row(row) for row in records(_by_impact(findings.cost_anomaly).head(SHOWN))],
    }


def _judged_line(findings: Findings) -> str:
    """Which days of how many bills were held to what they should have cost."""
    judged = findings.cost_judged.dropna(subset=["judged_through"])
    if judged.empty:
        return "No bill has the five weeks of complete days that a cost anomaly is told by."
    last = f"{plural(len(judged), 'bill')} judged, to {day(judged['judged_through'].max())}"
    if findings.cost_anomaly.empty:
        return f"{last}: nothing cost unusually much or little."
    return f"{last}: {plural(len(findings.cost_anomaly), 'cost anomaly', 'cost anomalies')} in the last 62 days."


def _by_impact(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values(
        ["impact_cost", "anomaly_id"], key=lambda column: -column.abs() if column.name == "impact_cost" else column
    )


def _unusual_row(row: dict[str, Any]) -> Content:
    causes = json.loads(row["causes_json"])
    first = causes[0] if causes else None
    return {
        "part": " / ".join(row[name] for name in ("account", "service", "usage_type") if not missing(row[name]))
        or "the whole bill",
        "source": row["source"],
        "days": f"{day(row['first_day'])} – {day(row['last_day'])}" if row["days"] > 1 else day(row["first_day"]),
        "open": bool(row["is_open"]),
        "actual": f"{row['actual_cost']:,.2f}",
        "expected": f"{row['expected_cost']:,.2f}",
        "impact": f"{row['impact_cost']:+,.2f} {row['currency']}",
        "cause": f"{first['resource_id']}: {first['impact']:+,.2f}" if first else "",
    }


def _apart(category: str) -> str:
    """What is charged for no use: a line of its own, and no service."""
    return f"{category}, of all services"


def _month_line(findings: Findings, ahead: pd.DataFrame) -> str:
    """What the month has cost and will have, and which of its days that rests on; empty where nothing was billed lately."""
    month = estimate_month_end(findings.cost_daily, ahead, findings.as_of)
    if month is None:
        return ""
    until = "no day of it is billed yet" if month.billed_until is None else f"billed to {day(month.billed_until)}"
    spent = f"{usd(month.spent_usd)} spent in {month.month:%B %Y}, {until}"
    if not month.forecast_days:
        return f"{spent}, the whole month."
    if month.expected_usd is None:
        return f"{spent}. The forecasts do not reach the month's end."
    ahead_of = f"with the median forecasts of {plural(month.forecast_days, 'day')}"
    return f"{spent}; {usd(month.expected_usd)} expected at its end, {ahead_of}."


def _layers(daily: pd.DataFrame) -> pd.DataFrame:
    """Cost by the day, one column per layer of the chart, the largest first; services too small to be seen are one."""
    totals = daily.groupby("service")["usd"].sum().sort_index().sort_values(ascending=False, kind="stable")
    top = [name for name in totals.index[:_LAYERS] if totals[name] >= _THIN * totals[totals > 0].sum()]
    layer = daily["service"].where(daily["service"].isin(top), _OTHERS)
    wide = daily.assign(layer=layer).pivot_table(index="ts", columns="layer", values="usd", aggfunc="sum")
    return wide.fillna(0.0).sort_index()[[name for name in [*top, _OTHERS] if name in wide]]


def _total_ahead(ahead: pd.DataFrame, now: datetime) -> charts.Curves:
    """The forecasts of all services added up: their medians, and their 90 % bands where both bounds are known."""
    low, middle, high = (
        ahead[at_quantile(ahead, level)].groupby("ts")["value"].sum().sort_index() for level in (BAND_90[0], 0.5, BAND_90[1])
    )
    lines, bands = [], []
    if len(middle):
        lines.append(charts.Line(list(middle.index), floats(middle), "median", "sum of the medians"))
    if len(low) and list(low.index) == list(high.index):
        bands.append(charts.Band(list(low.index), floats(low), floats(high), "band-90", "90 % band"))
    return charts.Curves(lines, bands, now)


def _chart(layers: pd.DataFrame, ahead: charts.Curves) -> Markup:
    return charts.stacked_chart(
        "Cost per day by service, USD",
        ahead,
        charts.Scale("USD per day", usd),
        days=list(layers.index),
        layers=[(str(name), layers[name].tolist()) for name in layers],
    )


def _rows(findings: Findings, daily: pd.DataFrame, medians: pd.DataFrame) -> list[Content]:
    """Per account and service: the last 30 days billed, the 30 before, and the medians of the 30 after this moment.

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
    names = service_names(findings.cost_daily)
    ahead = _month_ahead(medians[(medians["ts"] >= now) & (medians["ts"] < now + _MONTH)], names)
    table = table.merge(ahead, on=keys, how="left")
    table = table.sort_values(["recent", *keys], ascending=[False, True, True], kind="stable", na_position="last")
    named = findings.cost_daily.assign(service=daily["service"]).groupby(keys)["source"]
    table = table.join(named.agg(lambda names: ", ".join(sorted(set(names)))).rename("source"), on=keys)
    counts = (numbers(table["recent"]).abs() >= _HALF_A_CENT) | (numbers(table["before"]).abs() >= _HALF_A_CENT)
    return [_row(row) for row in records(table[counts].head(SHOWN))]


def _month_ahead(medians: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Account, service, and `ahead`, the sum of 30 days; a forecast of fewer would read as a fall."""
    parts = [series_parts(series_id, "cost") for series_id in medians["series_id"]]
    named = medians.assign(account=[part[0] for part in parts], service=[names.get(part[2], part[2]) for part in parts])
    sums = named.groupby(["account", "service"])["value"].agg(ahead="sum", days="count").reset_index()
    return sums.loc[sums["days"] >= _MONTH.days, ["account", "service", "ahead"]]


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
