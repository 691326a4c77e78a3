"""What files say of machines and databases becomes advice with dollars: rules that need weeks of hours."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from tests.support.price_files import VERSION, line, price_list
from tests.support.source_servers import Reply, Request, json_reply, serve

pytestmark = [pytest.mark.server, pytest.mark.system]

AS_OF = datetime(2026, 9, 28)
WEEKS = Interval(AS_OF - timedelta(weeks=5), AS_OF)
PLACE = {"account": "1", "region": "us-east-1"}
HOURS = pd.date_range(WEEKS.start, WEEKS.end, freq="h", inclusive="left")
_OFFICE = np.asarray((HOURS.dayofweek < 5) & (HOURS.hour >= 8) & (HOURS.hour < 18))
_NOON = np.asarray(HOURS.hour == 12)
#: CPU by resource; the second of each pair is the twin.
CPU = {
    "i-nights": np.where(_OFFICE, 35.0, 2.0),
    "i-days": np.full(len(HOURS), 60.0),
    "i-old": np.full(len(HOURS), 60.0),
    "i-new": np.full(len(HOURS), 60.0),
    "i-rests": np.where(_NOON, 60.0, 10.0),
    "i-works": np.full(len(HOURS), 60.0),
    "db-large": np.full(len(HOURS), 20.0),
    "db-right": np.full(len(HOURS), 70.0),
}
TYPES = {"i-old": "m5.xlarge", "i-new": "m8g.xlarge", "db-large": "db.m5.xlarge", "db-right": "db.m5.xlarge"}
DATABASE = {"headroom:engine": "postgres", "headroom:multi_az": "false"}


def databases(request: Request) -> Reply:
    """AWS's price list of RDS in us-east-1, of three classes."""
    match request.path.strip("/").split("/"):
        case ["offers", "v1.0", "aws", "AmazonRDS", "current", "region_index.json"]:
            path = f"/offers/v1.0/aws/AmazonRDS/{VERSION}/us-east-1/index.json"
            return json_reply({"regions": {"us-east-1": {"regionCode": "us-east-1", "currentVersionUrl": path}}})
    priced = {"db.m5.large": "0.178", "db.m5.xlarge": "0.356", "db.r5.large": "0.25"}
    lines = [
        line("0", "Hrs", f"InstanceUsage:{name}", PricePerUnit=usd, Instance_Type=name, Region_Code="us-east-1")
        | {"Database Engine": "PostgreSQL", "Deployment Option": "Single-AZ"}
        for name, usd in priced.items()
    ]
    return Reply(200, price_list("AmazonRDS", lines))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("files")
    idle = {"memory_utilization": (30.0, "percent"), "network_in": (5.0, "mbps"), "network_out": (5.0, "mbps")}
    idle |= {"disk_read": (2.0, "mbps"), "disk_write": (2.0, "mbps")}
    frames = []
    for name, cpu in CPU.items():
        metrics = {"cpu_utilization": (cpu, "percent")} | ({} if name.startswith("db") else idle)
        frames += [
            pd.DataFrame({**PLACE, "resource_id": name, "metric": metric, "ts": HOURS, "value": value, "unit": unit})
            for metric, (value, unit) in metrics.items()
        ]
    pd.concat(frames).to_csv(folder / "metrics.csv", index=False)
    pd.DataFrame(
        [
            {
                **PLACE,
                "resource_id": name,
                "service": "rds" if name.startswith("db") else "ec2",
                "state": "available" if name.startswith("db") else "running",
                "instance_type": TYPES.get(name, "m5.xlarge"),
                "environment": "prod" if name in ("i-old", "i-new") else "dev",
                "tags": json.dumps(DATABASE if name.startswith("db") else {}),
            }
            for name in CPU
        ]
    ).to_csv(folder / "inventory.csv", index=False)
    with serve(databases) as aws:
        sources = {
            "csv": {"path": str(folder / "metrics.csv"), "period_s": 3600},
            "inventory_file": {"path": str(folder / "inventory.csv")},
            "pricing": {"files_url": aws.url, "offers": ["AmazonRDS"]},
        }
        return _run(settings_module.load({}, home=folder / "home").model_copy(update={"options": {"sources": sources}}))


def _run(settings: Settings) -> Lake:
    since = Interval(datetime(2023, 9, 1), AS_OF)
    for source, interval in (("prices", since), ("pricing", since), ("csv", WEEKS), ("inventory_file", WEEKS)):
        perform("ingest", interval, target=source, settings=settings)
    for table, interval in (
        ("silver.price", since),
        ("silver.resource", WEEKS),
        ("silver.metric_hourly", WEEKS),
        ("silver.metric_daily", WEEKS),
    ):
        perform("build", interval, target=table, settings=settings)
    perform("recommend", Interval(AS_OF - timedelta(days=1), AS_OF), settings=settings)
    return open_lake(settings)


# m5.xlarge costs 0.192 USD an hour, db.m5.xlarge with PostgreSQL 0.356.
CASES = [
    ("off_hours", "i-nights", "schedule", 118 / 168 * 0.192 * 730, "i-days"),
    ("generation", "i-old", "migrate", None, "i-new"),
    ("burstable", "i-rests", "rightsize", None, "i-works"),
    ("database_size", "db-large", "rightsize", (0.356 - 0.25) * 730, "db-right"),
]


@pytest.mark.parametrize(("rule", "name", "action", "saving", "twin"), CASES, ids=[case[0] for case in CASES])
def test_weeks_of_hours_become_advice_with_dollars(
    lake: Lake, rule: str, name: str, action: str, saving: float | None, twin: str
) -> None:
    rows = lake.query(
        "SELECT resource_id, action, savings_high_usd, reason FROM gold.recommendation WHERE rule_id = :rule", {"rule": rule}
    ).to_pylist()

    found = {row["resource_id"]: row for row in rows}
    assert found[name]["action"] == action, found[name]["reason"]
    assert found[name]["savings_high_usd"] > 5
    assert saving is None or found[name]["savings_high_usd"] == pytest.approx(saving)
    assert found[twin]["action"] == "keep", found[twin]["reason"]


def test_what_is_off_at_night_saves_less_by_a_smaller_type(lake: Lake) -> None:
    rows = lake.query(
        "SELECT rule_id, exclusive_group, monthly_cost_usd, savings_monthly_usd, portfolio_savings_usd FROM gold.recommendation "
        "WHERE resource_id = 'i-nights' AND portfolio_rank IS NOT NULL ORDER BY portfolio_rank"
    ).to_pylist()

    assert [row["exclusive_group"] for row in rows] == ["schedule", "size"]
    first, second = rows
    assert first["portfolio_savings_usd"] == first["savings_monthly_usd"]
    left = 1 - first["savings_monthly_usd"] / first["monthly_cost_usd"]
    assert second["portfolio_savings_usd"] == pytest.approx(left * second["savings_monthly_usd"])
    assert sum(row["portfolio_savings_usd"] for row in rows) < first["monthly_cost_usd"]
