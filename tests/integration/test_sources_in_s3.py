"""Files in S3: read as files on disk are, by name, folder and pattern, and what is new of them picked up by the day."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pipeline import plugs
from pipeline import settings as settings_module
from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.sources import Load, _http, billing
from pipeline.sources._bill_formats import FORMATS
from pipeline.steps.ingest import ingest as land
from tests.support.aws_server import BUCKET, AwsServer, Refusal, aws_for_tests
from tests.support.bills import build_cost

pytestmark = [pytest.mark.server, pytest.mark.system]

ALL = Interval.days("2026-04-01", "2026-06-01")


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with pytest.MonkeyPatch.context() as patched, aws_for_tests() as server:
        patched.setattr(_http, "pause", lambda *_: None)
        yield server


@pytest.fixture(params=["disk", "s3"])
def put(request: pytest.FixtureRequest, aws: AwsServer, tmp_path: Path) -> Any:
    """Writes a file below a root that is a folder or a prefix, and tells the root."""
    root = str(tmp_path) if request.param == "disk" else f"s3://{BUCKET}/{uuid4().hex}"

    def write(name: str = "", content: str = "") -> str:
        body = gzip.compress(content.encode(), mtime=0) if name.endswith(".gz") else content.encode()
        if name and root.startswith("s3://"):
            aws.client("s3").put_object(Bucket=BUCKET, Key=f"{root.removeprefix(f's3://{BUCKET}/')}/{name}", Body=body)
        elif name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(body)
        return root

    return write


def rows(aws: AwsServer, source: str, interval: Interval = ALL, **options: Any) -> list[dict[str, Any]]:
    chosen = plugs.check_options("sources", source, {"endpoint_url": aws.url, "attempts": 1, **options})
    given = plugs.bind("sources", source, chosen)(interval)
    pieces = [piece for each in given for piece in (each.pieces() if isinstance(each, Load) else [each.data])]
    return [row for piece in pieces for row in piece.to_pylist()]


def metrics(day: str, *values: float) -> str:
    return "resource_id,metric,ts,value\n" + "".join(f"i-1,cpu,{day}T{hour:02d}:00,{v}\n" for hour, v in enumerate(values))


def bill(*charges: tuple[str, float], payer: str = "1") -> str:
    names = sorted(next(known.required for known in FORMATS if known.name == "focus_1_0"))
    known = {"BillingAccountId": payer, "BillingCurrency": "USD", "SubAccountId": "7", "ServiceName": "EC2"}
    lines = [
        {**dict.fromkeys(names, "x"), **known, "ChargePeriodStart": f"{day}T00:00:00Z"}
        | {
            "BillingPeriodStart": f"{day[:7]}-01T00:00:00Z",
            "BilledCost": str(cost),
            "EffectiveCost": str(cost),
            "ListCost": str(cost),
            "ContractedCost": str(cost),
        }
        for day, cost in charges
    ]
    return "\n".join([",".join(names), *(",".join(line[name] for name in names) for line in lines)]) + "\n"


def test_metrics_are_read_by_name_folder_pattern_and_date_alike(aws: AwsServer, put: Any) -> None:
    put("m/2026/04/01/a.csv", metrics("2026-04-01", 1, 2))
    put("m/2026/04/02/b.csv.gz", metrics("2026-04-02", 3, 4))
    root = put("m/2026/04/02/readme.txt", "no metrics")

    def values(place: str, interval: Interval = ALL) -> list[float]:
        return [row["value"] for row in rows(aws, "csv", interval, path=f"{root}/{place}", unit="percent")]

    assert values("m/2026/04/01/a.csv") == [1, 2]
    assert values("m") == values("m/") == values("m/**/*.csv*") == values("m/2026/*/*/*.csv*") == [1, 2, 3, 4]
    assert values("m/%Y/%m/%d/*.csv*", Interval.day("2026-04-02")) == [3, 4]
    for nothing in ("m/*.csv", "absent.csv", "absent/", "m/%Y/%m/%d/*.parquet"):
        with pytest.raises(SourceError, match=r"no such|no (file|object) matches"):
            values(nothing)
    with pytest.raises(SourceError, match=r"readme.txt: expected a name ending in .csv"):
        values("m/2026/04/02/readme.txt")


def test_a_file_with_a_period_of_its_own_keeps_it_beside_others(aws: AwsServer, put: Any) -> None:
    put("m/hourly.csv", metrics("2026-04-01", 1, 2, 3))
    root = put("m/fast.csv", "resource_id,metric,ts,value\ni-2,cpu,2026-04-01T00:00,1\ni-2,cpu,2026-04-01T00:05,1\n")

    found = rows(aws, "csv", path=f"{root}/m/", unit="percent")

    assert {(row["resource_id"], row["period_s"]) for row in found} == {("i-1", 3600), ("i-2", 300)}


def test_an_inventory_of_one_file_per_region_is_one_inventory(aws: AwsServer, put: Any) -> None:
    put("inv/eu.csv", "resource_id,region\ni-1,eu-west-1\n")
    root = put("inv/us.csv", "resource_id,region\ni-2,us-east-1\n")
    put("m.csv", metrics("2026-04-01", 1, 2))

    found = rows(aws, "inventory_file", Interval.day("2026-04-01"), path=f"{root}/inv/")
    placed = rows(aws, "csv", path=f"{root}/m.csv", inventory=f"{root}/inv/", unit="percent")

    assert [(row["resource_id"], row["region"]) for row in found] == [("i-1", "eu-west-1"), ("i-2", "us-east-1")]
    assert {row["region"] for row in placed} == {"eu-west-1"}
    put("inv/more.csv", "resource_id,region\ni-2,us-east-1\n")
    with pytest.raises(DataError, match=r"us\.csv: resource 1: local/us-east-1/i-2 is listed twice"):
        rows(aws, "inventory_file", path=f"{root}/inv/")


def test_logs_of_a_folder_are_read(aws: AwsServer, put: Any) -> None:
    root = put("logs/web/a.log.gz", "2026-04-01T00:00:05Z INFO fine\n2026-04-01T00:00:06Z ERROR boom\n")

    found = rows(aws, "logs", Interval.day("2026-04-01"), files=[f"{root}/logs"], resource_id="web")

    assert {row["metric"]: row["value"] for row in found} == {"log_lines": 2.0, "error_rate": 50.0}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(settings_module.load({}, home=tmp_path / "home", lake=str(tmp_path / "lake")))


def ingest(lake: Lake, aws: AwsServer, place: str, interval: Interval = ALL) -> list[tuple[str, int]]:
    """Days and number of objects in bronze after landing a bill."""
    options = {"sources": {"billing": {"path": place, "endpoint_url": aws.url, "attempts": 1}}}
    settings = lake.settings.model_copy(update={"options": options})
    land(interval, lake, settings, target="billing")
    files = lake.storage.list_files(f"{lake.storage.root}/bronze/focus_line")
    days = [file.rsplit("/", 2)[1].removeprefix("day=") for file in files]
    return sorted((day, days.count(day)) for day in set(days))


def charged(lake: Lake) -> dict[str, float]:
    build_cost(lake.settings, ALL)
    found = open_lake(lake.settings).query("SELECT ts AS ts, sum(billed_cost) AS usd FROM silver.cost_daily GROUP BY ts")
    return {f"{row['ts']:%Y-%m-%d}": float(row["usd"]) for row in found.to_pylist()}


def test_each_month_of_a_folder_is_one_execution_and_only_months_that_changed_land_again(
    aws: AwsServer, put: Any, lake: Lake
) -> None:
    put("d/BILLING_PERIOD=2026-04/export-00001.csv.gz", bill(("2026-04-01", 1), ("2026-04-02", 2)))
    root = put("d/BILLING_PERIOD=2026-04/export-00002.csv.gz", bill(("2026-04-01", 10), ("2026-04-01", 10)))

    assert ingest(lake, aws, f"{root}/d/") == [("2026-04-01", 1)]
    assert ingest(lake, aws, f"{root}/d/") == [("2026-04-01", 1)], "unchanged objects land nothing new"
    assert charged(lake) == {"2026-04-01": 21, "2026-04-02": 2}

    put("d/BILLING_PERIOD=2026-05/export-00001.csv.gz", bill(("2026-05-01", 5)))
    assert ingest(lake, aws, f"{root}/d/") == [("2026-04-01", 1), ("2026-05-01", 1)]
    put("d/BILLING_PERIOD=2026-04/export-00001.csv.gz", bill(("2026-04-01", 1), ("2026-04-02", 3), ("2026-04-02", 1)))
    assert ingest(lake, aws, f"{root}/d/") == [("2026-04-01", 2), ("2026-05-01", 1)]
    assert charged(lake) == {"2026-04-01": 21, "2026-04-02": 4, "2026-05-01": 5}
    place = f"{root}/d/BILLING_PERIOD=%Y-%m"
    assert billing.span(billing.Options(path=place, endpoint_url=aws.url)) == Interval.days("2026-04-01", "2026-05-02")


def test_an_export_in_s3_is_what_its_manifest_names(aws: AwsServer, put: Any, lake: Lake) -> None:
    month = "x/export/data/BILLING_PERIOD=2026-04"
    put(f"{month}/export-00001.csv.gz", bill(("2026-04-01", 1)))
    put(f"{month}/export-00002.csv.gz", bill(("2026-04-01", 99)))
    said = {"executionId": "e-1", "dataFiles": [f"s3://elsewhere/{month}/export-00001.csv.gz"]}
    root = put("x/export/metadata/BILLING_PERIOD=2026-04/export-Manifest.json", json.dumps(said))

    assert ingest(lake, aws, f"{root}/x/export/") == [("2026-04-01", 1)]
    assert charged(lake) == {"2026-04-01": 1}
    said["dataFiles"].append(f"s3://elsewhere/{month}/export-00003.csv.gz")
    put("x/export/metadata/BILLING_PERIOD=2026-04/export-Manifest.json", json.dumps(said))
    with pytest.raises(DataError, match=r"x/export 2026-04: its manifest \S+ names \S+export-00003\.csv\.gz, which is not there"):
        ingest(lake, aws, f"{root}/x/export/")


def test_two_executions_side_by_side_are_refused_and_two_payers_are_not(aws: AwsServer, put: Any) -> None:
    put("d/run-1/a.csv", bill(("2026-04-01", 1)))
    root = put("d/run-2/a.csv", bill(("2026-04-01", 1), payer="2"))
    assert len(rows(aws, "billing", path=f"{root}/d/")) == 2

    put("d/run-2/a.csv", bill(("2026-04-01", 1.5)))
    with pytest.raises(DataError, match=r"run-1 and .*run-2 both have 2026-04 of account 1: two executions"):
        rows(aws, "billing", path=f"{root}/d/")
    assert [row["charge_start"] for row in rows(aws, "billing", path=f"{root}/d/run-2")] == [datetime(2026, 4, 1)]


def test_an_export_that_is_replaced_while_it_is_read_lands_nothing(
    aws: AwsServer, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("d/a.csv", bill(("2026-04-01", 1)))
    root = put("d/b.csv", bill(("2026-04-02", 1)))
    parsed = billing.lines_of

    def replaced_meanwhile(*asked: Any) -> Any:
        put("d/a.csv", bill(("2026-04-01", 1), ("2026-04-01", 7)))
        return parsed(*asked)

    monkeypatch.setattr(billing, "lines_of", replaced_meanwhile)
    with pytest.raises(SourceError, match="was replaced while it was read; nothing is landed"):
        rows(aws, "billing", path=f"{root}/d/")


def test_a_refusal_of_s3_names_the_action_to_allow(aws: AwsServer) -> None:
    aws.fault = lambda call: Refusal(403, "AccessDenied") if call.operation == "ListObjectsV2" else None
    try:
        with pytest.raises(ConfigError, match=r"csv: s3:ListBucket in us-east-1 .*access denied; allow the action s3:ListBucket"):
            rows(aws, "csv", path=f"s3://{BUCKET}/m.csv", unit="percent")
    finally:
        aws.fault = lambda _call: None
