"""One odd row stops no one else's: names are made safe, what cannot be read is refused by itself, and the rest is built."""

from __future__ import annotations

import csv
import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import settings as settings_module
from pipeline.inputs import read
from pipeline.inputs.demand import read_demand
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.steps import perform
from pipeline.tables.identifiers import as_given
from pipeline.tables.money import COST_DAILY, CUR_LINE, FOCUS_LINE, PRICE
from pipeline.tables.operations import QUARANTINE
from pipeline.tables.schema import Table
from pipeline.tables.usage import METRIC_DAILY, METRIC_SAMPLE, RESOURCE, RESOURCE_SNAPSHOT
from tests.support.bills import COST, line

DAY = Interval.day("2026-03-02")
MARCH = Interval(datetime(2026, 3, 1), datetime(2026, 4, 1))
LANDED = datetime(2026, 3, 3)
DATA = Path(__file__).parents[1] / "data"


def land(lake: Lake, table: str, rows: list[dict[str, Any]], shard: str = "x") -> None:
    columns = {name: [row.get(name) for row in rows] for name in _bronze.schema(table).names}
    payload = pa.table(columns, schema=_bronze.schema(table))
    declared = {t.name: t for t in (METRIC_SAMPLE, RESOURCE_SNAPSHOT, FOCUS_LINE, PRICE)}[table]
    lake.land(declared, payload, source="csv", shard=shard, ingested_at=LANDED)


def sample(hour: int = 0, **over: Any) -> dict[str, Any]:
    plain = {"source": "csv", "account": "1", "region": "r", "resource_id": "i-1", "metric": "cpu_utilization", "unit": "percent"}
    return plain | {"statistic": "Average", "period_s": 3600, "ts": datetime(2026, 3, 2, hour), "value": 5.0} | over


def resource(**over: Any) -> dict[str, Any]:
    plain = {"source": "csv", "account": "1", "region": "r", "resource_id": "i-1", "ts": DAY.start, "service": "ec2"}
    return plain | {"state": "running", "tags_json": '{"app_name": "shop"}'} | over


def build(settings: Settings, *names: str, interval: Interval = DAY) -> Lake:
    for name in names:
        perform("build", interval, target=name, settings=settings)
    return open_lake(settings)


def refused(lake: Lake) -> list[tuple[str, str]]:
    rows = lake.read(QUARANTINE).to_pylist()
    return sorted((row["table_name"], row["rule"]) for row in rows)


NAMES = ["East US", "_x", "-x", "/x", "+1+1", "=cmd|'/C calc'!A0", "a..b", "100%", "München", "%00", "<b>", "~", "i-1/eth0"]


def test_resources_of_any_name_are_measured_and_shown_as_they_were(settings: Settings, lake: Lake) -> None:
    named = [{"account": name, "region": name, "resource_id": name} for name in NAMES]
    land(lake, "bronze.metric_sample", [sample(hour, **each, metric=each["account"]) for each in named for hour in (0, 1)])
    land(lake, "bronze.resource_snapshot", [resource(**each) for each in named])

    lake = build(settings, "silver.metric_daily", "silver.resource", "silver.quarantine")

    for table in (METRIC_DAILY, RESOURCE):
        rows = lake.read(table).to_pylist()
        assert sorted(as_given(row["resource_id"]) for row in rows) == sorted(NAMES)
        assert all(len({row["account"], row["region"], row["resource_id"]}) == 1 for row in rows)
    assert set(lake.read(METRIC_SAMPLE)["resource_id"].to_pylist()) == set(NAMES), "the source's own column is untouched"
    assert refused(lake) == []


def test_empty_names_and_those_with_control_characters_are_refused_and_stop_nothing(settings: Settings, lake: Lake) -> None:
    odd = ["", "a\x00b", "a\x1b[31mb", "a\nb", "a\u202eb"]
    columns = ("account", "region", "resource_id", "metric")
    land(lake, "bronze.metric_sample", [sample(), *(sample(1, **{column: name}) for column in columns for name in odd)])
    land(lake, "bronze.resource_snapshot", [resource(), *(resource(resource_id=name) for name in odd)])

    lake = build(settings, "silver.metric_daily", "silver.resource", "silver.quarantine")

    assert (lake.read(METRIC_DAILY).num_rows, lake.read(RESOURCE).num_rows) == (1, 1)
    assert (
        refused(lake) == [("bronze.metric_sample", "bad_identifier")] * 20 + [("bronze.resource_snapshot", "bad_identifier")] * 5
    )


def test_a_bills_region_with_a_blank_is_forecast_like_any_other(settings: Settings, lake: Lake) -> None:
    land(lake, "bronze.focus_line", [line(day, day, region_id="East US", sub_account_id="my team") for day in range(1, 32)])
    lake = build(settings, *COST, interval=MARCH)

    written = perform("forecast", MARCH, settings=settings)

    assert written > 0
    assert set(read_demand(lake, MARCH.as_of, "day", settings)["series_id"]) == {"my%20team/East%20US/ec2/cost"}
    assert {row["series_id"] for row in read(lake, "forecast_series", as_of=MARCH.as_of).to_dict("records")} == {
        "my%20team/East%20US/ec2/cost"
    }


def test_a_second_unit_in_an_hour_is_refused_and_the_day_is_built(settings: Settings, lake: Lake) -> None:
    land(
        lake,
        "bronze.metric_sample",
        [*(sample(hour) for hour in range(24)), sample(3, statistic="Maximum", unit="count", value=9.0)],
    )

    lake = build(settings, "silver.metric_hourly", "silver.metric_daily", "silver.quarantine")

    [day] = lake.read(METRIC_DAILY).to_pylist()
    assert (day["unit"], day["samples"], day["mean"]) == ("percent", 24, 5.0)
    assert refused(lake) == [("bronze.metric_sample", "second_unit")]


def test_tags_that_are_no_json_refuse_their_row_alone(settings: Settings, lake: Lake) -> None:
    land(lake, "bronze.resource_snapshot", [resource(), resource(resource_id="i-2", tags_json="{app_name: shop")])

    lake = build(settings, "silver.resource", "silver.quarantine")

    assert [(row["resource_id"], row["app_name"]) for row in lake.read(RESOURCE).to_pylist()] == [("i-1", "shop")]
    assert refused(lake) == [("bronze.resource_snapshot", "bad_tags")]


def test_a_price_that_is_none_is_refused_and_the_one_before_it_holds(settings: Settings, lake: Lake) -> None:
    plain = {"source": "pricing", "provider": "aws", "service": "ec2", "region": "r", "item": "m5.large", "unit": "hour"}
    odd = [-1.0, 1e308, float("inf"), float("nan")]
    later = [plain | {"ts": datetime(2026, 3, 2, hour), "price_usd": price} for hour, price in enumerate(odd)]
    land(lake, "bronze.price", [plain | {"ts": datetime(2026, 3, 1), "price_usd": 0.1}, *later])

    lake = build(settings, "silver.price", "silver.quarantine")

    assert read(lake, "prices", as_of=DAY.as_of)["price_usd"].tolist() == [0.1]
    assert refused(lake) == [("bronze.price", "bad_price")] * len(odd)


def test_amounts_that_cannot_be_are_refused_with_their_line_and_never_left_out_of_a_total(settings: Settings, lake: Lake) -> None:
    odd = [
        {"effective_cost": "N/A"},
        {"effective_cost": "1,000.50"},
        {"billed_cost": "1e400"},
        {"billed_cost": "-1e12"},
        # Two of them: their sum has more digits than a decimal.
        {"billed_cost": "9e25", "effective_cost": "9e25"},
        {"billed_cost": "9e25", "effective_cost": "9e25"},
    ]
    land(lake, "bronze.focus_line", [line(2), *(line(2, number, **amounts) for number, amounts in enumerate(odd, start=2))])

    lake = build(settings, *COST, "silver.quarantine")

    [cost] = lake.read(COST_DAILY).to_pylist()
    assert (cost["billed_cost"], cost["effective_cost"], cost["lines"]) == (1.0, 1.0, 1)
    rules = ["bad_billed_cost", *["bad_effective_cost"] * 2, *["implausible_cost"] * 3]
    assert refused(lake) == [("bronze.focus_line", rule) for rule in rules]


def ingested(settings: Settings, path: Path) -> Lake:
    option = json.dumps({"sources": {"billing": {"path": str(path)}}})
    perform("ingest", MARCH, target="billing", settings=settings_module.load({"HEADROOM_OPTIONS": option}, home=settings.home))
    return build(settings, *COST, "silver.quarantine", interval=MARCH)


def test_of_amounts_written_for_people_each_is_read_right_or_refused(settings: Settings) -> None:
    with (DATA / "focus_numbers.csv").open(newline="") as file:
        given = [row["BilledCost"] for row in csv.DictReader(file)]

    lake = ingested(settings, DATA / "focus_numbers.csv")

    [cost] = lake.read(COST_DAILY).to_pylist()
    assert cost["billed_cost"] == pytest.approx(1.2e-7 - 3.5 + 0 + 4 + 1000)
    assert (cost["effective_cost"], cost["lines"]) == (cost["billed_cost"], 5)
    left_out = [json.loads(row["row_json"])["billed"] for row in lake.read(QUARANTINE).to_pylist()]
    assert sorted(str(amount or "") for amount in left_out) == sorted(["1,234.50", "12,50", "$5.00", "(7.00)", "", ""])
    assert len(given) == cost["lines"] + len(left_out)


@pytest.mark.parametrize(
    ("file", "table", "field", "tags"),
    [
        ("focus_duplicate_tag_keys.parquet", FOCUS_LINE, "tags", {"env": "prod"}),
        ("cur2_maps.parquet", CUR_LINE, "resource_tags", {"user_env": "dev"}),
    ],
)
def test_of_two_equal_tag_keys_of_a_bill_the_last_counts(
    settings: Settings, file: str, table: Table, field: str, tags: dict[str, str]
) -> None:
    lake = ingested(settings, DATA / file)

    landed = [json.loads(text) for text in lake.read(table)[field].to_pylist() if text]
    assert tags in landed
    assert sum(row["lines"] for row in lake.read(COST_DAILY).to_pylist()) == pq.read_metadata(DATA / file).num_rows
    assert refused(lake) == []


def test_an_amount_without_end_in_a_parquet_bill_refuses_its_line_alone(settings: Settings, tmp_path: Path) -> None:
    bill = pq.read_table(DATA / "cur2_maps.parquet")
    cost = bill["line_item_unblended_cost"].to_pylist()
    place = bill.column_names.index("line_item_unblended_cost")
    pq.write_table(
        bill.set_column(place, "line_item_unblended_cost", pa.array([float("inf"), *cost[1:]])), tmp_path / "inf.parquet"
    )

    lake = ingested(settings, tmp_path / "inf.parquet")

    assert sum(row["lines"] for row in lake.read(COST_DAILY).to_pylist()) == bill.num_rows - 1
    assert [rule for _, rule in refused(lake)] == ["bad_billed_cost"]


def test_a_stray_folder_beside_the_days_is_ignored_with_a_warning(
    settings: Settings, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, "bronze.metric_sample", [sample(hour) for hour in range(24)])
    for name in ("day=zzz", "day=20260302", "day=2026-03-02 copy"):
        stray = Path(lake.storage.path("bronze", "metric_sample", name))
        stray.mkdir()
        (stray / "x.parquet").write_bytes(b"no parquet")

    with caplog.at_level(logging.WARNING):
        lake = build(settings, "silver.metric_daily")

    assert lake.read(METRIC_DAILY).num_rows == 1
    assert lake.query("SELECT count(*) AS n FROM bronze.metric_sample")["n"].to_pylist() == [24]
    assert lake.read(METRIC_SAMPLE).num_rows == 24
    assert "the folder day=zzz is no day and is ignored" in caplog.text
