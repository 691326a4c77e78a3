"""What a report shows, read from the lake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline import plugs
from pipeline.inputs import read
from pipeline.inputs.checks import read_checks
from pipeline.inputs.estate import read_record
from pipeline.inputs.evidence import read_hours
from pipeline.inputs.resources import read_resources
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.report.evidence import DAYS, READ
from pipeline.report.findings import Findings
from pipeline.report.selection import charted_series, portfolio_of, sort_by_gravity, still_told
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT
from pipeline.tables.budget import BUDGET_STATUS, COST_COURSE
from pipeline.tables.capacity import CAPACITY_RISK, RISK_BACKTEST
from pipeline.tables.columns import ALL, ANOMALOUS, EFFECTIVE, IMPUTED, REAL, SOURCE_KINDS
from pipeline.tables.cost_anomaly import COST_ANOMALY, COST_JUDGED
from pipeline.tables.cost_forecast import COST_FORECAST
from pipeline.tables.exploration import UTILISATION_CLUSTER
from pipeline.tables.forecasts import FORECAST, MODEL_METRIC, NOT_FORECAST, PROMOTION
from pipeline.tables.identifiers import CODED, as_given
from pipeline.tables.money import COST_DAILY, INVOICE
from pipeline.tables.savings import SAVINGS
from pipeline.tables.schema import Scope, Table
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

ANOMALY_DAYS = 30
COST_DAYS = 120
HISTORY = {"day": timedelta(days=120), "hour": timedelta(days=14)}
CLOSE_UPS = 6


def gather(interval: Interval, lake: Lake) -> Findings:
    """What the lake says about one run, as of its end, names as their sources gave them; later runs do not show through."""
    bounds = {"start": interval.start, "end": interval.end}
    risk = _believed(lake, CAPACITY_RISK, interval)
    candidates = read(lake, "forecast_series", as_of=interval.as_of)
    chosen = charted_series(risk, candidates)
    forecast = _believed(lake, FORECAST, interval, series_id=sorted(set(chosen["series_id"])))
    anomaly = _believed(lake, ANOMALY, interval)
    points = _anomalous_points(lake, interval)
    recommendation = _believed(lake, RECOMMENDATION, interval)
    used = read_hours(portfolio_of(recommendation).head(READ), interval.as_of, lake, DAYS)
    found = Findings(
        interval=interval,
        sources=_sources(lake, interval),
        dataset_mix=read_mix(lake, interval.as_of),
        series_source=read_series_sources(lake, interval.end),
        kpis=read(lake, "executive_kpis", as_of=interval.as_of),
        resource=read_resources(lake, interval.end),
        recommendation=recommendation,
        evidence_hours=used,
        evidence_forecast=_believed(lake, FORECAST, interval, series_id=sorted(set(used["series_id"])), granularity=["hour"]),
        rule_record=read_record(interval, lake),
        savings=_believed(lake, SAVINGS, interval),
        capacity_risk=risk,
        capacity_next=read(lake, "capacity_next", as_of=interval.as_of),
        utilisation_cluster=_believed(lake, UTILISATION_CLUSTER, interval),
        forecast=forecast,
        forecast_series=len(candidates),
        not_forecast=_believed(lake, NOT_FORECAST, interval),
        history=_history(lake, chosen, forecast),
        anomaly_point=points,
        anomaly=anomaly,
        judged=_judged(lake, interval),
        anomaly_history=_around(lake, points, anomaly),
        cost_daily=_span(lake, COST_DAILY, interval, timedelta(days=COST_DAYS)),
        cost_forecast=_believed(lake, COST_FORECAST, interval, cost=[EFFECTIVE], currency=["USD"], team=[ALL]),
        cost_accuracy=read(lake, "cost_accuracy", as_of=interval.as_of),
        budget_status=_believed(lake, BUDGET_STATUS, interval),
        cost_course=_believed(lake, COST_COURSE, interval),
        cost_anomaly=_believed(lake, COST_ANOMALY, interval),
        cost_judged=_believed(lake, COST_JUDGED, interval),
        cost_rises=read(lake, "cost_rises", as_of=interval.as_of),
        cost_allocated=read(lake, "cost_allocated", as_of=interval.as_of),
        invoice=_span(lake, INVOICE, interval, timedelta(days=COST_DAYS)),
        model_metric=_of_newest_training(lake, MODEL_METRIC, interval),
        risk_backtest=_of_newest_training(lake, RISK_BACKTEST, interval),
        promotion=lake.read(PROMOTION, _until(PROMOTION, interval.as_of)).to_pandas(),
        quality_result=read_checks(lake, interval.as_of),
        quarantine=read(lake, "quarantined", **bounds),
        completeness=read(lake, "completeness", **bounds),
        dataset_check=read(lake, "dataset_checks", **bounds),
        # From the events themselves: the published table is built after the run.
        run_stat=lake.query(sql.text("gold.run_stat"), bounds).to_pandas(),
        alert=read(lake, "open_alerts", as_of=interval.as_of),
        most_pages=lake.settings.report_pages,
    )
    frames = {each.name: getattr(found, each.name) for each in fields(found)}
    decoded: dict[str, Any] = {name: decode(frame) for name, frame in frames.items() if isinstance(frame, pd.DataFrame)}
    return replace(found, **decoded)


def decode(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with the names that landing coded taken back."""
    coded = [name for name in CODED if name in frame and frame[name].astype("str").str.contains("%", regex=False).any()]
    return frame.assign(**{name: frame[name].map(as_given, na_action="ignore") for name in coded})


def _believed(lake: Lake, table: Table, interval: Interval, **within: Iterable[str]) -> pd.DataFrame:
    """What one table says as of the interval's end."""
    narrowed: dict[str, tuple[str | int, ...]] = {name: tuple(values) for name, values in within.items()}
    if any(not values for values in narrowed.values()):
        return table.empty()
    return _ordered(lake.read(table, table.scope(interval, **narrowed)), table)


def _span(lake: Lake, table: Table, interval: Interval, back: timedelta) -> pd.DataFrame:
    return _ordered(lake.read(table, Scope(table.time, interval.end - back, interval.end)), table)


def _anomalous_points(lake: Lake, interval: Interval) -> pd.DataFrame:
    """The anomalous samples of the interval and of the 30 days before its end."""
    back = max(timedelta(days=ANOMALY_DAYS), interval.end - interval.start)
    scope = Scope(ANOMALY_POINT.time, interval.end - back, interval.end, (("state", (ANOMALOUS,)),))
    return _ordered(lake.read(ANOMALY_POINT, scope), ANOMALY_POINT)


def _ordered(data: pa.Table, table: Table) -> pd.DataFrame:
    frame: pd.DataFrame = data.sort_by([(name, "ascending") for name in table.key]).to_pandas()
    return frame


def _of_newest_training(lake: Lake, table: Table, interval: Interval) -> pd.DataFrame:
    """Each segment's rows of the newest training that was known, in key order."""
    rows: pd.DataFrame = lake.read(table, _until(table, interval.as_of)).to_pandas()
    newest = rows.groupby(["metric", "granularity"])["as_of"].transform("max")
    _, *order = table.key
    return rows[rows["as_of"] == newest].sort_values(order, ignore_index=True)


def _until(table: Table, moment: datetime) -> Scope:
    """As long ago as `inputs.champions` looks."""
    days = sql.windows(sql.text("inputs.champions"))[""] or 0
    return Scope(table.time, moment - timedelta(days=days), moment + timedelta(microseconds=1))


def _judged(lake: Lake, interval: Interval) -> pd.DataFrame:
    settings = lake.settings
    since = interval.end - timedelta(hours=settings.detect_history_hours)
    return read(lake, "judged_series", since=since, as_of=interval.end, hours=settings.detect_min_history_hours)


def read_mix(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """How many resources each source delivered metrics of, how well it fits, and of what kind its rows are."""
    mix = read(lake, "dataset_mix", as_of=as_of)
    return mix.assign(kind=[SOURCE_KINDS.get(name, REAL) for name in mix["source"]])


def read_series_sources(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """series_id, source of what was delivered in the four weeks before, a row for each of a series that several delivered."""
    delivered = read(lake, "series_delivered", as_of=as_of)
    one_each = delivered.assign(source=delivered["sources"].astype("str").str.split(",")).explode("source", ignore_index=True)
    return one_each[["series_id", "source"]].drop_duplicates(ignore_index=True)


def _sources(lake: Lake, interval: Interval) -> pd.DataFrame:
    """Where the rows came from, with the first sentence of the plug's own description."""
    sources = read(lake, "sources", start=interval.start, end=interval.end)
    known = plugs.names("sources")
    notes = {name: _first_sentence(plugs.load("sources", name).__doc__) for name in set(sources["source"]) if name in known}
    return sources.assign(
        note=[notes.get(name, "") for name in sources["source"]],
        kind=[SOURCE_KINDS.get(name, REAL) for name in sources["source"]],
    )


def _first_sentence(text: str | None) -> str:
    paragraph = " ".join((text or "").strip().split("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".")


def _history(lake: Lake, chosen: pd.DataFrame, forecast: pd.DataFrame) -> pd.DataFrame:
    """What was observed of the charted series before their forecasts' cutoff."""
    parts = []
    for granularity, table in (("day", METRIC_DAILY), ("hour", METRIC_HOURLY)):
        series = tuple(chosen.loc[chosen["granularity"] == granularity, "series_id"])
        cutoffs = forecast.loc[forecast["series_id"].isin(series) & (forecast["granularity"] == granularity), "cutoff"]
        if cutoffs.empty:
            continue
        scope = Scope(
            table.time,
            (cutoffs.min() - HISTORY[granularity]).to_pydatetime(),
            (cutoffs.max() + timedelta(microseconds=1)).to_pydatetime(),
            (("series_id", series),),
        )
        parts.append(_observed(lake, table, scope).assign(granularity=granularity))
        if granularity == "day" and series:
            # Daily cost is no metric of a resource: its series are summed from the bills.
            every = {"shard": 0, "shards": 1, "metric": "cost"}
            cost = read(lake, "demand_daily", since=scope.start, as_of=scope.end, **every)
            parts.append(cost.loc[cost["series_id"].isin(series), ["series_id", "ts", "value"]].assign(granularity="day"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series_id", "granularity", "ts", "value"])


def _around(lake: Lake, points: pd.DataFrame, anomaly: pd.DataFrame) -> pd.DataFrame:
    """Hours around the anomalies of the series that have the gravest incidents."""
    by_score = points.sort_values(["score", "series_id"], ascending=[False, True], kind="stable")["series_id"]
    known = set(by_score)
    worst = [name for name in dict.fromkeys([*sort_by_gravity(still_told(anomaly))["series_id"], *by_score]) if name in known]
    parts: list[Any] = []
    for series_id in worst[:CLOSE_UPS]:
        last = points.loc[points["series_id"] == series_id, "ts"].max()
        scope = Scope(
            "hour",
            (last - timedelta(days=9)).to_pydatetime(),
            (last + timedelta(days=1)).to_pydatetime(),
            (("series_id", (series_id,)),),
        )
        parts.append(_observed(lake, METRIC_HOURLY, scope))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series_id", "ts", "value"])


def _observed(lake: Lake, table: Table, scope: Scope) -> pd.DataFrame:
    """The p95 of each period, which is what is forecast; the mean where a source gives no more. Imputed periods are gaps."""
    rows: pd.DataFrame = lake.read(table, scope, ("series_id", table.time, "p95", "mean", "quality_flag")).to_pandas()
    rows = rows.rename(columns={table.time: "ts"}).sort_values(["series_id", "ts"], kind="stable")
    value = rows["p95"].fillna(rows["mean"]).where(rows["quality_flag"] != IMPUTED)
    return rows.assign(value=value)[["series_id", "ts", "value"]].reset_index(drop=True)
