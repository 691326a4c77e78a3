"""The first day of bronze that Athena looks for objects of: every projected day that a query does not rule out costs a request.

`tables create --from DAY` sets it. It stands in the ledger, which is all of the lake that who lands may see: one small object per
change, whose name says its number and the day; the highest number counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date

from pipeline import tables
from pipeline.errors import DataError
from pipeline.lake import landings
from pipeline.lake.bronze import list_days
from pipeline.lake.storage import Storage
from pipeline.tables.schema import Table

FOLDER = "first_day"
# Before the shipped prices, which begin in September 2023, and early enough for five years of bills and metrics.
DEFAULT = date(2021, 1, 1)
# How far beyond today it looks.
DAYS_AHEAD = 3
_CHANGE = re.compile(r"(\d{8})\.(\d{4}-\d{2}-\d{2})\.json")


def settle(wanted: date | None, storage: Storage) -> date:
    """Note the first day from which Athena is to look for objects, and return it.

    Args:
        wanted: by whoever creates the tables; None leaves what was set before, else takes the default, or an earlier day that
            has objects already.
        storage: of the lake.

    Raises:
        DataError: objects lie before the day that is wanted; they would no longer be found.
    """
    number, before = _newest(storage)
    landed = [
        (days[0], each.name) for each in tables.ALL.values() if each.layer == "bronze" and (days := list_days(each, storage))
    ]
    earliest, table = min(landed, default=(date.max.isoformat(), ""))
    if wanted and earliest < wanted.isoformat():
        raise DataError(
            f"{table}: day {earliest} was landed, and Athena would look for no day before {wanted}; choose {earliest} or earlier"
        )
    first = wanted or min(before or DEFAULT, date.fromisoformat(earliest))
    if first != before:
        path = storage.path(landings.FOLDER, FOLDER, f"{number + 1:08d}.{first}.json")
        storage.write_once(path, json.dumps({"first_day": first.isoformat()}).encode())
    return first


def first_day(storage: Storage) -> date:
    """The first day of bronze that Athena looks for objects of."""
    return _newest(storage)[1] or DEFAULT


def check(table: Table, days: Iterable[str], storage: Storage) -> None:
    """Refuse days of which Athena would not look for objects.

    Raises:
        DataError: naming the first such day, and the command after which it is found.
    """
    first = first_day(storage)
    for day in sorted(days):
        if date.fromisoformat(day) < first:
            raise DataError(
                f"{table.name}: day {day} lies before {first}, from where on Athena looks for bronze's objects, and was "
                f"not landed. `python -m pipeline tables create --from {day}` makes it look from there on"
            )


def _newest(storage: Storage) -> tuple[int, date | None]:
    listed = storage.list_files(f"{storage.root}/{landings.FOLDER}/{FOLDER}", landings.SUFFIX)
    changes = [found.groups() for file in listed if (found := _CHANGE.fullmatch(file.rsplit("/", 1)[1]))]
    return max(((int(number), date.fromisoformat(day)) for number, day in changes), default=(0, None))
