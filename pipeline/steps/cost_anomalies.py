"""Find what cost unusually much or little in each bill, and what it is made of: days that are complete, by those before them."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pipeline.anomalies import cost
from pipeline.anomalies.cost_causes import BEFORE, rank_causes
from pipeline.anomalies.cost_hidden import find_hidden, plant_resources
from pipeline.anomalies.cost_level import FIRST
from pipeline.anomalies.cost_names import drop_restated, keep_ids
from pipeline.anomalies.cost_planned import Planned, note_planned, parse_planned, recall_planned
from pipeline.forecasting import calendars
from pipeline.inputs import read
from pipeline.inputs.stated_file import read_stated_file
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.cost_anomaly import COST_ANOMALY, COST_JUDGED, NODE_LEVELS
from pipeline.tables.schema import Table

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.cost_nodes",
        "inputs.cost_complete",
        "inputs.cost_standing",
        "inputs.cost_resources",
        "inputs.cost_anomalies_before",
        "inputs.cost_feedback",
    ),
    writes=("gold.cost_anomaly", "gold.cost_judged"),
)
#: Days that are judged anew by each run, with those that they are judged by; and days after which an event is history.
READ, KEPT = timedelta(days=210), timedelta(days=62)
#: How far back the causes of the oldest of them are looked for.
CAUSES_READ = KEPT + timedelta(days=BEFORE)
#: Of what is unusual, and in what parts of a bill it is looked for: another with every change by which more is found, or by which
#: `Planned` has other fields.
RULE_VERSION = "1"
OWNER = ["source", "provider", "payer", "currency"]
#: That tell a node, the last of them only that of a resource.
WORDS = (*cost.LEVELS, "resource_id")


def cost_anomalies(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.cost_anomaly` as of the interval's end: events of the 62 days before it; and the days that were judged.

    Raises:
        ConfigError: the file that the setting `planned_costs` names cannot be read, or is no calendar.
    """
    stated = read_stated_file("planned_costs", lake, settings)
    planned = parse_planned(stated.text, stated.where) if stated else ()
    since = interval.as_of - READ
    daily, standing = (read(lake, name, since=since, as_of=interval.as_of) for name in ("cost_nodes", "cost_standing"))
    _warn_of_misnamed(planned, daily, since)
    complete = read(lake, "cost_complete", since=since, as_of=interval.as_of).set_index(OWNER[:3])["complete_through"]
    before = read(lake, "cost_anomalies_before", as_of=interval.as_of)
    bills = []
    for owner, rows in daily.groupby(OWNER, sort=True):
        words = tuple(str(word) for word in owner)
        whole = rows[rows["ts"] <= complete.get(words[:3], pd.NaT)]
        mine = before[(before[OWNER] == list(words)).all(axis=1)]
        resources = standing[(standing[OWNER] == list(words)).all(axis=1)]
        bills.append(_judge_bill(words, whole, resources, mine, planned, interval, lake))
    said = read(lake, "cost_feedback", since=since, as_of=interval.as_of).set_index("anomaly_id")["answer"].to_dict()
    found = [row | {"answer": said.get(row["anomaly_id"])} for events, _ in bills for row in events]
    _publish(COST_JUDGED, [judged for _, judged in bills], interval, lake)
    return _publish(COST_ANOMALY, found, interval, lake)


def _warn_of_misnamed(planned: tuple[Planned, ...], daily: pd.DataFrame, since: datetime) -> None:
    """Say what was announced of days that are billed, and is about nothing in any bill: its patterns are wrong, or its days."""
    usages = daily[list(cost.LEVELS)].drop_duplicates().to_dict("records")
    for plan in planned:
        billed = since.date() <= plan.end and pd.Timestamp(plan.end) <= daily["ts"].max()
        if billed and not any(cost.is_meant(plan, usage) for usage in usages):
            log.warning(
                "planned_costs: %r names no usage of any bill since %s: account %s, service %s, usage_type %s; "
                "see how the bills spell it",
                *(plan.name, since.date(), plan.account, plan.service, plan.usage_type),
            )


def _publish(table: Table, rows: list[dict[str, Any]], interval: Interval, lake: Lake) -> int:
    data = validate(conform(table.frame(rows), table, interval), table, interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows


def _judge_bill(
    owner: tuple[str, ...],
    whole: pd.DataFrame,
    standing: pd.DataFrame,
    before: pd.DataFrame,
    planned: tuple[Planned, ...],
    interval: Interval,
    lake: Lake,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of one bill by its complete days and the resources that matter, and what was judged of it."""
    named: dict[str, Any] = dict(zip(OWNER, owner, strict=True)) | {"as_of": interval.as_of}
    judged = named | {"judged_from": None, "judged_through": None, "nodes": 0, "restated": 0}
    judged |= {"rule_version": RULE_VERSION, "planned_json": note_planned(planned, (interval.as_of - READ).date())}
    if whole.empty:
        return [], judged
    tree = cost.grow_tree(whole)
    judged["nodes"] = len(tree.nodes)
    if len(tree.days) <= FIRST:
        return [], judged
    judged |= {"judged_from": _at(tree, FIRST), "judged_through": _at(tree, len(tree.days) - 1)}
    recent = [row for row in _find(tree, standing, planned) if row["last_day"] >= interval.as_of - KEPT]
    if not recent:
        return [], judged
    found = pd.DataFrame(recent)
    kept = drop_restated(found, before, lambda: _look_again(owner, whole, before.iloc[0], planned, lake))
    judged["restated"] = len(found) - len(kept)
    if judged["restated"]:
        log.warning("%s: %d events of days judged before are restatements, and no anomalies", "/".join(owner), judged["restated"])
    kept = keep_ids(kept, before.dropna(subset=["anomaly_id"]), "/".join(owner))
    ids = {int(place): name for place, name in zip(kept.index, kept["anomaly_id"], strict=True)}
    return [_with_causes(named | recent[place] | {"anomaly_id": name}, lake) for place, name in ids.items()], judged


def _find(tree: cost.Tree, standing: pd.DataFrame, planned: tuple[Planned, ...]) -> list[dict[str, Any]]:
    """The events of a bill and of its resources, as rows."""
    quiet = calendars.quiet_days(tree.days)
    events, resources = cost.find_events(tree, planned, quiet), plant_resources(tree, standing)
    hidden = find_hidden(tree, resources, events, planned, quiet)
    return [*(_describe(tree, event) for event in events), *(_describe(resources, event) for event in hidden)]


def _look_again(
    owner: tuple[str, ...], whole: pd.DataFrame, before: pd.Series, planned: tuple[Planned, ...], lake: Lake
) -> pd.DataFrame:
    """What the run before would find in a bill as it is now: by its days, its resources and what was announced to it."""
    counted = pd.notna(before["rule_version"])
    if counted and before["rule_version"] != RULE_VERSION:
        return pd.DataFrame()
    since, until = before["judged_from"] - timedelta(days=FIRST), before["judged_through"] + timedelta(days=1)
    then = whole[(whole["ts"] >= since) & (whole["ts"] < until)]
    if then.empty:
        return pd.DataFrame()
    tree = cost.grow_tree(then)
    if len(tree.days) <= FIRST:
        return pd.DataFrame()
    standing = read(lake, "cost_standing", since=_at(tree, 0), as_of=until)
    mine = (standing[OWNER] == list(owner)).all(axis=1) & counted
    told = planned if pd.isna(before["planned_json"]) else recall_planned(before["planned_json"])
    return pd.DataFrame(_find(tree, standing[mine], told))


def _at(tree: cost.Tree, place: int) -> datetime:
    return pd.Timestamp(tree.days[place]).to_pydatetime()


def _describe(tree: cost.Tree, event: cost.Event) -> dict[str, Any]:
    """An event as a row, node words empty above its level, without id and causes."""
    days, usual = cost.days_of(tree, event), cost.usual_month(tree, event)
    actual, expected = sum(each for _, each, _ in days), sum(event.expected)
    return {
        "level": NODE_LEVELS[tree.level(event.node)],
        **{name: str(tree.nodes.at[event.node, name]) if name in tree.nodes.columns else "" for name in WORDS},
        "seen_at": ",".join(NODE_LEVELS[level] for level in sorted(event.levels)),
        "first_day": _at(tree, event.first),
        "last_day": _at(tree, event.last),
        "is_open": event.last == len(tree.days) - 1,
        "days": len(days),
        "actual_cost": actual,
        "expected_cost": expected,
        "impact_cost": actual - expected,
        "impact_share": (actual - expected) / usual if usual > 0 else None,
        "days_json": json.dumps([{"day": f"{day}", "actual": round(a, 6), "expected": round(e, 6)} for day, a, e in days]),
    }


def _with_causes(row: dict[str, Any], lake: Lake) -> dict[str, Any]:
    """The row with what it is made of, and with null where its node has no word."""
    node, first, last = {name: row[name] for name in cost.LEVELS}, row["first_day"], row["last_day"]
    span = {"since": first - timedelta(days=BEFORE), "until": last + timedelta(days=1)}
    daily = read(lake, "cost_resources", **{name: row[name] for name in OWNER}, **node, **span)
    if row["resource_id"]:
        daily = daily[daily["resource_id"] == row["resource_id"]]
    causes = rank_causes(daily, first.date(), last.date(), row["impact_cost"])
    words = {name: row[name] or None for name in WORDS}
    return row | words | {"causes_json": json.dumps(causes, ensure_ascii=False)}
