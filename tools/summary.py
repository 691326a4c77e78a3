"""What the demo's last run found, on a terminal."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline import settings as settings_module
from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake

ANOMALY_DAYS = 30
Kpis = dict[str, float | None]


def show(console: Console, day: date) -> None:
    """Print recommendations, forecast accuracy, risks and anomalies as of the end of a day, and where to look further."""
    settings = settings_module.load()
    lake, as_of = open_lake(settings), Interval.day(day).as_of
    kpis = {row["kpi"]: row["value"] for row in asked(lake, "executive_kpis", as_of=as_of)}
    recommendations(console, lake, as_of, kpis)
    accuracy(console, lake, as_of)
    risks(console, lake, as_of, kpis)
    anomalies(console, lake, as_of, kpis)
    folder = settings.run_folder(as_of)
    console.print(f"\n[bold]Report[/bold]   {folder / 'report.html'}")
    if (folder / "data_docs").exists():
        console.print(f"[bold]Quality[/bold]  {folder / 'data_docs' / 'index.html'}")
    console.print("[bold]Tables[/bold]   .venv/bin/python -m pipeline query 'SELECT * FROM gold.recommendation'")
    console.print("[bold]Airflow and MLflow in the browser[/bold]  make up")


def recommendations(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    rows = asked(lake, "portfolio", as_of=as_of)
    answers = {row["action"]: row["answers"] for row in asked(lake, "passive_answers", as_of=as_of)}
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
    console.print("", table)
    rest = [f"{len(rows) - 8} more to do"] if len(rows) > 8 else []
    rest += [f"{count} answered {action.replace('_', ' ')}" for action, count in answers.items()]
    console.print(f"  {', '.join(rest)}; each with its reason in gold.recommendation", style="dim")


def accuracy(console: Console, lake: Lake, as_of: datetime) -> None:
    table = titled(
        "Forecasts: the champions beside the seasonal naive, in backtests (lower MASE is better)",
        *("metric", "by", "champion", "series>", "MASE>", "seasonal naive>", "pinball skill>", "80 % interval holds>"),
    )
    for row in asked(lake, "champions", as_of=as_of):
        table.add_row(
            row["metric"],
            row["granularity"],
            row["champion"],
            str(row["series"]),
            *(figure(row[name], ".2f") for name in ("mase", "naive_mase")),
            figure(row["skill"], "+.0%"),
            figure(row["coverage_80"], ".0%"),
        )
    console.print("", table)


def risks(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    rows = asked(lake, "likely_crossings", as_of=as_of)
    quantile = f"P{settings_module.load().risk_quantile * 100:.3g}"
    table = titled(
        f"Capacity at risk: {figure(kpis['resources_at_risk'], '.0f')} resources; {len(rows)} series may cross within 30 days",
        *("series", "crosses>", "chance>", f"{quantile} crosses on"),
    )
    for row in rows[:5]:
        first = row["first_crossing_at"]
        table.add_row(
            row["series_id"], f"{row['threshold_pct']:.0f} %", f"{row['p_cross_30d']:.0%}", str(first.date()) if first else "–"
        )
    console.print("", table)


def anomalies(console: Console, lake: Lake, as_of: datetime, kpis: Kpis) -> None:
    rows = asked(lake, "strongest_anomalies", as_of=as_of, since=as_of - timedelta(days=ANOMALY_DAYS))
    table = titled(
        f"Anomalies of the last 24 hours: {figure(kpis['anomalous_hours_24h'], '.0f')}; the strongest of {ANOMALY_DAYS} days",
        *("hour, UTC", "resource", "metric", "observed>", "expected>", "severity"),
    )
    for row in rows[:6]:
        table.add_row(
            f"{row['ts']:%Y-%m-%d %H:%M}",
            row["resource_id"],
            row["metric"],
            f"{row['value']:,.1f} {row['unit']}",
            figure(row["expected"], ",.1f"),
            row["severity"],
        )
    console.print("", table)


def asked(lake: Lake, name: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ask(lake, name, **params).to_pylist()
    return rows


def titled(title: str, *columns: str) -> Table:
    """A table; a column whose name ends in > is a figure."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
    return table


def figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
