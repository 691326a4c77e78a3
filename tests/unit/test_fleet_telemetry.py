"""All metrics that a server can have: what they are to the five, and that none of the wide view's columns is empty with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.sources import fleet
from pipeline.steps.build import build
from pipeline.steps.ingest import ingest
from pipeline.tables.columns import CANONICAL_METRICS

SERVERS = {"preset": "realistic", "servers": 12, "start": "2025-11-20", "days": 60}
#: What does not differ in one estate of one region, in which no day is half missing and none's CPU far outside those before.
SAME = {"account", "region", "service", "cpu_outlier", "quality_flag"}


def samples(interval: Interval, **options: object) -> pd.DataFrame:
    batches = fleet.fetch(interval, fleet.Options.model_validate(SERVERS | options))
    return pd.concat([batch.data.to_pandas() for batch in batches if batch.table == "bronze.metric_sample"])


def test_what_a_server_has_beside_the_five_is_made_of_them_and_leaves_them_as_they_are() -> None:
    week = Interval.days("2025-12-01", "2025-12-08")
    five, every = samples(week), samples(week, telemetry="full")

    keys = ["ts", "resource_id", "metric"]
    pd.testing.assert_frame_equal(
        every[every["metric"].isin(set(five["metric"]))].reset_index(drop=True), five.reset_index(drop=True)
    )
    assert not every.duplicated(keys).any()
    assert every[keys].equals(every[keys].sort_values(keys))
    known = dict(every[["metric", "unit"]].drop_duplicates().to_numpy())
    assert known == {name: CANONICAL_METRICS[name][0] for name in known}
    wide = every.pivot(index=["ts", "resource_id"], columns="metric", values="value")
    parts = wide[["cpu_user", "cpu_system", "cpu_iowait", "cpu_steal"]].sum(axis=1)
    np.testing.assert_allclose(parts, wide["cpu_utilization"], atol=1e-5)
    assert (wide["load_5m"] >= wide["load_per_cpu"]).all()
    assert not (wide["DatabaseConnections"].notna() & wide["request_count"].notna()).any()
    assert wide[["DatabaseConnections", "request_count", "error_rate", "response_time"]].notna().any().all()


def test_a_part_of_the_time_has_the_same_values_as_the_whole() -> None:
    week, day = Interval.days("2025-12-01", "2025-12-08"), Interval.day("2025-12-03")
    whole, part = samples(week, telemetry="full"), samples(day, telemetry="full")

    inside = whole[(whole["ts"] >= day.start) & (whole["ts"] < day.end)]
    pd.testing.assert_frame_equal(part.reset_index(drop=True), inside.reset_index(drop=True))


def test_the_reference_fleet_has_its_five_documented_metrics_and_no_others() -> None:
    with pytest.raises(ValidationError, match="the reference fleet has its five documented metrics only; set telemetry=base"):
        fleet.Options(preset="reference", telemetry="full")


def test_of_a_fleet_with_all_metrics_no_column_of_the_wide_view_is_empty_constant_or_another(
    lake: Lake, settings: Settings
) -> None:
    life = Interval.days("2025-11-25", "2026-01-05")
    asked = settings.model_copy(update={"options": {"sources": {"fleet": {**SERVERS, "telemetry": "full"}}}})
    ingest(life, lake, asked, target="fleet")
    for table in ("silver.resource", "silver.calendar", "silver.metric_daily"):
        build(life, lake, asked, target=table)

    wide = lake.query("SELECT * FROM views.server_metrics_wide WHERE ts >= TIMESTAMP '2025-12-10'").to_pandas()

    assert len(wide) == 12 * 26
    # One of the twelve is a database.
    empty = {name for name in wide if wide[name].notna().mean() < 1 / 12}
    constant = {name for name in wide if wide[name].nunique() < 2}
    said: dict[tuple[object, ...], list[str]] = {}
    for name in set(wide) - constant:
        said.setdefault(tuple(wide[name].astype("object").where(wide[name].notna(), None)), []).append(name)
    assert (empty, constant, [names for names in said.values() if len(names) > 1]) == (set(), SAME, [])
