"""Tags keep a snapshot from expiring, so that what something was made from can be read again."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException

if TYPE_CHECKING:
    from pipeline.lake.lake import Lake
    from pipeline.tables.schema import Table


def keep(lake: Lake, table: Table, snapshot_id: int | None, purpose: str, as_of: datetime, most: int) -> None:
    """Tag a snapshot `<purpose>-<as_of>` and drop the purpose's oldest tags beyond `most`.

    A writer that publishes at this very moment wins, and the snapshot stays untagged.
    """
    iceberg = lake.iceberg(table)
    if iceberg is None or snapshot_id is None:
        return
    tag = f"{purpose}-{as_of:%Y-%m-%dT%H%M}"
    present = {name for name in iceberg.refs() if name.startswith(f"{purpose}-")}
    with lake.explain_errors(table.name, tag), suppress(CommitFailedException), iceberg.manage_snapshots() as update:
        update.create_tag(snapshot_id, tag)
        for name in sorted({*present, tag})[:-most]:
            update.remove_tag(name)
