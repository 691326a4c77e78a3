"""The first day of bronze that Athena looks for objects of."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from pipeline.errors import DataError
from pipeline.lake import Lake, beginning
from pipeline.tables.columns import STAMPED
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden


def land(lake: Lake, day: str) -> None:
    names = [c for c in METRIC_SAMPLE.columns if c.name not in STAMPED]
    row = {c.name: datetime.fromisoformat(day) if c.name == "ts" else golden.filler(c) for c in names}
    payload = pa.Table.from_pylist([row], schema=pa.schema([METRIC_SAMPLE.arrow_schema.field(c.name) for c in names]))
    lake.land(METRIC_SAMPLE, payload, source="s", shard="x", ingested_at=datetime(2026, 3, 5))


def test_it_lies_before_the_shipped_prices_and_five_years_of_backfill_unless_another_is_set(lake: Lake) -> None:
    assert beginning.settle(None, lake.storage) == date(2021, 1, 1) == beginning.first_day(lake.storage)
    assert beginning.settle(date(2015, 6, 1), lake.storage) == date(2015, 6, 1)

    assert beginning.settle(None, lake.storage) == date(2015, 6, 1) == beginning.first_day(lake.storage)
    assert beginning.settle(date(2020, 6, 1), lake.storage) == date(2020, 6, 1) == beginning.first_day(lake.storage)


def test_an_older_day_is_refused_with_the_command_after_which_it_is_not(lake: Lake) -> None:
    days = ["2026-03-01", "2014-02-15", "2014-02-14"]
    with pytest.raises(DataError, match=r"bronze\.metric_sample: day 2014-02-14 .* 2021-01-01.*tables create --from 2014-02-14`"):
        beginning.check(METRIC_SAMPLE, days, lake.storage)

    beginning.settle(date(2014, 2, 14), lake.storage)

    beginning.check(METRIC_SAMPLE, days, lake.storage)


def test_what_lies_there_already_stays_found(lake: Lake) -> None:
    land(lake, "2014-02-14")

    assert beginning.settle(None, lake.storage) == date(2014, 2, 14)
    with pytest.raises(DataError, match=r"bronze\.metric_sample: day 2014-02-14 was landed.* choose 2014-02-14 or earlier"):
        beginning.settle(date(2014, 2, 15), lake.storage)
