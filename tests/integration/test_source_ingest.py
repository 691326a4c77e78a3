"""The sources that ask servers, through the step that lands what they say."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import plugs, tables
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings, load
from pipeline.sources import _http
from pipeline.steps.ingest import ingest
from tests.support.source_servers import Reply, Request, json_reply, moto_server, serve

pytestmark = [pytest.mark.server]

TODAY = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
DAY = Interval(TODAY - timedelta(days=1), TODAY)
NOON = DAY.start + timedelta(hours=12)
STAMPED = ("load_id", "ingested_at", "sequence", "made_safe")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(_http, "pause", lambda *_: None)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    import boto3

    with moto_server() as url:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "endpoint_url": url}
        boto3.client("cloudwatch", "us-east-1", **keys).put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                    "Timestamp": NOON.replace(tzinfo=UTC),
                    "Value": 20.0,
                }
            ],
        )
        boto3.client("ec2", "us-east-1", **keys).create_volume(AvailabilityZone="us-east-1a", Size=1)
        yield url


def price_files(request: Request) -> Reply:
    version = f"{NOON:%Y%m%d%H%M%S}"
    if request.path.endswith("region_index.json"):
        path = f"/offers/v1.0/aws/AmazonVPC/{version}/us-east-1/index.json"
        return json_reply({"regions": {"us-east-1": {"currentVersionUrl": path}}})
    text = io.StringIO()
    csv.writer(text).writerows(
        [
            ["Publication Date", f"{NOON.isoformat()}Z"],
            ["SKU", "TermType", "Unit", "PricePerUnit", "usageType", "operation"],
            ["S", "OnDemand", "Hrs", "0.005", "PublicIPv4:IdleAddress", ""],
        ]
    )
    return Reply(200, text.getvalue().encode())


def matrix(_: Request) -> Reply:
    end = int(NOON.replace(tzinfo=UTC).timestamp())
    result = [{"metric": {"instance": "web-1:9100"}, "values": [[end, "20"]]}]
    return json_reply({"status": "success", "data": {"resultType": "matrix", "result": result}})


def samples(_: Request) -> Reply:
    return json_reply([{"ts": NOON.isoformat(), "value": 20, "host": "web-1"}])


CASES: dict[str, tuple[str, Callable[[Request], Reply] | None, dict[str, Any]]] = {
    "cloudwatch": ("bronze.metric_sample", None, {"endpoint_url": "SERVER", "services": ["ec2"]}),
    "inventory": ("bronze.resource_snapshot", None, {"endpoint_url": "SERVER", "services": ["ebs"]}),
    "pricing": ("bronze.price", price_files, {"files_url": "SERVER", "offers": ["AmazonVPC"]}),
    "prometheus": ("bronze.metric_sample", matrix, {"url": "SERVER"}),
    "http_json": (
        "bronze.metric_sample",
        samples,
        {"url": "SERVER", "resource_path": "host", "metric": "sessions", "unit": "count", "period_s": 3600},
    ),
    "logs": ("bronze.metric_sample", None, {"files": ["FOLDER/a.log"], "resource_id": "web-1"}),
}


def test_every_source_that_asks_a_server_is_here() -> None:
    asking = {"samples", "prices", "fleet", "csv", "billing", "inventory_file", "synthetic_bill", "alibaba_v2018", "trace"}
    assert set(CASES) == set(plugs.names("sources")) - asking


@pytest.mark.parametrize("name", CASES)
def test_what_a_source_says_is_landed_once_in_the_layout_of_its_table(
    name: str, aws: str, tmp_path: Path, lake: Lake, settings: Settings
) -> None:
    table_name, answer, given = CASES[name]
    table = tables.get(table_name)
    (tmp_path / "a.log").write_text(f"{NOON.isoformat()}Z ERROR boom\n")

    with serve(answer or (lambda _: Reply(404))) as served:
        places = {"SERVER": served.url if answer else aws, "FOLDER": str(tmp_path)}

        def placed(value: Any) -> Any:
            if isinstance(value, list):
                return [placed(one) for one in value]
            for word, place in places.items():
                value = value.replace(word, place) if isinstance(value, str) else value
            return value

        options = {name: {option: placed(value) for option, value in given.items()}}
        configured = load({}, home=settings.home, options={"sources": options})
        rows = ingest(DAY, lake, configured, target=name)
        files = lake.bronze_files(table)
        again = ingest(DAY, lake, configured, target=name)

    landed = lake.read(table)
    assert rows == again == landed.num_rows > 0
    assert lake.bronze_files(table) == files
    assert set(landed["source"].to_pylist()) == {name}
    assert all(DAY.start <= ts < DAY.end for ts in landed[table.time].to_pylist())
    assert [column.name for column in table.columns if not column.nullable and landed[column.name].null_count] == []
