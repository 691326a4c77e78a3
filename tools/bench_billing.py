"""`make bench-billing`: a month of ten million lines, from a Parquet Data Export of 40 files to cost by team, to the last digit.

python -m tools.bench_billing [--lines 1000000,10000000]. Each bill is FOCUS 1.0 as AWS writes it: hourly lines of machines,
volumes, databases and functions, once a month support and tax, with a manifest. It is written file by file and never lies in
memory whole. Each step runs in a process of its own, whose CPU seconds and peak memory are shown beside the bars; at the end
lines and money of every table are held to what was written. Figures; the command fails where the money is not the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LINES, FILES, HOURS = (1_000_000, 10_000_000), 40, 744
MONTH, BEGINS, ENDS = "2026-03", datetime(2026, 3, 1), datetime(2026, 4, 1)
#: CPU seconds and MiB of landing, silver and allocation of ten million lines; seconds of the same export again.
CPU_S, PEAK_MIB, AGAIN_S = 180, 2048, 5
#: What is built from the lines: each reads all of them, but for the allocation, which reads charges by the day.
BUILT = ("silver.bill", "silver.charge_daily", "silver.tag_set", "silver.quarantine", "gold.cost_allocation")
AGAIN = "the same export again"
#: What the bars are about.
BARRED = ("land", *BUILT)
#: Of a dollar: the digits that an export has.
DIGITS = 10
TEAMS, APPS, ACCOUNTS, SHARED = 12, 60, 20, 2
KINDS = (
    ("AmazonEC2", "Amazon Elastic Compute Cloud", "Compute", "BoxUsage:m5.large", "Hours", 960_000_000),
    ("AmazonEC2", "Amazon Elastic Compute Cloud", "Compute", "EBS:VolumeUsage.gp3", "GB-Mo", 11_000_000),
    ("AmazonRDS", "Amazon Relational Database Service", "Databases", "InstanceUsage:db.m5.large", "Hours", 1_780_000_000),
    ("AWSLambda", "AWS Lambda", "Compute", "Lambda-GB-Second", "Second", 33_000_000),
    ("AmazonS3", "Amazon Simple Storage Service", "Storage", "TimedStorage-ByteHrs", "GB-Mo", 7_000_000),
)
console = Console(width=120)


@dataclass(frozen=True)
class Streams:
    """What is charged by the hour.

    Attributes:
        words: of each column that does not change by the hour, the values and which of them each stream has.
        price: of an hour, in 1e-10 dollars, (S,).
        tags: by stream, as the export has them.
    """

    words: dict[str, tuple[list[str], np.ndarray[Any, np.dtype[np.int32]]]]
    price: np.ndarray[Any, np.dtype[np.int64]]
    tags: pa.Array


def draw_streams(count: int, seed: int = 1) -> Streams:
    """An estate of so many: one in ten has no tags, three in four of the others a team."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(KINDS), count).astype("int32")
    account, place = rng.integers(0, ACCOUNTS, count).astype("int32"), rng.integers(0, 3, count).astype("int32")
    accounts, each = [f"{100_000_000_000 + number}" for number in range(ACCOUNTS)], np.arange(count, dtype="int32")
    regions = ["us-east-1", "eu-west-1", "ap-southeast-2"]
    resources = [
        f"arn:aws:{KINDS[k][0].lower()}:{regions[p]}:{accounts[a]}:thing/{number:08x}"
        for number, (k, p, a) in enumerate(zip(kind, place, account, strict=True))
    ]
    words = {
        "SubAccountId": (accounts, account),
        "SubAccountName": ([f"account {number}" for number in range(ACCOUNTS)], account),
        "RegionId": (regions, place),
        "RegionName": (regions, place),
        "AvailabilityZone": ([f"{region}a" for region in regions], place),
        "ResourceId": (resources, each),
        **{
            name: ([str(row[column]) for row in KINDS], kind)
            for name, column in {
                "x_ServiceCode": 0,
                "ServiceName": 1,
                "ServiceCategory": 2,
                "x_UsageType": 3,
                "SkuId": 3,
                "SkuPriceId": 3,
                "ChargeDescription": 3,
                "x_Operation": 0,
                "ResourceType": 0,
                "ConsumedUnit": 4,
                "PricingUnit": 4,
            }.items()
        },
    }
    app, odd = rng.integers(0, APPS, count), rng.random(count)
    tags = [
        []
        if odd[n] < 0.1
        else [("user:app", f"app-{app[n]}"), *([("user:team", f"team-{app[n] % TEAMS}")] if odd[n] < 0.775 else [])]
        for n in range(count)
    ]
    price = np.array([row[5] for row in KINDS], dtype=np.int64)[kind] * rng.integers(50, 200, count) // 100
    return Streams(words, price, pa.array(tags, pa.map_(pa.string(), pa.string())))


def write_export(folder: Path, lines: int, files: int = FILES) -> dict[str, Any]:
    """The export of a month, and what its lines come to: lines, billed and effective cost in dollars."""
    hourly = lines - SHARED
    streams = draw_streams(-(-hourly // HOURS))
    data, names, said, billed = folder / "data" / f"BILLING_PERIOD={MONTH}", [], 0, 0
    data.mkdir(parents=True)
    for number, (first, last) in enumerate(_spans(hourly, files)):
        rows = hourly_lines(streams, first, last)
        cost = int(_cost(streams, np.arange(first, last)).sum())
        if number == files - 1:
            rows = pa.concat_tables([_plain(rows), _monthly(_plain(rows.slice(0, SHARED)), billed + cost)])
            cost += sum(_monthly_cost(billed + cost))
        names.append(f"focus-{number:05d}.snappy.parquet")
        pq.write_table(rows, data / names[-1], compression="snappy", store_schema=False)
        said, billed = said + len(rows), billed + cost
    manifest = folder / "metadata" / f"BILLING_PERIOD={MONTH}" / "focus-Manifest.json"
    manifest.parent.mkdir(parents=True)
    keys = [f"s3://bucket/focus/data/BILLING_PERIOD={MONTH}/{name}" for name in names]
    columns = [{"name": name, "type": "string"} for name in pq.read_schema(data / names[0]).names]
    manifest.write_text(json.dumps({"executionId": "one", "columns": columns, "dataFiles": keys}))
    return {"lines": said, "billed_cost": f"{Decimal(billed).scaleb(-DIGITS)}"}


def _spans(lines: int, files: int) -> Iterator[tuple[int, int]]:
    edges = [lines * number // files for number in range(files + 1)]
    return pairwise(edges)


def _cost(streams: Streams, number: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Of lines by their number, in 1e-10 dollars: of an hour every stream is charged, then of the next."""
    hour, stream = np.divmod(number, len(streams.price))
    cost: np.ndarray[Any, np.dtype[np.int64]] = streams.price[stream] * (80 + (hour * 7 + stream) % 41) // 100
    return cost


def hourly_lines(streams: Streams, first: int, last: int) -> pa.Table:
    """Lines by their number, in the columns of AWS's export of FOCUS 1.0."""
    number = np.arange(first, last)
    hour, stream = np.divmod(number, len(streams.price))
    starts = np.datetime64(BEGINS, "ms") + hour * np.timedelta64(3_600_000, "ms")
    dollars = pa.array(_cost(streams, number) / 10.0**DIGITS)
    count, text = len(number), pa.string()

    def fixed(value: str | None) -> pa.Array:
        if value is None:
            return pa.nulls(count, text)
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "int32")), pa.array([value], text))

    columns: dict[str, Any] = {
        name: pa.DictionaryArray.from_arrays(pa.array(which[stream]), pa.array(values, text))
        for name, (values, which) in streams.words.items()
    }
    columns |= dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), dollars)
    columns |= dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), pa.array(np.ones(count)))
    columns |= dict.fromkeys(("ListUnitPrice", "ContractedUnitPrice"), dollars)
    columns |= {
        "BillingPeriodStart": _repeated(BEGINS, count),
        "BillingPeriodEnd": _repeated(ENDS, count),
        "ChargePeriodStart": pa.array(starts),
        "ChargePeriodEnd": pa.array(starts + np.timedelta64(3_600_000, "ms")),
        "Tags": streams.tags.take(pa.array(stream)),
        **{name: fixed(value) for name, value in FIXED.items()},
    }
    return pa.table({name: columns[name] for name in sorted(columns)})


FIXED = {
    "BillingAccountId": "100000000000",
    "BillingAccountName": "payer",
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargeClass": None,
    "ChargeFrequency": "Usage-Based",
    "InvoiceIssuerName": "Amazon Web Services, Inc.",
    "PricingCategory": "Standard",
    "ProviderName": "AWS",
    "PublisherName": "Amazon Web Services, Inc.",
    **dict.fromkeys(
        ("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus"), None
    ),
    **dict.fromkeys(("CommitmentDiscountType", "x_CostCategories", "x_Discounts"), None),
}


def _repeated(moment: datetime, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(moment, pa.timestamp("ms")), count)


def _monthly_cost(usage: int) -> tuple[int, int]:
    """Support and tax, in 1e-10 dollars."""
    return usage // 33, usage // 12


def _plain(rows: pa.Table) -> pa.Table:
    """The same with texts that are no dictionaries, which may be null then."""
    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
    return rows.cast(pa.schema(fields))


def _monthly(known: pa.Table, usage: int) -> pa.Table:
    """What is charged once, after a month's usage, by two lines that say the rest."""
    words = {
        "ServiceName": ("AWS Support (Business)", "Tax"),
        "ChargeCategory": ("Purchase", "Tax"),
        "x_UsageType": ("Support", "Tax"),
        "ResourceId": (None, None),
    }
    cost = pa.array([each / 10.0**DIGITS for each in _monthly_cost(usage)])
    given = {name: pa.array(value, pa.string()) for name, value in words.items()}
    given |= dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost)
    given["Tags"] = pa.nulls(SHARED, known.schema.field("Tags").type)
    return pa.table({name: given.get(name, known[name]) for name in known.column_names})


def settings_of(home: Path) -> Settings:
    """A lake of its own, and the export as its only source."""
    options = {"sources": {"billing": {"path": str(home / "export")}}}
    return settings_module.load({}, home=home, sources=("billing",), options=options)


def work(home: Path, step: str, lines: int) -> dict[str, Any]:
    """One step: `generate`, `land`, one of `BUILT`, or `add up`, which says what every table comes to."""
    if step == "generate":
        return write_export(home / "export", lines)
    interval, settings = Interval.month(MONTH), settings_of(home)
    if step == "add up":
        return add_up(open_lake(settings))
    if step == "land":
        return {"rows": steps.perform("ingest", interval, target="billing", settings=settings)}
    return {"rows": steps.perform("build", interval, target=step, settings=settings)}


def add_up(lake: Lake) -> dict[str, Any]:
    """Of each table, lines where it has them, and billed cost: of the allocation by dimension."""
    bill = "SELECT sum(lines) - sum(lines_refused) AS lines, sum(billed_cost) AS billed_cost FROM silver.bill"
    charged = "SELECT sum(lines) AS lines, sum(billed_cost) AS billed_cost FROM silver.charge_daily"
    found = {name: lake.query(text).to_pylist()[0] for name, text in (("silver.bill", bill), ("silver.charge_daily", charged))}
    by_dimension = lake.query("SELECT dimension, sum(billed_cost) AS billed_cost FROM gold.cost_allocation GROUP BY dimension")
    found |= {f"gold.cost_allocation {row['dimension']}": {"billed_cost": row["billed_cost"]} for row in by_dimension.to_pylist()}
    return {
        name: {key: str(Decimal(value).normalize()) if key != "lines" else value for key, value in row.items()}
        for name, row in found.items()
    }


def compare(written: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence for each table that does not say what was written."""
    return [
        f"{name}: {key} is {value}, {written[key]} was written"
        for name, row in found.items()
        for key, value in row.items()
        if Decimal(value) != Decimal(written[key])
    ]


def measure(home: Path, step: str, lines: int) -> dict[str, Any]:
    """A step in a process of its own: what it said, its CPU seconds, its seconds and its peak memory in MiB."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "tools.bench_billing", "--inside", step, str(home), str(lines)]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out)
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{step} failed")
        out.seek(0)
        said = json.loads(out.read().splitlines()[-1])
    seconds = time.perf_counter() - begun
    return {"said": said, "cpu_s": spent.ru_utime + spent.ru_stime, "wall_s": seconds, "peak_mib": spent.ru_maxrss / 1024}


def run(lines: int) -> dict[str, dict[str, Any]]:
    """Every step of a bill of so many lines, in its order.

    Raises:
        SystemExit: a step failed, or a table does not say what was written.
    """
    with tempfile.TemporaryDirectory(prefix="bench-billing-") as folder:
        home = Path(folder)
        found = {}
        for step in ("generate", "land", *BUILT, "add up"):
            with console.status(f"{lines:,} lines: {step}"):
                found[step] = measure(home, step, lines)
        with console.status(f"{lines:,} lines: the same export again"):
            found[AGAIN] = measure(home, "land", lines)
    if wrong := compare(found["generate"]["said"], found["add up"]["said"]):
        raise SystemExit("\n".join(wrong))
    return found


def show(found: dict[int, dict[str, dict[str, Any]]]) -> None:
    """CPU seconds and peak memory of each step, by lines, beside the bars."""
    headings = [heading for lines in found for heading in (f"{lines / 1e6:g}M: CPU s", "peak MiB")]
    grid = Grid("step", *headings, title=f"a month of hourly lines in {FILES} files of Parquet, {MONTH}")
    for step in next(iter(found.values())):
        cells = [cell for each in found.values() for cell in (f"{each[step]['cpu_s']:.1f}", f"{each[step]['peak_mib']:.0f}")]
        grid.add_row(step, *cells)
    console.print(grid)
    for lines, each in found.items():
        cpu_s, peak = sum(each[step]["cpu_s"] for step in BARRED), max(each[step]["peak_mib"] for step in BARRED)
        said = each["generate"]["said"]
        console.print(
            f"{said['lines']:,} lines, {Decimal(said['billed_cost']):,} USD, the same in every table: landing, silver and "
            f"allocation {cpu_s:.0f} CPU s (bar {CPU_S * lines / LINES[-1]:.0f}), peak {peak:.0f} MiB (bar {PEAK_MIB}); again in "
            f"{each[AGAIN]['wall_s']:.1f} s, {each[AGAIN]['cpu_s']:.1f} of CPU (bar {AGAIN_S})"
        )
    if len(found) > 1:
        first, last = min(found), max(found)
        spent = {lines: sum(found[lines][step]["cpu_s"] for step in BARRED) for lines in (first, last)}
        console.print(f"{last / first:.0f} times the lines take {spent[last] / spent[first]:.1f} times the CPU seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", default=",".join(map(str, LINES)), help="how many the bills have")
    parser.add_argument("--inside", nargs=3, metavar=("STEP", "HOME", "LINES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        step, home, lines = given.inside
        sys.stdout.write(f"\n{json.dumps(work(Path(home), step, int(lines)))}\n")
        return
    show({int(lines): run(int(lines)) for lines in given.lines.split(",")})


if __name__ == "__main__":
    main()
