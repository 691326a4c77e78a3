"""What each resource is, as of a moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from pipeline.inputs import read
from pipeline.lake import Lake

# What no inventory has listed for longer is forgotten.
REMEMBERED = timedelta(days=400)


def read_resources(lake: Lake, as_of: datetime, since: datetime | None = None) -> pd.DataFrame:
    """The newest row of `silver.resource` in `[since, as_of)` of each resource, by default of the last 400 days, in key order."""
    return read(lake, "resources", since=as_of - REMEMBERED if since is None else since, as_of=as_of)
