"""What a person says of a bill or an anomaly, as an event that nothing edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli.options import read_actor
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.lake import Lake


def land_feedback(
    lake: Lake, month: datetime, said: tuple[str, str], subject: str, reason: str, until: datetime | None = None
) -> None:
    """Keep what a person says of a thing for good.

    Args:
        lake: where it is kept.
        month: of what it is about.
        said: of which kind of thing, and what.
        subject: which of them.
        reason: why.
        until: the moment from which it does not hold any more; None for never.

    Raises:
        ConfigError: no reason is given, or nobody knows who says so.
    """
    import pyarrow as pa

    from pipeline.steps.ingest import now
    from pipeline.tables.feedback import FEEDBACK_EVENT as TABLE

    refuse_empty(reason)
    kind, verb = said
    row = {"source": "person", "ts": month, "subject_kind": kind, "subject_id": subject, "verb": verb}
    row |= {"actor": read_actor(), "reason": reason.strip(), "until": until}
    schema = pa.schema([field for field in TABLE.arrow_schema if field.name in row])
    shard = f"{kind}-{month:%Y-%m}"
    lake.land(TABLE, pa.Table.from_pylist([row], schema=schema), source="person", shard=shard, ingested_at=now())


def refuse_empty(reason: str) -> None:
    """Raise a ConfigError where no reason is given."""
    if not reason.strip():
        raise ConfigError("--reason is empty: who reads it later must know why")
