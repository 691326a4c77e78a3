"""Real data shipped with the project: CloudWatch metrics, daily cost and two billing exports. Licences: NOTICE.

**Replay.** The metrics were recorded in 2013 and 2014 and the daily cost in 2017–2019. They are moved by whole weeks,
so that weekday and hour stay, and together look like one estate in April 2026; `samples/manifest.csv` states the shift
of each file. Values are untouched. The billing exports stay at their own dates (FOCUS September 2024, CUR 2.0 April
2026).

**Assumed.** The publisher of the metrics named neither accounts nor instance types. `samples/inventory.csv` assumes
both; such a resource carries the tag `instance_type_assumed=true`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from pipeline.interval import Interval
from pipeline.reading.sheet import read_sheet
from pipeline.sources import _bronze
from pipeline.sources._batch import Batch
from pipeline.sources._bill_exports import Execution
from pipeline.sources._bill_formats import CUR, FOCUS, detect
from pipeline.sources._bill_lines import as_lines, lines_of, schema_hash
from pipeline.sources._files import File

NAME = "samples"
TABLES = ("bronze.metric_sample", "bronze.resource_snapshot", FOCUS, CUR)
FOLDER = Path(__file__).resolve().parent.parent / "samples"

EXPORTS = {"focus_1_0_sample_1000.csv.gz": FOCUS, "cur2_daily_real_2026-04.csv.gz": CUR}
# The shift of the daily cost: it ends on Friday 2019-04-26, and on Friday 2026-04-17 when replayed.
COST_SHIFT_WEEKS = 364
COST_ACCOUNT = "binder"
COST_REGION = "global"


class Options(BaseModel):
    """Nothing to choose: the samples are what they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:  # noqa: ARG001 every source has options
    """The samples of the interval: metric samples, a snapshot of each resource per day, and billing lines."""
    yield from _bronze.batch("bronze.metric_sample", "metrics", _bronze.within(metric_samples(), interval))
    yield from _bronze.batch("bronze.resource_snapshot", "inventory", _bronze.within(resource_snapshots(), interval))
    months = interval.billing_periods()
    for file, table in EXPORTS.items():
        yield from _bronze.batch(table, file, _bronze.within(billing_lines(file), months, "billing_period"))
    yield from _bronze.batch(FOCUS, "cloud_cost.csv", _bronze.within(cost_lines(), months, "billing_period"))


@lru_cache(maxsize=1)
def metric_samples() -> pa.Table:
    """All CloudWatch samples, replayed, as `bronze.metric_sample`."""
    return _bronze.ordered(pa.concat_tables([_samples_of(entry) for entry in _manifest()]), ("ts", "resource_id", "metric"))


@lru_cache(maxsize=1)
def resource_snapshots() -> pa.Table:
    """One row per resource and day from its first sample to its last, as `bronze.resource_snapshot`."""
    inventory = pd.read_csv(FOLDER / "inventory.csv", dtype="string")
    samples = metric_samples().select(["resource_id", "ts"]).to_pandas()
    life = _lives(samples)
    snapshots = inventory.merge(life, on="resource_id", how="inner", validate="1:m")
    tags = [
        _tags(environment=environment, instance_type_assumed=assumed)
        for environment, assumed in zip(snapshots["environment"], snapshots["instance_type_assumed"], strict=True)
    ]
    return _bronze.ordered(
        _bronze.rows(
            "bronze.resource_snapshot",
            {
                "source": NAME,
                "account": snapshots["account"],
                "region": snapshots["region"],
                "resource_id": snapshots["resource_id"],
                "ts": snapshots["day"],
                "service": snapshots["service"],
                "instance_type": snapshots["instance_type"],
                "state": snapshots["state"],
                "tags_json": tags,
            },
        ),
        ("ts", "resource_id"),
    )


@lru_cache(maxsize=2)
def billing_lines(file: str) -> pa.Table:
    """One shipped billing export as lines of bronze, of which the declared columns are landed."""
    path = FOLDER / "billing" / file
    sheet = read_sheet(str(path), lambda: path.open("rb"))
    execution = Execution(file, (File(file, ("", 0)),))
    return _declared(EXPORTS[file], lines_of(sheet, detect(file, sheet.data.column_names), execution, NAME, 1))


@lru_cache(maxsize=1)
def cost_lines() -> pa.Table:
    """The daily cost per category as lines of format `daily_cost`, numbered as in the file, in the columns of FOCUS."""
    cost = _daily_cost()
    days = pa.array([f"{day:%Y-%m-%dT00:00:00Z}" for day in cost["ts"]])
    months = cost["ts"].dt.to_period("M").dt.start_time
    usd = pa.array(cost["cost_usd"].tolist())
    said = {
        "source": NAME,
        "format": "daily_cost",
        "export": "cloud_cost.csv",
        "execution": "cloud_cost.csv",
        "files": 1,
        "schema_hash": schema_hash(("day", "service", "cost_usd")),
        "billing_period": pa.array(months.astype("datetime64[us]")),
        "line_number": pa.array(range(1, len(cost) + 1)),
        "charge_start": pa.array(cost["ts"]),
        "provider_name": "other",
        "billing_account_id": COST_ACCOUNT,
        "sub_account_id": COST_ACCOUNT,
        "service_name": pa.array(cost["service"].tolist()),
        "charge_category": "Usage",
        "billing_currency": "USD",
        "billing_period_start": pa.array([f"{month:%Y-%m-%dT00:00:00Z}" for month in months]),
        "charge_period_start": days,
        **dict.fromkeys(("billed_cost", "effective_cost", "list_cost", "contracted_cost"), usd),
    }
    return _declared(FOCUS, as_lines(FOCUS, said, len(cost)))


def _declared(table: str, lines: pa.Table) -> pa.Table:
    schema = _bronze.schema(table)
    return lines.select(schema.names).cast(schema)


def _daily_cost() -> pd.DataFrame:
    """`ts` (midnight, replayed), `service`, `cost_usd` (text as published), ordered by day and service."""
    cost = pd.read_csv(FOLDER / "cloud_cost.csv", dtype="string")
    shift = pd.Timedelta(weeks=COST_SHIFT_WEEKS)
    return cost.assign(ts=pd.to_datetime(cost["day"], format="%Y-%m-%d").astype("datetime64[us]") + shift)


def _manifest() -> list[dict[str, str]]:
    records = pd.read_csv(FOLDER / "manifest.csv", dtype=str).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


def _samples_of(entry: dict[str, str]) -> pa.Table:
    recorded = pd.read_csv(FOLDER / entry["file"], parse_dates=["timestamp"], float_precision="round_trip")
    return _bronze.rows(
        "bronze.metric_sample",
        {
            "source": NAME,
            **{name: entry[name] for name in ("account", "region", "resource_id", "metric", "statistic", "unit")},
            "period_s": int(entry["period_s"]),
            "ts": recorded["timestamp"].astype("datetime64[us]") + pd.Timedelta(weeks=int(entry["shift_weeks"])),
            "value": recorded["value"],
        },
    )


def _lives(samples: pd.DataFrame) -> pd.DataFrame:
    """One row per `resource_id` and `day` (midnight) from its first sample to its last."""
    span = samples.groupby("resource_id")["ts"].agg(["min", "max"])
    days = [
        pd.DataFrame({"resource_id": resource, "day": pd.date_range(first.normalize(), last.normalize(), freq="D", unit="us")})
        for resource, first, last in span.itertuples()
    ]
    return pd.concat(days, ignore_index=True)


def _tags(**tags: str) -> str:
    return json.dumps({name: value for name, value in tags.items() if not pd.isna(value)}, sort_keys=True)
