"""Group resources that are used alike, and name machines that could do another's work."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.exploration.clusters import Clusters, describe, find_clusters, keep_numbers
from pipeline.exploration.consolidation import find_consolidations
from pipeline.exploration.profile import RESOURCE, Profiles, read_profiles
from pipeline.inputs.clusters import read_clusters_before, read_machines, read_week_profile
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.exploration import UTILISATION_CLUSTER

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.changes_recommended",
        "inputs.clusters_before",
        "inputs.prices",
        "inputs.resources",
        "inputs.week_profile",
    ),
    writes=("gold.utilisation_cluster",),
)


def clusters(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.utilisation_cluster` as of the interval's end: one for each resource with hours of CPU in the year before."""
    table = UTILISATION_CLUSTER
    cells = read_week_profile(interval, lake)
    if cells.empty:
        rows = table.empty()
    else:
        profiles = read_profiles(cells)
        found = find_clusters(profiles)
        log.info("clusters: %d; silhouette by number: %s", found.count, found.silhouettes or "none tried")
        numbers = keep_numbers(profiles.names, found.labels, read_clusters_before(interval, lake))
        moves = find_consolidations(profiles, *read_machines(interval, lake, settings))
        rows = _rows(profiles, found, numbers).merge(moves, how="left", on=RESOURCE, validate="1:1")
        rows.insert(0, "as_of", pd.Timestamp(interval.as_of))
    data = validate(conform(rows, table, interval), table, interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows


def _rows(profiles: Profiles, found: Clusters, numbers: npt.NDArray[np.int64]) -> pd.DataFrame:
    """All but `as_of` and what could be consolidated."""
    said = {number: describe(profiles, numbers == number) for number in np.unique(numbers) if number}
    shape = np.exp(profiles.shape()[:, :, 0])
    level = profiles.level
    return profiles.names.assign(
        cluster=pd.Series(numbers, dtype="Int64").mask(numbers == 0),
        description=pd.Series([said.get(number) for number in numbers], dtype="object"),
        reason=pd.Series(
            [None if number else reason for number, reason in zip(numbers, found.reasons, strict=True)], dtype="object"
        ),
        clusters=found.count,
        silhouette=found.fit,
        hours=profiles.hours,
        in_use_ratio=profiles.in_use,
        cpu_pct=level[:, 0],
        memory_pct=level[:, 1],
        spread_ratio=profiles.spread,
        night_ratio=shape[:, 0],
        weekend_ratio=shape[:, 2],
    )
