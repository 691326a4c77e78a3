"""Keeping the lake small and sound; readers and writers go on meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table import Table as IcebergTable

from pipeline.errors import DataError
from pipeline.lake import bronze, checksums, streamed
from pipeline.lake.bronze import load_id_of
from pipeline.lake.fence import COMPACTION
from pipeline.lake.lake import Lake
from pipeline.lake.landings import FOLDER
from pipeline.lake.transaction import OneCopy
from pipeline.settings import REPORTS
from pipeline.tables.columns import STAMPED
from pipeline.tables.schema import Scope, Table

# A partition is worth rewriting when it has more small files than this.
FILES_PER_PARTITION = 8
SMALL_FILE_BYTES = 32 * 2**20
# An unreferenced file may belong to a commit under way; no commit takes a day.
ORPHAN_GRACE = timedelta(days=1)
_BEGINNING = datetime(1970, 1, 1)
SWEPT = (".parquet", ".avro", ".metadata.json", checksums.SUFFIX)
RECOVER = "nothing is deleted: `python -m pipeline lake recover` makes a catalog from the files"


def compact(lake: Lake, table: Table) -> int:
    """Rewrite each partition that has many small files as one file; returns the partitions rewritten.

    A writer who publishes meanwhile wins: the partition is left for the next time.
    """
    iceberg = lake.iceberg(table)
    if iceberg is None:
        return 0
    small = Counter(
        task.file.partition[0] for task in iceberg.scan().plan_files() if task.file.file_size_in_bytes < SMALL_FILE_BYTES
    )
    done = 0
    for value, files in sorted(small.items()):
        if files <= FILES_PER_PARTITION:
            continue
        iceberg = iceberg.refresh()
        day = _date_of(value)
        where = f"{table.partition} = '{day.isoformat()}'"
        rows = iceberg.scan(row_filter=where).to_arrow().cast(table.arrow_schema)
        try:
            with OneCopy(iceberg) as transaction:
                transaction.overwrite(
                    rows.sort_by([(name, "ascending") for name in table.key]),
                    overwrite_filter=where,
                    snapshot_properties={"headroom.scope": f"compaction of {table.partition} {day}", **COMPACTION},
                )
                checksums.seal(transaction, iceberg)
        except (CommitFailedException, ValidationException):
            continue
        done += 1
    return done


def remove_passing(lake: Lake, table: Table) -> int:
    """Remove rows that were of use for a while, as declared, counted from the table's newest day. Returns how many went."""
    passing, iceberg = table.passing, lake.iceberg(table)
    if passing is None or iceberg is None:
        return 0
    days = [_date_of(task.file.partition[0]) for task in iceberg.scan().plan_files()]
    if not days:
        return 0
    kept = passing.days if isinstance(passing.days, int) else int(getattr(lake.settings, passing.days))
    end = datetime.combine(max(days), datetime.min.time()) + timedelta(days=1 - kept)
    old = Scope(table.time, _BEGINNING, end, ((passing.column, (passing.word,)),) if passing.column else ())
    rows: int = lake.read(table, old, (table.time,)).num_rows
    if rows:
        lake.replace(table, table.arrow_schema.empty_table(), old)
    return rows


def expire_snapshots(lake: Lake, table: Table, retention_days: int, now: datetime) -> int:
    """Forget snapshots older than the retention; the current one and tagged ones stay. Returns how many went."""
    iceberg = lake.iceberg(table)
    if iceberg is None:
        return 0
    before = len(iceberg.metadata.snapshots)
    limit = now - timedelta(days=retention_days)
    if not any(snapshot.timestamp_ms < limit.replace(tzinfo=UTC).timestamp() * 1000 for snapshot in iceberg.metadata.snapshots):
        return 0
    iceberg.maintenance.expire_snapshots().older_than(limit).commit()
    return before - len(iceberg.refresh().metadata.snapshots)


def scrub_tables(lake: Lake, table: Table) -> int:
    """Verify every file that a table's snapshots name against its checksum; returns how many have one.

    Raises:
        DataError: a file is missing or not what was written; it names the first and counts all.
    """
    iceberg = lake.iceberg(table)
    if iceberg is None:
        return 0
    known = checksums.checksums(iceberg)
    bad = checksums.damaged(iceberg, sorted(known))
    if bad:
        raise DataError(f"{table.name}: {len(bad)} of {len(known)} files are damaged; first {bad[0]}")
    return len(known)


def sweep_orphans(lake: Lake, table: Table, now: datetime) -> int:
    """Delete files that no snapshot and no commit names and that are older than the grace period; returns how many.

    Raises:
        DataError: the folder holds files of another table than the catalog's, as where a catalog was lost and made anew.
    """
    iceberg = lake.iceberg(table)
    if iceberg is None:
        return 0
    named = _named(iceberg)
    known = checksums.checksums(iceberg)
    if not known.keys() <= named:
        with OneCopy(iceberg) as transaction:
            checksums.seal(transaction, iceberg, keep=named)
        named = _named(iceberg)
    kept = {_path(location) for location in named}
    folder = f"{lake.storage.root}/{table.layer}/{table.short_name}"
    limit = (now - ORPHAN_GRACE).replace(tzinfo=UTC)
    orphans = [
        info.path
        for info in lake.storage.filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=True))
        if info.type == fs.FileType.File and info.path.endswith(SWEPT) and info.path not in kept and info.mtime < limit
    ]
    for path in orphans:
        if path.endswith(".metadata.json") and (other := _table_of(path, lake)) not in ("", str(iceberg.metadata.table_uuid)):
            raise DataError(
                f"{table.name}: {path} is of table {other}, the catalog's is {iceberg.metadata.table_uuid}; {RECOVER}"
            )
    for path in orphans:
        lake.storage.filesystem.delete_file(path)
    return len(orphans)


def sweep_temporary(lake: Lake, now: datetime) -> int:
    """Delete what landings and reports that were killed left half written on this machine's disk; returns how many."""
    if not lake.storage.is_local:
        return 0
    limit = (now - ORPHAN_GRACE).replace(tzinfo=UTC).timestamp()
    left = [
        path
        for folder in ("bronze", FOLDER, REPORTS)
        for path in Path(lake.storage.root, folder).rglob(".*")
        if path.is_file() and path.stat().st_mtime < limit
    ]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _date_of(partition: date | int) -> date:
    """The date of a partition: Iceberg keeps dates as days since 1970."""
    return (_BEGINNING + timedelta(days=partition)).date() if isinstance(partition, int) else partition


def _named(iceberg: IcebergTable) -> set[str]:
    """The locations of every file that the table knows of."""
    named = {iceberg.metadata_location, iceberg.properties.get(checksums.PROPERTY, "").rpartition(" ")[0]}
    named |= {entry.metadata_file for entry in iceberg.metadata.metadata_log}
    for snapshot in iceberg.metadata.snapshots:
        named.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(iceberg.io):
            named.add(manifest.manifest_path)
            named |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(iceberg.io, discard_deleted=False)}
    return named


def _table_of(path: str, lake: Lake) -> str:
    with lake.storage.filesystem.open_input_file(path) as stream:
        content = stream.read()
    try:
        return str(json.loads(content)["table-uuid"])
    except (ValueError, KeyError):
        # What was killed while it was written belongs to nobody.
        return ""


def scrub(lake: Lake, table: Table) -> int:
    """Verify every landed object against its name; returns how many are sound.

    Raises:
        DataError: an object cannot be read, or its rows are not those that were landed; it names the first and counts all.
    """
    bad = []
    files = lake.bronze_files(table)
    for file in files:
        folder, name = file.rsplit("/", 2)[1:]
        # A store that does not answer says nothing about the object.
        content = lake.read_object(table, file)
        try:
            rows = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
            labels = {key.decode(): value.decode() for key, value in (rows.schema.metadata or {}).items()}
            source, shard = labels.get("headroom.source", ""), labels.get("headroom.shard", "")
            day = folder.removeprefix("day=")
            if streamed.FINGERPRINT in labels:
                # Named by its execution: the digest alone says whether these are its bytes.
                found = streamed.Execution(table, source, shard, labels[streamed.FINGERPRINT]).load_id(day)
            else:
                payload = rows.drop_columns([name for name in STAMPED if name in rows.column_names])
                found = load_id_of(table, payload, source=source, shard=shard, day=day)
        except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
            bad.append(f"{file}: {error}")
            continue
        if found != name.split(".")[0] or not bronze.is_sound(file, lake.storage):
            bad.append(f"{file}: holds {found}")
    if bad:
        raise DataError(f"{table.name}: {len(bad)} of {len(files)} landed objects are damaged; first {bad[0]}")
    return len(files)


def _path(uri: str) -> str:
    return uri.removeprefix("file://").removeprefix("s3://")
