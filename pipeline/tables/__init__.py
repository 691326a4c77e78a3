"""The tables of the lake: one declaration each, from which schemas, expectations and documentation follow."""

from __future__ import annotations

from pipeline.errors import ConfigError, suggestion
from pipeline.tables import (
    advice,
    alerts,
    allocation,
    anomalies,
    budget,
    capacity,
    cost_anomaly,
    cost_forecast,
    exploration,
    features,
    feedback,
    forecasts,
    money,
    operations,
    savings,
    unit_cost,
    usage,
)
from pipeline.tables.schema import LAYERS, Table

SUBJECTS = (
    usage,
    money,
    allocation,
    unit_cost,
    features,
    exploration,
    forecasts,
    cost_forecast,
    budget,
    capacity,
    anomalies,
    cost_anomaly,
    advice,
    savings,
    alerts,
    feedback,
    operations,
)
_DECLARED = [each for subject in SUBJECTS for each in vars(subject).values() if isinstance(each, Table)]
#: Every table by its name, layer by layer.
ALL: dict[str, Table] = {table.name: table for layer in LAYERS for table in _DECLARED if table.layer == layer}


def get(name: str) -> Table:
    """The table of that name.

    Raises:
        ConfigError: there is none; the message says which may have been meant, or lists those there are.
    """
    if name not in ALL:
        meant = suggestion(name, ALL) or f"; there are {', '.join(sorted(ALL))}"
        raise ConfigError(f"no table named {name!r}{meant}")
    return ALL[name]
