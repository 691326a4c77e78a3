"""An inventory from a file: what its columns mean, and what is refused."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline.errors import DataError, SourceError
from pipeline.interval import Interval
from pipeline.sources import csv, inventory_file
from pipeline.sources.inventory_file import Options

DAY = Interval.day("2026-03-01")
INSTANCE = {
    "InstanceId": "i-1",
    "InstanceType": "m5.large",
    "State": {"Name": "stopped"},
    "LaunchTime": "2025-06-01T12:00:00+02:00",
    "Placement": {"AvailabilityZone": "us-west-2-lax-1a"},
    "Tags": [{"Key": "team", "Value": "shop"}],
}


def landed(path: Path, **options: Any) -> list[dict[str, Any]]:
    """What the source hands over for one day, with its tags read."""
    batches = list(inventory_file.fetch(DAY, Options(path=path, **options)))
    return [row | {"tags_json": json.loads(row["tags_json"])} for batch in batches for row in batch.data.to_pylist()]


def write(folder: Path, text: str, name: str = "i.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_columns_that_mean_nothing_here_are_tags_and_empty_cells_are_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, "resource_id,instance_type,region,app_name,Cost Center\ni-1,m5.large,us-east-1,shop,\ni-2,,,,42\n")

    first, second = landed(file, account="1")

    assert second == {
        "source": "inventory_file", "account": "1", "region": "us-east-1", "resource_id": "i-1", "ts": DAY.start,
        "service": "ec2", "instance_type": "m5.large", "state": "running", "launched_at": None, "tags_json": {"app_name": "shop"},
    }  # fmt: skip
    assert (first["region"], first["instance_type"], first["tags_json"]) == ("local", None, {"Cost Center": "42"})


def test_a_listing_that_ends_with_the_token_of_a_next_page_is_cut_and_lands_nothing(tmp_path: Path) -> None:
    page = {"Reservations": [{"OwnerId": "1", "Instances": [INSTANCE]}], "NextToken": "more"}
    file = write(tmp_path, json.dumps(page), "i.json")

    with pytest.raises(DataError, match=r"i\.json: 1/\S* ends with the NextToken of a page that is not there"):
        landed(file)
    elsewhere = INSTANCE | {"InstanceId": "i-9", "Placement": {"AvailabilityZone": "eu-west-1a"}}
    whole = write(tmp_path, json.dumps({"Reservations": [{"OwnerId": "1", "Instances": [elsewhere]}]}), "k.json")
    with pytest.raises(DataError, match="NextToken"):
        landed(tmp_path)
    whole.unlink()
    write(tmp_path, json.dumps({"Reservations": [{"OwnerId": "1", "Instances": [INSTANCE | {"InstanceId": "i-2"}]}]}), "j.json")
    assert [row["resource_id"] for row in landed(tmp_path)] == ["i-1", "i-2"], "all pages of a folder are one inventory"


def test_a_file_that_is_replaced_while_it_is_read_lands_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "resource_id\ni-1\ni-2\n")
    reads = inventory_file._files.read

    def read_and_replace(*asked: Any) -> Any:
        sheet = reads(*asked)
        file.write_text("resource_id\ni-1\n")
        return sheet

    monkeypatch.setattr(inventory_file._files, "read", read_and_replace)

    with pytest.raises(SourceError, match="was replaced while it was read; nothing is landed"):
        landed(file)


def test_names_that_consoles_give_to_columns_are_known(tmp_path: Path) -> None:
    file = write(
        tmp_path, "Name,Instance ID,Instance state,Instance type,Launch time\nweb,i-1,stopped,c5.large,2025-01-02T03:04Z\n"
    )

    [row] = landed(file)

    assert (row["resource_id"], row["state"], row["instance_type"]) == ("i-1", "stopped", "c5.large")
    assert (row["launched_at"], row["tags_json"]) == (datetime(2025, 1, 2, 3, 4), {"Name": "web"})


def test_tags_may_stand_in_one_column_and_a_launch_may_be_unknown(tmp_path: Path) -> None:
    file = write(tmp_path, 'resource_id,launched_at,tags\ni-1,,"{""team"": ""a"", ""spot"": true}"\ni-2,2025-01-01,\n')

    first, second = landed(file)

    assert (first["launched_at"], first["tags_json"]) == (None, {"team": "a", "spot": "true"})
    assert (second["launched_at"], second["tags_json"]) == (datetime(2025, 1, 1), {})


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    table = pa.table({"resource_id": ["i-1", "i-2"], "launched_at": [datetime(2025, 1, 1), None], "vcpus": [2, None]})
    pa.parquet.write_table(table, tmp_path / "i.parquet")

    rows = landed(tmp_path / "i.parquet")

    assert [row["launched_at"] for row in rows] == [datetime(2025, 1, 1), None]
    assert [row["tags_json"] for row in rows] == [{"vcpus": "2"}, {}]


@pytest.mark.parametrize(
    ("said", "account"),
    [
        pytest.param({"Reservations": [{"OwnerId": "111111111111", "Instances": [INSTANCE]}]}, "111111111111", id="whole"),
        pytest.param([[INSTANCE]], "local", id="--query Reservations[].Instances"),
        pytest.param([INSTANCE], "local", id="--query Reservations[].Instances[]"),
        pytest.param([{"Reservations": [{"Instances": [INSTANCE]}]}], "local", id="pages put together"),
    ],
)
def test_what_describe_instances_prints_is_read(tmp_path: Path, said: Any, account: str) -> None:
    [row] = landed(write(tmp_path, json.dumps(said), "i.json"))

    assert (row["account"], row["region"], row["resource_id"]) == (account, "us-west-2", "i-1")
    assert (row["state"], row["launched_at"]) == ("stopped", datetime(2025, 6, 1, 10))
    assert row["tags_json"] == {"team": "shop", "headroom:availability_zone": "us-west-2-lax-1a"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("host,instance_type\nweb,m5.large\n", r"no column 'resource_id'; the file has \['host', 'instance_type'\]"),
        ("resource_id,instance_id\ni-1,i-1\n", "columns 'resource_id' and 'instance_id' both state the resource_id"),
        ("resource_id,region\ni-1,a\ni-1,a\n", "resource 2: local/a/i-1 is listed twice"),
        ("resource_id\n=cmd()\n", r"resource 1: expected a plain name.*, got '=cmd\(\)'"),
        ("resource_id,tags\ni-1,team=a\n", "expected a JSON object, got 'team=a'"),
        ("resource_id\n", "no resources"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        landed(write(tmp_path, text))


@pytest.mark.parametrize("text", ["{", '{"Volumes": []}', '[{"InstanceId": "i-1"}]', "[1]"])
def test_json_that_is_something_else_is_told_what_was_expected(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"not JSON|describe-instances"):
        landed(write(tmp_path, text, "i.json"))


def test_a_file_that_is_not_there_is_a_source_that_is_down(tmp_path: Path) -> None:
    for name in ("no.json", "no.csv"):
        with pytest.raises(SourceError, match=name):
            landed(tmp_path / name)


def test_metrics_that_do_not_say_where_are_where_the_inventory_says(tmp_path: Path) -> None:
    inventory = write(tmp_path, "resource_id,account,region\ni-1,1,us-east-1\ni-9,1,us-east-1\n")
    metrics = write(tmp_path, "resource_id,metric,ts,value\ni-1,cpu_utilization,2026-03-01T00:00,1\n"
                    "i-2,cpu_utilization,2026-03-01T00:00,2\n", "m.csv")  # fmt: skip

    [batch] = csv.fetch(DAY, csv.Options(path=metrics, unit="percent", period_s=3600, inventory=inventory))

    places = [(row["account"], row["region"], row["resource_id"]) for row in batch.data.to_pylist()]
    assert places == [("1", "us-east-1", "i-1"), ("local", "local", "i-2")]


def test_metrics_that_say_where_stay_there(tmp_path: Path) -> None:
    inventory = write(tmp_path, "resource_id,region\ni-1,us-east-1\n")
    metrics = write(tmp_path, "resource_id,region,metric,ts,value\ni-1,eu-west-1,cpu_utilization,2026-03-01T00:00,1\n", "m.csv")

    [batch] = csv.fetch(DAY, csv.Options(path=metrics, unit="percent", period_s=3600, inventory=inventory))

    assert batch.data["region"].to_pylist() == ["eu-west-1"]


def test_an_id_in_two_regions_must_be_told_apart_by_the_metrics(tmp_path: Path) -> None:
    inventory = write(tmp_path, "resource_id,region\ni-1,us-east-1\ni-1,eu-west-1\n")
    metrics = write(tmp_path, "resource_id,metric,ts,value\ni-1,cpu_utilization,2026-03-01T00:00,1\n", "m.csv")

    with pytest.raises(DataError, match="i-1 is in local/us-east-1 and local/eu-west-1"):
        list(csv.fetch(DAY, csv.Options(path=metrics, unit="percent", period_s=3600, inventory=inventory)))
