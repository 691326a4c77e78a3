"""Why one recommendation says what it says: what it was made of, and whether that still makes the same row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import plugs, tables
from pipeline.errors import ConfigError
from pipeline.inputs import ask, read
from pipeline.inputs.evidence import days_looked_at, read_hours
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.lake.fingerprint import fingerprint
from pipeline.settings import Settings
from pipeline.steps.recommend import STEP, propose
from pipeline.tables.advice import RECOMMENDATION


@dataclass(frozen=True)
class Change:
    """One column that is no more what it was."""

    column: str
    published: Any
    rebuilt: Any


@dataclass(frozen=True)
class Origin:
    """One table that the run reads, as readers see it now."""

    table: str
    snapshot: int
    committed_at: datetime


@dataclass(frozen=True)
class Explanation:
    """One published recommendation and its reasons.

    Attributes:
        row: as published, by column of `gold.recommendation`.
        digest: sha256 of that row.
        evidence: `row["evidence_json"]`, read.
        options: of the rule, as the settings say now; empty for a row that no rule makes.
        hours: how the resource was used in what the rule looked at, as `inputs.evidence.read_hours` gives it; empty where
            nothing was measured.
        loads: the landings that this was made of: source, load_id, samples, first_at, landed_at.
        origins: tables that the run reads.
        is_rebuilt: whether the lake and the settings of now say something under this name.
        changes: what they say otherwise; empty where the row is the same to the last byte.
    """

    row: dict[str, Any]
    digest: str
    evidence: dict[str, Any]
    options: dict[str, Any]
    hours: pd.DataFrame
    loads: pd.DataFrame
    origins: tuple[Origin, ...]
    is_rebuilt: bool
    changes: tuple[Change, ...]


def explain(recommendation_id: str, lake: Lake, settings: Settings, as_of: datetime) -> Explanation:
    """The newest row of that name in runs up to `as_of`, with its reasons, and made again from them.

    Raises:
        ConfigError: no run up to then said anything under that name.
    """
    runs = ask(lake, "run_of_recommendation", recommendation_id=recommendation_id, as_of=as_of).to_pylist()
    if not runs:
        raise ConfigError(
            f"no run recommends anything under {recommendation_id!r}; views.recommendation_current has the ids of all that the "
            "newest run says"
        )
    interval = Interval(runs[0]["as_of"] - timedelta(days=1), runs[0]["as_of"])
    published = _of(lake.read(RECOMMENDATION, RECOMMENDATION.scope(interval)), recommendation_id)
    rebuilt = _of(propose(interval, lake, settings)[0], recommendation_id)
    row, evidence = published.to_pylist()[0], json.loads(published["evidence_json"][0].as_py())
    days = days_looked_at(evidence, settings.lookback_days)
    about = {name: row[name] for name in ("account", "region", "resource_id")}
    about, since = about | {"as_of": interval.as_of}, interval.as_of - timedelta(days=days)
    rule = row["rule_id"]
    return Explanation(
        row=row,
        digest=fingerprint(published),
        evidence=evidence,
        options=plugs.options("recommenders", rule, settings).model_dump() if rule in plugs.names("recommenders") else {},
        hours=read_hours(published.to_pandas(), interval.as_of, lake),
        loads=read(lake, "loads_of_resource", start=since, **about),
        origins=tuple(_origins(lake)),
        is_rebuilt=bool(rebuilt.num_rows),
        changes=tuple(_changes(published, rebuilt)) if rebuilt.num_rows else (),
    )


def _of(rows: pa.Table, recommendation_id: str) -> pa.Table:
    return rows.filter(pc.equal(rows["recommendation_id"], recommendation_id)).select(sorted(rows.column_names))


def _changes(published: pa.Table, rebuilt: pa.Table) -> list[Change]:
    """Columns whose bytes differ."""
    return [
        Change(name, published[name][0].as_py(), rebuilt[name][0].as_py())
        for name in published.column_names
        if fingerprint(published.select([name])) != fingerprint(rebuilt.select([name]))
    ]


def _origins(lake: Lake) -> list[Origin]:
    behind = set().union(*(sql.tables_behind(sql.parse(sql.text(name))) for name in STEP.reads))
    found = []
    for name in sorted(behind):
        table = tables.get(name)
        iceberg = lake.iceberg(table) if table.layer != "bronze" else None
        if iceberg is not None and (snapshot := iceberg.current_snapshot()) is not None:
            at = datetime(1970, 1, 1) + timedelta(milliseconds=snapshot.timestamp_ms)
            found.append(Origin(name, snapshot.snapshot_id, at))
    return found
