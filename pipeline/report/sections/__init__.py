"""What each section of the report says, as plain values for the template. A section without rows says why and what to do."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from pipeline.report import charts
from pipeline.report.findings import Findings
from pipeline.report.frames import at_quantile, floats, json_object, numbers
from pipeline.report.sections.key_figures import key_figures as key_figures
from pipeline.report.selection import (
    anomalies_of_interval,
    charted_series,
    newest_decisions,
    portfolio_of,
    sort_by_severity,
    worst_per_series,
)
from pipeline.report.words import (
    ACTION_WORDS,
    DASH,
    RISK_WORDS,
    SEVERITY_ORDER,
    UNIT_SIGNS,
    amount,
    day,
    decimals,
    metric_word,
    minute,
    missing,
    percent,
    plural,
    seconds,
    series_label,
    series_parts,
    share,
    until,
    usd,
    without_figures,
)
from pipeline.tables.columns import CHECK_SEVERITIES, FULL, PASSIVE

Section = dict[str, Any]

# Rows shown at once, and behind a click; a page of thousands of rows helps no one, and the views have them all.
SHOWN, AT_MOST = 25, 200
RECENT_DAYS = 30
_OUTER, _INNER = (0.05, 0.95), (0.25, 0.75)


# ---------------------------------------------------------------- where the data came from


def header(findings: Findings) -> Section:
    """Sources, and what about them is synthetic, replayed or assumed."""
    sources = [
        {
            "source": str(source),
            "note": next((str(n) for n in rows["note"] if not missing(n)), ""),
            "kind": str(rows["kind"].iloc[0]),
            "rows": int(pd.to_numeric(rows["rows"]).sum()),
            "first": minute(rows["first_at"].min()),
            "last": minute(rows["last_at"].max()),
        }
        for source, rows in findings.sources.groupby("source", sort=True)
    ]
    caveats = []
    for kind, sentence in (
        ("synthetic", "generated, not measured. Figures about it say how the pipeline works, not what an estate costs"),
        ("replayed", "real recordings, moved in time by whole weeks. Values, weekdays and hours are as recorded"),
    ):
        named = [str(s["source"]) for s in sources if s["kind"] == kind]
        if named:
            caveats.append({"kind": kind, "text": f"{', '.join(named)}: {sentence}."})
    assumed = assumed_resources(findings)
    if assumed:
        caveats.append(
            {
                "kind": "assumed",
                "text": f"{plural(len(assumed), 'resource')} had no recorded instance type; one is assumed, and marked so. "
                "Savings and headroom of these depend on that assumption.",
            }
        )
    return {"sources": sources, "caveats": caveats}


def assumed_resources(findings: Findings) -> set[str]:
    """Resources whose instance type the inventory only assumes, by their tag `instance_type_assumed`."""
    resource = findings.resource
    return {
        str(name)
        for name, tags in zip(resource["resource_id"], resource["tags_json"], strict=True)
        if not missing(tags) and json_object(tags).get("instance_type_assumed") == "true"
    }


# ---------------------------------------------------------------- recommendations


def recommendations(findings: Findings) -> Section:
    """The portfolio in order, what was considered beside it, and why the rest stays as it is."""
    every = findings.recommendation
    if every.empty:
        return {
            "empty": "No recommendations in this run.",
            "todo": "The step `recommend` writes one row per resource and rule; it needs resources, usage and prices.",
        }
    assumed = assumed_resources(findings)
    active = every[~every["action"].isin(PASSIVE)]
    portfolio = portfolio_of(active)
    others = active.drop(index=portfolio.index).sort_values(["resource_id", "rule_id"], kind="stable")
    rows = [_recommendation(row, assumed) for row in portfolio.to_dict("records")]
    passive = every[every["action"].isin(PASSIVE)]
    kept: list[Section] = [
        {
            "action": ACTION_WORDS[str(action)],
            "rule": str(rule),
            "reason": str(group["reason"].iloc[0]),
            "resources": int(group["resource_id"].nunique()),
            "names": _some(group["resource_id"]),
        }
        for (action, rule, _), group in passive.assign(
            _alike=passive["reason"].map(lambda text: without_figures(str(text)))
        ).groupby(["action", "rule_id", "_alike"], sort=True)
    ]
    kept.sort(key=lambda k: (k["action"], -k["resources"], k["rule"], k["reason"]))
    return {
        "rows": rows[:SHOWN],
        "more": rows[SHOWN:AT_MOST],
        "others": [_recommendation(row, assumed) for row in others.head(AT_MOST).to_dict("records")],
        "kept": kept,
        "kept_resources": int(passive["resource_id"].nunique()),
        "undecided": int((passive["action"] == "insufficient_data").sum()),
        "total": _sum(portfolio["portfolio_savings_usd"]),
    }


def _recommendation(row: dict[str, Any], assumed: set[str]) -> Section:
    level = row["risk_level"]
    low, high = row["savings_low_usd"], row["savings_high_usd"]
    return {
        "rank": DASH if missing(row["portfolio_rank"]) else f"{int(row['portfolio_rank'])}",
        "id": row["recommendation_id"],
        "resource": row["resource_id"],
        "where": f"{row['service']} · {row['account']} · {row['region']}",
        "assumed": row["resource_id"] in assumed,
        "action": ACTION_WORDS.get(row["action"], row["action"]),
        "kind": row["action"],
        "current": _or_dash(row["current_config"]),
        "target": "" if missing(row["target_config"]) else row["target_config"],
        "saving": usd(row["savings_monthly_usd"]),
        "saving_exact": _exact(row["savings_monthly_usd"]),
        "range": "" if missing(low) or missing(high) or usd(low) == usd(high) else f"{usd(low)} to {usd(high)}",
        "cost": usd(row["monthly_cost_usd"]),
        "cost_exact": _exact(row["monthly_cost_usd"]),
        "breach": percent(row["breach_probability"]),
        "breach_exact": _exact(row["breach_probability"]),
        "risk": RISK_WORDS[int(level)] if not missing(level) else DASH,
        "risk_exact": _exact(level),
        "effort": str(row["effort"]).replace("_", " "),
        "restart": bool(row["restart_needed"]),
        "rollback": str(row["rollback_note"]) if row["rollback_possible"] else "cannot be undone",
        "reason": row["reason"],
        "rule": f"{row['rule_id']} {row['rule_version']}",
        "confidence": percent(row["confidence"]),
        "price_as_of": day(row["price_as_of"]),
        "evidence": _evidence(row["evidence_json"]),
    }


def _evidence(text: Any) -> list[tuple[str, str]]:
    def written(value: Any) -> str:
        if isinstance(value, bool) or value is None:
            return {True: "yes", False: "no", None: DASH}[value]
        if isinstance(value, (int, float)):
            return f"{value:,.4g}"
        return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)

    return [(str(name).replace("_", " "), written(value)) for name, value in sorted(json_object(text).items())]


# ---------------------------------------------------------------- forecasts


def forecasts(findings: Findings) -> Section:
    """Small multiples: what was observed, the median, and the 50 and 90 % bands."""
    forecast = findings.forecast
    if forecast.empty:
        return {
            "empty": "No forecasts in this run.",
            "todo": "The step `forecast` needs recent history; by the day, as much as the setting `min_daily_history` says.",
        }
    medians = forecast[at_quantile(forecast, 0.5)]
    level = medians.groupby(["series_id", "metric", "granularity"], as_index=False, sort=True)["value"].mean()
    chosen = charted_series(findings.capacity_risk, level.rename(columns={"value": "level"}))
    risk = worst_per_series(findings.capacity_risk)
    levels = dict(zip(zip(risk["series_id"], risk["granularity"], strict=True), risk["risk_level"], strict=True))
    return {
        "charts": [
            _fan(findings, series_id, metric, granularity, str(levels.get((series_id, granularity), "")))
            for series_id, metric, granularity in chosen.itertuples(index=False)
        ],
        "series": max(findings.forecast_series, len(chosen)),
    }


def _fan(findings: Findings, series_id: str, metric: str, granularity: str, level: str) -> Section:
    frame = findings.forecast
    mine = frame[(frame["series_id"] == series_id) & (frame["granularity"] == granularity)]
    wide = mine.pivot_table(index="ts", columns=mine["quantile"].astype("float64").round(4), values="value").sort_index()
    past = findings.history
    past = past[(past["series_id"] == series_id) & (past["granularity"] == granularity)].sort_values("ts", kind="stable")
    unit, first = str(mine["unit"].iloc[0]), mine.iloc[0]
    ts = list(wide.index)
    bands = [
        charts.Band(ts, floats(wide[low]), floats(wide[high]), style, label)
        for (low, high), style, label in ((_OUTER, "band-90", "90 %"), (_INNER, "band-50", "50 %"))
        if low in wide and high in wide
    ]
    lines = [charts.Line(list(past["ts"]), floats(past["value"]), "observed", "observed")]
    if 0.5 in wide:
        lines.append(charts.Line(ts, floats(wide[0.5]), "median", "median"))
    account, region, resource = series_parts(series_id, metric)
    percent_metric = unit == "percent"
    thresholds = sorted({float(t) for t in findings.capacity_risk["threshold_pct"]}) if percent_metric else []
    return {
        "title": f"{resource} {metric_word(metric)}",
        "where": f"{account} · {region} · by the {granularity}",
        "model": f"{first['model']}{'' if first['tier'] == FULL else ', ' + str(first['tier'])}",
        "cutoff": minute(first["cutoff"]),
        "level": level,
        "svg": charts.time_chart(
            title=f"{resource} {metric_word(metric)}: observed and forecast, {UNIT_SIGNS.get(unit, unit)}",
            unit=f"{UNIT_SIGNS.get(unit, unit)}, p95 of the {granularity}" if unit != "usd" else f"USD per {granularity}",
            lines=lines,
            bands=bands,
            thresholds=[(t, f"{t:.0f} %") for t in thresholds],
            now=ts[0] if ts else None,
            percent_axis=percent_metric,
            fmt=partial(amount, unit=unit),
        ),
    }


# ---------------------------------------------------------------- capacity


def capacity(findings: Findings) -> Section:
    """Which series meet their capacity, when, and how likely."""
    risk = findings.capacity_risk
    if risk.empty:
        return {
            "empty": "No capacity risk in this run.",
            "todo": "The step `risk` needs forecasts of a metric in percent; other units have no declared capacity to cross.",
        }
    assumed = assumed_resources(findings)
    rows = []
    ranked = worst_per_series(risk)
    # A series forecast by the hour and by the day is one row, at its worse level, with the thresholds of both.
    for first in ranked.drop_duplicates("series_id").head(AT_MOST).to_dict("records"):
        same = risk[risk["series_id"] == first["series_id"]].sort_values(["granularity", "threshold_pct"], kind="stable")
        account, region, resource = series_parts(first["series_id"], first["metric"])
        rows.append(
            {
                "resource": resource,
                "metric": metric_word(first["metric"]),
                "where": f"{account} · {region}",
                "assumed": resource in assumed,
                "level": first["risk_level"],
                "priority": decimals(first["priority"], 0),
                "priority_exact": _exact(first["priority"]),
                "headroom": percent(first["headroom_ratio"]),
                "peak": f"{amount(first['peak_p95'], 'percent')} on {day(first['peak_at'])}",
                "headroom_exact": _exact(first["headroom_ratio"]),
                "thresholds": [_threshold(row, findings) for row in same.to_dict("records")],
            }
        )
    levels = ranked.drop_duplicates("series_id")["risk_level"].value_counts()
    total = int(levels.sum())
    return {
        "rows": rows[:15],
        "more": rows[15:],
        "beyond": total - len(rows),
        "levels": [(level, int(levels[level])) for level in SEVERITY_ORDER if level in levels],
        "quantile": f"P{100 * float(risk['quantile'].iloc[0]):.0f}",
        "quantile_share": percent(risk["quantile"].iloc[0]),
        "trust": _trust(findings),
    }


def _trust(findings: Findings) -> Section | None:
    """How the chances that the newest training's backtest would have stated came true, all metrics and thresholds together."""
    judged = findings.risk_backtest
    if judged.empty:
        return None
    weighted = judged[["stated", "observed", "brier", "base_rate_brier"]].mul(judged["forecasts"], axis=0)
    weighted = weighted.assign(forecasts=judged["forecasts"], bin=judged["bin"])
    total = weighted.sum()
    summed: list[dict[str, Any]] = weighted.groupby("bin", as_index=False).sum().to_dict("records")
    bins = [
        {
            "chance": f"{10 * row['bin']:.0f}–{10 * (row['bin'] + 1):.0f} %",
            "forecasts": f"{row['forecasts']:,.0f}",
            "stated": percent(row["stated"] / row["forecasts"]),
            "observed": percent(row["observed"] / row["forecasts"]),
            "observed_exact": _exact(row["observed"] / row["forecasts"]),
        }
        for row in summed
    ]
    return {
        "as_of": day(judged["as_of"].max()),
        "forecasts": f"{total['forecasts']:,.0f}",
        "stated": percent(total["stated"] / total["forecasts"]),
        "observed": percent(total["observed"] / total["forecasts"]),
        "brier": decimals(total["brier"] / total["forecasts"], 3),
        "base_rate_brier": decimals(total["base_rate_brier"] / total["forecasts"], 3),
        "bins": bins,
    }


def _threshold(row: dict[str, Any], findings: Findings) -> Section:
    early, late = row["crossing_p10_at"], row["crossing_p90_at"]
    return {
        "threshold": f"{row['threshold_pct']:.0f} %",
        "granularity": row["granularity"],
        "crossing": (minute if row["granularity"] == "hour" else day)(row["first_crossing_at"]),
        "crossing_in": until(row["first_crossing_at"], findings.as_of),
        "spread": "" if missing(early) else f"{day(early)} … {day(late) if not missing(late) else 'later'}",
        "chances": [
            {
                "text": percent(row[f"p_cross_{days}d"]),
                "exact": _exact(row[f"p_cross_{days}d"]),
                "width": 0 if missing(row[f"p_cross_{days}d"]) else round(100 * float(row[f"p_cross_{days}d"])),
            }
            for days in (7, 30, 90)
        ],
    }


# ---------------------------------------------------------------- anomalies


def anomalies(findings: Findings) -> Section:
    """When what went astray: strips of the last 30 days, the worst series close up, and the list of the interval."""
    found = anomalies_of_interval(findings)
    recent = findings.anomaly[findings.anomaly["ts"] >= pd.Timestamp(findings.as_of) - pd.Timedelta(days=RECENT_DAYS)]
    if recent.empty:
        return {
            "empty": "No anomalies in this interval, nor in the 30 days before its end.",
            "todo": "That is good news if the metrics are complete: see data quality. The setting `alert_votes` says how many "
            "detectors must agree.",
        }
    ordered = sort_by_severity(recent)
    strips = []
    for series_id in ordered["series_id"].drop_duplicates().head(12):
        mine = recent[recent["series_id"] == series_id]
        strips.append((series_label(series_id, mine["metric"].iloc[0]), [_mark(row) for row in mine.to_dict("records")]))
    end = findings.as_of
    start = max(min(recent["ts"].min().to_pydatetime(), findings.interval.start), end - timedelta(days=RECENT_DAYS))
    start -= timedelta(hours=12)
    shaded = (max(findings.interval.start, start), end)
    return {
        "strips": charts.mark_strips(
            title="Anomalies by series over the last 30 days, UTC", rows=strips, start=start, end=end, shaded=shaded
        ),
        "series": int(recent["series_id"].nunique()),
        "close_ups": _close_ups(findings, ordered),
        "rows": [_anomaly(row) for row in sort_by_severity(found).to_dict("records")][:SHOWN],
        "more": [_anomaly(row) for row in sort_by_severity(found).to_dict("records")][SHOWN:AT_MOST],
        "found": len(found),
        "recent": f"{len(recent):,}",
    }


def _close_ups(findings: Findings, ordered: pd.DataFrame) -> list[Section]:
    shown: list[Section] = []
    for series_id in ordered["series_id"].drop_duplicates():
        values = findings.anomaly_history
        values = values[values["series_id"] == series_id].sort_values("ts", kind="stable")
        if values.empty or len(shown) == 4:
            continue
        mine = ordered[(ordered["series_id"] == series_id) & (ordered["ts"] >= values["ts"].min())].sort_values("ts")
        metric, unit = str(mine["metric"].iloc[0]), str(mine["unit"].iloc[0])
        shown.append(
            {
                "title": series_label(series_id, metric),
                "svg": charts.time_chart(
                    title=f"{series_label(series_id, metric)}: hours observed, anomalies marked",
                    unit=f"{UNIT_SIGNS.get(unit, unit)}, by the hour",
                    lines=[charts.Line(list(values["ts"]), floats(values["value"]), "observed", "observed")],
                    marks=[_mark(row) for row in mine.to_dict("records")],
                    width=530,
                    height=200,
                    fmt=partial(amount, unit=unit),
                ),
            }
        )
    return shown


def _mark(row: dict[str, Any]) -> charts.Mark:
    said = (
        f"{minute(row['ts'])} UTC, {row['severity']}: observed {amount(row['value'], row['unit'])}, "
        f"expected {amount(row['expected'], row['unit'])}, score {decimals(row['score'])}"
    )
    return charts.Mark(pd.Timestamp(row["ts"]), float(row["value"]), str(row["severity"]), said)


def _anomaly(row: dict[str, Any]) -> Section:
    return {
        "ts": minute(row["ts"]),
        "resource": row["resource_id"],
        "metric": metric_word(row["metric"]),
        "severity": row["severity"],
        "severity_exact": SEVERITY_ORDER.get(str(row["severity"]), 9),
        "value": amount(row["value"], row["unit"]),
        "value_exact": _exact(row["value"]),
        "expected": amount(row["expected"], row["unit"]),
        "expected_exact": _exact(row["expected"]),
        "score": decimals(row["score"]),
        "score_exact": _exact(row["score"]),
        "detectors": str(row["detectors"]).replace(",", ", "),
    }


# ---------------------------------------------------------------- cost


def cost(findings: Findings) -> Section:
    """Cost by the day and service, and what the next 30 days are expected to bring."""
    data = findings.cost_daily
    if data.empty:
        return {
            "empty": "No cost in the 120 days before the end of the interval.",
            "todo": "Ingest a billing export of that time, then build `silver.cost_daily`.",
        }
    usage = data["charge_category"].isin(["Usage", "Purchase"])
    daily = pd.DataFrame(
        {
            "ts": data["ts"],
            "account": data["account"],
            "service": data["service"].where(usage, data["charge_category"]),
            "usd": numbers(data["effective_usd"]).fillna(numbers(data["billed_usd"])),
        }
    )
    totals = daily.groupby("service")["usd"].sum().sort_index().sort_values(ascending=False, kind="stable")
    # Thin layers cannot be seen; together they can.
    top = [name for name in totals.index[:7] if totals[name] >= 0.01 * totals[totals > 0].sum()]
    daily["layer"] = daily["service"].where(daily["service"].isin(top), "all others")
    wide = daily.pivot_table(index="ts", columns="layer", values="usd", aggfunc="sum").fillna(0.0).sort_index()
    order = [name for name in [*top, "all others"] if name in wide]
    costs = findings.forecast[(findings.forecast["metric"] == "cost") & (findings.forecast["granularity"] == "day")]
    ahead = costs[at_quantile(costs, 0.5)]
    low, middle, high = (
        costs[at_quantile(costs, level)].groupby("ts")["value"].sum().sort_index() for level in (_OUTER[0], 0.5, _OUTER[1])
    )
    lines, bands = [], []
    if len(middle):
        lines.append(charts.Line(list(middle.index), floats(middle), "median", "sum of the medians"))
    if len(low) and list(low.index) == list(high.index):
        bands.append(charts.Band(list(low.index), floats(low), floats(high), "band-90", "90 % band"))
    swatches = [(name, charts.legend_swatch(f"layer layer-{number}")) for number, name in enumerate(order)]
    if lines:
        swatches += [("sum of the medians", charts.legend_swatch("median")), ("90 % band", charts.legend_swatch("band-90"))]
    return {
        "svg": charts.stacked_chart(
            title="Cost per day by service, USD",
            unit="USD per day",
            days=list(wide.index),
            layers=[(name, wide[name].tolist()) for name in order],
            lines=lines,
            bands=bands,
            now=findings.as_of,
            fmt=usd,
        ),
        "legend": swatches,
        "rows": _cost_rows(findings, daily, ahead),
        "foreign": sorted({str(c) for c in data["currency"]} - {"USD"}),
        "last": day(daily["ts"].max()),
    }


def _cost_rows(findings: Findings, daily: pd.DataFrame, ahead: pd.DataFrame) -> list[Section]:
    """Per account and service: the last 30 days, the 30 before, and the medians of the next 30."""
    end = pd.Timestamp(findings.as_of)
    recent = daily[daily["ts"] >= end - pd.Timedelta(days=30)]
    before = daily[(daily["ts"] < end - pd.Timedelta(days=30)) & (daily["ts"] >= end - pd.Timedelta(days=60))]
    keys = ["account", "service"]
    table = pd.DataFrame({"recent": recent.groupby(keys)["usd"].sum(), "before": before.groupby(keys)["usd"].sum()})
    table = table.reset_index()
    # A forecast that covers less than 30 days would read as a fall.
    month = ahead[(ahead["ts"] >= end) & (ahead["ts"] < end + pd.Timedelta(days=30))]
    parts = [series_parts(s, "cost") for s in month["series_id"]]
    month = month.assign(account=[p[0] for p in parts], slug=[p[2] for p in parts])
    sums = month.groupby(["account", "slug"])["value"].agg(["sum", "count"]).reset_index()
    table = table.assign(slug=table["service"].str.lower().str.replace(r"[^a-z0-9._-]+", "-", regex=True))
    table = table.merge(sums[sums["count"] >= 30][["account", "slug", "sum"]], on=["account", "slug"], how="left")
    table = table.sort_values(["recent", *keys], ascending=[False, True, True], kind="stable", na_position="last")
    table = table[(numbers(table["recent"]).abs() >= 0.005) | (numbers(table["before"]).abs() >= 0.005)]
    rows = []
    for row in table.head(SHOWN).to_dict("records"):
        change = (
            None if missing(row["recent"]) or missing(row["before"]) or not row["before"] else row["recent"] / row["before"] - 1
        )
        rows.append(
            {
                "service": row["service"],
                "account": row["account"],
                "recent": usd(row["recent"]),
                "recent_exact": _exact(row["recent"]),
                "before": usd(row["before"]),
                "before_exact": _exact(row["before"]),
                "change": percent(change, sign=True),
                "change_exact": _exact(change),
                "ahead": usd(row["sum"]),
                "ahead_exact": _exact(row["sum"]),
            }
        )
    return rows


# ---------------------------------------------------------------- models


def accuracy(findings: Findings) -> Section:
    """How each forecaster did in the backtest, per segment, and which one serves."""
    scores = findings.model_metric
    if scores.empty:
        return {
            "empty": "No training has been recorded up to this moment.",
            "todo": "Run the DAG `model_training`, or `python -m pipeline train`; until then the fallback forecaster serves.",
        }
    champions = newest_decisions(findings)
    segments = []
    for (metric, granularity), group in scores.groupby(["metric", "granularity"], sort=True):
        ordered = group.sort_values(["scaled_pinball", "model"], kind="stable", na_position="last")
        decision = champions.get((str(metric), str(granularity)))
        segments.append(
            {
                "title": _capital(f"{metric_word(str(metric))} by the {granularity}"),
                "series": plural(int(group["series"].max()), "series", "series"),
                "windows": plural(int(group["windows"].max()), "window"),
                "decision": "" if decision is None else f"{decision['decision']}: {decision['reason']}",
                "rows": [
                    {
                        "model": row["model"],
                        "champion": decision is not None and row["model"] == decision["champion"],
                        "cells": [(decimals(row[name]), _exact(row[name]), name) for name in ("mase", "wape", "scaled_pinball")]
                        + [(percent(row[f"coverage_{q}"]), _exact(row[f"coverage_{q}"]), f"coverage_{q}") for q in (50, 80, 90)]
                        + [(percent(row["skill"], sign=True), _exact(row["skill"]), "skill")]
                        + [(_small(row["cpu_s_per_series"]), _exact(row["cpu_s_per_series"]), "cpu_s_per_series")],
                    }
                    for row in ordered.to_dict("records")
                ],
            }
        )
    return {"segments": segments, "trained": minute(scores["as_of"].max())}


def _small(seconds_taken: Any) -> str:
    return "<0.001" if not missing(seconds_taken) and 0 < float(seconds_taken) < 0.001 else decimals(seconds_taken, 3)


# ---------------------------------------------------------------- data quality


def quality(findings: Findings) -> Section:
    """Which expectations failed, which rows were refused, and which series have holes."""
    results, quarantine, completeness = findings.quality_result, findings.quarantine, findings.completeness
    is_load = results["subject"].astype("str").str.fullmatch("[0-9a-f]{64}").astype("bool")
    loads, checks = results[is_load], results[~is_load]
    failed = checks[~checks["success"].astype("bool")]
    order = {severity: place for place, severity in enumerate(CHECK_SEVERITIES)}
    failed = failed.assign(_order=failed["severity"].map(order)).sort_values(
        ["_order", "table_name", "subject", "rule"], kind="stable"
    )
    imperfect = loads[numbers(loads["score"]) < 1].sort_values(["score", "table_name", "subject"], kind="stable")
    holes = completeness.assign(ratio=numbers(completeness["samples"]) / numbers(completeness["expected_samples"])).sort_values(
        ["ratio", "series_id"], kind="stable"
    )
    holes = holes[holes["ratio"] < 0.995]
    return {
        "none": results.empty,
        "checked": len(checks),
        "tables": int(checks["table_name"].nunique()),
        "failed": [
            {
                "table": row["table_name"],
                "subject": row["subject"],
                "rule": row["rule"],
                "severity": row["severity"],
                "rows": f"{int(row['failed_rows']):,} of {int(row['rows']):,}",
                "failed_exact": int(row["failed_rows"]),
                "score": share(row["score"]),
                "score_exact": _exact(row["score"]),
                "note": row["note"],
            }
            for row in failed.to_dict("records")
        ],
        "loads": len(loads),
        "refused": len(imperfect),
        "load_rows": [
            {
                "table": row["table_name"],
                "load": str(row["subject"])[:12],
                "rows": f"{int(row['rows']):,}",
                "refused": f"{int(row['failed_rows']):,}",
                "score": share(row["score"]),
                "score_exact": _exact(row["score"]),
            }
            for row in imperfect.head(SHOWN).to_dict("records")
        ],
        "quarantine": [
            {"table": row["table_name"], "rule": row["rule"], "rows": f"{int(row['rows']):,}", "example": row["example"]}
            for row in quarantine.sort_values(["table_name", "rule"], kind="stable").to_dict("records")
        ],
        "holes": [
            {
                "series": series_label(row["series_id"], row["metric"]),
                "days": f"{int(row['days']):,}",
                "ratio": share(row["ratio"]),
                "ratio_exact": _exact(row["ratio"]),
                "missing": f"{int(row['missing_days']):,}",
                "flagged": f"{int(row['flagged_days']):,}",
            }
            for row in holes.head(10).to_dict("records")
        ],
        "holes_total": len(holes),
        "series": len(completeness),
    }


# ---------------------------------------------------------------- run times (telemetry)


def run_times(findings: Findings) -> Section:
    """What each step took at its latest execution, slowest first."""
    stats = findings.run_stat
    if stats.empty:
        return {"empty": "No step of this run has been recorded yet.", "todo": "Run times appear once a step has ended."}
    ordered = stats.sort_values(["wall_s", "step", "target", "shard"], ascending=[False, True, True, True], kind="stable")
    rows = [
        {
            "step": row["step"],
            "target": row["target"],
            "shard": f"{int(row['shard'])}",
            "outcome": row["outcome"],
            "rows": f"{int(row['rows']):,}",
            "wall": seconds(row["wall_s"]),
            "wall_exact": _exact(row["wall_s"]),
            "cpu": seconds(row["cpu_s"]),
            "cpu_exact": _exact(row["cpu_s"]),
            "memory": f"{float(row['peak_rss_mib']):,.0f} MiB",
            "memory_exact": _exact(row["peak_rss_mib"]),
        }
        for row in ordered.to_dict("records")
    ]
    by_step = stats.groupby("step")["wall_s"].sum().sort_values(ascending=False, kind="stable")
    return {
        "rows": rows,
        "svg": charts.bars(
            title="Wall-clock time by step, seconds",
            rows=[(str(step), float(wall), seconds(wall)) for step, wall in by_step.items()],
        ),
        "total": seconds(numbers(stats["wall_s"]).sum()),
        "cpu": seconds(numbers(stats["cpu_s"]).sum()),
        "peak": f"{numbers(stats['peak_rss_mib']).max():,.0f} MiB",
        "failed": int((stats["outcome"] == "failed").sum()),
    }


# ---------------------------------------------------------------- shared small things


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sum(column: Any) -> Section:
    total = float(numbers(column).sum())
    return {"text": usd(total), "exact": total}


def _exact(value: Any) -> float | None:
    """The figure itself, for sorting and for whoever compares the page with the table."""
    return None if missing(value) else float(value)


def _or_dash(value: Any) -> str:
    return DASH if missing(value) else str(value)


def _some(names: pd.Series, shown: int = 5) -> str:
    distinct = sorted({str(name) for name in names})
    rest = len(distinct) - shown
    return ", ".join(distinct[:shown]) + (f" and {rest} more" if rest > 0 else "")
