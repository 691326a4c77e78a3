"""Random small lakes: rows within what each table declares, and in bronze what a source may have landed, however odd.

The same number makes the same lake. Few names and days, so that rows meet in joins, and numbers where rounding shows. Moments
have milliseconds, as bronze has them; what a finer one does is a known difference (`tests.support.differential`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.tables.columns import CANONICAL_METRICS, QUANTILES
from pipeline.tables.schema import Column, Table, bucket_of
from pipeline.tables.types import DATE, FLAG, MOMENT, MONEY, NUMBER, TEXT
from tests.support.golden import SETTINGS, partition_of

Row = dict[str, Any]
# Leap day, ends of months and years, and days on which clocks elsewhere are put forward or back.
DAYS = (date(2024, 2, 29), date(2025, 3, 30), date(2025, 10, 26), date(2024, 12, 31), date(2025, 6, 30), date(2026, 1, 1))
NAMES = ("a1", "A1", "i-0abc", "srv.1", "x/y", "us-east-1", "eu=west", "123456789012")
NO_NAMES = ("", "-a", "a b", "a\n", "ü1", "a..b", "q'u", 'q"u', "a" * 513, "\na", "/a", "👍", "a\t", "a%0Ab", "NULL")
TEXTS = ("x", "X", "", " ", "it's", '"q"', "é", "é", "a,b", "NULL", "line\nbreak", "back\\slash", "%", "İ", "High", "web")
SERVICES = ("AmazonEC2", "Amazon  S3", "ec2", "", "NULL", "Größe", "EC2 ", "a--b", "bell\x07")
NUMBERS = (
    0.0,
    -0.0,
    1.0,
    0.1,
    0.2,
    0.3,
    100 / 3,
    99.99999999999999,
    100.0,
    50.0,
    1e-9,
    1.5e-9,
    2.5e-9,
    1e-12,
    123456.789,
    80.0,
    0.5,
)
ODD_NUMBERS = (5e-324, 1e-300, 9007199.254740993, 12345678.123456789, 123456789012.34567, 1e15, -1.0, -0.1, 101.0, 1000.0)
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"), 1e24, 1e30, -1e300, 1.7976931348623157e308)
AMOUNTS = ("0", "0.1", "1.25", "-3.5", "0.000000000001", "7.123456789012", "1.50", "33.3333333333", "-0.0", "1e2", "1.0E-5", "12")
ODD_AMOUNTS = (
    *(
        "",
        " 1.5",
        "1.5 ",
        "\t1",
        "1_000",
        "1,000.50",
        "+2",
        ".5",
        "5.",
        "1e3",
        "NaN",
        "Infinity",
        "inf",
        "-",
        "0x10",
        "1d",
        "NULL",
    ),
    *("null", "n/a", "$5", "١٢", "--1", "1e400", "1e-400", "(5)", "1 less 2", "99999999999999999999999999", "1e25", "1E-13"),
    *("0.0000000000005", "12345678901234567890.123456789012", "999999999.9999999999999", "1000000000"),
)
UNITS = ("Percent", "percent", "%", "ratio", "Bytes", "Bytes/Second", "Mbps", "Count", "Count/Second", "s", "usd", "furlong", "")


def make_lake(seed: int, names: list[str]) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """The parameters of a run, and the rows of the named tables, in their declared schemas."""
    chance = _Chance(seed)
    params, lake = chance.params(), {name: chance.table(tables.get(name)) for name in names}
    # A query about one bill is about one that is there.
    charged = lake["silver.charge_daily"].to_pylist() if "silver.charge_daily" in lake else []
    of_a_bill = {name: charged[0][name] for name in ("source", "provider", "payer", "currency")} if charged else {}
    return params | of_a_bill, lake


class _Chance(random.Random):
    """What is random about one lake."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.is_odd = self.random() < 0.5
        self.is_dense = self.random() < 0.5
        self.null = self.choice((0.0, 0.1, 0.3, 1.0))
        self.accounts, self.regions = self.sample(NAMES, self.choice((1, 2))), self.sample(NAMES, 1)
        self.resources = self.sample(NAMES, self.choice((1, 2, 3)))
        self.metrics = self.sample([*list(CANONICAL_METRICS)[:4], "cost", "Custom.m"], self.choice((1, 2, 3)))
        middle = datetime.combine(self.choice(DAYS), datetime.min.time())
        self.days = [middle + timedelta(days=n) for n in range(-10, 6)]
        self.end = middle + timedelta(days=self.choice((0, 1, 2)))
        self.start = self.end - timedelta(days=self.choice((1, 1, 2, 7)))
        self.runs = [self.end, *self.sample(self.days, 2)]
        self.models = ("seasonal_naive", "theta", "ets")

    def params(self) -> dict[str, Any]:
        as_of = self.choice(self.runs)
        since, before = as_of - timedelta(days=self.choice((1, 7, 28))), as_of - timedelta(days=56)
        more = {
            "shards": self.choice((1, 2)),
            "shard": 0,
            "metric": self.choice(("", self.metrics[0])),
            "recommendation_id": "0" * 16,
            "anomaly_id": "0" * 16,
            "metrics": self.choice(("", *(f",{service}=request_count," for service in TEXTS[:2]))),
            "by_bill": self.choice((0, 1)),
            "before_start": since,
            "before_end": as_of,
            "after_start": as_of,
            "after_end": as_of + timedelta(days=7),
            "hours": self.choice((1, 24)),
            "rhythm": self.choice(("day", "monitor")),
            "by_resource_id": self.choice((0, 1)),
            "by_usage_type": self.choice((0, 1)),
            "dimension": self.choice(("team", "project")),
            "resource": self.resources[0],
            "resource_id": self.resources[0],
            "region": self.regions[0],
            "until": self.end,
            **{name: self.choice(TEXTS) for name in ("source", "provider", "payer")},
            "currency": "USD",
            "account": self.choice(("", *self.accounts)),
            "service": "",
            "usage_type": "",
            "resources": " i-0abc y web ",
            "usage_types": "|x|X|web|",
            "items": " x web ",
            "series": f" {self.accounts[0]}/{self.regions[0]}/{self.resources[0]}/{self.metrics[0]} ",
            "at_most": self.choice((1, 200)),
        }
        return SETTINGS | {"start": self.start, "end": self.end, "as_of": as_of, "since": since, "before": before} | more

    def table(self, table: Table) -> pa.Table:
        shaped = SHAPES.get(table.name, lambda _chance, row: [row])
        count = self.choice((0, 1, *[self.randint(2, 20)] * 6)) * (3 if self.is_dense else 1)
        rows = [row for _ in range(count) for row in shaped(self, self.row(table))]
        known = {}
        for row in rows:
            if "bucket" in row and row.get("series_id"):
                row["bucket"] = bucket_of(row["series_id"])
            row[table.partition] = partition_of(row[table.time], table.partition)
            known.setdefault(tuple(row[name] for name in table.key), row)
        return pa.Table.from_pylist([*known.values()], schema=table.arrow_schema)

    def row(self, table: Table) -> Row:
        key = {name: self.choice(getattr(self, place)) for name, place in PLACES.items()}
        if table.layer == "bronze" and self.is_odd and self.random() < 0.15:
            key[self.choice([*key])] = self.choice(NO_NAMES)
        key["series_id"] = "/".join(key.values())
        return {c.name: self.value(c, key) for c in table.columns}

    def value(self, column: Column, key: Row) -> Any:
        if column.nullable and (column.name == "made_safe" or self.random() < self.null):
            return None
        if column.name in key:
            return key[column.name]
        if column.name in NAMED:
            return NAMED[column.name](self)
        if column.values:
            return self.choice(column.values)
        kinds = {MONEY: self.money, TEXT: self.text, FLAG: lambda: self.random() < 0.5, DATE: self.month, MOMENT: self.moment}
        return (
            kinds[column.type]() if column.type in kinds else self.number(column) if column.type == NUMBER else self.whole(column)
        )

    def text(self) -> str:
        return self.choice(TEXTS if self.is_odd else TEXTS[-2:])

    def money(self) -> Decimal:
        return Decimal(self.choice(("0", "1.5", "-2.25", "0.000000000001", "123456789.123456789012")))

    def month(self) -> date:
        return self.choice(self.days).date().replace(day=1)

    def hour(self) -> datetime:
        return self.choice(self.days) + timedelta(hours=self.choice((0, 1, 2, 5, 22, 23)))

    def moment(self) -> datetime:
        edge = self.choice(
            (timedelta(0), timedelta(hours=23, minutes=59, seconds=59), timedelta(minutes=5 * self.randint(0, 40)))
        )
        return self.choice(self.days) + edge + timedelta(milliseconds=self.choice((0, 0, 1, 999) if self.is_odd else (0,)))

    def landed(self) -> datetime:
        return self.choice(self.days) + timedelta(days=1, milliseconds=self.choice((0, 1)))

    def number(self, column: Column) -> float:
        value = self.choice((self.choice(NUMBERS), self.choice(NUMBERS), self.uniform(0, 100), self.choice(ODD_NUMBERS)))
        value = value if self.is_odd or abs(value) < 1e6 else 7.0
        low = column.ge if column.ge is not None else float("-inf")
        high = column.le if column.le is not None else float("inf")
        if column.ge is not None and column.le is not None and not low <= value <= high:
            return self.choice((low, high, (low + high) / 2, self.uniform(low, high)))
        return float(min(max(value, low), high))

    def whole(self, column: Column) -> int:
        low = int(column.ge) if column.ge is not None else -5
        return self.randint(low, int(column.le) if column.le is not None else low + self.choice((1, 30)))

    def amount(self) -> Any:
        text = self.choice(ODD_AMOUNTS if self.is_odd and self.random() < 0.5 else AMOUNTS)
        return self.choice((None, text, text, text)) if self.is_odd else text

    def tags(self) -> str:
        tags = {name: self.choice((self.text(), 5, None)) for name in TAGS if self.random() < 0.7}
        if self.is_odd and self.random() < 0.2:
            return self.choice(("", "no json", "[]", "null", json.dumps(tags)[:-1], '{"app_name": {"n": 1}, "server_type": [1]}'))
        return json.dumps(tags, ensure_ascii=self.random() < 0.5)


def _sample(chance: _Chance, row: Row) -> list[Row]:
    metrics = ("CPUUtilization", "mem_used_percent", "NetworkIn", "custom.m")
    row |= {"metric": row["metric"] if row["metric"] in NO_NAMES else chance.choice(metrics)}
    row |= {
        "statistic": chance.choice(("Average", "average", "Maximum", "Sum", "p95", "P95", "Minimum")),
        "unit": chance.choice(UNITS[:2]),
    }
    row |= {"period_s": chance.choice((60, 300, 300, 3600, 86400))}
    if chance.is_odd and chance.random() < 0.3:
        row |= {"period_s": chance.choice((0, -1, 86401, 7, 2**40)), "unit": chance.choice(UNITS)}
        row |= {"value": chance.choice((*NO_NUMBERS, None))}
    elif row["value"] is not None:
        row["value"] = min(abs(row["value"]), 1e6)
    return [row]


def _line(chance: _Chance, row: Row) -> list[Row]:
    """A line of either family: columns of the other are none of its table's."""
    account = chance.choice((*chance.accounts, "/subscriptions/1", "NULL", "", *(NO_NAMES if chance.is_odd else ())))
    service, region = chance.choice(SERVICES), chance.choice(("us-east-1", "NULL", "", "eu"))
    currency = chance.choice(("USD", "USD", "EUR", *(("usd", "", "USD\n", "US", None) if chance.is_odd else ())))
    period = datetime.combine(chance.month(), datetime.min.time())
    start = chance.choice((chance.moment(), period + timedelta(days=chance.randint(-2, 40))))
    begun = chance.choice(("2026-03-01", "2026-03-01", "NULL", "") if chance.is_odd else ("2026-03-01",))
    said: Row = {
        "billing_account_id": "b1",
        "provider_name": "AWS",
        "sub_account_id": account,
        "service_name": service,
        "region_id": region,
        "charge_category": chance.choice(("Usage", "Purchase", "Tax", "NULL", "")),
        "charge_class": "NULL",
        "billing_currency": currency,
        "resource_id": chance.choice((*chance.resources, "", "/a b")),
        "billing_period_start": begun,
        "bill_payer_account_id": "b1",
        "bill_billing_period_start_date": begun,
        "line_item_usage_account_id": account,
        "line_item_product_code": service,
        "line_item_currency_code": currency,
        "line_item_line_item_type": chance.choice(LINE_TYPES),
        "product_servicecode": chance.choice((service, "")),
        "product_region_code": region,
        **{name: chance.amount() for name in (*FOCUS_AMOUNTS, *CUR_AMOUNTS)},
    }
    known = {"billing_period": period, "export": chance.choice(("e", "f"))}
    known |= {"charge_start": chance.choice((start, start, start, None)), "tag_set": chance.choice(("0" * 16, "1" * 16, None))}
    return [row | known | {name: value for name, value in said.items() if name in row and chance.random() > 0.05}]


def _forecast(chance: _Chance, row: Row) -> list[Row]:
    row["as_of"] = chance.choice((chance.start, *chance.runs))
    row["ts"] = chance.hour() if row["granularity"] == "hour" else chance.choice(chance.days)
    row["cutoff"] = row["as_of"] - timedelta(hours=chance.choice((24, 72)) if row["granularity"] == "day" else 1)
    return [row | {"quantile": level, "value": chance.number(COLUMN)} for level in QUANTILES if chance.random() < 0.9]


def _calendar(chance: _Chance, row: Row) -> list[Row]:
    day = chance.choice(chance.days)
    return [
        row
        | {"ts": day, "year": day.year, "month_of_year": day.month, "quarter": (day.month + 2) // 3, "day_of_week": day.weekday()}
    ]


def _at(
    column: str, moment: Callable[[_Chance], datetime], **more: Callable[[_Chance], Any]
) -> Callable[[_Chance, Row], list[Row]]:
    """Rows whose time lies on a grid."""
    return lambda chance, row: [row | {column: moment(chance)} | {name: make(chance) for name, make in more.items()}]


def _day(chance: _Chance) -> datetime:
    return chance.choice(chance.days)


def _risk_as_of(chance: _Chance) -> datetime:
    return chance.choice((*chance.runs, *(chance.end - timedelta(days=n) for n in (7, 30, 90))))


PLACES = {"account": "accounts", "region": "regions", "resource_id": "resources", "metric": "metrics"}
TAGS = ("app_name", "business_unit", "criticality", "server_type", "environment")
LINE_TYPES = (
    *("Usage", "Tax", "SavingsPlanUpfrontFee", "SavingsPlanCoveredUsage", "SavingsPlanRecurringFee", "DiscountedUsage", "RIFee"),
)
FOCUS_AMOUNTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "consumed_quantity")
CUR_AMOUNTS = (
    "line_item_usage_amount",
    *("line_item_unblended_cost", "savings_plan_savings_plan_effective_cost", "savings_plan_total_commitment_to_date"),
    *("savings_plan_used_commitment", "reservation_effective_cost", "reservation_unused_recurring_fee"),
    *("reservation_unused_amortized_upfront_fee_for_billing_period", "pricing_public_on_demand_cost"),
)
COLUMN = Column(name="value", type=NUMBER, doc="A forecast.", nullable=True)
NAMED: dict[str, Callable[[_Chance], Any]] = {
    "load_id": lambda chance: chance.choice("01a") * 64,
    "ingested_at": _Chance.landed,
    "as_of": lambda chance: chance.choice(chance.runs),
    "source": lambda chance: chance.choice(("fleet", "bill")),
    "service": lambda chance: chance.choice(SERVICES[:4]),
    "currency": lambda chance: chance.choice(("USD", "USD", "EUR")),
    "tags_json": _Chance.tags,
    "row_json": _Chance.tags,
    **dict.fromkeys(("model", "champion", "challenger", "compared_with", "serves"), lambda chance: chance.choice(chance.models)),
    "recommendation_id": lambda chance: f"{chance.randrange(16**16):016x}",
    "anomaly_id": lambda chance: f"{chance.randrange(16**16):016x}",
    "item": lambda chance: chance.choice(("m5.large", "gp3")),
    "threshold_pct": lambda chance: chance.choice((80.0, 90.0, 100.0)),
    "horizon_days": lambda chance: chance.choice((7, 30)),
    "charge_category": lambda chance: chance.choice(("Usage", "Purchase", "Tax")),
    "rule": lambda chance: chance.choice(("bad_period", "landed(csv)", "known(price)", "forecast(cost)")),
    "table_name": lambda chance: chance.choice(("silver.resource", "silver.metric_daily")),
}
SHAPES: dict[str, Callable[[_Chance, Row], list[Row]]] = {
    "bronze.metric_sample": _sample,
    "bronze.focus_line": _line,
    "bronze.cur_line": _line,
    "gold.forecast": _forecast,
    "silver.calendar": _calendar,
    "bronze.resource_snapshot": _at("ts", _day),
    "bronze.run_event": _at("ts", lambda chance: chance.end, load_id=lambda chance: f"{chance.randrange(16**9):064x}"),
    "silver.metric_hourly": _at("hour", _Chance.hour),
    "silver.metric_daily": _at("ts", _day, quality_flag=lambda chance: chance.choice((0, 0, 0, 1, 2))),
    "silver.charge_daily": _at("ts", _day, charge_class=lambda chance: chance.choice(("none", "none", "Correction"))),
    "silver.resource": _at("ts", _day),
    "silver.cost_daily": _at("ts", lambda chance: _day(chance) - timedelta(days=chance.choice((0, 0, 28, 31, 60)))),
    "gold.anomaly_point": _at("ts", _Chance.hour, granularity=lambda _: "hour"),
    "gold.capacity_risk": _at("as_of", _risk_as_of),
    "gold.forecast_score": _at("ts", _day, lead=lambda chance: chance.choice((1, 2, 7, 8, 24, 25))),
}
