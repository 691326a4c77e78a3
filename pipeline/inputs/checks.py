"""What the checks of one run say."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pipeline.inputs import ask, read
from pipeline.lake import Lake


def read_checks(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """The checks of one run, as `gold.quality_result` has them, and what the newest training could not train, in key order."""
    return read(lake, "checks", as_of=as_of).drop(columns="lacks")


def read_lacking(lake: Lake, as_of: datetime) -> list[str]:
    """What one run had not, a sentence each, once, in the order of letters."""
    return sorted({row["note"] for row in ask(lake, "checks", as_of=as_of).to_pylist() if row["lacks"]})
