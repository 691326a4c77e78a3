"""Thresholds and weights of a risk under other demand or capacity."""

from __future__ import annotations

import pandas as pd

from pipeline.capacity.crossing import THRESHOLDS_PCT

# How much a resource's criticality counts.
WEIGHTS = {"High": 1.0, "Medium": 0.6, "Low": 0.3}


def scaled_thresholds(growth: float = 1.0, resize: float = 1.0) -> dict[float, float]:
    """Share of today's capacity → the threshold that is then crossed by what crosses it today."""
    return {threshold * resize / growth: threshold for threshold in THRESHOLDS_PCT}


def criticality(series: object, resources: pd.DataFrame) -> pd.Series:
    names = pd.Series(series).astype(str)
    keys = names.str.rsplit("/", n=1).str[0]
    resource = resources["account"] + "/" + resources["region"] + "/" + resources["resource_id"]
    weights = pd.Series(resources["criticality"].str.capitalize().map(WEIGHTS).to_numpy(), index=resource)
    return pd.Series(keys.map(weights).to_numpy(), index=names)
