"""What the demo's last run found, on a terminal."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake

ANOMALY_DAYS = 30

RECOMMENDATIONS = """
SELECT portfolio_rank, resource_id, service, action, current_config, target_config, portfolio_savings_usd, breach_probability
FROM gold.recommendation WHERE as_of = :as_of AND portfolio_rank IS NOT NULL ORDER BY portfolio_rank
"""
ANSWERS = """
SELECT action, count(*) AS resources FROM gold.recommendation
WHERE as_of = :as_of AND action IN ('keep', 'insufficient_data') GROUP BY action ORDER BY action
"""
RISKS = """
WITH ranked AS (
  SELECT series_id, threshold_pct, first_crossing_at, p_cross_30d,
    row_number() OVER (PARTITION BY series_id ORDER BY threshold_pct DESC) AS nth
  FROM gold.capacity_risk WHERE as_of = :as_of AND p_cross_30d > 1 - 0.95e0 * (1 - coalesce(p_surprise_30d, 0e0))
)
SELECT series_id, threshold_pct, first_crossing_at, p_cross_30d FROM ranked
WHERE nth = 1 ORDER BY p_cross_30d DESC, threshold_pct DESC, series_id
"""
ACCURACY = """
WITH ranked AS (
  SELECT metric, granularity, champion, row_number() OVER (PARTITION BY metric, granularity ORDER BY fence DESC) AS recency
  FROM gold.promotion WHERE as_of <= :as_of
), champions AS (SELECT metric, granularity, champion FROM ranked WHERE recency = 1)
SELECT c.metric, c.granularity, c.champion, m.series AS series, m.mase AS mase, n.mase AS naive_mase,
  m.skill AS skill, m.coverage_80 AS coverage_80
FROM champions AS c
JOIN gold.model_metric AS m ON m.metric = c.metric AND m.granularity = c.granularity AND m.model = c.champion
JOIN gold.model_metric AS n
  ON n.metric = c.metric AND n.granularity = c.granularity AND n.as_of = m.as_of AND n.model = 'seasonal_naive'
WHERE m.as_of = (SELECT max(as_of) FROM gold.model_metric WHERE as_of <= :as_of)
ORDER BY c.metric, c.granularity
"""
ANOMALIES = """
SELECT resource_id, metric, unit, ts, value, expected, severity, score FROM gold.anomaly
WHERE ts >= :since AND ts < :as_of ORDER BY score DESC, ts DESC, series_id
"""


def show(console: Console, day: date) -> None:
    """Print recommendations, forecast accuracy, risks and anomalies as of the end of a day, and where to look further."""
    settings = settings_module.load()
    lake, as_of = open_lake(settings), Interval.day(day).as_of
    recommendations(console, lake, as_of)
    accuracy(console, lake, as_of)
    risks(console, lake, as_of)
    anomalies(console, lake, as_of)
    folder = settings.run_folder(as_of)
    console.print(f"\n[bold]Report[/bold]   {folder / 'report.html'}")
    if (folder / "data_docs").exists():
        console.print(f"[bold]Quality[/bold]  {folder / 'data_docs' / 'index.html'}")
    console.print("[bold]Tables[/bold]   .venv/bin/python -m pipeline query 'SELECT * FROM gold.recommendation'")
    console.print("[bold]Airflow and MLflow in the browser[/bold]  make up")


def recommendations(console: Console, lake: Lake, as_of: datetime) -> None:
    rows = asked(lake, RECOMMENDATIONS, as_of=as_of)
    answers = {row["action"]: row["resources"] for row in asked(lake, ANSWERS, as_of=as_of)}
    saved = sum(row["portfolio_savings_usd"] or 0 for row in rows)
    table = titled(
        f"Recommendations: ${saved:,.0f} a month",
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
    for row in asked(lake, ACCURACY, as_of=as_of):
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


def risks(console: Console, lake: Lake, as_of: datetime) -> None:
    rows = asked(lake, RISKS, as_of=as_of)
    quantile = f"P{settings_module.load().risk_quantile * 100:.3g}"
    table = titled(
        f"Capacity at risk within 30 days: {len(rows)} series", "series", "crosses>", "chance>", f"{quantile} crosses on"
    )
    for row in rows[:5]:
        first = row["first_crossing_at"]
        table.add_row(
            row["series_id"], f"{row['threshold_pct']:.0f} %", f"{row['p_cross_30d']:.0%}", str(first.date()) if first else "–"
        )
    console.print("", table)


def anomalies(console: Console, lake: Lake, as_of: datetime) -> None:
    rows = asked(lake, ANOMALIES, as_of=as_of, since=as_of - timedelta(days=ANOMALY_DAYS))
    table = titled(
        f"Anomalies of the last {ANOMALY_DAYS} days: {len(rows)}, the strongest first",
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


def asked(lake: Lake, sql: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.query(sql, params).to_pylist()
    return rows


def titled(title: str, *columns: str) -> Table:
    """A table; a column whose name ends in > is a figure."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
    return table


def figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
