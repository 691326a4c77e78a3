"""The seven checks of a data set, where they need more days than a golden case has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.lake import duckdb, sql
from pipeline.tables.columns import DATASET_CHECKS
from tests.support.report_estate import rows

DAY = datetime(2026, 4, 10)
SERVERS, DAYS = 15, 60
Floats = npt.NDArray[np.float64]


def demand(seed: int, changed: bool = False) -> tuple[Floats, Floats]:
    """(servers, days) of CPU and memory that goes with it; `changed`: in the last 28 days it goes against it."""
    chance = np.random.default_rng(seed)
    cpu, noise = chance.normal(0, 1, (2, SERVERS, DAYS))
    with_cpu = np.where(np.arange(DAYS) < DAYS - 28, 0.6, -0.6 if changed else 0.6)
    level = 20 + 2.0 * np.arange(SERVERS)[:, None]
    return level + 3 * cpu, level + 3 * (with_cpu * cpu + np.sqrt(1 - with_cpu**2) * noise)


def checks(cpu: Floats, memory: Floats, since: datetime = DAY, servers: int = SERVERS) -> dict[tuple[datetime, str], Any]:
    """What is said of a source that delivers some servers every day, of the days from `since` to 10 April."""
    days = [DAY - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    daily = [
        {
            "account": "1", "region": "r", "resource_id": f"i-{server}", "metric": metric, "unit": "percent", "ts": day,
            "series_id": f"1/r/i-{server}/{metric}", "p95": float(values[server, place]), "samples": 1, "expected_samples": 1,
            "quality_flag": 0, "quality_score": 1.0,
        }
        for metric, values in (("cpu_utilization", cpu), ("memory_utilization", memory))
        for server in range(servers)
        for place, day in enumerate(days)
    ]  # fmt: skip
    landed = [
        {
            "source": "csv", "account": "1", "region": "r", "resource_id": f"i-{server}", "metric": "CPUUtilization", "ts": day,
            "statistic": "Average", "period_s": 86400, "value": 50.0, "unit": "Percent", "load_id": "0" * 64, "ingested_at": day,
        }
        for server in range(servers)
        for day in days
    ]  # fmt: skip
    given: dict[str, pa.Table] = {
        name: rows(tables.get(name), records)
        for name, records in (("silver.metric_daily", daily), ("bronze.metric_sample", landed))
    }
    params = {"start": since, "end": DAY + timedelta(days=1)}
    found = duckdb.query(
        sql.text("silver.dataset_check"), params, lambda name: given.get(name, tables.get(name).arrow_schema.empty_table())
    )
    return {(row["ts"], row["check_name"]): row for row in found.to_pylist()}


def coefficient(cpu: Floats, memory: Floats) -> float:
    """Of days within servers, all servers together."""
    apart = [values - values.mean(axis=1, keepdims=True) for values in (cpu, memory)]
    return float(np.corrcoef(*(each.ravel() for each in apart))[0, 1])


@pytest.mark.parametrize("changed", [False, True])
def test_a_correlation_that_turned_within_a_month_fails_and_one_that_stayed_holds(changed: bool) -> None:
    cpu, memory = demand(1, changed)

    said = checks(cpu, memory)[DAY, "correlation"]

    moved = coefficient(cpu[:, -28:], memory[:, -28:]) - coefficient(cpu[:, -56:-28], memory[:, -56:-28])
    assert said["observed"] == pytest.approx(abs(moved), abs=1e-6)
    assert said["evidence"] == SERVERS * 28
    assert said["success"] is (not changed)


def test_of_too_few_servers_no_change_of_a_correlation_is_judged() -> None:
    said = checks(*demand(1, changed=True), servers=12)[DAY, "correlation"]

    assert (said["success"], said["observed"]) == (None, None)
    assert "fewer than 360 days" in said["reason"]


def test_a_run_over_three_days_says_of_each_what_a_run_of_it_says_and_a_later_day_changes_none() -> None:
    cpu, memory = demand(2)
    later = cpu.copy()
    later[:, -1] = 99.0

    together = checks(cpu, memory, since=DAY - timedelta(days=2))
    changed = checks(later, memory, since=DAY - timedelta(days=2))

    assert {key: row for key, row in together.items() if key[0] == DAY} == checks(cpu, memory)
    before = [key for key in together if key[0] < DAY]
    assert len(before) == 2 * len(DATASET_CHECKS)
    assert [changed[key] for key in before] == [together[key] for key in before]
    assert changed[DAY, "seasonality"] != together[DAY, "seasonality"]
