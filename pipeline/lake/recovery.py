"""A catalog that was lost: noticed where its files still lie, and made anew from the metadata beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline import tables
from pipeline.lake.catalog import Catalog
from pipeline.lake.storage import Storage
from pipeline.tables.schema import Table


def recover(catalog: Catalog, storage: Storage) -> Iterator[tuple[Table, str, str]]:
    """Make every table known again whose files lie in the lake and that the catalog does not know.

    Of several heads, the one with the most commits is taken, then the latest. Where the last commit was still under way when the
    catalog was lost, what it wrote counts as committed: all of its files lie there.

    Yields:
        Each such table, its metadata file, and what keeps it from being recovered, empty where it was.
    """
    for table in tables.ALL.values():
        if table.layer == "bronze" or catalog.knows(table) or not catalog.holds_files(table):
            continue
        heads = sorted(_heads(table, storage))
        if not heads:
            yield table, "", "there are data files, and no metadata to read them by"
            continue
        path = heads[-1][-1]
        catalog.register(table, f"{'file' if storage.is_local else 's3'}://{path}")
        yield table, path, ""


def _heads(table: Table, storage: Storage) -> Iterator[tuple[int, int, str]]:
    """The number of commits, the moment and the path of each metadata file that is whole."""
    folder = f"{storage.root}/{table.layer}/{table.short_name}/metadata"
    for path in storage.list_files(folder, ".metadata.json"):
        with storage.filesystem.open_input_file(path) as stream:
            content = stream.read()
        try:
            said = json.loads(content)
            yield int(said["last-sequence-number"]), int(said["last-updated-ms"]), path
        except (ValueError, KeyError):
            # Killed while it was written: never committed.
            continue
