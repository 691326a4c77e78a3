"""What a recommendation rests on, drawn: hours of use, what they are held to, all that the target has, and what is expected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from pipeline.report import charts
from pipeline.report.findings import Findings
from pipeline.report.frames import BAND_90, at_quantile, floats, json_object, numbers, records
from pipeline.report.origin import kinds_by_series, with_kind
from pipeline.report.section import Content
from pipeline.report.selection import portfolio_of
from pipeline.report.words import ACTION_WORDS, UNIT_SIGNS, amount, list_names, metric_word, missing, percent, plural

#: Of so many recommendations of the portfolio hours are read, and so many are drawn; the days and metrics drawn of each at most.
READ, DRAWN, DAYS, METRICS = 25, 6, 14, 2
#: What the legend says, and the style of each.
LEGEND = {
    "P95 of each hour": "observed",
    "expected": "median",
    "90 % band": "band-90",
    "held to, or all there is": "threshold",
    "would be off": "shaded",
}

#: What is counted in a period, as what a volume does in a second: its metrics, and the factor.
_VOLUME = {
    "IOPS": (("VolumeReadOps", "VolumeWriteOps"), None),
    "MiB/s": (("VolumeReadBytes", "VolumeWriteBytes"), 1e6 / 8 / 2**20),
}


@dataclass(frozen=True)
class Use:
    """Hours of one measure.

    Attributes:
        metric: as silver has it, or what is made of several of a volume.
        unit: of the values.
        said: what an hour's value is.
        series_id: of its forecast; empty for what is made of several.
        of: a series that it is made of, whose source it has.
        hours, values: in order.
    """

    metric: str
    unit: str
    said: str
    series_id: str
    of: str
    hours: list[pd.Timestamp]
    values: list[float]


def uses_of(hours: pd.DataFrame, evidence: Mapping[str, Any]) -> list[Use]:
    """What was measured of a resource, first what its evidence speaks of.

    Args:
        hours: of one recommendation, as `inputs.evidence.read_hours` gives them.
        evidence: its `evidence_json`, read.
    """
    if "iops_max" in evidence.get("observed", {}) and (of_volume := list(_uses_of_volume(hours))):
        return of_volume
    groups = [(str(metric), str(unit), rows) for (metric, unit), rows in hours.groupby(["metric", "unit"], sort=True)]
    ordered = sorted(groups, key=lambda group: (not _speaks_of(evidence, group[0]), group[1] != "percent"))
    return [
        Use(metric, unit, "P95 of each hour", series_id, series_id, list(rows["hour"]), floats(rows["value"]))
        for metric, unit, rows in ordered
        for series_id in [str(rows["series_id"].iloc[0])]
    ]


def heights(evidence: Mapping[str, Any], use: Use, now: Any = None, target: Any = None) -> dict[str, float]:
    """Heights worth a line in the plot of a measure: what it is held to, and all that the target has, in the measure's unit.

    Args:
        evidence: `evidence_json`, read.
        use: the measure.
        now: `current_config`, where there is one.
        target: `target_config`, where there is one.
    """
    if use.metric in _VOLUME:
        stated = {"all that it has": _stated(now, use.metric), "all that the target has": _stated(target, use.metric)}
        return {name: value for name, value in stated.items() if value is not None}
    if use.unit != "percent":
        return {}
    kind, held_to = use.metric.partition("_")[0], evidence.get("thresholds", {})
    lines = {
        f"{name.removesuffix('_pct').replace('_', ' ')}, what it is held to": float(value)
        for name, value in held_to.items()
        if name.startswith(f"{kind}_") and name.endswith("_pct") and not name.endswith("headroom_pct")
    }
    if (ratio := evidence.get(f"{kind}_ratio")) is not None:
        has = f"all that {target or 'the target'} has"
        lines[has] = 100 * float(ratio)
        if free := held_to.get(f"{kind}_headroom_pct"):
            lines[f"the same less {free:g} % headroom"] = 100 * float(ratio) * (1 - float(free) / 100)
    return lines


def draw_evidence(findings: Findings) -> Content:
    """The plots of the first recommendations that rest on hours that were measured, and which of them do not.

    Returns:
        plots: the charts in the portfolio's order, `DRAWN` recommendations at most; drawn: their ids; unmeasured: names of those
        among the first `READ` that rest on no hours, as text, and how many; legend.
    """
    plots: list[Content] = []
    drawn: list[str] = []
    unmeasured: list[str] = []
    for row in records(portfolio_of(findings.recommendation).head(READ)):
        hours = findings.evidence_hours[findings.evidence_hours["recommendation_id"] == row["recommendation_id"]]
        evidence = json_object(row["evidence_json"])
        uses = _drawn_of(uses_of(hours, evidence), evidence)
        if not uses:
            unmeasured.append(f"{row['resource_id']} ({ACTION_WORDS.get(row['action'], row['action'])})")
        elif len(drawn) < DRAWN:
            drawn.append(row["recommendation_id"])
            plots += [_plot(findings, row, evidence, use, number == 0) for number, use in enumerate(uses)]
    return {
        "plots": plots,
        "drawn": drawn,
        "unmeasured": list_names(unmeasured),
        "unmeasured_count": len(unmeasured),
        "plot_legend": [(name, charts.legend_swatch(style)) for name, style in LEGEND.items()],
    }


def _plot(findings: Findings, row: dict[str, Any], evidence: dict[str, Any], use: Use, is_first: bool) -> Content:
    """One measure of one recommendation, as a chart and in words."""
    now, target = (None if missing(row[name]) else row[name] for name in ("current_config", "target_config"))
    lines_at = heights(evidence, use, now, target)
    ahead = _forecast(findings.evidence_forecast, use)
    lines, bands = [charts.Line(use.hours, use.values, "observed", use.said)], []
    if len(ahead) and 0.5 in ahead:
        lines.append(charts.Line(list(ahead.index), floats(ahead[0.5]), "median", "expected"))
    if len(ahead) and set(BAND_90) <= set(ahead):
        low, high = (floats(ahead[level]) for level in BAND_90)
        bands.append(charts.Band(list(ahead.index), low, high, "band-90", "90 % band"))
    name = f"{row['resource_id']} {metric_word(use.metric)}"
    kind = kinds_by_series(findings.series_source).get(use.of, "")
    off = _hours_off(evidence, use)
    does = f"{ACTION_WORDS.get(row['action'], row['action'])}{f' → {target}' if target and not off else ''}"
    words = " ".join(_words(use, lines_at, ahead, bool(off)))
    return {
        "id": row["recommendation_id"] if is_first else "",
        "title": name,
        "kind": kind,
        "does": does,
        "words": words,
        "svg": charts.time_chart(
            with_kind(f"{name}: {use.said} and what it is held to; {does}", kind),
            charts.Curves(lines, bands, findings.as_of, shaded=off, described=words),
            charts.Scale(_sign(use), partial(amount, unit=use.unit), reach=max(lines_at.values(), default=0.0), is_read=False),
            thresholds=[(height, f"{label}: {amount(height, use.unit)}") for label, height in lines_at.items()],
            percent_axis=use.unit == "percent",
        ),
    }


def _words(use: Use, lines_at: Mapping[str, float], ahead: pd.DataFrame, is_scheduled: bool) -> Iterator[str]:
    """What the chart shows, for who does not see it."""
    known = pd.Series(use.values)
    spread = f"half of them at {amount(known.median(), use.unit)} or less, the highest {amount(known.max(), use.unit)}"
    yield f"{plural(len(known), 'hour')} from {use.hours[0]:%Y-%m-%d} to {use.hours[-1]:%Y-%m-%d}: {spread}."
    if lines_at:
        yield f"Lines: {', '.join(f'{label} {amount(height, use.unit)}' for label, height in lines_at.items())}."
    if len(ahead) and 0.5 in ahead and BAND_90[1] in ahead:
        median, high = (amount(ahead[level].max(), use.unit) for level in (0.5, BAND_90[1]))
        yield f"Expected to {ahead.index[-1]:%Y-%m-%d}: at most {median}, in each hour with {percent(BAND_90[1])} at most {high}."
    if is_scheduled:
        yield "Shaded: the hours in which it would be off."


def _forecast(forecast: pd.DataFrame, use: Use) -> pd.DataFrame:
    """The hours expected of a series, a column for each quantile drawn."""
    mine = forecast[(forecast["series_id"] == use.series_id) & (forecast["unit"] == use.unit)]
    parts = {level: mine[at_quantile(mine, level)].set_index("ts")["value"] for level in (*BAND_90, 0.5)}
    found: pd.DataFrame = pd.DataFrame({level: numbers(part) for level, part in parts.items() if len(part)}).sort_index()
    return found


def _hours_off(evidence: Mapping[str, Any], use: Use) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """When a schedule would have switched the resource off, in the hours drawn."""
    blocks = evidence.get("off_hours_of_week")
    if not isinstance(blocks, list):
        return []
    first, end = use.hours[0], use.hours[-1] + timedelta(hours=1)
    monday = first.normalize() - timedelta(days=first.dayofweek)
    found = []
    for week in range(-1, (end - monday).days // 7 + 1):
        for start, length in blocks:
            begins = monday + timedelta(days=7 * week, hours=int(start))
            span = max(begins, first), min(begins + timedelta(hours=int(length)), end)
            if span[0] < span[1]:
                found.append(span)
    return found


def _drawn_of(uses: Sequence[Use], evidence: Mapping[str, Any]) -> list[Use]:
    """What is held to something; where nothing is, what the evidence speaks of."""
    held = [use for use in uses if use.metric in _VOLUME or heights(evidence, use)]
    return (held or [use for use in uses if _speaks_of(evidence, use.metric)])[:METRICS]


def _speaks_of(evidence: Mapping[str, Any], metric: str) -> bool:
    spoken = {name.partition("_")[0] for part in ("observed", "thresholds") for name in evidence.get(part, {})}
    return metric.partition("_")[0] in spoken or (metric in _COUNTED and "operations" in spoken)


_COUNTED = frozenset(_VOLUME["IOPS"][0])


def _uses_of_volume(hours: pd.DataFrame) -> Iterator[Use]:
    """What a volume did in a second, as its rules hold it: the highest reads and writes of a period of the hour, together."""
    for measure, (metrics, factor) in _VOLUME.items():
        parts = {name: rows.set_index("hour") for name, rows in hours.groupby("metric") if name in metrics}
        if len(parts) < len(metrics):
            continue
        rates = [
            numbers(rows["max"]) * (numbers(rows["expected_samples"]) / 3600 if factor is None else factor)
            for rows in parts.values()
        ]
        both = sum(rates[1:], rates[0]).dropna()
        if len(both):
            of = str(next(iter(parts.values()))["series_id"].iloc[0])
            yield Use(measure, measure, "highest period of each hour", "", of, list(both.index), floats(both))


def _stated(config: Any, unit: str) -> float | None:
    """How many IOPS or MiB/s the words of a volume state: `gp3, 100 GiB, 3000 IOPS, 125 MiB/s`."""
    found = re.search(rf"([\d.]+) {re.escape(unit)}", str(config or ""))
    return float(found[1]) if found else None


def _sign(use: Use) -> str:
    sign = UNIT_SIGNS.get(use.unit, use.unit)
    return f"{sign}, {'P95 of the hour' if use.series_id else use.said}"
