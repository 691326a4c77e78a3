"""What was landed that a table of silver is built from: why it has no rows, and which of its days are old."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import groupby

from pipeline import tables
from pipeline.errors import DataError
from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import Lake, bronze, open_lake
from pipeline.quality.validate import Result, record_results
from pipeline.steps._daily import list_builds, read_tables
from pipeline.steps._declaration import STEPS
from pipeline.tables import get
from pipeline.tables.columns import LANDED
from pipeline.tables.money import BILL, BILLING_PERIOD, LINES
from pipeline.tables.schema import Table

log = logging.getLogger(__name__)
#: How long before and after a run's end an old bill is stated anew for that run.
WEEK = timedelta(days=7)


def explain_no_rows(table: Table, interval: Interval, lake: Lake) -> None:
    """Say why a table of silver has no rows for an interval; where its source is late or has stopped, that is also recorded.

    Bills, metrics and inventories come from different places at different times: one that is missing does not hold up the others.

    Raises:
        DataError: the table may not be empty, and either rows were landed of which none counts, or nothing was landed at all.
    """
    where, read = f"{table.name} {interval}", _landed_inputs(table.name)
    if _has_rows(read, interval, lake):
        if not table.may_be_empty:
            raise DataError(
                f"{where}: no rows at all, though {_listed(read)} has some for these days: none of them counts; "
                "`build silver.quarantine` publishes why, row by row"
            )
        return
    if not table.may_be_empty:
        every = sorted({name for each in list_builds("silver") for name in _landed_inputs(each)})
        if not _has_rows(every, interval, lake):
            raise DataError(f"{where}: no rows at all: nothing was landed for these days in {_listed(every)}; run `ingest` first")
    before = [day for name in read for day in lake.list_days(get(name)) if day < interval.start.date()]
    if not before:
        log.info("%s: not built, for nothing was landed in %s up to these days", where, _listed(read))
        return
    sentence = (
        f"Nothing was landed in {_listed(read)} for these days; the newest before them is of {max(before)}. The source is late "
        "or has stopped: look at it, then run these days again."
    )
    log.warning("%s: not built. %s", where, sentence)
    late = Result("table", f"{LANDED}({', '.join(read)})", "warning", success=False, rows=0, failed_rows=0, note=sentence)
    record_results([late], table, interval, lake)


def list_outdated(table: Table, interval: Interval, lake: Lake) -> list[Interval]:
    """The stretches of days before an interval of which a day has other landings than the table was built from.

    A stretch goes on over days of which nothing was landed or built.

    Landings of bronze are only added to, so that their number says whether all of them were there. A day of which every row was
    refused has no row that could say so, and is looked at by every run.
    """
    files = [file for name in _landed_inputs(table.name) for file in lake.bronze_files(get(name))]
    # One that was damaged and landed again is another object of the same landing.
    landed = Counter(day for day, _ in {(bronze.day_of(file), _landing_of(file)) for file in files})
    # A lake of its own: another run may build other days meanwhile.
    built = open_lake(lake.settings).read(table, columns=(table.time, "landings")).to_pydict()
    counted = {f"{moment:%Y-%m-%d}": number for moment, number in zip(built[table.time], built["landings"], strict=True)}
    first = f"{interval.start:%Y-%m-%d}"
    known = sorted(day for day in landed.keys() | counted if day < first)
    is_outdated = {day: day in landed and counted.get(day) != landed[day] for day in known}
    stretches = [[date.fromisoformat(day) for day in some] for outdated, some in groupby(known, is_outdated.get) if outdated]
    return [year for days in stretches for year in Interval.days(days[0], days[-1] + timedelta(days=1)).split_years()]


def list_restated(table: Table, interval: Interval, lake: Lake) -> list[Interval]:
    """The months before an interval's billing periods of which something was stated anew about its end, where its run looks back.

    Of such a month there are several landings among what the table is built from. Of a bill the newest is not in `silver.bill`
    yet, or came so lately that what is made of that may lack it; or somebody accepted one as lately, which `silver.bill` has
    before what is made of it. A data set beside the bill came as lately. A week on both sides, because the clock of a landing
    decides: a backfill does not build all months with each of its weeks.
    """
    if not interval.looks_back:
        return []
    first = interval.billing_periods().start
    landed: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for name in _landed_behind(table.name):
        for file in lake.bronze_files(get(name)) if get(name).by_month else ():
            landed.setdefault((name, bronze.day_of(file)), []).append(_landing_of(file))
    restated = {of: each for of, each in landed.items() if len(each) > 1 and of[1] < f"{first:%Y-%m-%d}"}
    if not restated:
        return []
    # A lake of its own: another run may build other months meanwhile.
    apart, since, until = open_lake(lake.settings), interval.end - WEEK, interval.end + WEEK
    bills = apart.read(BILL, columns=(BILL.time, "load_id", "ingested_at")).to_pylist()
    known = {bill["load_id"] for bill in bills}
    lately = {bill["load_id"] for bill in bills if since <= bill["ingested_at"] < until}
    lines = {lines.name for lines in LINES}
    newest = {of: max(each, key=lambda landing: landing[1])[0] for of, each in restated.items() if of[0] in lines}
    days = {day for (_, day), load_id in newest.items() if load_id not in known or load_id in lately}
    window = {"start": Interval.month(min(day for _, day in restated)[:7]).start, "end": first}
    accepted = ask(apart, "accepted_bills", **window).to_pylist()
    days |= {f"{bill['billing_period']:%Y-%m-%d}" for bill in accepted if since <= bill["accepted_at"] < until}
    beside = ask(apart, "data_sets_landed", **window).to_pylist() if any(name not in lines for name, _ in restated) else []
    told = {(each["table_name"], f"{each['billing_period']:%Y-%m-%d}") for each in beside if since <= each["landed_at"] < until}
    days |= {day for _, day in told & restated.keys()}
    return [Interval.month(day[:7]) for day in sorted(days)]


def refuse_unread(table: Table, lake: Lake) -> None:
    """Refuse to take back what was published of days of which nothing is left, while bronze has what another version landed.

    Raises:
        DataError: naming it, and what to do.
    """
    if not _landed_behind(table.name).intersection(lines.name for lines in LINES):
        return
    declared = {each.short_name for each in tables.ALL.values() if each.layer == "bronze"}
    with lake.explain_errors("bronze"):
        unread = [name for name in lake.storage.list_folders(lake.storage.path("bronze")) if name not in declared]
    if unread:
        raise DataError(
            f"{table.name}: bronze.{unread[0]} was landed by another version of Headroom and is not read by this one, so that "
            "what was published of its days would go; ingest its bills again, then move "
            f"{lake.storage.path('bronze', unread[0])} out of the lake"
        )


def _landing_of(file: str) -> tuple[str, ...]:
    """What an object's name says of its landing: without the hash of its bytes."""
    return tuple(file.rpartition("/")[2].split(".")[:2])


def _landed_inputs(name: str) -> list[str]:
    """What sources deliver of which a table of silver has rows, through other tables of silver too."""
    # That a period is closed makes no row where there is no bill of it.
    return sorted(_landed_behind(name) - {BILLING_PERIOD.name})


def _landed_behind(name: str) -> set[str]:
    """What sources deliver of which a table is built, through tables of silver too."""
    read = read_tables(name) - {name}
    through = {each for one in read.intersection(list_builds("silver")) for each in _landed_behind(one)}
    return through | read.intersection(STEPS["ingest"].writes)


def _has_rows(names: list[str], interval: Interval, lake: Lake) -> bool:
    """Whether something was landed for the days of an interval."""
    return any(
        datetime.combine(day, datetime.min.time()) in get(name).touched_by(interval)
        for name in names
        for day in lake.list_days(get(name))
    )


def _listed(names: list[str]) -> str:
    return " or ".join(names)
