"""Whether the export that `make bench-billing` writes is one that is landed whole, and whether it says what does not add up."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tools import bench_billing
from tools.bench_billing import HOURS, MONTH, compare, draw_streams, hourly_lines, work, write_export


def test_a_month_of_lines_in_many_files_is_in_every_table_to_the_last_digit(tmp_path: Path) -> None:
    written = work(tmp_path, "generate", 5_000)
    for step in ("land", *bench_billing.BUILT):
        work(tmp_path, step, 5_000)
    found = work(tmp_path, "add up", 5_000)

    assert compare(written, found) == []
    assert found["silver.charge_daily"]["lines"] == written["lines"] == 5_000
    assert {name for name in found if name.startswith("gold")} == {
        f"gold.cost_allocation {dimension}" for dimension in ("team", "project", "environment", "cost_centre", "product")
    }
    assert work(tmp_path, "land", 5_000) == {"rows": 0}


def test_files_have_what_the_manifest_names_and_their_money_is_what_was_said(tmp_path: Path) -> None:
    written = write_export(tmp_path / "export", 3_000, files=4)

    files = sorted((tmp_path / "export" / "data" / f"BILLING_PERIOD={MONTH}").iterdir())
    cost = [Decimal(repr(each)) for file in files for each in pq.read_table(file)["BilledCost"].to_pylist()]
    assert len(files) == 4
    assert (len(cost), sum(cost)) == (written["lines"], Decimal(written["billed_cost"]))


def test_every_stream_is_charged_in_each_hour_of_the_month() -> None:
    streams = draw_streams(3)

    lines = hourly_lines(streams, 0, 3 * HOURS)

    starts = lines["ChargePeriodStart"].to_pylist()
    assert (f"{starts[0]:%F %H}", f"{starts[-1]:%F %H}", len(set(starts))) == ("2026-03-01 00", "2026-03-31 23", HOURS)
    assert len(set(lines["ResourceId"].to_pylist())) == 3


@pytest.mark.parametrize(("lines", "cost"), [(9, "1.50"), (10, "1.49")])
def test_a_table_that_lacks_a_line_or_a_cent_is_named(lines: int, cost: str) -> None:
    written = {"lines": 10, "billed_cost": "1.5"}

    [said] = compare(written, {"silver.bill": {"lines": lines, "billed_cost": cost}})

    assert said.startswith("silver.bill: ")
