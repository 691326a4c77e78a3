"""What features are of: the demand of resources, metrics side by side."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from pipeline.features.matrix import RESOURCE
from pipeline.inputs import read
from pipeline.lake import Lake
from pipeline.tables.columns import Granularity
from pipeline.tables.schema import bucket_of


def read_resource_demand(
    lake: Lake, since: datetime, as_of: datetime, granularity: Granularity, shard: int = 0, shards: int = 1
) -> pd.DataFrame:
    """account, region, resource_id, ts, and a column per metric of the catalogue, of one shard of the resources.

    A resource's metrics are in one shard, whatever the buckets of its series: its own is of account/region/resource_id.
    """
    rows = read(lake, "feature_hours" if granularity == "hour" else "feature_days", since=since, as_of=as_of)
    names = rows[RESOURCE].drop_duplicates()
    shard_of = np.array([bucket_of("/".join(each)) % shards for each in names.itertuples(index=False)], dtype=np.int64)
    return rows.merge(names[shard_of == shard], on=RESOURCE)
