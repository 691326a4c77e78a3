"""What each resource is, as of a moment."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pipeline.inputs import read
from pipeline.lake import Lake

_EVER = datetime(1970, 1, 1)


def read_resources(lake: Lake, as_of: datetime, since: datetime = _EVER) -> pd.DataFrame:
    """The newest row of `silver.resource` in `[since, as_of)` of each resource, in the order of their keys."""
    return read(lake, "resources", since=since, as_of=as_of)
