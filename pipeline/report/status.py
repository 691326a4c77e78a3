"""The page of what is so now: each series' newest minutes, what was forecast of them, and the anomalies of the last hours."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from pipeline import __version__
from pipeline.report.charts import Band, Curves, Line, Mark, Scale, time_chart
from pipeline.report.frames import floats, numbers, records
from pipeline.report.origin import kinds_by_series, with_kind
from pipeline.report.page import FOLDER, fill
from pipeline.report.section import Content
from pipeline.report.sections.alerts import seen, told
from pipeline.report.sections.sources import tell_kinds
from pipeline.report.selection import AT_MOST, SHOWN
from pipeline.report.words import UNIT_SIGNS, amount, decimals, metric_word, minute, missing, percent, series_label, share
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.columns import FIRING, MISSING

#: What a series can be, the gravest first, with what it means.
STATUSES = {
    "anomalous": "detectors judged its hour anomalous",
    "above": "above the 90 % interval of its forecast",
    "stale": "its samples stopped",
    "normal": "neither of these",
    "unknown": "neither forecast nor judged",
}
#: What may be chosen, in hours; the last is of hours, those before of minutes where there are some.
RANGES = {1: "1 hour", 6: "6 hours", 24: "24 hours", 168: "7 days"}
CHOSEN = 6
#: Series that are drawn, the gravest; events and alerts that are listed.
DRAWN, NEWEST = 24, 5
# The 24 hours of a series as bars: pixels of an hour, and how high each state stands, so that none is known by colour alone.
_HOUR_PX, _TALL = 10, {"anomalous": 14, "above": 9, "normal": 4, "unknown": 2}
_NOT_STATED = "not stated"


def _no_rows(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})


@dataclass(frozen=True, eq=False)
class Status:
    """What the page shows.

    Attributes:
        as_of: the end of the newest period that was asked for, UTC.
        now: `inputs.status_now` as of it: how each series stands.
        course: `inputs.status_course` as of it, of the series that `choose_drawn` gives: observed, forecast and anomalies by five
            minutes and by hours.
        point: `inputs.status_points` as of it: the newest anomalous hours.
        incident: `gold.anomaly` of the newest run not after it; `confidence` is shown where it has one.
        alert: `inputs.open_alerts` as of it.
        series_source: `inputs.series_seen_from` as of it: series_id, source.
        mix: `inputs.dataset_mix` as of it, with kinds.
    """

    as_of: datetime
    now: pd.DataFrame
    course: pd.DataFrame
    point: pd.DataFrame
    incident: pd.DataFrame = field(default_factory=ANOMALY.empty)
    alert: pd.DataFrame = field(default_factory=lambda: _no_rows("state"))
    series_source: pd.DataFrame = field(default_factory=lambda: _no_rows("series_id", "source"))
    mix: pd.DataFrame = field(default_factory=lambda: _no_rows("source", "resources", "kind"))


def render_status(status: Status) -> str:
    """The page as HTML that loads nothing from anywhere; equal findings give equal bytes."""
    script = "\n".join((FOLDER / name).read_text(encoding="utf-8").strip() for name in ("report.js", "status.js"))
    return fill(
        "status",
        as_of=minute(status.as_of),
        # Read again by whoever would write an older page over this one.
        moment=status.as_of.isoformat(),
        ranges=RANGES,
        chosen=CHOSEN,
        statuses=STATUSES,
        style=(FOLDER / "report.css").read_text(encoding="utf-8").strip(),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
        **_content(status),
    )


def choose_drawn(now: pd.DataFrame) -> pd.DataFrame:
    """The series that are drawn of those that `inputs.status_now` gives: the gravest, of these those most often anomalous."""
    return _gravest_first(now).head(DRAWN)


def _gravest_first(now: pd.DataFrame) -> pd.DataFrame:
    rank = {word: place for place, word in enumerate(STATUSES)}
    ordered = now.assign(_rank=now["status"].map(rank))
    return ordered.sort_values(["_rank", "anomalous_hours", "series_id"], ascending=[True, False, True], kind="stable")


def _content(status: Status) -> Content:
    kinds, environments = kinds_by_series(status.series_source), status.now.set_index("series_id")["environment"]
    now, point = (
        each.assign(
            environment=each["series_id"].map(environments).astype("object").fillna(_NOT_STATED),
            kind=each["series_id"].map(kinds).astype("object").fillna(""),
        )
        for each in (status.now, status.point)
    )
    now = _gravest_first(now)
    by_series = dict(iter(status.course.groupby("series_id")))
    drawn = records(now[now["series_id"].isin(by_series)].head(DRAWN))
    points = point.sort_values(["ts", "series_id"], ascending=[False, True], kind="stable")
    newest, judged = (now[name].max() for name in ("until_hour", "judged_hour"))
    anomalous, observed = (int(now[name].sum()) for name in ("anomalous_hours", "observed_hours"))
    return {
        "origin_told": tell_kinds(status.mix),
        "judged": "" if missing(judged) else minute(judged + pd.Timedelta(hours=1)) + _say_part(now["judged_last_hour"]),
        "until_hour": "" if missing(newest) else minute(newest + pd.Timedelta(hours=1)),
        "counts": [(word, int((now["status"] == word).sum())) for word in STATUSES],
        "last_hour": int(now["anomalous_last_hour"].sum()),
        "anomalous": anomalous,
        "observed": observed,
        "rate": share(anomalous / observed) if observed else "–",
        "hosts": sorted(now["resource_id"].astype("str").unique()),
        "environments": sorted(now["environment"].astype("str").unique()),
        "series": len(now),
        "rows": [_row(row) for row in records(now.head(AT_MOST))],
        "charts": [_charts(row, by_series[row["series_id"]], status.as_of) for row in drawn],
        "strips": [_strip(row, by_series[row["series_id"]], status.as_of) for row in drawn],
        "strip_from": minute(_last_hours(status.as_of)[0]),
        "strip_to": minute(_last_hours(status.as_of)[-1] + pd.Timedelta(hours=1)),
        "points": [_point(row, status.as_of) for row in records(points)],
        "events": _newest_events(status.incident),
        "alerts": [_alert(row) for row in records(status.alert[status.alert["state"] == FIRING].head(SHOWN))],
        "firing": int((status.alert["state"] == FIRING).sum()),
    }


def _say_part(judged: pd.Series[Any]) -> str:
    """Of how many series the last hour was judged, where not of all observed in it: silence about the rest says nothing."""
    every, seen = int(judged.notna().sum()), int(judged.sum())
    return "" if seen == every else f", of the last one {seen:,} of {every:,} series ({percent(seen / every)})"


def _row(row: dict[str, Any]) -> Content:
    """The status of one series."""
    unit = str(row["unit"])
    return {
        **_place(row),
        "status": row["status"],
        "order": int(row["_rank"]),
        "severity": "" if missing(row["severity"]) else row["severity"],
        "value": amount(row["value"], unit),
        "exact": "" if missing(row["value"]) else float(row["value"]),
        "expected": amount(row["expected"], unit),
        "upper": amount(row["upper"], unit),
        "seen": f"{minute(row['ts'])}, {'5 minutes' if row['resolution_s'] == 300 else '1 hour'}",
        "behind": int(row["minutes_behind"]),
        "observed": int(row["observed_hours"]),
        "anomalous": int(row["anomalous_hours"]),
        "last_hour": int(row["anomalous_last_hour"]),
    }


def _place(row: dict[str, Any]) -> Content:
    return {
        "host": row["resource_id"],
        "kind": row["kind"],
        "environment": row["environment"],
        "metric": metric_word(str(row["metric"])),
    }


def _charts(row: dict[str, Any], mine: pd.DataFrame, as_of: datetime) -> Content:
    """One series over each range."""
    mine = mine.sort_values("ts", kind="stable")
    drawn = [(hours, _chart(row, _thin(mine, hours, as_of), hours, as_of)) for hours in RANGES]
    return {**_place(row), "status": row["status"], "drawn": drawn}


def _thin(mine: pd.DataFrame, hours: int, as_of: datetime) -> pd.DataFrame:
    """The rows of a range: five minutes of 6 hours, quarters of an hour of 24, hours beyond, or where nothing else is."""
    recent = mine[mine["ts"] >= pd.Timestamp(as_of) - pd.Timedelta(hours=hours)]
    minutes, by_hour = recent[recent["resolution_s"] == 300], recent[recent["resolution_s"] == 3600]
    if hours > 24 or minutes.empty:
        return by_hour
    before = by_hour[by_hour["ts"] < minutes["ts"].min().floor("h")]
    if hours <= 6:
        return pd.concat([before, minutes])
    # Its peak stands for a quarter of an hour.
    peaks = minutes.assign(value=numbers(minutes["value"]).fillna(float("-inf")), _quarter=minutes["ts"].dt.floor("15min"))
    peaks = peaks.sort_values(["_quarter", "value"], kind="stable").drop_duplicates("_quarter", keep="last")
    return pd.concat([before, peaks[peaks["value"] > float("-inf")]])


def _chart(row: dict[str, Any], rows: pd.DataFrame, hours: int, as_of: datetime) -> Markup:
    unit = str(row["unit"])
    ts, ends = list(rows["ts"]), [pd.Timestamp(as_of) - pd.Timedelta(hours=hours), pd.Timestamp(as_of)]
    anomalous = rows.assign(_hour=rows["ts"].dt.floor("h"))[rows["is_anomalous"].astype("bool")]
    # One mark an hour, at its peak: detectors judge hours.
    peaks = anomalous.sort_values("value", kind="stable").drop_duplicates("_hour", keep="last").sort_values("ts")
    return time_chart(
        with_kind(
            f"{series_label(row['series_id'], row['metric'])}, last {RANGES[hours]}: observed, forecast and anomalies",
            row["kind"],
        ),
        Curves(
            [
                # Every chart spans its range, whatever is known of it.
                Line([ends[0], *ts, ends[1]], [math.nan, *floats(rows["value"]), math.nan], "observed", "observed"),
                Line(ts, floats(rows["expected"]), "median", "forecast"),
            ],
            [Band(ts, floats(rows["lower"]), floats(rows["upper"]), "band-90", "90 %")],
        ),
        Scale(UNIT_SIGNS.get(unit, unit), partial(amount, unit=unit)),
        marks=[
            Mark(each["ts"], float(each["value"]), str(each["severity"]), f"{minute(each['ts'])} UTC, {each['severity']} anomaly")
            for each in records(peaks)
        ],
    )


def _last_hours(as_of: datetime) -> list[pd.Timestamp]:
    """The 24 hours of which the last is the one that `as_of` ends or lies in."""
    last = (pd.Timestamp(as_of) - pd.Timedelta(microseconds=1)).floor("h")
    return [last - pd.Timedelta(hours=back) for back in range(23, -1, -1)]


def _strip(row: dict[str, Any], mine: pd.DataFrame, as_of: datetime) -> Content:
    """The last 24 hours of one series, a bar each, as high as its state is grave; nothing where nothing was observed."""
    parts, said = [], dict.fromkeys(_TALL, 0)
    for place, hour in enumerate(_last_hours(as_of)):
        inside = mine[(mine["ts"] >= hour) & (mine["ts"] < hour + pd.Timedelta(hours=1))]
        if inside.empty:
            continue
        word = _state(inside)
        said[word] += 1
        tall = _TALL[word]
        parts.append(
            f'<rect class="state-{word}" x="{place * _HOUR_PX}" y="{14 - tall}" width="{_HOUR_PX - 1}" height="{tall}">'
            f"<title>{hour:%Y-%m-%d %H:%M} UTC: {word}</title></rect>"
        )
    spoken = ", ".join(f"{number} {word}" for word, number in said.items() if number) or "nothing observed"
    label = escape(with_kind(f"{series_label(row['series_id'], row['metric'])}, hours of the last 24: {spoken}", row["kind"]))
    svg = Markup(f'<svg viewBox="0 0 {24 * _HOUR_PX} 14" preserveAspectRatio="none" role="img" aria-label="{label}">')  # noqa: S704
    return {**_place(row), "label": series_label(row["series_id"], row["metric"]), "svg": svg + Markup("".join(parts) + "</svg>")}  # noqa: S704


def _state(inside: pd.DataFrame) -> str:
    """How an hour stands, as `views.status_timeline` says: as its gravest part."""
    if inside["is_anomalous"].astype("bool").any():
        return "anomalous"
    if (numbers(inside["value"]) > numbers(inside["upper"])).any():
        return "above"
    return "normal" if inside["is_judged"].astype("bool").any() or inside["upper"].notna().any() else "unknown"


def _point(row: dict[str, Any], as_of: datetime) -> Content:
    unit = str(row["unit"])
    return {
        **_place(row),
        "ts": minute(row["ts"]),
        # Hours from the moment to its end: what a range of as many hours shows.
        "ago": max((pd.Timestamp(as_of) - row["ts"]) / pd.Timedelta(hours=1) - 1, 0),
        "value": amount(row["value"], unit),
        "expected": amount(row["expected"], unit),
        "severity": row["severity"],
        "score": decimals(row["score"]),
    }


def _newest_events(incident: pd.DataFrame) -> list[Content]:
    """The incidents that began last, each with how sure it is, as a share; None where nobody calibrated that."""
    ordered = incident.sort_values(["started_at", "anomaly_id"], ascending=[False, True], kind="stable").head(NEWEST)
    return [
        {
            "host": row["resource_id"],
            "metric": f"{metric_word(str(row['metric']))}{', no samples' if row['kind'] == MISSING else ''}",
            "severity": row["severity"],
            "start": minute(row["started_at"]),
            "confidence": None if missing(row.get("confidence")) else float(row["confidence"]),
            "said": percent(row.get("confidence")),
        }
        for row in records(ordered)
    ]


def _alert(row: dict[str, Any]) -> Content:
    return {name: row[name] for name in ("severity", "subject", "cause")} | {
        "since": minute(row["since"]),
        "seen": seen(row),
        "told": told(row),
    }
