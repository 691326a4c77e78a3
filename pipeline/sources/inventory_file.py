"""Bring your own inventory: what runs, from files, into `bronze.resource_snapshot`, one row per resource and day.

CSV and Parquet have one row per resource: `resource_id`, and where they are known `instance_type`, `region`, `account`,
`service`, `state`, `launched_at` and `tags` (a JSON object); every other column is a tag of its own name, of which `app_name`,
`business_unit`, `criticality`, `environment` and `server_type` mean something here. JSON is what `aws ec2 describe-instances`
prints, or a list of its instances.

Complete is what all files together list, read whole: one that is cut, or ends with the token of a next page, lands nothing.
A file does not say when: it stands for every day that it is asked for. A resource whose type or region is not stated has none;
nothing is guessed from its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from pipeline.errors import DataError
from pipeline.interval import Interval, naive_utc
from pipeline.reading import cells
from pipeline.reading.sheet import SUFFIXES, Sheet
from pipeline.sources import _bronze, _files
from pipeline.sources._batch import Batch
from pipeline.sources._described import Resource
from pipeline.sources.inventory import describe_instance

NAME = "inventory_file"
TABLES = ("bronze.resource_snapshot",)

# A column's name in lower case with `_` between words → what it is. Consoles and tools call the same things differently.
_COLUMNS = {
    **dict.fromkeys(("resource_id", "instance_id", "instanceid"), "resource_id"),
    **dict.fromkeys(("instance_type", "instancetype"), "instance_type"),
    **dict.fromkeys(("state", "instance_state"), "state"),
    **dict.fromkeys(("account", "account_id", "owner_id"), "account"),
    **dict.fromkeys(("launched_at", "launch_time"), "launched_at"),
    **{name: name for name in ("region", "service", "tags")},
}
# us-east-1a, us-west-2-lax-1a: what a zone's name begins with.
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


class Options(_files.Stored):
    """Where the file lies, and what holds for all of its resources."""

    path: _files.Location = Field(
        description="The file, .csv, .csv.gz, .parquet, or .json as `aws ec2 describe-instances` prints it: "
        f"{_files.WHERE}, whose files together are one inventory."
    )
    service: str = Field(
        default="ec2", pattern=r"^[a-z][a-z0-9-]{0,31}$", description="Service of a resource, where the file has no such column."
    )
    account: str = Field(
        default="local", pattern=f"^{_bronze.IDENTIFIER}$", description="Account, where the file does not state one."
    )
    region: str = Field(
        default="local", pattern=f"^{_bronze.IDENTIFIER}$", description="Region, where the file does not state one."
    )


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """Every resource of the file once per midnight in the interval, ordered by account, region and id.

    Raises:
        SourceError: the file cannot be read.
        DataError: it has no ids, a resource twice, the token of a next page, or a value that is not what its column says.
    """
    found = read_inventory(options)
    lines = [(day, key, resource) for day in _midnights(interval) for key, resource in sorted(found.items())]
    columns = {
        "source": NAME,
        "account": [account for _, (account, _, _), _ in lines],
        "region": [region for _, (_, region, _), _ in lines],
        "ts": [day for day, _, _ in lines],
        **{name: [getattr(one, name) for *_, one in lines] for name in Resource._fields if name != "tags"},
        "tags_json": [json.dumps(one.tags, sort_keys=True, ensure_ascii=False) for *_, one in lines],
    }
    yield from _bronze.batch(
        "bronze.resource_snapshot", _files.shard_of(options.path), _bronze.rows("bronze.resource_snapshot", columns)
    )


def read_inventory(options: Options) -> dict[tuple[str, str, str], Resource]:
    """The resources of the file by account, region and id; raises as `fetch` does."""

    def files() -> tuple[_files.File, ...]:
        return _files.find(NAME, options.path, _files.stored_of(options), (*SUFFIXES, ".json"))

    return _files.read_whole(options.path, files, partial(_read, options.model_dump_json()))


def read_places(options: Options, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The account and region of those of some resources that the file lists, by id.

    Raises:
        DataError: one of them is listed in several places; otherwise as `fetch` does.
    """
    places: dict[str, tuple[str, str]] = {}
    wanted = set(ids)
    for account, region, resource_id in read_inventory(options):
        if resource_id in places:
            both = f"{'/'.join(places[resource_id])} and {account}/{region}"
            raise DataError(
                f"{options.path}: {resource_id} is in {both}; metrics of it must say which, in columns account and region"
            )
        if resource_id in wanted:
            places[resource_id] = account, region
    return places


def _midnights(interval: Interval) -> Iterator[datetime]:
    day = datetime.combine(interval.start.date(), datetime.min.time())
    while day < interval.end:
        if day in interval:
            yield day
        day += timedelta(days=1)


@lru_cache(maxsize=2)
def _read(options_json: str, files: tuple[_files.File, ...]) -> dict[tuple[str, str, str], Resource]:
    """All files. A backfill asks for one day after the other; a file is parsed once."""
    options = Options.model_validate_json(options_json)
    found: dict[tuple[str, str, str], Resource] = {}
    last_pages: dict[tuple[str, str], bool] = {}
    for file in files:
        said = _read_json(file, options) if file.name.endswith(".json") else None
        listed = _tabulated(file, options) if said is None else _described(file.name, said, options)
        for place, (account, region, resource) in enumerate(listed, start=1):
            key = account, region, resource.resource_id
            unsafe = [word for word in key if not _bronze.is_plain(word)]
            if unsafe:
                raise DataError(f"{file.name}: resource {place}: expected {_bronze.PLAIN_NAME}, got {unsafe[0]!r}")
            if key in found:
                raise DataError(f"{file.name}: resource {place}: {'/'.join(key)} is listed twice")
            found[key] = resource
            last_pages[account, region] = last_pages.get((account, region), False) or not _has_more(said)
    if cut := [place for place, has_last in last_pages.items() if not has_last]:
        raise DataError(
            f"{options.path}: {'/'.join(cut[0]) or 'the list'} ends with the NextToken of a page that is not there; list all, "
            "without --max-items"
        )
    if not found:
        raise DataError(f"{options.path}: no resources")
    return found


def _tabulated(file: _files.File, options: Options) -> Iterator[tuple[str, str, Resource]]:
    """Account, region and resource of every row of a CSV or Parquet file."""
    sheet = _files.read(NAME, file, _files.stored_of(options))
    columns = _name_columns(file.name, sheet.data.column_names)
    launched: list[datetime | None] = [None] * len(sheet.data)
    if "launched_at" in columns:
        launched = list(_launched(sheet, columns.pop("launched_at")))
    texts = [_texts(sheet, column) for column in columns.values()]
    for number, row_cells in enumerate(zip(*texts, strict=True)):
        row = {name: cell for name, cell in zip(columns, row_cells, strict=True) if cell}
        tags = {name: cell for name, cell in row.items() if name not in _COLUMNS.values()}
        yield (
            row.get("account", options.account),
            row.get("region", options.region),
            Resource(
                row.get("resource_id", ""),
                row.get("service", options.service),
                row.get("instance_type"),
                row.get("state", "running"),
                launched[number],
                {**tags, **_tags(sheet, number, row.get("tags", "{}"))},
            ),
        )


def _name_columns(path: str, columns: list[str]) -> dict[str, str]:
    """The file's columns by what they state, a tag's by its own name."""
    named: dict[str, str] = {}
    for column in columns:
        meaning = _COLUMNS.get(re.sub(r"[^a-z0-9]+", "_", column.strip().lower()), column)
        if meaning in named:
            raise DataError(f"{path}: columns {named[meaning]!r} and {column!r} both state the {meaning}; keep one")
        named[meaning] = column
    if "resource_id" not in named:
        raise DataError(f"{path}: no column 'resource_id'; the file has {columns}")
    return named


def _texts(sheet: Sheet, column: str) -> list[str]:
    """A column as stripped text, empty where there is none."""
    return [str(word) for word in pd.Series(cells.words(sheet, column)).astype("object").fillna("")]


def _launched(sheet: Sheet, column: str) -> Iterator[datetime | None]:
    """A column of moments, None where the cell is empty."""
    values, place = sheet.data[column], sheet.data.column_names.index(column)
    empty = (
        pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True) if pa.types.is_string(values.type) else values.is_null()
    )
    never = pa.scalar("1970-01-01").cast(values.type)
    filled = sheet.data.set_column(place, column, pc.if_else(empty, never, values))
    moments, _ = cells.moments(replace(sheet, data=filled), column)
    for moment, absent in zip(moments, empty.to_pylist(), strict=True):
        yield None if absent else pd.Timestamp(moment).to_pydatetime()


def _tags(sheet: Sheet, row: int, text: str) -> dict[str, str]:
    """The tags that a cell states as a JSON object."""
    try:
        tags = json.loads(text)
    except json.JSONDecodeError:
        tags = None
    if not isinstance(tags, dict):
        raise DataError(f"{sheet}: {sheet.place(row)}, column 'tags': expected a JSON object, got {text!r}")
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in tags.items()}


def _read_json(file: _files.File, options: Options) -> Any:
    try:
        with _files.opened(NAME, file, _files.stored_of(options)) as stream:
            return json.loads(stream.read().decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{file.name}: not JSON: {error}") from error


def _has_more(said: Any) -> bool:
    """Whether a listing, or the last page of one, says that there is another page."""
    last = said[-1] if isinstance(said, list) and said else said
    return isinstance(last, dict) and bool(last.get("NextToken"))


def _described(name: str, said: Any, options: Options) -> Iterator[tuple[str, str, Resource]]:
    """Account, region and resource of every instance that `aws ec2 describe-instances` printed."""
    try:
        for account, one in _instances(said):
            region = _REGION.match(one.get("Placement", {}).get("AvailabilityZone", ""))
            launched = naive_utc(datetime.fromisoformat(one["LaunchTime"]))
            described = describe_instance({**one, "LaunchTime": launched})
            yield account or options.account, region.group() if region else options.region, described
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{name}: expected what `aws ec2 describe-instances` prints, with InstanceId, InstanceType, State and "
            f"LaunchTime of every instance: {type(error).__name__} {error}"
        ) from error


def _instances(said: Any) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Account, where it is stated, and instance: of whole answers, of reservations, or of instances alone, nested or not."""
    if isinstance(said, list):
        for each in said:
            yield from _instances(each)
    elif "Reservations" in said:
        yield from _instances(said["Reservations"])
    elif "Instances" in said:
        yield from ((said.get("OwnerId"), one) for one in said["Instances"])
    else:
        yield None, said
