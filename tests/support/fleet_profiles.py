"""Week profiles of the realistic fleet, by the pipeline's own query, and which archetype each server is of."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.inputs.clusters import PROFILED
from pipeline.lake import duckdb, sql
from pipeline.sources import _realistic
from pipeline.sources._realistic_demand import METRICS
from pipeline.tables.usage import METRIC_HOURLY

#: What profiles are made of, with its unit.
MEASURED = {"cpu_utilization": "percent", "memory_utilization": "percent", "network_in": "mbps"}
START, DAYS, SERVERS = date(2025, 4, 1), 548, 120
END = datetime(2025, 4, 1) + timedelta(days=DAYS)


def read_fleet(seed: int, servers: int = SERVERS) -> tuple[pd.DataFrame, list[str]]:
    """The rows of `inputs.week_profile` as of the end of a fleet's life, and the archetype of each server, by name."""
    fleet = _realistic.fleet(servers, DAYS, seed)
    hours = int(PROFILED / timedelta(hours=1))
    when = (np.datetime64(END, "us") - np.timedelta64(hours, "h")) + np.arange(hours) * np.timedelta64(1, "h")
    tables = []
    for server in fleet:
        observed, _ = _realistic.simulate(server, START, DAYS, seed)
        for metric, unit in MEASURED.items():
            values = observed[-hours:, METRICS.index(metric)]
            seen = ~np.isnan(values)
            tables.append(
                pa.table({"hour": pa.array(when[seen], pa.timestamp("us")), "p95": values[seen]})
                .append_column("resource_id", pa.array([server.name] * int(seen.sum())))
                .append_column("metric", pa.array([metric] * int(seen.sum())))
                .append_column("unit", pa.array([unit] * int(seen.sum())))
            )
    rows = pa.concat_tables(tables)
    rest = {"account": "a", "region": "r", "series_id": "x", "quality_flag": 0, "bucket": 0}
    for name, value in rest.items():
        rows = rows.append_column(name, pa.array([value] * rows.num_rows))
    rows = rows.append_column("day", rows["hour"].cast(pa.date32()))
    names = {METRIC_HOURLY.name: rows}
    found = duckdb.query(sql.text("inputs.week_profile"), {"since": END - PROFILED, "as_of": END}, names.__getitem__)
    return found.to_pandas(), [server.kind.name for server in fleet]
