"""The figures that stand first on the page, money before all, each with what to do next, and the sources behind them.

The figures themselves are those of `inputs.executive_kpis`; what stands beside them is of the run. Incidents are of 24 hours and
completeness is of 30 days, so that runs can be compared however long their intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from pipeline.report.cell import Cell, cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import numbers
from pipeline.report.month import estimate_month_end
from pipeline.report.section import Content, Section
from pipeline.report.sections.anomalies import say_judged
from pipeline.report.sections.sources import sources
from pipeline.report.selection import (
    AT_RISK,
    COMPLETE,
    incidents_of_last_day,
    newest_decisions,
    portfolio_of,
    sort_by_gravity,
)
from pipeline.report.words import (
    ACTION_WORDS,
    DASH,
    SEVERITY_ORDER,
    amount,
    day,
    lasted,
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
    whole,
)
from pipeline.tables.columns import MISSING, UNKNOWN


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        id: of its element on the page, after `figure-`.
        label: what is counted.
        href: where the page says more.
        value: the figure.
        detail: what stands behind it.
        next: what to do.
        tone: `bad` where it should worry.
    """

    id: str
    label: str
    href: str
    value: Cell
    detail: str
    next: str
    tone: str = ""


NO_FIGURE = Cell(DASH, None)
_NO_BILL = "Ingest a billing export, then build silver.cost_daily."


def key_figures(findings: Findings) -> Content:
    figures = [
        _spend_figure(findings),
        _month_figure(findings),
        _savings_figure(findings),
        _risk_figure(findings),
        _incident_figure(findings),
        _completeness_figure(findings),
        _skill_figure(findings),
    ]
    return {"figures": figures, "sources": sources(findings)}


def _spend_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "spend", "Spent in 30 days", "#cost")
    spent, change = _kpi(findings, "cost_last_30d"), _kpi(findings, "cost_change_30d")
    if spent is None:
        return figure(value=NO_FIGURE, detail=_no_bill(findings), next=_NO_BILL)
    against = "" if change is None else f", {percent(change, sign=True)} against the 30 days before"
    return figure(
        value=cell_of(spent, usd),
        detail=f"billed to {day(_known_at(findings, 'cost_last_30d'))}{against}",
        next="See which service it is.",
    )


def _month_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "month-end", "Month-end estimate", "#cost")
    expected, spent = _kpi(findings, "cost_month_end"), _kpi(findings, "cost_month_to_date")
    month = estimate_month_end(findings.cost_daily, findings.cost_forecast, findings.as_of)
    if month is None:
        return figure(value=NO_FIGURE, detail=_no_bill(findings), next=_NO_BILL)
    detail = f"{month.month:%B %Y}: {usd(spent or 0)} in {plural(month.billed_days, 'day')} billed"
    if expected is None:
        return figure(
            value=NO_FIGURE, detail=f"{detail}; no forecast to its end", next="Run the step forecast_cost for this interval."
        )
    rest = f", {plural(month.forecast_days, 'day')} after" if month.forecast_days else ", all of it"
    detail += f"{rest}; without tax and credits"
    return figure(value=cell_of(expected, usd), detail=detail, next=_against_budgets(findings.budget_status))


def _against_budgets(budget_status: pd.DataFrame) -> str:
    """Which budget is likeliest exceeded, where one is more likely than not, and of how many nobody knows."""
    if budget_status.empty:
        return "Compare it with the budget; the setting budgets names a file of them."
    chances = numbers(budget_status["p_breach"])
    over = budget_status[chances > 0.5].sort_values(["p_breach", "budget"], ascending=[False, True])
    unknown = chances.isna().sum()
    rest = f" Of {unknown} nobody knows: no bill goes on that charges them." if unknown else ""
    if over.empty:
        return f"No budget of {len(budget_status)} is likely to be exceeded.{rest}"
    first = over.iloc[0]
    return (
        f"{len(over)} of {plural(len(budget_status), 'budget')} will likely be exceeded; look first at {first['budget']}: "
        f"{percent(first['p_breach'])}.{rest}"
    )


def _no_bill(findings: Findings) -> str:
    others = ", ".join(sorted(set(findings.cost_daily["currency"]) - {"USD"}))
    return f"no bill of the last 31 days in USD{others and f'; {others} is below'}"


def _savings_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "savings", "Savings identified per month", "#recommendations")
    portfolio = portfolio_of(findings.recommendation)
    saving = portfolio[numbers(portfolio["portfolio_savings_usd"]) > 0]
    saved = _kpi(findings, "savings_identified_monthly")
    if saving.empty and len(portfolio):
        return figure(
            value=cell_of(saved, usd),
            detail=f"{plural(len(portfolio), 'action')} found, none with a saving that is known",
            next="Check that prices for these resources are in the lake.",
        )
    if saving.empty:
        judged = len(findings.recommendation)
        return figure(
            value=cell_of(saved, usd) if judged else NO_FIGURE,
            detail=f"none found among {plural(judged, 'judgement')}" if judged else "no recommendations in this run",
            next="See why resources are kept as they are." if judged else "See what is missing.",
        )
    low, high = (float(numbers(saving[c]).sum()) for c in ("savings_low_usd", "savings_high_usd"))
    of_cost = _kpi(findings, "savings_share_of_cost")
    part = "" if of_cost is None else f", {percent(of_cost)} of the list cost of all that was judged"
    first = saving.iloc[0]
    return figure(
        value=cell_of(saved, usd),
        detail=f"between {usd(low)} (all taken back half way) and {usd(high)} (all hold), "
        f"from {plural(len(saving), 'action')}, one per resource{part}",
        next=f"Start with {first['resource_id']}: {ACTION_WORDS.get(first['action'], first['action']).lower()}"
        f", {usd(first['portfolio_savings_usd'])} per month.",
    )


def _risk_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "at-risk", "Resources at capacity risk", "#capacity")
    ranked = findings.capacity_next
    ranked = ranked[ranked["risk_level"] != UNKNOWN]
    if ranked.empty:
        return figure(
            value=NO_FIGURE,
            detail="no capacity risk in this run",
            next="Add a source of metrics in percent: without their forecasts there is no risk to judge.",
        )
    owners = [series_parts(s, m)[:3] for s, m in zip(ranked["series_id"], ranked["metric"], strict=True)]
    at_risk, judged = _kpi(findings, "resources_at_risk"), len(set(owners))
    if not at_risk:
        return figure(
            value=cell_of(at_risk, whole),
            detail=f"of {judged} judged; none is likely to cross its threshold",
            next="Nothing to do now.",
        )
    first = ranked.iloc[0]
    crossing = first["first_crossing_at"]
    when = f", P{100 * float(first['quantile']):.0f} crosses {first['threshold_pct']:.0f} % {until(crossing, findings.as_of)}"
    return figure(
        value=cell_of(at_risk, whole),
        tone="bad",
        detail=f"of {judged} judged, at level high or critical",
        next=f"Look first at {owners[0][2]} {metric_word(first['metric'])}{'' if missing(crossing) else when}.",
    )


def _incident_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "incidents", "Incidents in the last 24 hours", "#anomalies")
    count, found = _kpi(findings, "incidents_24h"), sort_by_gravity(incidents_of_last_day(findings))
    judged = say_judged(findings.judged)
    if count is None:
        return figure(
            value=NO_FIGURE,
            tone="bad",
            detail=f"no series of metrics was observed in the last 24 hours. {judged}",
            next="Check that a source covers them, then run ingest and build.",
        )
    if found.empty:
        return figure(value=cell_of(count, whole), detail=judged, next="See what cost did: nobody judges it but you.")
    worst = found.iloc[0]
    by_severity = found["severity"].value_counts()
    parts = [f"{by_severity[s]:,} {s}" for s in SEVERITY_ORDER if s in by_severity]
    seen = "no samples" if worst["kind"] == MISSING else amount(worst["value"], worst["unit"])
    state = "still open" if worst["is_open"] else f"until {minute(worst['ended_at'])} UTC"
    return figure(
        value=cell_of(count, whole),
        tone="bad" if worst["severity"] in AT_RISK else "",
        detail=f"{', '.join(parts)}; {_kpi(findings, 'incidents_open') or 0:.0f} still open. {judged}",
        next=f"Look first at {worst['resource_id']} {metric_word(worst['metric'])}: {seen}"
        + ("" if missing(worst["expected"]) else f" where {amount(worst['expected'], worst['unit'])} was expected")
        + f", for {lasted(worst['hours'])}, {state}.",
    )


def _completeness_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "completeness", "Data completeness in 30 days", "#quality")
    ratio, data = _kpi(findings, "data_completeness_30d"), findings.completeness
    if ratio is None or data.empty:
        return figure(
            value=cell_of(ratio, share),
            tone="bad",
            detail="no metrics in the interval",
            next="Check that a source covers this interval, then run ingest and build.",
        )
    missing_days = int(numbers(data["missing_days"]).sum())
    ratios = numbers(data["samples"]) / numbers(data["expected_samples"])
    worst = data.assign(ratio=ratios).sort_values(["ratio", "series_id"], kind="stable").iloc[0]
    complete = float(worst["ratio"]) >= COMPLETE
    return figure(
        value=cell_of(ratio, share),
        tone="bad" if ratio < 0.95 else "",
        detail=f"of samples arrived; {plural(len(data), 'series', 'series')} in the interval"
        + (f", {plural(missing_days, 'day')} without any sample" if missing_days else ""),
        next="Nothing to do now."
        if complete
        else f"Look at {series_label(worst['series_id'], worst['metric'])}: {share(worst['ratio'])} arrived in the interval.",
    )


def _skill_figure(findings: Findings) -> Figure:
    figure = partial(Figure, "skill", "Forecast skill over seasonal naive", "#accuracy")
    champions = _champion_metrics(findings)
    skilled, skill = champions[numbers(champions["skill"]).notna()], _kpi(findings, "forecast_skill")
    if skilled.empty or skill is None:
        return figure(
            value=NO_FIGURE,
            detail="nothing that serves has a backtest yet",
            next="Run the DAG model_training; until then the fallback forecaster serves.",
        )
    better = int((numbers(skilled["skill"]) > 0).sum())
    worst = skilled.sort_values(["skill", "metric", "granularity"], kind="stable").iloc[0]
    segment = f"{metric_word(worst['metric'])} by the {worst['granularity']}"
    return figure(
        value=cell_of(skill, percent, sign=True),
        tone="bad" if skill < 0 else "",
        detail=f"lower quantile loss in the backtest; what serves beats it in {better} of {plural(len(skilled), 'segment')}",
        next=f"Weakest is {segment} ({percent(worst['skill'], sign=True)}): trust its bands least.",
    )


def _kpi(findings: Findings, name: str) -> float | None:
    """The value of one KPI; None where there was nothing to judge."""
    [value] = findings.kpis.loc[findings.kpis["kpi"] == name, "value"].tolist() or [None]
    return None if missing(value) else float(value)


def _known_at(findings: Findings, name: str) -> object:
    """Since when one KPI is known."""
    [moment] = findings.kpis.loc[findings.kpis["kpi"] == name, "known_at"].tolist() or [None]
    return moment


def _champion_metrics(findings: Findings) -> pd.DataFrame:
    """Rows of `gold.model_metric` about the forecasters that serve."""
    champions = {
        (m, g, str(row["champion"] if missing(row["serves"]) else row["serves"]))
        for (m, g), row in newest_decisions(findings).items()
    }
    scores = findings.model_metric
    keys = zip(scores["metric"], scores["granularity"], scores["model"], strict=True)
    return scores[pd.Series([key in champions for key in keys], index=scores.index, dtype="bool")]


SECTION = Section(anchor="found", title="What was found", label="Found", content=key_figures)
