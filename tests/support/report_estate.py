"""A small made-up estate whose tables fill every section of the report; figures are chosen, not drawn."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline import tables
from pipeline.anomalies.incidents import group_points
from pipeline.interval import Interval
from pipeline.lake import duckdb, sql
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT
from pipeline.tables.schema import Table, bucket_of
from tests.support.golden import partition_of

utc = datetime.fromisoformat
AS_OF = utc("2026-04-16")
DAY = Interval.day("2026-04-15")
QUANTILES = ((0.05, -1.645), (0.1, -1.282), (0.25, -0.674), (0.5, 0.0), (0.75, 0.674), (0.9, 1.282), (0.95, 1.645), (0.99, 2.326))
HOSTS = ("i-web01", "i-web02", "i-app01", "i-app02", "i-db01", "i-batch01")
NASTY_NAME = "<script>alert('x')</script>"
NASTY_FORMULA = '=HYPERLINK("http://x","y")'


def rows(table: Table, records: list[dict[str, Any]]) -> pa.Table:
    """Records as the table declares them: what a record leaves out is null, the partition follows from the time column."""
    data = {c.name: [record.get(c.name) for record in records] for c in table.columns}
    if "bucket" in data:
        data["bucket"] = [bucket_of(record["series_id"]) for record in records]
    data[table.partition] = [partition_of(record[table.time], table.partition) for record in records]
    return pa.table(data, schema=table.arrow_schema)


def estate() -> dict[str, list[dict[str, Any]]]:
    """Records by table name, as of 2026-04-16, for the run of 2026-04-15."""
    return {
        "silver.resource": _resources(),
        "silver.metric_daily": _daily(),
        "silver.metric_hourly": _hourly(),
        "silver.cost_daily": _costs(),
        "silver.quarantine": _quarantine(),
        "gold.forecast": _forecasts(),
        "gold.cost_forecast": _cost_forecasts(),
        "gold.anomaly_point": _anomalous_points(),
        "gold.anomaly": _incidents(),
        "gold.capacity_risk": _risks(),
        "gold.recommendation": _recommendations(),
        "gold.savings": [],
        "gold.savings_daily": [],
        "gold.utilisation_cluster": _clusters(),
        "gold.model_metric": _model_metrics(),
        "gold.risk_backtest": _risk_backtest(),
        "gold.promotion": _promotions(),
        "gold.quality_result": _quality(),
        "gold.alert": _alerts(),
        "bronze.run_event": _run_events(),
    }


def kpis(**changed: pd.DataFrame) -> pd.DataFrame:
    """The KPIs of the estate as of its run.

    Args:
        changed: rows of a table of gold in place of the estate's, by the table's name without its layer.
    """
    return asked("executive_kpis", **changed)


def asked(name: str, params: dict[str, Any] | None = None, **changed: pd.DataFrame) -> pd.DataFrame:
    """What a step reads of the estate as of its run: an input by its name, with parameters beside `as_of`."""
    given = {name: rows(tables.get(name), records) for name, records in estate().items()}
    for table_name, frame in changed.items():
        table = tables.get(f"gold.{table_name}")
        given[table.name] = pa.Table.from_pandas(frame, schema=table.arrow_schema, preserve_index=False)
    return duckdb.query(sql.text(f"inputs.{name}"), {"as_of": AS_OF, **(params or {})}, given.__getitem__).to_pandas()


def series(resource: str, metric: str = "cpu_utilization") -> str:
    return f"100000000001/us-east-1/{resource}/{metric}"


def _key(resource: str, metric: str = "cpu_utilization") -> dict[str, Any]:
    key = {"account": "100000000001", "region": "us-east-1", "resource_id": resource}
    return {**key, "series_id": series(resource, metric), "metric": metric, "unit": "percent" if "util" in metric else "mbps"}


def _level(number: int, moment: datetime) -> float:
    """Demand of one host in percent: a level, growth, a working week and a working day."""
    days = (moment - AS_OF) / timedelta(days=1)
    base = (68, 44, 35, 9, 52, 24)[number] + (0.14, 0.02, 0.05, 0.0, 0.06, 0.01)[number] * days
    week = 0.78 if moment.weekday() >= 5 else 1.0
    hour = 1 + 0.18 * math.sin((moment.hour - 9) / 24 * 2 * math.pi) if moment.hour else 1.0
    wobble = 2.2 * math.sin(days * 1.7 + number) + 1.4 * math.sin(days * 4.1 + 2 * number)
    return round(min(max(base * week * hour + wobble, 0.5), 99), 3)


def _statistics(value: float, samples: int, expected: int, flag: int = 0) -> dict[str, Any]:
    return {
        "mean": value * 0.8, "p50": value * 0.78, "p95": value, "max": min(value * 1.08, 100), "samples": samples,
        "saturated": None, "expected_samples": expected, "quality_flag": flag, "quality_score": samples / expected,
    }  # fmt: skip


def _resources() -> list[dict[str, Any]]:
    kinds = ("m5.large", "m5.xlarge", "c5.large", "m5.2xlarge", "r5.xlarge", "c5.xlarge")
    return [
        {
            "account": "100000000001", "region": "us-east-1", "resource_id": host, "ts": utc("2026-04-15"), "service": "ec2",
            "instance_type": kind, "state": "running", "app_name": host[2:5], "business_unit": "Retail", "criticality": "High",
            "tags_json": json.dumps({"instance_type_assumed": "true"} if number in (3, 5) else {}),
        }
        for number, (host, kind) in enumerate(zip(HOSTS, kinds, strict=True))
    ]  # fmt: skip


def _daily() -> list[dict[str, Any]]:
    records = []
    for number, host in enumerate(HOSTS):
        for back in range(150, 0, -1):
            ts = AS_OF - timedelta(days=back)
            missing = number == 5 and back in (40, 41, 42)
            samples = 0 if missing else 201 if (number, back) == (2, 1) else 288
            value = _level(number, ts)
            records.append({**_key(host), "ts": ts, **_statistics(value, samples, 288, 1 if missing else 0)})
    return records


def _hourly() -> list[dict[str, Any]]:
    spikes = {(r["series_id"], r["ts"]): r["value"] for r in _anomalous_points()}
    records = []
    for number, host in enumerate(HOSTS):
        for back in range(20 * 24, 0, -1):
            hour = AS_OF - timedelta(hours=back)
            value = spikes.get((series(host), hour), _level(number, hour))
            records.append({**_key(host), "hour": hour, "ts": hour, **_statistics(value, 12, 12)})
    return records


def _forecasts() -> list[dict[str, Any]]:
    records = []
    shared = {"as_of": AS_OF, "model_version": "3", "tier": "full", "soundness": "sound", "coverage_90": 0.9}
    for number, host in enumerate(HOSTS):
        for ahead in range(90):
            ts = AS_OF + timedelta(days=ahead)
            for quantile, z in QUANTILES:
                value = max(_level(number, ts) + z * (3.5 + 0.08 * ahead), 0.1)
                records.append(
                    {**shared, **_key(host), "granularity": "day", "ts": ts, "quantile": quantile, "value": value,
                     "model": "ridge", "cutoff": AS_OF - timedelta(days=1)}
                )  # fmt: skip
    for number, host in enumerate(HOSTS[:2]):
        for ahead in range(168):
            ts = AS_OF + timedelta(hours=ahead)
            for quantile, z in QUANTILES:
                records.append(
                    {**shared, **_key(host), "granularity": "hour", "ts": ts, "quantile": quantile, "tier": "short history",
                     "value": min(max(_level(number, ts) + z * 4, 0.1), 100), "model": "seasonal_naive",
                     "cutoff": AS_OF - timedelta(hours=1), "soundness": "unsound", "coverage_90": 0.62}
                )  # fmt: skip
    for service, level in (("compute-engine", 410.0), ("bigquery", 96.0)):
        name = f"binder/global/{service}/cost"
        for ahead in range(90):
            ts = AS_OF + timedelta(days=ahead)
            for quantile, z in QUANTILES:
                value = level * (1 + 0.002 * ahead) * (0.9 if ts.weekday() >= 5 else 1) * (1 + 0.05 * z)
                records.append(
                    {**shared, "series_id": name, "metric": "cost", "unit": "usd", "granularity": "day", "ts": ts,
                     "quantile": quantile, "value": value, "model": "prophet", "cutoff": AS_OF - timedelta(days=1)}
                )  # fmt: skip
    return records


def _cost_forecasts() -> list[dict[str, Any]]:
    """Usage of two services, and both together: 90 days and the running month."""
    shared = {"as_of": AS_OF, "cost": "effective", "currency": "USD", "model": "default", "skill": 0.21}
    shared |= {"complete_through": AS_OF - timedelta(days=1)}
    every, records = {"provider": "all", "account": "all", "service": "all", "level": "total"}, []
    shared["team"] = "all"
    services = (("Compute Engine", 410), ("BigQuery", 96))
    for service, level in (*services, ("all", 506)):
        own = {"provider": "gcp", "account": "binder", "service": service, "level": "by_account_service"}
        node = {**shared, **(every if service == "all" else own)}
        spans = [("day", AS_OF + timedelta(days=ahead), 1) for ahead in range(90)] + [("month", utc("2026-04-01"), 30)]
        for granularity, ts, days in spans:
            values = {f"p{round(100 * quantile):02d}": days * level * (1 + 0.03 * z) for quantile, z in QUANTILES}
            records += [
                {**node, "kind": kind, "granularity": granularity, "ts": ts, "billed": 0, "mean": days * level, **values}
                for kind in ("usage", "all")
            ]
    return records


def _anomalous_points() -> list[dict[str, Any]]:
    records = []
    for host, hours_back, value, expected, score, severity in (
        ("i-web01", 9, 99.2, 66.1, 0.97, "critical"),
        ("i-web01", 10, 96.8, 67.3, 0.91, "high"),
        ("i-app02", 5, 41.5, 9.2, 0.82, "high"),
        ("i-batch01", 20, 58.0, 24.1, 0.66, "medium"),
        ("i-web01", 130, 93.0, 60.0, 0.71, "medium"),
        ("i-db01", 300, 12.0, 50.0, 0.55, "low"),
        ("i-db01", 301, 11.0, None, 0.58, "low"),
    ):
        records.append(
            {**_key(host), "granularity": "hour", "ts": AS_OF - timedelta(hours=hours_back), "score": score, "state": "anomalous",
             "is_alert": True, "value": value, "expected": expected, "votes": 2, "detectors": "iqr,seasonal_mad",
             "severity": severity}
        )  # fmt: skip
    return records


def _incidents() -> list[dict[str, Any]]:
    criticality = pd.Series({f"100000000001/us-east-1/{host}": "High" for host in HOSTS})
    points = ANOMALY_POINT.frame([{**row, "bucket": 0} for row in _anomalous_points()])
    found = group_points(points.assign(last_at=pd.Timestamp(AS_OF) - timedelta(hours=1)), criticality, AS_OF)
    nulls = ("expected", "first_alert_at")
    return [
        {**row, **{name: None for name in nulls if pd.isna(row[name])}}
        for row in ANOMALY.frame([{**row, "bucket": 0} for row in found.to_dict("records")]).to_dict("records")
    ]


def _risks() -> list[dict[str, Any]]:
    records = []
    for host, level, priority, headroom, first, chances in (
        ("i-web01", "critical", 92.0, 0.03, 12, ((0.18, 0.71, 0.97), (0.01, 0.22, 0.64))),
        ("i-db01", "high", 55.0, 0.19, 61, ((0.0, 0.04, 0.41), (0.0, 0.002, 0.06))),
        ("i-web02", "medium", 21.0, 0.38, None, ((0.0, 0.0, 0.03), (0.0, 0.0, 0.0))),
        ("i-app01", "low", 8.0, 0.44, None, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))),
        ("i-app02", "low", 2.0, 0.8, None, ((0.0, 0.0, None), (0.0, 0.0, None))),
    ):
        for threshold, (week, month, quarter) in zip((80.0, 90.0), chances, strict=True):
            days = None if first is None else first + (0 if threshold == 80 else 26)
            at = None if days is None else AS_OF + timedelta(days=days)
            records.append(
                {"as_of": AS_OF, "series_id": series(host), "metric": "cpu_utilization", "granularity": "day",
                 "threshold_pct": threshold, "quantile": 0.9, "first_crossing_at": at, "p_cross_7d": week, "p_cross_30d": month,
                 "p_cross_90d": quarter, "crossing_p10_at": at and at - timedelta(days=6), "crossing_p50_at": at,
                 "crossing_p90_at": at and at + timedelta(days=30) if host == "i-web01" else None, "headroom_ratio": headroom,
                 "capacity": 100.0, "priority": priority,
                 "peak_p95": 100 * (1 - headroom), "peak_at": AS_OF + timedelta(days=88), "risk_level": level}
            )  # fmt: skip
    return records


def _recommendations() -> list[dict[str, Any]]:
    records = []

    def add(number: int, rule: str, host: str, action: str, reason: str, **more: Any) -> None:
        records.append(
            {"as_of": AS_OF, "recommendation_id": f"{number:016x}", "rule_id": rule, "rule_version": "1", "service": "ec2",
             **{k: v for k, v in _key(host).items() if k in ("account", "region", "resource_id")}, "action": action,
             "reason": reason, "confidence": 0.9, "risk_level": 1, "effort": "medium", "restart_needed": action == "rightsize",
             "rollback_possible": action != "terminate", "rollback_note": "Change the type back.",
             "evidence_json": json.dumps({"window_days": 14, "coverage": 0.9987, "p99_5_pct": 31.2}), **more}
        )  # fmt: skip

    price = {"price_as_of": utc("2026-04-01")}
    add(1, "rightsize", "i-app02", "rightsize", "CPU P99.5 is 9.4 % of 8 vCPU; half the size keeps 20 % headroom.",
        current_config="m5.2xlarge", target_config="m5.large", monthly_cost_usd=280.32, savings_monthly_usd=210.24,
        savings_low_usd=180.5, savings_high_usd=210.24, breach_probability=0.013, portfolio_rank=1, portfolio_savings_usd=210.24,
        **price)  # fmt: skip
    add(2, "idle", "i-batch01", "stop", f"Peak CPU 2.1 % over 14 days; owner {NASTY_NAME}.", current_config="c5.xlarge",
        monthly_cost_usd=124.1, savings_monthly_usd=124.1, savings_low_usd=99.0, savings_high_usd=124.1, breach_probability=0.2,
        portfolio_rank=2, portfolio_savings_usd=124.1, risk_level=2, effort="low", **price)  # fmt: skip
    add(3, "rightsize", "i-batch01", "rightsize", "CPU P99.5 is 3.0 %; smaller would do.", current_config="c5.xlarge",
        target_config=NASTY_FORMULA, monthly_cost_usd=124.1, savings_monthly_usd=62.05, savings_low_usd=40.0,
        savings_high_usd=62.05, breach_probability=0.01, **price)  # fmt: skip
    add(4, "rightsize", "i-web01", "upsize", "CPU P99.5 is 97 %.", current_config="m5.large", target_config="m5.xlarge",
        monthly_cost_usd=70.08, savings_monthly_usd=-70.08, savings_low_usd=-70.08, savings_high_usd=-70.08,
        breach_probability=0.08, **price)  # fmt: skip
    for number, host in enumerate(("i-web02", "i-app01", "i-db01")):
        add(10 + number, "idle", host, "keep", f"Peak CPU {41 + number}.5 % is above 5 %.", monthly_cost_usd=140.16, **price)
    add(20, "rightsize", "i-db01", "insufficient_data", "Coverage 61 % of hours is below 90 %.", monthly_cost_usd=183.96, **price)
    return records


def _costs() -> list[dict[str, Any]]:
    records = []
    for service, level in (("Compute Engine", 400.0), ("BigQuery", 95.0), ("cloud-storage", 31.0)):
        for back in range(120, 0, -1):
            ts = AS_OF - timedelta(days=back)
            usd = level * (1 - 0.0015 * back) * (0.9 if ts.weekday() >= 5 else 1) * (1 + 0.04 * math.sin(back * 1.3))
            records.append(
                {"source": "samples", "provider": "gcp", "account": "binder", "service": service, "region": "global",
                 "charge_category": "Usage", "currency": "USD", "ts": ts, "billed_cost": usd, "effective_cost": usd, "lines": 3}
            )  # fmt: skip
    records.append(
        {"source": "samples", "provider": "gcp", "account": "binder", "service": "Tax", "region": "global",
         "charge_category": "Tax", "currency": "USD", "ts": utc("2026-04-01"), "billed_cost": 812.0, "lines": 1}
    )  # fmt: skip
    return records


def _quarantine() -> list[dict[str, Any]]:
    return [
        {"table_name": "bronze.metric_sample", "load_id": "a" * 64, "row_number": number + 1, "ts": utc("2026-04-15T03:00"),
         "source": "samples", "rule": rule, "reason": reason, "row_json": "{}"}
        for number, (rule, reason) in enumerate(
            [("value_in_range", "CPUUtilization 104.2 is above 100 Percent"),
             ("value_in_range", "CPUUtilization 133 is above 100 Percent"),
             ("known_unit", "unit <Furlongs> is not one of ours")]
        )
    ]  # fmt: skip


def _clusters() -> list[dict[str, Any]]:
    """Servers that work by day, and one that works at night."""
    words = {1: "Busier by day, and less at weekends.", 2: "Busier at night."}
    return [
        {"as_of": AS_OF, "account": "100000000001", "region": "us-east-1", "resource_id": host, "clusters": 2, "hours": 2160,
         "cluster": 2 if host == "i-batch01" else 1, "description": words[2 if host == "i-batch01" else 1],
         "cpu_pct": 20.0, "night_ratio": 1.6 if host == "i-batch01" else 0.6}
        for host in HOSTS
    ]  # fmt: skip


def _model_metrics() -> list[dict[str, Any]]:
    records = []
    for metric, granularity, scores in (
        (
            "cpu_utilization",
            "day",
            (("ridge", 0.71, 0.38, 0.214), ("prophet", 0.74, 0.4, 0.17), ("seasonal_naive", 0.95, 0.48, 0.0)),
        ),
        ("cpu_utilization", "hour", (("seasonal_naive", 1.02, 0.51, 0.0), ("ridge", 1.1, 0.55, -0.078))),
        ("cost", "day", (("prophet", 0.6, 0.31, 0.262), ("seasonal_naive", 0.84, 0.42, 0.0))),
    ):
        for model, mase, pinball, skill in scores:
            records.append(
                {"as_of": utc("2026-04-15"), "metric": metric, "granularity": granularity, "model": model, "series": 6 if
                 metric != "cost" else 2, "windows": 4, "mase": mase, "rmsse": mase, "wape": mase / 6, "smape": mase / 6,
                 "scaled_pinball": pinball, "coverage_50": 0.49, "coverage_80": 0.81, "coverage_90": 0.885, "skill": skill,
                 "bias": 0.02, "compared_with": None, "p_value": None,
                 "cpu_s_per_series": {"prophet": 0.31}.get(model, 0.004)}
            )  # fmt: skip
    return records


def _risk_backtest() -> list[dict[str, Any]]:
    return [
        {"as_of": utc("2026-04-15"), "metric": "cpu_utilization", "granularity": "day", "model": "ridge", "threshold_pct": limit,
         "horizon_days": 30, "bin": low, "forecasts": cases, "stated": stated, "observed": observed, "brier": 0.05,
         "base_rate_brier": 0.15}
        for limit, low, cases, stated, observed in ((80.0, 0, 12, 0.02, 0.0), (80.0, 9, 4, 0.95, 1.0), (90.0, 0, 4, 0.06, 0.25))
    ]  # fmt: skip


def _promotions() -> list[dict[str, Any]]:
    return [
        {"as_of": utc("2026-04-15"), "metric": metric, "granularity": granularity, "fence": 1, "decision": decision,
         "champion": champion, "champion_version": "none" if champion == "none" else "3", "challenger": "ridge",
         "challenger_version": "3", "reason": reason, "serves": serves, "serves_version": "3",
         "soundness": "unsound" if champion == "none" else "sound", "coverage_90": coverage}
        for metric, granularity, decision, champion, serves, coverage, reason in (
            ("cpu_utilization", "day", "promoted", "ridge", "ridge", 0.89, "skill 21 % over seasonal naive, coverage 89 %"),
            ("cpu_utilization", "hour", "rejected", "none", "seasonal_naive", 0.62, "ridge is worse than seasonal naive"),
            ("cost", "day", "promoted", "prophet", "prophet", 0.9, "skill 26 %"),
        )
    ]  # fmt: skip


def _quality() -> list[dict[str, Any]]:
    shared = {
        "as_of": AS_OF,
        "shard": 0,
        "severity": "critical",
        "success": True,
        "failed_rows": 0,
        "score": 1.0,
        "note": "Holds.",
    }
    load = {"table_name": "bronze.metric_sample", "rule": "rows accepted", "severity": "info", "note": "Share of accepted rows."}
    return [
        {**shared, "table_name": "silver.metric_daily", "subject": "p95", "rule": "between 0 and 100", "rows": 6},
        {**shared, "table_name": "silver.metric_daily", "subject": "table", "rule": "unique key", "rows": 6},
        {**shared, "table_name": "silver.metric_daily", "subject": "quality_score", "rule": "mean at least 0.95", "rows": 6,
         "severity": "warning", "success": False, "failed_rows": 1, "score": 0.833,
         "note": "A source delivers late; see the series."},
        {**shared, **load, "subject": "a" * 64, "rows": 1728, "failed_rows": 3, "score": 1725 / 1728},
        {**shared, **load, "subject": "b" * 64, "rows": 6},
    ]  # fmt: skip


def _alerts() -> list[dict[str, Any]]:
    """One that people were told of, and one that is its consequence."""
    subject = "100000000001/us-east-1/i-web-1"
    shared = {"as_of": AS_OF, "subject": subject, "since": utc("2026-04-15T20:00"), "fired_at": AS_OF, "team": "Retail"}
    return [
        {**shared, "alert_id": "0a1b2c3d4e5f", "group_id": "1a1b2c3d4e5f", "rule": "threshold", "cause": "cpu_utilization",
         "severity": "critical", "state": "firing", "observed": 97.4, "expected": 95.0, "measured_in": "percent",
         "detail": "for four hours in a row"},
        {**shared, "alert_id": "0b1b2c3d4e5f", "group_id": "1b1b2c3d4e5f", "rule": "incident", "cause": "anomaly",
         "severity": "warning", "state": "suppressed", "suppressed_by": "a critical alert about the same resource",
         "observed": 97.4, "expected": 60.0, "measured_in": "percent"},
    ]  # fmt: skip


def _run_events() -> list[dict[str, Any]]:
    return [
        {"source": "headroom", "ts": AS_OF, "start_at": DAY.start,
         "step": step, "target": target, "shard": shard, "outcome": "done", "rows": rows,
         "wall_s": wall, "cpu_s": wall * 0.9, "peak_rss_mib": 310.0 + 10 * number}
        for number, (step, target, shard, rows, wall) in enumerate(
            [("ingest", "samples", 0, 1731, 1.9), ("build", "silver.metric_hourly", 0, 144, 0.8),
             ("build", "silver.metric_daily", 0, 6, 0.6),
             ("forecast", "", 0, 2880, 4.2), ("forecast", "", 1, 2880, 3.9), ("detect", "", 0, 4, 1.1), ("risk", "", 0, 10, 0.9),
             ("recommend", "", 0, 8, 0.7)]
        )
    ]  # fmt: skip


def fill(lake: Any) -> None:
    """Put the estate into a lake, each table over all of its time."""
    from pipeline.tables.schema import Scope

    for name, records in estate().items():
        table = tables.get(name)
        if table.layer == "bronze":
            payload = rows(table, records).drop_columns([table.partition])
            lake.land(table, payload, source="test", shard="0", ingested_at=AS_OF)
            continue
        lake.replace(table, rows(table, records), Scope(table.time, utc("2020-01-01"), utc("2030-01-01")))
