"""Build one table from its SQL file, or by the function that its declaration names."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow.compute as pc

from pipeline import tables
from pipeline.errors import ConfigError, DataError, PartialError
from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.quality.conform import conform
from pipeline.quality.left_out import QUERIES, LeftOut, find_left_out
from pipeline.quality.validate import hold, record_results, refuse, validate
from pipeline.settings import Settings
from pipeline.steps._daily import explain_not_built, read_tables
from pipeline.steps._declaration import Step
from pipeline.steps._landed import explain_no_rows, list_outdated, list_restated, refuse_unread
from pipeline.steps._units import check_units
from pipeline.tables.money import BILL, LINES
from pipeline.tables.operations import QUARANTINE
from pipeline.tables.schema import Scope, Table

log = logging.getLogger(__name__)
STEP = Step(role="transform", role_in_gold="publisher", takes_target=True, parts_of_days=True, writes=("silver.check_result",))


def build(interval: Interval, lake: Lake, settings: Settings, *, target: str) -> int:
    """Rows of `target` for the interval. Running it twice changes nothing.

    A long interval is built and published one calendar year at a time, so that memory follows the estate and not its history.
    A table of silver of which nothing was landed is not built, and the log says so; where it is late, `silver.check_result` too.
    A table that catches up is built as well for the days before of which something was landed since, one of bills for whole
    months, once a week those of before that were stated anew as well, and one that names an input of outdated days for these.
    How much of what was landed for it was refused is in both as well. Of a part of a day nothing is recorded, nor is it asked why
    there are no rows: the day's run does both.

    Raises:
        ConfigError: the table is not one that is built.
        DataError: the result is not what the table declares, or has another unit than the days before, or is empty though rows
            were landed for it, or nothing was landed at all, more than `quarantine_limit` of it was refused, or it would take
            back what was made of another version's bronze; nothing of that year was published.
        PartialError: months of before that were stated anew, or days beside the run's that rest on what changed, could not be
            published, such as one that is held; all others are.
    """
    table = tables.get(target)
    if reason := explain_not_built(target):
        raise ConfigError(f"{target} cannot be built: {reason}")
    if not interval.is_whole_days:
        over = interval.periods_over(timedelta(seconds=table.build.period_s))
        return _publish_beside(table, over, lake, settings) if over else 0
    parts = _parts(table, interval, lake)
    restated = list_restated(table, interval, lake) if table.by_month else []
    if not table.build.recorded:
        rows = sum(_publish_beside(table, part, lake, settings) for part in parts)
        again = {_restated(month): partial(_publish_beside, table, month, lake, settings) for month in restated}
        return rows + _publish_again(again, rows)
    count = len(parts) + len(restated)
    published = [_publish(table, part, interval, lake, settings, (number, count)) for number, part in enumerate(parts)]
    again = {
        f"{part} rests on what changed": partial(_publish_beside, table, part, lake, settings)
        for part in _outdated_beside(table, interval, lake)
    }
    own = table.touched_by(interval)
    # What it is made of may hold until it changes: then a day without news lacks nothing.
    is_missed = not table.build.catches_up and not any(
        rows for part, rows in zip(parts, published, strict=True) if part.end > own.start
    )
    if is_missed and table.layer == "silver":
        explain_no_rows(table, interval, lake)
    elif is_missed and not table.may_be_empty:
        raise DataError(f"{target} {interval}: no rows at all")
    again |= {
        _restated(month): partial(_publish, table, month, interval, lake, settings, (number, count))
        for number, month in enumerate(restated, len(parts))
    }
    return sum(published) + _publish_again(again, sum(published))


def _restated(month: Interval) -> str:
    return f"{month.start:%Y-%m} was stated anew"


def _publish_again(publish: Mapping[str, Callable[[], int]], before: int) -> int:
    """The rows of what lies beside the run's, after its own: one that is held stops neither the others nor what is made of these.

    Args:
        publish: each part, by the sentence that says why it is published again.
        before: rows of the run's own.

    Raises:
        PartialError: naming each part that could not be published, and why, once all others are.
    """
    rows, failed = 0, []
    for sentence, part in publish.items():
        try:
            rows += part()
        except DataError as error:
            failed.append(f"{sentence} and is not published: {error}")
    if failed:
        raise PartialError("\n".join(failed), before + rows)
    return rows


def _publish(table: Table, interval: Interval, run: Interval, lake: Lake, settings: Settings, part: tuple[int, int]) -> int:
    """The rows of one part of a run, which part of how many."""
    data = conform(_rows(table, interval, lake, settings), table, interval)
    scope = _scope(table, interval)
    if table.build.checked:
        also = [left.result(settings.quarantine_limit) for left in _left_out(table, data, interval, lake)]
        if not data.num_rows and not lake.read(table, scope, table.key).num_rows:
            # There is nothing to hold to expectations, but for what was left out of it.
            if also:
                record_results(also, table, run, lake, part)
            refuse(also, table, interval)
            return 0
        also += check_units(data, table, interval, lake, settings)
        validate(data, table, interval, lake, part, also=also, run=run)
    return lake.replace(table, data, scope).rows


def _left_out(table: Table, data: Any, interval: Interval, lake: Lake) -> list[LeftOut]:
    """What was refused of what a table of silver is built from, which the log says.

    What takes in the refused rows itself leaves none out. Bills say how many lines were: where none was, none is read again.
    """
    if table.layer != "silver" or table == QUARANTINE:
        return []
    if table == BILL and not pc.sum(data["lines_refused"]).as_py():
        return []
    read_from = read_tables(table.name)
    # Of lines of bills the table that lists the bills says it, once.
    behind = sorted((QUERIES.keys() & read_from) - (set() if table == BILL else {lines.name for lines in LINES}))
    window = {"start": interval.start, "end": interval.end}
    counted = {query: read(lake, query, **window) for query in sorted({QUERIES[name] for name in behind})}
    found = [left for name in behind for left in find_left_out(counted[QUERIES[name]], name)]
    for each in found:
        log.warning("%s: %s", interval, each.sentence)
    return found


def _parts(table: Table, interval: Interval, lake: Lake) -> list[Interval]:
    """What was believed at the interval's end is one answer; checks of silver are published by the years that it was built in."""
    if table.time == "as_of" and table.build.when != "always":
        return [interval]
    if table.by_month:
        return list(table.covering(interval).split_months())
    if table.build.outdated:
        refuse_unread(table, lake)
    before = list_outdated(table, interval, lake) if table.build.catches_up else []
    return [*before, *interval.split_years()]


def _outdated_beside(table: Table, interval: Interval, lake: Lake) -> list[Interval]:
    """The outdated days of a table that names an input of these: what reaches to them from the interval, on both sides.

    Of days that look back on the interval's only those, one stretch at a time: of each run in a backfill the last of them is
    outdated, and all between would be built thirty times over.
    """
    if not table.build.outdated:
        return []
    # A lake of its own: another run may build other days meanwhile.
    looks_back = sql.windows(sql.text(f"inputs.{table.build.outdated}"))[table.name]
    bounds = {"start": interval.end, "end": interval.end + timedelta(days=looks_back)} if looks_back else {}
    days = read(open_lake(lake.settings), table.build.outdated, **bounds)["ts"]
    if days.empty:
        return []
    day = timedelta(days=1)
    if looks_back:
        known = set(days)
        firsts, lasts = [each for each in days if each - day not in known], [each for each in days if each + day not in known]
        parts = list(zip(firsts, lasts, strict=True))
    else:
        parts = [(days.min(), interval.start - day), (interval.end, days.max())]
    return [part for first, last in parts if first <= last for part in Interval(first, last + day).split_years()]


def _publish_beside(table: Table, interval: Interval, lake: Lake, settings: Settings) -> int:
    """The rows of days beside the run's, of a part of a day, or of no run alone. What is on record is of a run's own days."""
    data = conform(_rows(table, interval, lake, settings), table, interval)
    return lake.replace(table, hold(data, table, interval), table.scope(interval)).rows


def _rows(table: Table, interval: Interval, lake: Lake, settings: Settings) -> Any:
    if not table.build.by:
        return lake.query(sql.text(table.name), {"start": interval.start, "end": interval.end})
    module, _, function = table.build.by.rpartition(".")
    return getattr(importlib.import_module(module), function)(interval, lake, settings)


def _scope(table: Table, interval: Interval) -> Scope:
    if not table.build.about:
        return table.scope(interval)
    return table.scope(interval, **{table.build.about: tuple(name for name in tables.ALL if not name.startswith("gold."))})
