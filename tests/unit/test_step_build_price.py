"""The list prices in force: built where a price list landed, however old what it states."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.columns import STAMPED
from pipeline.tables.money import PRICE, PRICE_HELD
from pipeline.tables.operations import CHECK_RESULT

DAY = Interval.day("2026-03-02")
NEXT = Interval.day("2026-03-03")


def land(settings: Settings, *prices: tuple[str, float], shard: str = "x") -> None:
    names = [c.name for c in PRICE.columns if c.name not in STAMPED]
    plain = dict.fromkeys(names) | {"source": "prices", "provider": "aws", "service": "ec2", "region": "r", "unit": "hour"}
    rows = [plain | {"item": "m5.large", "ts": datetime.fromisoformat(day), "price_usd": price} for day, price in prices]
    data = pa.Table.from_pylist(rows, schema=pa.schema([PRICE.arrow_schema.field(name) for name in names]))
    open_lake(settings).land(PRICE, data, source="prices", shard=shard, ingested_at=datetime(2026, 3, 5))


def build(settings: Settings, interval: Interval = DAY) -> Lake:
    perform("build", interval, target="silver.price", settings=settings)
    return open_lake(settings)


def held(lake: Lake) -> list[tuple[date, float]]:
    return [(row["ts"].date(), row["price_usd"]) for row in lake.read(PRICE_HELD).sort_by("ts").to_pylist()]


def test_a_price_of_long_ago_that_lands_today_is_built_today(settings: Settings) -> None:
    land(settings, ("2023-09-18", 0.10), ("2024-11-01", 0.09), ("2026-03-02", 0.08), ("2026-03-04", 0.07))

    lake = build(settings)

    assert held(lake) == [(date(2023, 9, 18), 0.10), (date(2024, 11, 1), 0.09), (date(2026, 3, 2), 0.08)]
    assert read(lake, "prices", as_of=DAY.as_of)[["price_usd", "price_as_of"]].values.tolist() == [[0.08, datetime(2026, 3, 2)]]


def test_days_of_a_year_between_which_nothing_landed_are_built_in_one_go_and_one_that_is_built_already_stays(
    settings: Settings,
) -> None:
    def parts(lake: Lake) -> list[tuple[int, int]]:
        rows = lake.read(CHECK_RESULT).to_pylist()
        return sorted({(row["shard"], row["rows"]) for row in rows if row["table_name"] == PRICE_HELD.name})

    land(settings, ("2024-02-01", 0.10), ("2024-09-01", 0.08))
    assert parts(build(settings)) == [(0, 2)]

    land(settings, ("2024-01-01", 0.11), ("2024-05-01", 0.09), ("2024-06-01", 0.09), shard="y")

    assert parts(build(settings)) == [(0, 1), (1, 2)]
    assert [price for _, price in held(open_lake(settings))] == [0.11, 0.10, 0.09, 0.09, 0.08]


def test_a_day_without_news_changes_nothing_and_lacks_nothing(settings: Settings) -> None:
    land(settings, ("2023-09-18", 0.10))
    before = build(settings).snapshot_id(PRICE_HELD)

    lake = build(settings, NEXT)

    assert lake.snapshot_id(PRICE_HELD) == before
    assert not [row["rule"] for row in lake.read(CHECK_RESULT).to_pylist() if not row["success"]]
    assert read(lake, "prices", as_of=NEXT.as_of)["price_as_of"].tolist() == [datetime(2023, 9, 18)]


def test_a_correction_of_an_old_price_counts_from_the_next_run_on_and_one_that_is_taken_back_no_more(settings: Settings) -> None:
    land(settings, ("2024-11-01", 0.09))
    build(settings)

    for price in (0.05, 0.09):
        land(settings, ("2024-11-01", price))
        assert held(build(settings, NEXT)) == [(date(2024, 11, 1), price)]


def test_of_two_lists_of_a_day_each_keeps_its_items_wherever_the_second_landed(settings: Settings) -> None:
    land(settings, ("2024-11-01", 0.09))
    build(settings)
    land(settings, ("2024-11-01T06:00", 0.08), shard="y")

    assert [price for _, price in held(build(settings))] == [0.09, 0.08]


@pytest.mark.parametrize("order", [(DAY, NEXT), (NEXT, DAY)])
def test_runs_in_any_order_hold_the_same_prices(order: tuple[Interval, Interval], settings: Settings) -> None:
    land(settings, ("2023-09-18", 0.10), ("2026-03-02", 0.08), ("2026-03-03", 0.07))

    for interval in order:
        build(settings, interval)

    assert [price for _, price in held(open_lake(settings))] == [0.10, 0.08, 0.07]


def test_a_run_that_is_late_knows_the_prices_of_its_day(settings: Settings) -> None:
    land(settings, ("2023-09-18", 0.10), ("2026-03-02", 0.08), ("2026-03-03", 0.07))
    lake = build(settings, NEXT)

    assert read(lake, "prices", as_of=DAY.as_of)["price_usd"].tolist() == [0.08]
