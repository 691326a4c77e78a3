"""The evidence of drift, read from the ledger of scores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.inputs import ask, read

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from pipeline.lake import Lake

WINDOW = timedelta(days=28)


def read_evidence(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """How well each segment was forecast in the last 28 days and in the 28 before, counted in bins of the error."""
    return read(lake, "drift_evidence", before=as_of - 2 * WINDOW, since=as_of - WINDOW, as_of=as_of)


def trained_at(lake: Lake, as_of: datetime) -> datetime | None:
    """The as-of of the newest training before `as_of`, if there is one."""
    newest: datetime | None = ask(lake, "newest_training", as_of=as_of)["trained_at"][0].as_py()
    return newest
