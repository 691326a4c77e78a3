"""What a run found, on a terminal: `run` and the demo end with it, and each step with its part."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.inputs import ask
from pipeline.inputs.checks import read_lacking
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.tables.columns import ACKNOWLEDGED, MISSING, SUPPRESSED, UNNAMED
from pipeline.tables.identifiers import CODED, as_given

Kpis = dict[str, float | None]


def show(console: Console, settings: Settings, interval: Interval) -> None:
    """Print what a run over an interval found, what it lacked, and where to look further."""
    from pipeline.inputs.findings import read_mix
    from pipeline.report.sections.sources import tell_mix

    lake, as_of = open_lake(settings), interval.as_of
    known = read_kpis(lake, as_of)
    for part in (costs, budgets, unusual_costs, recommendations, accuracy, risks, incidents):
        part(console, lake, as_of, known)
    lacking(console, lake, interval)
    alerts(console, lake, as_of)
    if mixed := tell_mix(read_mix(lake, as_of)):
        console.print(f"\n[bold]Mixed[/bold]    {escape(mixed)}", highlight=False, soft_wrap=True)
    console.print(f"\n[bold]Report[/bold]   {settings.report_address(as_of)}", soft_wrap=True)
    console.print(f"[bold]Quality[/bold]  {settings.report_address(as_of, 'data_docs/index.html')}", soft_wrap=True)


def read_kpis(lake: Lake, as_of: datetime) -> Kpis:
    return {row["kpi"]: row["value"] for row in asked(lake, "executive_kpis", as_of=as_of)}


def lacking(console: Console, lake: Lake, interval: Interval) -> None:
    """Sources that are late, what is not known of resources, and rows that were refused."""
    sentences = read_lacking(lake, interval.as_of)
    for row in asked(lake, "quarantined", start=interval.start, end=interval.end):
        sentences.append(
            f"{row['rows']:,} rows of {row['table_name']} were refused as {row['rule']}, such as {row['example']}; "
            "silver.quarantine has them all."
        )
    if sentences:
        console.print("\n[bold]What was missing[/bold]")
    for sentence in sentences:
        console.print(f"[yellow]![/] {escape(sentence)}", highlight=False, soft_wrap=True)


def alerts(console: Console, lake: Lake, as_of: datetime, _known: Kpis | None = None) -> None:
    """Print what fires at a moment, whether people know, and how much is suppressed."""
    rows = asked(lake, "open_alerts", as_of=as_of)
    told = [row for row in rows if row["state"] != SUPPRESSED]
    table = titled(
        f"Alerts: {len(told)}, and {len(rows) - len(told)} suppressed; the gravest",
        *("id", "severity", "what", "rule", "since, UTC", "observed>", "people"),
    )
    for row in told[:8]:
        table.add_row(
            row["alert_id"],
            row["severity"],
            escape(f"{row['subject'].split('/', 2)[-1]} {row['cause']}"),
            row["rule"],
            f"{row['since']:%Y-%m-%d %H:%M}",
            "" if row["observed"] is None else f"{row['observed']:,.4g} {row['measured_in']}",
            row["state"]
            if row["state"] == ACKNOWLEDGED
            else "wait"
            if row["waiting"]
            else "know"
            if row["told_at"]
            else "not told",
        )
    if told:
        printed(console, table)
    else:
        console.print(f"\n[bold]Alerts[/bold]  none{f'; {len(rows)} suppressed' if rows else ''}")


def budgets(console: Console, lake: Lake, as_of: datetime, _known: Kpis) -> None:
    rows = asked(lake, "likely_breaches", as_of=as_of)
    if not rows:
        return
    table = titled(
        f"Budgets: {len(rows)}; the likeliest to be exceeded",
        *("budget", "to", "amount>", "spent>", "likely>", "chance>", "spent on>"),
    )
    for row in rows[:6]:
        table.add_row(
            escape(f"{row['budget']}, {row['currency']}"),
            f"{row['period_end'] - timedelta(days=1):%Y-%m-%d}",
            f"{row['amount']:,.2f}",
            f"{row['actual']:,.2f}",
            figure(row["expected"], ",.2f"),
            figure(row["p_breach"], ".0%"),
            f"{row['spent_p50']:%Y-%m-%d}" if row["spent_p50"] else "–",
        )
    printed(console, table)
    for row in rows:
        if row["left_out"]:
            console.print(f"  {row['budget']} does not count what is charged in {row['left_out']}", style="yellow", markup=False)


def unusual_costs(console: Console, lake: Lake, as_of: datetime, _known: Kpis) -> None:
    rows = asked(lake, "gravest_costs", as_of=as_of)
    if not rows:
        return
    table = titled(
        f"Unusual costs of 62 days: {len(rows)}; the largest",
        *("since", "part of the bill", "days>", "cost>", "expected>", "impact>"),
    )
    for row in rows[:5]:
        part = [row[name] for name in ("resource_id", "usage_type", "service", "account") if row[name] not in (None, UNNAMED)]
        table.add_row(
            f"{row['first_day']:%Y-%m-%d}",
            escape(", ".join(part) or "all of it"),
            f"{row['days']}{', open' if row['is_open'] else ''}",
            *(f"{row[name]:,.2f}" for name in ("actual_cost", "expected_cost")),
            f"{row['impact_cost']:+,.2f} {row['currency']}",
        )
    printed(console, table)


def recommendations(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    rows = asked(lake, "portfolio", as_of=as_of)
    passive = asked(lake, "passive_answers", as_of=as_of)
    table = titled(
        f"Recommendations: ${figure(kpis['savings_identified_monthly'], ',.0f')} a month",
        *("#>", "resource", "action", "from", "to", "saves a month>", "chance of breach>"),
    )
    for row in rows[:8]:
        table.add_row(
            str(row["portfolio_rank"]),
            f"{row['resource_id']} ({row['service']})",
            row["action"],
            row["current_config"] or "",
            row["target_config"] or "",
            "" if row["portfolio_savings_usd"] is None else f"${row['portfolio_savings_usd']:,.2f}",
            "" if row["breach_probability"] is None else f"{row['breach_probability']:.0%}",
        )
    if rows:
        printed(console, table)
    else:
        console.print(f"\n[bold]Recommendations[/bold]  {'nothing to change' if passive else 'none'}")
    for rule, record in sorted({(row["rule_id"], row["record"]) for row in rows[:8] if row["record"]}):
        console.print(f"  {rule}, {record}", style="dim", markup=False, highlight=False, soft_wrap=True)
    rest = [f"{len(rows) - 8} more to do"] if len(rows) > 8 else []
    kept = sum(row["resources"] for row in passive if row["action"] == "keep")
    rest += [f"{kept} kept by at least one rule"] if kept else []
    undecided = [f"{row['resources']} {row['service']}" for row in passive if row["action"] == "insufficient_data"]
    rest += [f"not enough data for {', '.join(undecided)}"] if undecided else []
    if rest:
        console.print(f"  {'; '.join(rest)}; each with its reason in gold.recommendation", style="dim", markup=False)
    if days := [row["price_as_of"] for row in rows if row["price_as_of"] is not None]:
        oldest = min(days)
        console.print(f"  list prices of {oldest:%Y-%m-%d}, {(as_of - oldest).days / 365.25:.1f} years old", style="dim")


def accuracy(console: Console, lake: Lake, as_of: datetime, _known: Kpis) -> None:
    rows = asked(lake, "champions", as_of=as_of)
    if not rows:
        console.print("\n[bold]Forecasts[/bold]  no training yet: the fallback serves; `train`, then `promote`")
        return
    table = titled(
        "Forecasts: what serves beside the seasonal naive, in backtests (lower MASE is better)",
        *("metric", "by", "forecaster", "series>", "MASE>", "seasonal naive>", "pinball skill>", "80 % interval holds>"),
    )
    for row in rows:
        table.add_row(
            row["metric"],
            row["granularity"],
            row["serves"] if row["champion"] == row["serves"] else f"{row['serves']}, unsound",
            str(row["series"]),
            *(figure(row[name], ".2f") for name in ("mase", "naive_mase")),
            figure(row["skill"], "+.0%"),
            figure(row["coverage_80"], ".0%"),
        )
    printed(console, table)


def risks(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    if kpis["resources_at_risk"] is None:
        console.print("\n[bold]Capacity at risk[/bold]  nothing to judge: no series in percent was forecast")
        return
    rows = asked(lake, "capacity_next", as_of=as_of)
    quantile = f"P{lake.settings.risk_quantile * 100:.3g}"
    table = titled(
        f"Capacity at risk: {figure(kpis['resources_at_risk'], '.0f')} resources; the gravest, and their next thresholds",
        *("resource/metric", "risk", "next>", f"{quantile} crosses", "7 d>", "30 d>", "90 d>"),
    )
    for row in rows[:6]:
        first = row["first_crossing_at"]
        table.add_row(
            row["series_id"].split("/", 2)[-1],  # with account and region it would not fit a terminal
            row["risk_level"] + ("" if row["over_pct"] is None else f": over {row['over_pct']:.0f}\N{NO-BREAK SPACE}%"),
            f"{row['threshold_pct']:.0f}\N{NO-BREAK SPACE}%",
            str(first.date()) if first else "–",
            *(figure(row[f"p_cross_{days}d"], ".0%") for days in (7, 30, 90)),
        )
    if rows:
        printed(console, table)
    else:
        console.print(f"\n[bold]{table.title}[/bold]")


def incidents(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    rows = asked(lake, "gravest_incidents", as_of=as_of)
    if not rows:
        found = "no metrics by the hour" if kpis["incidents_24h"] is None else "none"
        console.print(f"\n[bold]Incidents[/bold]  {found}")
        return
    table = titled(
        f"Incidents of the last 24 hours: {figure(kpis['incidents_24h'], '.0f')}, {figure(kpis['incidents_open'], '.0f')} open; "
        "the gravest of four weeks",
        *("since, UTC", "resource", "metric", "lasted>", "observed>", "expected>", "severity"),
    )
    for row in rows[:6]:
        table.add_row(
            f"{row['started_at']:%Y-%m-%d %H:%M}",
            row["resource_id"],
            row["metric"],
            f"{row['hours']} h{', open' if row['is_open'] else ''}",
            "no samples" if row["kind"] == MISSING else f"{row['value']:,.1f} {row['unit']}",
            figure(row["expected"], ",.1f"),
            row["severity"],
        )
    printed(console, table)


def costs(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    rows = asked(lake, "cost_ahead", as_of=as_of)
    if not rows:
        return
    expected = kpis["cost_next_30d"]
    ahead = "" if expected is None else f"; ${expected:,.2f} likely in the next 30"
    table = titled(
        f"Cost: ${figure(kpis['cost_last_30d'], ',.2f')} in the last 30 days billed{ahead}; "
        f"${figure(kpis['cost_month_to_date'], ',.2f')} this month, "
        f"${figure(kpis['cost_month_end'], ',.2f')} expected at its end",
        *("service, account", "spent>", "likely>"),
    )
    for row in rows[:6]:
        amounts = (figure(row[name], ",.2f") for name in ("spent_usd", "expected_usd"))
        table.add_row(f"{row['service']}, {row['account']}", *amounts)
    printed(console, table)
    spent, as_billed = (sum(row[name] or 0.0 for row in rows) for name in ("spent_usd", "spent_as_billed_usd"))
    if as_billed:
        share = f"{as_billed / spent:.0%} of it" if spent > 0 else f"${as_billed:,.2f} of it"
        console.print(f"  {share} is billed cost: its bills state no effective cost", style="yellow")


def asked(lake: Lake, name: str, **params: Any) -> list[dict[str, Any]]:
    """The rows of an input, with names as their sources gave them."""
    rows: list[dict[str, Any]] = ask(lake, name, **params).to_pylist()
    return [{key: as_given(value) if value and key in CODED else value for key, value in row.items()} for row in rows]


def titled(title: str, *columns: str) -> Table:
    """A table; a column whose name ends in > is a figure, and the first names the row."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column.endswith(">") else "left"
        table.add_column(column.rstrip(">"), justify=justify, no_wrap=not place)
    return table


def printed(console: Console, table: Table) -> None:
    """Print a table of which no word is cut: where a terminal has no room for the longest ones, its lines go on below."""
    for column in table.columns:
        column.min_width = max(cell_len(word) for cell in (column.header, *column.cells) for word in str(cell).split(" "))
    console.print("", table, crop=False)


def figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
