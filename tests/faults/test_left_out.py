"""What is refused is said, with its share; where it is too much, nothing is published and the last good rows stay."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipeline.cli.summary import lacking
from pipeline.errors import DataError
from pipeline.inputs.findings import gather
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.report.sections.sources import caveats
from pipeline.settings import LEAST_ROWS, Settings
from pipeline.sources import _bronze
from pipeline.steps import perform
from pipeline.tables.money import BILL, CHARGE_DAILY, COST_DAILY, FOCUS_LINE, PRICE, PRICE_HELD
from pipeline.tables.operations import CHECK_RESULT, QUARANTINE
from pipeline.tables.schema import Table
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY, METRIC_SAMPLE
from tests.support.bills import line

DAY = Interval.day("2026-03-02")
LANDED = datetime(2026, 3, 3)
SAID_OF_SAMPLES = (
    "Source csv: 2 of 48 rows of bronze.metric_sample (4.2%) were left out, with them 1 of 3 series whole, 1 of 3 resources "
    "whole: out_of_bounds 2. silver.quarantine has each of them."
)


def land(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    payload = pa.Table.from_pylist(rows, schema=_bronze.schema(table.name))
    lake.land(table, payload, source=rows[0]["source"], shard="x", ingested_at=LANDED)


def samples(resource: str, *values: float) -> list[dict[str, Any]]:
    """A sample every half an hour."""
    same = {
        "source": "csv",
        "account": "1",
        "region": "r",
        "metric": "cpu_utilization",
        "unit": "percent",
        "statistic": "Average",
    }
    return [
        same | {"resource_id": resource, "period_s": 1800, "ts": DAY.start + timedelta(minutes=30 * n), "value": value}
        for n, value in enumerate(values)
    ]


def bill(*costs: str) -> list[dict[str, Any]]:
    said = [cost.partition("/") for cost in costs]
    return [
        line(number=n, billed_cost=billed, effective_cost=amortised) for n, (billed, _, amortised) in enumerate(said, start=1)
    ]


def build(settings: Settings, table: Table) -> None:
    perform("build", DAY, target=table.name, settings=settings)


def build_cost(settings: Settings) -> None:
    for table in (BILL, CHARGE_DAILY, COST_DAILY):
        build(settings, table)


def shown(settings: Settings) -> str:
    """What the end of a run prints of what was missing."""
    from rich.console import Console

    console = Console(width=500)
    with console.capture() as captured:
        lacking(console, open_lake(settings), DAY)
    return captured.get()


def test_what_was_refused_is_said_with_its_shares_in_log_console_and_the_head_of_the_report(
    settings: Settings, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, METRIC_SAMPLE, [*samples("a", *[5.0] * 23), *samples("b", *[5.0] * 23), *samples("c", 101.0, 102.0)])

    with caplog.at_level(logging.WARNING):
        build(settings, METRIC_DAILY)
    build(settings, QUARANTINE)
    perform("build", DAY, target="gold.quality_result", settings=settings)

    assert SAID_OF_SAMPLES in caplog.text
    assert SAID_OF_SAMPLES in shown(settings)
    assert SAID_OF_SAMPLES in [caveat["text"] for caveat in caveats(gather(DAY, open_lake(settings)))]


def test_dollars_that_were_refused_are_counted_and_those_that_nobody_can_read_are_said(
    settings: Settings, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, FOCUS_LINE, bill("100/100", "100/N/A", "100/1,000.50", "N/A/N/A"))

    with caplog.at_level(logging.WARNING):
        build_cost(settings)

    assert (
        "Source billing: 3 of 4 rows of bronze.focus_line (75.0%) were left out, with them 200.00 of 300.00 dollars (66.7%), "
        "1 line whose dollars cannot be read: bad_effective_cost 2, bad_billed_cost 1."
    ) in caplog.text
    [cost] = open_lake(settings).read(COST_DAILY).to_pylist()
    assert (cost["billed_cost"], cost["effective_cost"]) == (100, 100)


def test_prices_that_were_refused_are_said_with_their_share_and_the_others_hold(
    settings: Settings, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    same = {"source": "pricing", "provider": "aws", "service": "ec2", "region": "r", "unit": "hour", "ts": DAY.start}
    land(lake, PRICE, [same | {"item": f"m{n}.large", "price_usd": -1.0 if n < 20 else 0.1} for n in range(200)])

    with caplog.at_level(logging.WARNING):
        build(settings, PRICE_HELD)
    build(settings, QUARANTINE)
    perform("build", DAY, target="gold.quality_result", settings=settings)

    said = (
        "Source pricing: 20 of 200 rows of bronze.price (10.0%) were left out, with them 20 of 200 prices whole: bad_price 20. "
        "silver.quarantine has each of them."
    )
    assert said in caplog.text
    assert said in shown(settings)
    assert said in [caveat["text"] for caveat in caveats(gather(DAY, open_lake(settings)))]
    assert open_lake(settings).read(PRICE_HELD).num_rows == 180


def test_more_than_the_limit_of_the_rows_stops_the_table_and_what_was_published_stays(settings: Settings, lake: Lake) -> None:
    good = [*samples("a", *[5.0] * 48), *samples("b", *[5.0] * 48)]
    land(lake, METRIC_SAMPLE, good)
    build(settings, METRIC_DAILY)
    before = lake.content(METRIC_DAILY)
    # The same half hours, restated, and a third machine of which nothing counts.
    land(lake, METRIC_SAMPLE, [row | {"value": 6.0} for row in good] + samples("c", 101.0, 102.0, -1.0, -2.0, 103.0, 104.0))

    with pytest.raises(DataError) as stopped:
        build(settings, METRIC_DAILY)

    said = str(stopped.value)
    assert f"silver.metric_daily {DAY}: not published" in said
    assert "more than 0.05 (quarantine_limit)" in said
    assert "Source csv: 6 of 102 rows of bronze.metric_sample (5.9%)" in said
    assert "out_of_bounds 6" in said
    assert "Correct the source and ingest these days again" in said
    assert open_lake(settings).content(METRIC_DAILY) == before
    build(settings, QUARANTINE)
    assert open_lake(settings).read(QUARANTINE).num_rows == 6


@pytest.mark.parametrize("rows", [48, 144])
def test_a_day_of_which_all_is_refused_is_not_passed_over(
    settings: Settings, lake: Lake, caplog: pytest.LogCaptureFixture, rows: int
) -> None:
    land(lake, METRIC_SAMPLE, [row for name in range(rows // 48) for row in samples(f"i-{name}", *[500.0] * 48)])

    with caplog.at_level(logging.WARNING):
        if rows < LEAST_ROWS:
            build(settings, METRIC_HOURLY)
        else:
            with pytest.raises(DataError, match="144 of 144 rows"):
                build(settings, METRIC_HOURLY)

    assert f"{rows} of {rows} rows of bronze.metric_sample (100.0%) were left out" in caplog.text
    assert open_lake(settings).read(METRIC_HOURLY).num_rows == 0
    assert [row["rule"] for row in open_lake(settings).read(CHECK_RESULT).to_pylist() if "left_out" in row["rule"]] == [
        "left_out(csv)"
    ]


def test_a_correction_that_is_landed_in_place_of_refused_rows_lets_the_table_be_built(settings: Settings, lake: Lake) -> None:
    others = [row for name in "bc" for row in samples(name, *[5.0] * 48)]
    land(lake, METRIC_SAMPLE, [*samples("a", *[500.0] * 24, *[5.0] * 24), *others])
    with pytest.raises(DataError, match="quarantine_limit"):
        build(settings, METRIC_DAILY)

    land(lake, METRIC_SAMPLE, [*samples("a", *[50.0] * 24, *[5.0] * 24), *others])
    build(settings, METRIC_DAILY)

    [day] = [row for row in open_lake(settings).read(METRIC_DAILY).to_pylist() if row["resource_id"] == "a"]
    assert (day["samples"], day["mean"]) == (48, 27.5)


def test_more_than_the_limit_of_the_dollars_stops_the_bill_though_few_rows_were_refused(settings: Settings, lake: Lake) -> None:
    land(lake, FOCUS_LINE, bill(*["1/1"] * 100, "1000/N/A"))

    with pytest.raises(DataError, match=r"1 of 101 rows of bronze.focus_line \(1.0%\).* 1,000.00 of 1,100.00 dollars \(90.9%\)"):
        build_cost(settings)

    assert [open_lake(settings).read(table).num_rows for table in (BILL, CHARGE_DAILY, COST_DAILY)] == [0, 0, 0]


def test_a_limit_that_is_set_higher_lets_the_rest_through(settings: Settings, lake: Lake) -> None:
    land(lake, FOCUS_LINE, bill(*["1/1"] * 100, "1000/N/A"))

    build_cost(settings.model_copy(update={"quarantine_limit": 1.0}))

    [cost] = open_lake(settings).read(COST_DAILY).to_pylist()
    assert cost["lines"] == 100


@pytest.mark.parametrize(
    ("good", "refused", "stops"),
    [
        pytest.param(2, 1, False, id="one of three, as in a sample made by hand"),
        pytest.param(LEAST_ROWS - 51, 50, False, id="fifty of ninety-nine: too few for a share"),
        pytest.param(LEAST_ROWS - 5, 5, False, id="five of a hundred are the limit itself"),
        pytest.param(LEAST_ROWS - 6, 6, True, id="six of a hundred are more"),
        pytest.param(950, 50, False, id="fifty of a thousand"),
        pytest.param(949, 51, True, id="fifty-one of a thousand"),
    ],
)
def test_the_limit_holds_from_a_hundred_rows_on_and_its_own_share_passes(good: int, refused: int, stops: bool) -> None:
    import pandas as pd

    from pipeline.quality.left_out import find_left_out

    counted = pd.DataFrame(
        {"source": "csv", "resource": "a", "series": ["s", "t"], "rule": [None, "out_of_bounds"], "rows": [good, refused],
         "dollars": 0.0, "unread": 0}
    )  # fmt: skip

    [left] = find_left_out(counted, "bronze.metric_sample")

    assert left.exceeds(0.05) is stops
    assert left.result(0.05).severity == ("critical" if stops else "warning")


def test_three_equal_lines_of_a_bill_all_count(settings: Settings, lake: Lake) -> None:
    land(lake, FOCUS_LINE, bill("100/100", "100/100", "100/100"))

    build_cost(settings)

    [cost] = open_lake(settings).read(COST_DAILY).to_pylist()
    assert (cost["billed_cost"], cost["lines"]) == (300, 3)
