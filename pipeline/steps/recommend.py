"""Publish what the recommenders in use say about every resource, and what can be done together."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pandas as pd
import pyarrow as pa

from pipeline import plugs
from pipeline.advice.answer import not_covered
from pipeline.advice.bill import add_billed
from pipeline.advice.currency import judge_the_current
from pipeline.advice.discounts import after_discounts
from pipeline.advice.estate import Estate
from pipeline.advice.gaps import Gap, find_gaps
from pipeline.advice.life_cycle import stand
from pipeline.advice.portfolio import portfolio
from pipeline.advice.record import add_record
from pipeline.inputs.estate import read_answers, read_discounts, read_estate, read_record
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import Result, validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.columns import KNOWN

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.activity",
        "inputs.answers",
        "inputs.changed_since",
        "inputs.gravest_costs",
        "inputs.likely_breaches",
        "inputs.other_prices",
        "inputs.preventable_risk",
        "inputs.prices",
        "inputs.resource_discounts",
        "inputs.resources",
        "inputs.rule_record",
        "inputs.seen_before",
        "inputs.spare_time",
        "inputs.spend_by_day",
        "inputs.usage",
    ),
    writes=("gold.recommendation",),
)


def recommend(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.recommendation` as of the interval's end: at least one for every resource that the newest inventory of its
    account and region lists.

    What must be known for that and is not, is in the log and among the checks of the table.
    """
    table = RECOMMENDATION
    rows, gaps = propose(interval, lake, settings)
    for gap in gaps:
        log.warning("%s", gap.sentence)
    data = validate(rows, table, interval, lake, also=[_check(gap) for gap in gaps])
    return lake.replace(table, data, table.scope(interval)).rows


def propose(interval: Interval, lake: Lake, settings: Settings) -> tuple[pa.Table, list[Gap]]:
    """The rows as the lake has their reasons now, not yet published, and what must be known for that and is not."""
    known = read_estate(interval, lake, settings)
    estate, unjudged = judge_the_current(known)
    if gone := len(known.resources) - len(estate.resources) - len(unjudged):
        log.info("resources of older inventories that the newest does not list, and that are not judged: %d", gone)
    for place, answers_there in unjudged.groupby(["account", "region", "service"], sort=True):
        reason = answers_there["reason"].iloc[0]
        log.warning("%s: resources that are not judged: %d: %s", "/".join(map(str, place)), len(answers_there), reason)
    gaps = find_gaps(estate)
    said, before = read_answers(interval, lake)
    rows = _answers(add_billed(estate), unjudged, settings, lambda rows: portfolio(stand(rows, said, before)))
    rows = after_discounts(rows, read_discounts(interval, lake, settings))
    rows = add_record(rows, read_record(interval, lake), _replayed(settings))
    return conform(rows, RECOMMENDATION, interval), gaps


def _answers(
    estate: Estate, unjudged: pd.DataFrame, settings: Settings, arrange: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """What all rules in use say, arranged as a portfolio: those that judge what changes leave after the others."""
    answers, covered, is_after = [unjudged], set[str](), False
    for name in sorted(settings.recommenders, key=_is_after_changes):
        if _is_after_changes(name) and not is_after:
            # Such rules do not judge what others of their kind leave.
            rows, is_after = arrange(pd.concat(answers, ignore_index=True)), True
            estate = estate.after(rows[["account", "service", "portfolio_savings_usd"]])
        recommend_by = plugs.bind("recommenders", name, plugs.options("recommenders", name, settings))
        answers.append(recommend_by(estate))
        covered |= set(plugs.load("recommenders", name).SERVICES)
    answers.append(not_covered(estate, covered))
    return arrange(pd.concat(answers, ignore_index=True))


def _is_after_changes(name: str) -> bool:
    return bool(getattr(plugs.load("recommenders", name), "AFTER_CHANGES", False))


def _replayed(settings: Settings) -> dict[str, str]:
    """The rules in use that are held to what came, each with the word for what went wrong."""
    rules = {name: plugs.load("recommenders", name) for name in settings.recommenders}
    wrong = {name: "lost money" if hasattr(rule, "covers") else "broke" for name, rule in rules.items()}
    return {name: word for name, word in wrong.items() if hasattr(rules[name], "covers") or hasattr(rules[name], "missed")}


def _check(gap: Gap) -> Result:
    return Result(
        "table", f"{KNOWN}({gap.what})", "warning", success=False, rows=gap.of, failed_rows=gap.missing, note=gap.sentence
    )
