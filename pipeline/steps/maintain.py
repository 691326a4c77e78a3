"""Compact small files, expire snapshots, sweep orphans and verify every landed object."""

from __future__ import annotations

import logging

from pipeline import tables
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps.ingest import now

log = logging.getLogger(__name__)
STEP = Step(role="publisher")


def maintain(interval: Interval, lake: Lake, settings: Settings) -> int:  # noqa: ARG001 maintenance looks at all of the lake
    """Things mended or removed over all tables.

    Raises:
        DataError: a bronze object is not what was landed; its name says which.
    """
    from pipeline.lake import maintenance

    done = 0
    damaged: list[str] = []
    for table in tables.ALL.values():
        if table.layer == "bronze":
            try:
                maintenance.scrub(lake, table)
            except DataError as error:
                # One damaged object must not keep the other tables from their maintenance.
                damaged.append(str(error))
            continue
        if not lake.exists(table):
            continue
        with lake.explain_errors(table.name):
            compacted = maintenance.compact(lake, table)
            expired = maintenance.expire_snapshots(lake, table, settings.snapshot_retention_days, now())
            swept = maintenance.sweep_orphans(lake, table, now())
        log.info("%s: %d partitions compacted, %d snapshots expired, %d orphans swept", table.name, compacted, expired, swept)
        done += compacted + expired + swept
    if damaged:
        raise DataError("; ".join(damaged))
    return done
