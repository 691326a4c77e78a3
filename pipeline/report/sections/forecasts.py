"""Small multiples: what was observed, the median, and the 50 and 90 % bands."""

from __future__ import annotations

from functools import partial

from pipeline.report import charts
from pipeline.report.findings import Findings
from pipeline.report.frames import BAND_50, BAND_90, at_quantile, floats
from pipeline.report.origin import kind_of_sources, kinds_by_series, with_kind
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import charted_series, service_names, worst_per_series
from pipeline.report.words import UNIT_SIGNS, amount, metric_word, minute, percent, plural, series_parts, service_slug
from pipeline.tables.columns import ENDED, FEW_DAYS, FULL, TOO_NEW, UNSOUND

_REASONS = {
    TOO_NEW: "too new: fewer than three observed periods",
    FEW_DAYS: "not yet by the day: fewer days than the setting min_daily_history, of cost fewer than 14",
    ENDED: "ended: silent for 3 days, by the day for 14",
}


def forecasts(findings: Findings) -> Content | Empty:
    forecast = findings.forecast
    if forecast.empty:
        left_out = _not_forecast(findings)
        return Empty(
            f"No forecasts in this run{': ' if left_out else ''}{'; '.join(left_out)}.",
            "The step `forecast` needs recent history; by the day, as much as the setting `min_daily_history` says.",
        )
    medians = forecast[at_quantile(forecast, 0.5)]
    level = medians.groupby(["series_id", "metric", "granularity"], as_index=False, sort=True)["value"].mean()
    chosen = charted_series(findings.capacity_risk, level.rename(columns={"value": "level"}))
    risk = worst_per_series(findings.capacity_risk)
    levels = dict(zip(zip(risk["series_id"], risk["granularity"], strict=True), risk["risk_level"], strict=True))
    names, kinds = service_names(findings.cost_daily), kinds_by_series(findings.series_source)
    return {
        "charts": [
            _fan(findings, names, series_id, metric, granularity, str(levels.get((series_id, granularity), "")), kinds)
            for series_id, metric, granularity in chosen.itertuples(index=False)
        ],
        "series": max(findings.forecast_series, len(chosen)),
        "not_forecast": _not_forecast(findings),
    }


def _not_forecast(findings: Findings) -> list[str]:
    """How many series are not forecast, by reason."""
    counts = findings.not_forecast.drop_duplicates(["series_id", "reason"])["reason"].value_counts()
    return [
        f"{plural(int(counts[reason]), 'series', 'series')} {words}" for reason, words in _REASONS.items() if reason in counts
    ]


def _fan(
    findings: Findings, names: dict[str, str], series_id: str, metric: str, granularity: str, level: str, kinds: dict[str, str]
) -> Content:
    """The chart of one series: its past, and its quantiles ahead."""
    frame = findings.forecast
    mine = frame[(frame["series_id"] == series_id) & (frame["granularity"] == granularity)]
    wide = mine.pivot_table(index="ts", columns=mine["quantile"].astype("float64").round(4), values="value").sort_index()
    past = findings.history
    past = past[(past["series_id"] == series_id) & (past["granularity"] == granularity)].sort_values("ts", kind="stable")
    unit, first = str(mine["unit"].iloc[0]), mine.iloc[0]
    sign = UNIT_SIGNS.get(unit, unit)
    ts = list(wide.index)
    bands = [
        charts.Band(ts, floats(wide[low]), floats(wide[high]), style, label)
        for (low, high), style, label in ((BAND_90, "band-90", "90 %"), (BAND_50, "band-50", "50 %"))
        if low in wide and high in wide
    ]
    lines = [charts.Line(list(past["ts"]), floats(past["value"]), "observed", "observed")]
    if 0.5 in wide:
        lines.append(charts.Line(ts, floats(wide[0.5]), "median", "median"))
    account, region, resource = series_parts(series_id, metric)
    kind = kinds.get(series_id, "")
    if metric == "cost":
        bills = findings.cost_daily
        mine_of = (bills["account"] == account) & (bills["service"].astype("str").map(service_slug) == resource)
        kind = kind_of_sources(bills.loc[mine_of, "source"])
        resource = names.get(resource, resource)
    is_percent = unit == "percent"
    thresholds = sorted({float(t) for t in findings.capacity_risk["threshold_pct"]}) if is_percent else []
    return {
        "title": f"{resource} {metric_word(metric)}",
        "kind": kind,
        "where": f"{account} · {region} · by the {granularity}",
        "model": f"{first['model']}{'' if first['tier'] == FULL else ', ' + str(first['tier'])}",
        "cutoff": minute(first["cutoff"]),
        "unsound": first["soundness"] == UNSOUND,
        "covered": percent(first["coverage_90"]),
        "level": level,
        "svg": charts.time_chart(
            with_kind(f"{resource} {metric_word(metric)}: observed and forecast, {sign}", kind),
            charts.Curves(lines, bands, now=ts[0] if ts else None),
            charts.Scale(
                f"{sign}, p95 of the {granularity}" if unit != "usd" else f"USD per {granularity}", partial(amount, unit=unit)
            ),
            thresholds=[(t, f"{t:.0f} %") for t in thresholds],
            percent_axis=is_percent,
        ),
    }


SECTION = Section(anchor="forecasts", title="Forecasts", label="Forecasts", content=forecasts)
