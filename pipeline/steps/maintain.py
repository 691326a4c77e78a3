"""Verify every file, remove rows kept for a while, compact small files, expire snapshots and sweep what nothing names."""

from __future__ import annotations

import logging

from pipeline import tables
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps.ingest import now
from pipeline.tables.schema import Table

log = logging.getLogger(__name__)
STEP = Step(role="publisher", parts_of_days=True)


def maintain(interval: Interval, lake: Lake, settings: Settings) -> int:  # noqa: ARG001 maintenance looks at all of the lake
    """Things mended or removed over all tables.

    Raises:
        DataError: a file is not what was landed or written; its name says which.
    """
    from pipeline.lake import maintenance

    done = maintenance.sweep_temporary(lake, now())
    damaged: list[str] = []
    for table in tables.ALL.values():
        # One damaged file must not keep the other tables from their maintenance.
        try:
            if table.layer == "bronze":
                maintenance.scrub(lake, table)
            elif lake.exists(table):
                done += _maintain_table(table, lake, settings)
        except DataError as error:
            damaged.append(str(error))
    if damaged:
        raise DataError("; ".join(damaged))
    return done


def _maintain_table(table: Table, lake: Lake, settings: Settings) -> int:
    from pipeline.lake import maintenance

    with lake.explain_errors(table.name):
        maintenance.scrub_tables(lake, table)
        removed = maintenance.remove_passing(lake, table)
        compacted = maintenance.compact(lake, table)
        expired = maintenance.expire_snapshots(lake, table, settings.snapshot_retention_days, now())
        swept = maintenance.sweep_orphans(lake, table, now())
    log.info(
        "%s: %d rows removed, %d partitions compacted, %d snapshots expired, %d orphans swept",
        *(table.name, removed, compacted, expired, swept),
    )
    return removed + compacted + expired + swept
