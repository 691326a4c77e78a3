"""The shipped real data: complete, moved by whole weeks, nothing else changed; and the price list."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from datetime import datetime, timedelta

import pandas as pd
import pytest

from pipeline.interval import Interval
from pipeline.sources import prices, samples

# SHA-256 of the published files before compression.
PUBLISHED = {
    "ec2_cpu_utilization_24ae8d": "ab446fbd8b9f37507eb2fdb06315826d8daeef02e241133ce06e0ee571ba53d9",
    "ec2_cpu_utilization_5f5533": "01613e6f632d067f11a5dfd40a188b0789752b388d9bc77a398bd06333878a76",
    "ec2_cpu_utilization_ac20cd": "749a15c2e1a4543c21fee9cbf3338cd8a7ed5f5f8a1308b9b099b06c2c66e66b",
    "ec2_cpu_utilization_c6585a": "d936cea74682ed43ac96b778352d7de294c0b0c168f4a7e6817162346cdb28c1",
    "ec2_disk_write_bytes_c0d644": "a0e734a66098bb81833835f0839dadafbc8ae829c51494670ee8849e46eb5b63",
    "ec2_network_in_257a54": "39104b08f2e0a673b5137eb7681897fcadf0955fedf565740a6a94edc63a81a4",
    "elb_request_count_8c0756": "74c26574a01ca9fb89dddb5021e2e13c3a93eb25dc640438a9acb1ceb00f1021",
    "iio_us-east-1_i-a2eb1cd9_NetworkIn": "f115fbe6542159eed5612445bfa620708a28ab6b41349d1432bb15c3a3b8414d",
    "rds_cpu_utilization_cc0c53": "d5df979ef85928769a016cd0f935919d8c2a113926e21e1eb3a5001d688760e2",
}


def manifest() -> list[dict[str, str]]:
    with (samples.FOLDER / "manifest.csv").open() as lines:
        return list(csv.DictReader(lines))


def test_the_cloudwatch_files_are_those_published() -> None:
    shipped = {entry["file"].removeprefix("cloudwatch/").removesuffix(".csv.gz"): entry["file"] for entry in manifest()}
    digests = {
        name: hashlib.sha256(gzip.decompress((samples.FOLDER / file).read_bytes())).hexdigest() for name, file in shipped.items()
    }
    assert digests == PUBLISHED


@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["resource_id"])
def test_a_series_is_replayed_with_its_values_weekdays_and_hours(entry: dict[str, str]) -> None:
    recorded = pd.read_csv(samples.FOLDER / entry["file"], parse_dates=["timestamp"], float_precision="round_trip")
    landed = samples.metric_samples().to_pandas()
    landed = landed[landed["resource_id"] == entry["resource_id"]]
    assert landed["value"].tolist() == recorded["value"].tolist()
    shift = landed["ts"].reset_index(drop=True) - recorded["timestamp"]
    assert set(shift) == {pd.Timedelta(weeks=int(entry["shift_weeks"]))}
    assert landed["ts"].min() >= pd.Timestamp("2026-04-01")
    assert landed["ts"].max() < pd.Timestamp("2026-04-18")


def test_metrics_carry_cloudwatchs_own_names_and_units() -> None:
    landed = samples.metric_samples().to_pandas()
    named = landed.groupby("metric")[["unit", "statistic", "period_s"]].first().to_dict("index")
    assert named == {
        "CPUUtilization": {"unit": "Percent", "statistic": "Average", "period_s": 300},
        "DiskWriteBytes": {"unit": "Bytes", "statistic": "Average", "period_s": 300},
        "NetworkIn": {"unit": "Bytes", "statistic": "Average", "period_s": 300},
        "RequestCount": {"unit": "Count", "statistic": "Sum", "period_s": 300},
    }


def test_every_resource_with_metrics_is_in_the_inventory_on_each_day_it_has_data() -> None:
    metrics = samples.metric_samples().to_pandas()
    snapshots = samples.resource_snapshots().to_pandas()
    measured = set(zip(metrics["resource_id"], metrics["ts"].dt.floor("D"), strict=True))
    assert measured == set(zip(snapshots["resource_id"], snapshots["ts"], strict=True))
    assert not snapshots.duplicated(["resource_id", "ts"]).any()


def test_an_instance_type_that_was_not_published_says_that_it_is_assumed() -> None:
    for row in samples.resource_snapshots().to_pylist():
        assumed = json.loads(row["tags_json"]).get("instance_type_assumed")
        assert assumed == ("true" if row["instance_type"] else None)


def test_every_assumed_instance_type_has_a_price() -> None:
    types = {row["instance_type"] for row in samples.resource_snapshots().to_pylist()} - {None}
    known = prices.price_list().to_pandas()
    assert types <= set(known.loc[known["unit"] == "hour", "item"])


def test_the_daily_cost_ends_on_friday_17_april_2026_as_it_ended_on_a_friday() -> None:
    lines = samples.cost_lines().to_pandas()
    assert lines["charge_start"].max() == pd.Timestamp("2026-04-17")
    assert lines["charge_start"].max().day_name() == (pd.Timestamp("2026-04-17") - timedelta(weeks=364)).day_name() == "Friday"
    assert len(lines) == 1914


def test_daily_cost_lines_add_up_to_the_published_file() -> None:
    published = pd.read_csv(samples.FOLDER / "cloud_cost.csv")
    assert sum(map(float, samples.cost_lines()["billed_cost"].to_pylist())) == pytest.approx(published["cost_usd"].sum())


def test_a_price_as_of_a_day_is_the_latest_seen_before_it() -> None:
    known = prices.price_list().to_pandas()
    p5 = known[known["item"] == "p5.48xlarge"]
    assert p5["ts"].dt.strftime("%Y-%m-%d").tolist() == ["2023-09-18", "2025-06-23"]
    assert p5["price_usd"].tolist() == [98.32, 55.04]


def test_the_price_list_holds_every_current_type_with_its_specification() -> None:
    known = prices.price_list().to_pandas()
    m5 = known[known["item"] == "m5.xlarge"].iloc[0]
    assert (m5["price_usd"], m5["vcpu"], m5["memory_gib"], m5["arch"], m5["instance_family"]) == (0.192, 4, 16, "x86_64", "m5")
    assert (m5["network_mbps"], m5["ebs_mbps"], m5["hypervisor"], m5["burstable"]) == (1250, 1150, "nitro", False)
    assert known.loc[known["service"] == "ec2", "item"].nunique() == 1367
    assert known.loc[known["vcpu"].notna(), "item"].nunique() == 1340


def test_no_price_of_one_item_is_listed_twice_for_a_day() -> None:
    known = prices.price_list().to_pandas()
    assert not known.duplicated(["service", "region", "item", "unit", "ts"]).any()
    assert (known["price_usd"] > 0).all()


def test_a_day_without_a_price_change_has_no_prices() -> None:
    assert list(prices.fetch(Interval.day("2026-04-15"))) == []
    [batch] = prices.fetch(Interval.day("2026-07-20"))
    assert set(batch.data["ts"].to_pylist()) == {datetime.fromisoformat("2026-07-20")}
