"""`make bench-alerts`: who is told of what, on days whose incidents are known: what is messaged, what is false, and how often.

python -m tools.bench_alerts [--tuning] [--bitbrains FILE]. Backgrounds: the realistic fleet of 100 servers with the incidents
that it labels; and, with the same incidents put in, real EC2, RDS and ELB series of the Numenta Anomaly Benchmark, and where
a person has the file (its licence allows research, and no copy here) 100 business machines of GWA-T-12 `rnd`. Weeks before
are landed and built at once; then each day is landed, built, judged and told in order by a clock that is given: the day's
steps from `ingest` to `alert`, messages handed to a server of this machine. Runs of five minutes would be 8,640. Nothing is
forecast and nothing billed, so the rules on these are silent.

A message is about an incident, else explained by a labelled window, or by a threshold that the samples do cross, else false. An
incident is messaged where one names its resource from its start to the run after its end. What repeats what was told, and that
it is over, is counted apart. Figures, never a verdict; `--tuning` has seeds of its own, by which rules may be mended.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.settings import Settings
from pipeline.steps._deliver import Clock
from pipeline.steps.alert import alert_at
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.columns import CHECK_SEVERITIES, FIRING, RESOLVED, SENT
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY
from tests.support.people import web
from tools.planted import START, Background, draw_bitbrains, draw_fleet, draw_numenta

#: Seeds by which rules may be mended, and those that are reported.
TUNING, REPORTED = (301, 302), (401, 402)
#: Bars: the share of incidents that is messaged, false messages per 100 server-days, messages per incident.
MESSAGED, FALSE, PER_INCIDENT = 0.9, 1.0, 1.2
BUILDS = ("silver.resource", "silver.metric_hourly", "silver.metric_daily")
#: How long after its end a message may be about an incident or a window: judging lags, and a resource settles.
AFTER, DAY, HOUR = timedelta(hours=6), timedelta(days=1), timedelta(hours=1)
console = Console(soft_wrap=True, highlight=False)


@dataclass(frozen=True)
class Told:
    """What people were told of a background.

    Attributes:
        messages: as_of, subject, rule, since, kind, repeats (the group was told and is not over), and why: `incident`, `window`,
            `threshold` or `false`; `incident` is the place of its label, -1 without.
        labels: those of the days that were told of; of what is planted `messages`, the new ones about it.
        days: that were told of.
        server_days: those of all servers.
        stored: bytes of tables, by name.
    """

    messages: pd.DataFrame
    labels: pd.DataFrame
    days: int
    server_days: int
    stored: dict[str, int]


def tell(background: Background, home: Path) -> Told:
    """Run the days of a background, and say what people were told."""
    with web((200, {})) as inbox:
        routes = {"people": {"notifier": "webhook", "options": {"url": "http://{}:{}".format(*inbox.where)}}}
        settings = settings_module.load({}, home=home, routes=routes, **background.settings)
        span = background.span
        early = Interval(START, span.start)
        background.land(early, settings)
        for table in BUILDS:
            steps.perform("build", early, target=table, settings=settings)
        for number in range(background.told):
            run_day(background, Interval(span.start + number * DAY, span.start + (number + 1) * DAY), settings)
    return explain(background, settings)


def run_day(background: Background, day: Interval, settings: Settings) -> None:
    """One day's run, three hours after it."""
    background.land(day, settings)
    for table in BUILDS:
        steps.perform("build", day, target=table, settings=settings)
    for step in ("detect", "incidents"):
        steps.perform(step, day, settings=settings)
    at = day.end + timedelta(hours=3)
    alert_at(day, open_lake(settings), settings, Clock(now=lambda: at, sleep=lambda _: None))


def explain(background: Background, settings: Settings) -> Told:
    """What was told, each with why."""
    lake, span = open_lake(settings), background.span
    said = lake.read(NOTIFICATION).to_pandas()
    messages = name_rules(said[said["state"] == SENT], lake.read(ALERT).to_pandas())
    labels = background.labels
    labels = labels[(labels["end"] > span.start) & (labels["start"] < span.end)].sort_values("start", ignore_index=True)
    hours = lake.read(METRIC_HOURLY).to_pandas()
    crossed = find_crossed(hours, lake.read(METRIC_DAILY).to_pandas(), settings)
    messages, labels = attribute(messages, labels, crossed)
    root = Path(lake.storage.root)
    places = {"bronze": root / "bronze" / "metric_sample"} | {
        name: root / "gold" / name for name in ("anomaly", "alert", "anomaly_point")
    }
    stored = {name: sum(file.stat().st_size for file in place.rglob("*.parquet")) for name, place in places.items()}
    return Told(messages, labels, background.told, background.servers * background.told, stored)


def name_rules(messages: pd.DataFrame, alerts: pd.DataFrame) -> pd.DataFrame:
    """Messages with the rule and `since` of the gravest alert of each, and whether they repeat what was told."""
    found = []
    for message in messages.sort_values(["as_of", "message_id"]).itertuples():
        of_group = alerts[(alerts["group_id"] == message.group_id) & (alerts["as_of"] <= message.as_of)]
        newest = of_group.sort_values("as_of").drop_duplicates("alert_id", keep="last")
        about = newest[newest["state"] == (FIRING if message.kind == FIRING else RESOLVED)]
        graded = about.assign(place=about["severity"].map(CHECK_SEVERITIES.index))
        gravest = graded.sort_values(["place", "as_of"], ascending=[True, False]).iloc[0]
        found.append((message.as_of, gravest["subject"], gravest["rule"], gravest["since"], message.kind, message.group_id))
    rows = pd.DataFrame(found, columns=["as_of", "subject", "rule", "since", "kind", "group_id"])
    before = rows.groupby("group_id")["kind"].shift()
    rows["repeats"] = (rows["kind"] == FIRING) & (before == FIRING)
    rows["resource_id"] = rows["subject"].str.rpartition("/")[2]
    return rows


def find_crossed(hours: pd.DataFrame, days: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """resource_id and ts of the hours in which samples truly cross a threshold for long enough, or too few of a day's came."""
    limits = {each: getattr(settings, f"alert_{each}_warning_pct") for each in ("cpu", "memory", "disk")}
    rows = hours[hours["quality_flag"] != 1].sort_values(["series_id", "hour"])
    limit = rows["metric"].map({f"{name}_utilization": value for name, value in limits.items()})
    above = rows.assign(is_above=rows["mean"] >= limit)
    stretch = (~above["is_above"] | (above.groupby("series_id")["hour"].diff() != HOUR)).cumsum()
    long = above[above["is_above"]].groupby([above["series_id"], stretch])["hour"].transform("size") >= settings.alert_hold_hours
    crossed = above.loc[long[long].index, ["resource_id", "hour"]].rename(columns={"hour": "ts"})
    by_day = days.groupby(["resource_id", "ts"])[["samples", "expected_samples"]].sum().reset_index()
    lacking = by_day[by_day["samples"] < settings.alert_completeness * by_day["expected_samples"]]
    return pd.concat([crossed, lacking[["resource_id", "ts"]]], ignore_index=True)


def attribute(messages: pd.DataFrame, labels: pd.DataFrame, crossed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Messages with why, and labels with how many new messages are about each.

    A message of a run is about the day before its end, or about since when it is so where that is earlier.
    """
    whys, places = [], []
    message: Any
    for message in messages.itertuples():
        first = min(message.since, message.as_of - DAY) if not message.repeats else message.as_of - DAY
        of = labels[
            (labels["resource_id"] == message.resource_id) & (labels["start"] < message.as_of) & (labels["end"] + AFTER > first)
        ]
        planted = of[of["planted"]]
        own = crossed[
            (crossed["resource_id"] == message.resource_id) & (crossed["ts"] >= first) & (crossed["ts"] < message.as_of)
        ]
        named = "incident" if len(planted) else "window" if len(of) else "threshold" if len(own) else "false"
        whys.append(named)
        places.append(planted.index[-1] if len(planted) else -1)
    messages = messages.assign(why=whys, incident=np.array(places, dtype=np.int64))
    new = messages[(messages["kind"] == FIRING) & ~messages["repeats"]]
    count = new.groupby("incident").size().reindex(labels.index, fill_value=0)
    return messages, labels.assign(messages=count)


def show(name: str, told: Told) -> None:
    """Messages by rule and why, incidents by kind, and the bars."""
    fired = told.messages[told.messages["kind"] == FIRING]
    new = fired[~fired["repeats"]]
    grid = Grid("rule", "new messages", "a day", "incident", "window", "threshold", "false", "repeats", title=name)
    for rule, rows in [*new.groupby("rule"), ("all", new)]:
        why = Counter(rows["why"])
        again = fired["repeats"] & ((fired["rule"] == rule) | (rule == "all"))
        figures = [str(why[each]) for each in ("incident", "window", "threshold", "false")]
        grid.add_row(str(rule), f"{len(rows)}", f"{len(rows) / told.days:.2f}", *figures, f"{again.sum()}")
    console.print(grid)
    planted = told.labels[told.labels["planted"]]
    grid = Grid("incident", "put in", "messaged", "messages each")
    for kind, rows in [*planted.groupby("kind"), ("all", planted)]:
        heard = rows[rows["messages"] > 0]
        grid.add_row(str(kind), f"{len(rows)}", f"{len(heard)}", f"{heard['messages'].mean():.2f}")
    console.print(grid)


def hold(name: str, parts: list[Told]) -> None:
    """The bars over several backgrounds of a kind."""
    planted = pd.concat([each.labels[each.labels["planted"]] for each in parts])
    heard = planted[planted["messages"] > 0]
    fired = pd.concat([each.messages[each.messages["kind"] == FIRING] for each in parts])
    new = fired[~fired["repeats"]]
    server_days = sum(each.server_days for each in parts)
    false = 100 * (new["why"] == "false").sum() / server_days
    every = len(fired[fired["why"] == "incident"]) / max(len(heard), 1)
    over = sum((each.messages["kind"] == RESOLVED).sum() for each in parts)
    console.print(
        f"{name}: messaged {len(heard)} of {len(planted)} incidents, {len(heard) / max(len(planted), 1):.0%} "
        f"(bar {MESSAGED:.0%}); "
        f"false {false:.2f} per 100 of {server_days:,} server-days (bar {FALSE:g}); "
        f"messages per incident {heard['messages'].mean():.2f} (bar {PER_INCIDENT:g}), {every:.2f} with repeats; "
        f"{over} that it is over"
    )
    size = {each: sum(part.stored[each] for part in parts) for each in parts[0].stored}
    shares = [f"gold.{each} {size[each] / max(size['bronze'], 1):.1%}" for each in ("anomaly", "alert", "anomaly_point")]
    console.print(f"{name}: of {size['bronze'] / 2**20:.1f} MiB of samples landed are {', '.join(shares)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuning", action="store_true", help="the seeds by which rules may be mended")
    parser.add_argument("--bitbrains", type=Path, help="bitbrains_rnd.parquet, where a person has it")
    parser.add_argument("--only", default="", help="one background: fleet, numenta or bitbrains")
    parser.add_argument("--seeds", type=int, default=2, help="how many of them")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = (TUNING if given.tuning else REPORTED)[: given.seeds]
    draws: dict[str, Callable[[int], Background]] = {"fleet": draw_fleet, "numenta": draw_numenta}
    if given.bitbrains:
        draws["bitbrains"] = lambda seed: draw_bitbrains(seed, given.bitbrains)
    for kind, draw in draws.items():
        if given.only not in ("", kind):
            continue
        parts = []
        for seed in seeds:
            with tempfile.TemporaryDirectory() as home:
                background = draw(seed)
                parts.append(tell(background, Path(home)))
            show(background.name, parts[-1])
        hold(kind, parts)


if __name__ == "__main__":
    main()
