"""The figures that stand first on the page, each with what to do next."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report.findings import Findings
from pipeline.report.frames import numbers
from pipeline.report.selection import (
    AT_RISK,
    anomalies_of_interval,
    newest_decisions,
    portfolio_of,
    sort_by_severity,
    worst_per_series,
)
from pipeline.report.words import (
    ACTION_WORDS,
    DASH,
    SEVERITY_ORDER,
    metric_word,
    minute,
    missing,
    percent,
    plural,
    series_label,
    series_parts,
    share,
    until,
    usd,
)

Section = dict[str, Any]


def key_figures(findings: Findings) -> list[Section]:
    """The five figures that stand first, each with what to do next."""
    return [
        _savings_figure(findings),
        _risk_figure(findings),
        _anomaly_figure(findings),
        _completeness_figure(findings),
        _skill_figure(findings),
    ]


def _savings_figure(findings: Findings) -> Section:
    figure: Section = {"id": "savings", "label": "Savings identified per month", "href": "#recommendations"}
    portfolio = portfolio_of(findings.recommendation)
    saving = portfolio[numbers(portfolio["portfolio_savings_usd"]) > 0]
    if saving.empty and len(portfolio):
        return figure | {
            "value": usd(0),
            "exact": 0.0,
            "detail": f"{plural(len(portfolio), 'action')} found, none with a saving that is known",
            "next": "Check that prices for these resources are in the lake.",
        }
    if saving.empty:
        judged = len(findings.recommendation)
        return figure | {
            "value": usd(0) if judged else DASH,
            "exact": 0.0 if judged else None,
            "detail": f"none found among {plural(judged, 'judgement')}" if judged else "no recommendations in this run",
            "next": "See why resources are kept as they are." if judged else "Run the step recommend for this interval.",
        }
    total = float(numbers(saving["portfolio_savings_usd"]).sum())
    low, high = (float(numbers(saving[c]).sum()) for c in ("savings_low_usd", "savings_high_usd"))
    cost = float(numbers(findings.recommendation.drop_duplicates(["account", "region", "resource_id"])["monthly_cost_usd"]).sum())
    part = f", {percent(total / cost)} of {usd(cost)} list cost judged" if cost else ""
    first = saving.iloc[0]
    return figure | {
        "value": usd(total),
        "exact": total,
        "detail": f"{usd(low)} to {usd(high)} from {plural(len(saving), 'action')}, one per resource{part}",
        "next": f"Start with {first['resource_id']}: {ACTION_WORDS.get(first['action'], first['action']).lower()}"
        f", {usd(first['portfolio_savings_usd'])} per month.",
    }


def _risk_figure(findings: Findings) -> Section:
    figure: Section = {"id": "at-risk", "label": "Resources at capacity risk", "href": "#capacity"}
    ranked = worst_per_series(findings.capacity_risk)
    if ranked.empty:
        return figure | {
            "value": DASH,
            "exact": None,
            "detail": "no capacity risk in this run",
            "next": "Run the step risk; it needs forecasts of metrics in percent.",
        }
    owners = [series_parts(s, m)[:3] for s, m in zip(ranked["series_id"], ranked["metric"], strict=True)]
    at_risk = {owner for owner, level in zip(owners, ranked["risk_level"], strict=True) if level in AT_RISK}
    judged = len(set(owners))
    if not at_risk:
        return figure | {
            "value": "0",
            "exact": 0,
            "detail": f"of {judged} judged; none is likely to cross its threshold",
            "next": "Nothing to do now.",
        }
    first = ranked.iloc[0]
    crossing = first["first_crossing_at"]
    when = f", P{100 * float(first['quantile']):.0f} crosses {first['threshold_pct']:.0f} % {until(crossing, findings.as_of)}"
    return figure | {
        "value": f"{len(at_risk)}",
        "exact": len(at_risk),
        "tone": "bad",
        "detail": f"of {judged} judged, at level high or critical",
        "next": f"Look first at {owners[0][2]} {metric_word(first['metric'])}{'' if missing(crossing) else when}.",
    }


def _anomaly_figure(findings: Findings) -> Section:
    figure: Section = {"id": "anomaly-count", "label": "Anomalous hours in the interval", "href": "#anomalies"}
    found = anomalies_of_interval(findings)
    if found.empty:
        return figure | {
            "value": "0",
            "exact": 0,
            "detail": "too few detectors agreed on any hour",
            "next": "Nothing to do now.",
        }
    worst = sort_by_severity(found).iloc[0]
    by_severity = found["severity"].value_counts()
    parts = [f"{by_severity[s]:,} {s}" for s in SEVERITY_ORDER if s in by_severity]
    return figure | {
        "value": f"{len(found):,}",
        "exact": len(found),
        "tone": "bad" if worst["severity"] in AT_RISK else "",
        "detail": f"{', '.join(parts)} on {plural(found['series_id'].nunique(), 'series', 'series')}",
        "next": f"Look first at {worst['resource_id']} {metric_word(worst['metric'])} at {minute(worst['ts'])} UTC.",
    }


def _completeness_figure(findings: Findings) -> Section:
    figure: Section = {"id": "completeness", "label": "Data completeness", "href": "#quality"}
    data = findings.completeness
    expected = numbers(data["expected_samples"]).sum()
    if not expected:
        return figure | {
            "value": DASH,
            "exact": None,
            "tone": "bad",
            "detail": "no metrics in the interval",
            "next": "Check that a source covers this interval, then run ingest and build.",
        }
    ratio = float(numbers(data["samples"]).sum() / expected)
    missing_days = int(numbers(data["missing_days"]).sum())
    ratios = numbers(data["samples"]) / numbers(data["expected_samples"])
    worst = data.assign(ratio=ratios).sort_values(["ratio", "series_id"], kind="stable").iloc[0]
    complete = float(worst["ratio"]) >= 0.995
    return figure | {
        "value": share(ratio),
        "exact": ratio,
        "tone": "bad" if ratio < 0.95 else "",
        "detail": f"of samples arrived, {plural(len(data), 'series', 'series')}"
        + (f"; {plural(missing_days, 'day')} without any" if missing_days else ""),
        "next": "Nothing to do now."
        if complete
        else f"Look at {series_label(worst['series_id'], worst['metric'])}: {share(worst['ratio'])} arrived.",
    }


def _skill_figure(findings: Findings) -> Section:
    figure: Section = {"id": "skill", "label": "Forecast skill over seasonal naive", "href": "#accuracy"}
    champions = _champion_metrics(findings)
    skilled = champions[numbers(champions["skill"]).notna()]
    if skilled.empty:
        return figure | {
            "value": DASH,
            "exact": None,
            "detail": "no champion with a backtest yet",
            "next": "Run the DAG model_training; until then the fallback forecaster serves.",
        }
    weight = numbers(skilled["series"])
    skill = float((weight * numbers(skilled["skill"])).sum() / weight.sum())
    better = int((numbers(skilled["skill"]) > 0).sum())
    worst = skilled.sort_values(["skill", "metric", "granularity"], kind="stable").iloc[0]
    segment = f"{metric_word(worst['metric'])} by the {worst['granularity']}"
    return figure | {
        "value": percent(skill, sign=True),
        "exact": skill,
        "tone": "bad" if skill < 0 else "",
        "detail": f"lower quantile loss in the backtest; champions beat it in {better} of {plural(len(skilled), 'segment')}",
        "next": f"Weakest is {segment} ({percent(worst['skill'], sign=True)}): trust its bands least.",
    }


def _champion_metrics(findings: Findings) -> pd.DataFrame:
    champions = {(m, g, str(row["champion"])) for (m, g), row in newest_decisions(findings).items()}
    scores = findings.model_metric
    keys = zip(scores["metric"], scores["granularity"], scores["model"], strict=True)
    return scores[pd.Series([key in champions for key in keys], index=scores.index, dtype="bool")]
