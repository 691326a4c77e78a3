"""Vocabularies, and the columns that several tables share.

A vocabulary is the words, or levels, that a column may hold. It stands here alone: Python imports it, and what SQL writes or
compares is tested against it.
"""

from __future__ import annotations

from typing import Literal, get_args

from pipeline.tables.schema import IDENTIFIER, Column
from pipeline.tables.types import MOMENT, NUMBER, TEXT, WHOLE

Granularity = Literal["hour", "day"]
#: Length of a series' periods.
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
#: Units of silver and gold.
UNITS = ("percent", "mbps", "count", "ms", "usd")
#: Units that a file or an endpoint may be said to have; silver turns them into `UNITS`.
StatedUnit = Literal[
    "percent", "%", "ratio", "mbps", "megabits/second", "bytes", "bytes/second", "count", "count/second",
    "ms", "milliseconds", "s", "seconds", "usd",
]  # fmt: skip
STATED_UNITS: tuple[StatedUnit, ...] = get_args(StatedUnit)
#: What silver calls the metrics that others have names of their own for, by these in lower case; as views.metric_reading has it.
SILVER_NAMES = {
    "cpuutilization": "cpu_utilization",
    "mem_used_percent": "memory_utilization",
    "disk_used_percent": "disk_utilization",
    "networkin": "network_in",
    "networkout": "network_out",
    "diskreadbytes": "disk_read",
    "diskwritebytes": "disk_write",
    "ebsreadbytes": "ebs_read",
    "ebswritebytes": "ebs_write",
    "memoryutilization": "memory_utilization",
    "requestcount": "request_count",
}
#: The metrics that views and rules ask for by name: the unit that silver keeps, and what is measured. Others are taken as they
#: are called, forecast and judged.
CANONICAL_METRICS: dict[str, tuple[str, str]] = {
    "cpu_utilization": ("percent", "busy share of all CPUs; rules ask for it"),
    "memory_utilization": ("percent", "used share of memory; rules ask for it"),
    "disk_utilization": ("percent", "used share of the fullest disk"),
    "network_in": ("mbps", "received; rules ask for it"),
    "network_out": ("mbps", "sent; rules ask for it"),
    "disk_read": ("mbps", "read from local disks; rules ask for it"),
    "disk_write": ("mbps", "written to local disks; rules ask for it"),
    "ebs_read": ("mbps", "read from volumes"),
    "ebs_write": ("mbps", "written to volumes"),
    "request_count": ("count", "requests in the period"),
    "error_rate": ("percent", "share of requests that failed; rules ask for it"),
    "response_time": ("ms", "time to answer a request; rules ask for it"),
    "throughput": ("mbps", "sent in answers"),
    "cpu_user": ("percent", "share of all CPUs busy for programs"),
    "cpu_system": ("percent", "share of all CPUs busy for the system"),
    "cpu_iowait": ("percent", "share of all CPUs that wait for disks"),
    "cpu_steal": ("percent", "share of all CPUs that the host gave to others"),
    "load_1m": ("count", "tasks that run or wait, mean of a minute"),
    "load_5m": ("count", "the same of five minutes"),
    "load_15m": ("count", "the same of a quarter of an hour"),
    "load_per_cpu": ("count", "tasks that run or wait for each CPU, mean of five minutes; rules ask for it"),
    "swap_utilization": ("percent", "used share of swap"),
    "major_page_faults": ("count", "pages that were read from disk"),
    "inode_utilization": ("percent", "used share of inodes"),
    "disk_reads": ("count", "reads from local disks"),
    "disk_writes": ("count", "writes to local disks"),
    "disk_busy": ("percent", "time in which the busiest disk worked"),
    "network_errors": ("count", "packets that were received or sent wrongly"),
    "tcp_connections": ("count", "connections that are open"),
    "ReadThroughput": ("mbps", "read from a database's disks, as CloudWatch calls it"),
    "WriteThroughput": ("mbps", "written to a database's disks, as CloudWatch calls it"),
    "NewFlowCount": ("count", "new connections of a network load balancer; rules ask for it"),
    "ConsumedLCUs": ("count", "capacity units of a load balancer; rules ask whether it was seen"),
    "HealthyHostCount": ("count", "healthy targets of a load balancer; rules ask whether it was seen"),
    "ActiveConnectionCount": ("count", "connections through a NAT gateway at once; rules ask for it"),
    "BytesOutToDestination": ("mbps", "sent through a NAT gateway; rules ask for it"),
    "VolumeReadOps": ("count", "reads of a volume in the period; rules ask for it"),
    "VolumeWriteOps": ("count", "writes of a volume in the period; rules ask for it"),
    "VolumeReadBytes": ("mbps", "read from a volume; rules ask for it"),
    "VolumeWriteBytes": ("mbps", "written to a volume; rules ask for it"),
    "DatabaseConnections": ("count", "connections to a database; rules ask for it"),
    "ConsumedReadCapacityUnits": ("count", "read units of a table or index in the period; rules ask for it"),
    "ConsumedWriteCapacityUnits": ("count", "write units of a table or index in the period; rules ask for it"),
    "ProvisionedReadCapacityUnits": ("count", "read units provisioned for a table; rules ask whether it was seen"),
    "ProvisionedWriteCapacityUnits": ("count", "write units provisioned for a table; rules ask whether it was seen"),
    "EngineCPUUtilization": ("percent", "busy share of a cache's engine; rules ask for it"),
    "NewConnections": ("count", "connections that a cache accepted in the period; rules ask for it"),
    "CacheHits": ("count", "keys found in a cache in the period; rules ask for it"),
    "CacheMisses": ("count", "keys not found in a cache in the period; rules ask for it"),
    "GetTypeCmds": ("count", "reading commands to a cache in the period; rules ask for it"),
    "SetTypeCmds": ("count", "writing commands to a cache in the period; rules ask for it"),
    "KeyspaceHits": ("count", "keys found in a memory database in the period; rules ask for it"),
    "KeyspaceMisses": ("count", "keys not found in a memory database in the period; rules ask for it"),
    "DiskUtilization": ("percent", "used share of an endpoint's disk; rules ask whether it was seen"),
    "BucketSizeBytes:StandardStorage": ("count", "bytes of a bucket in the class Standard; rules ask for it"),
    "NumberOfObjects:AllStorageTypes": ("count", "objects of a bucket; rules ask for it"),
    "GetRequests:EntireBucket": ("count", "reading requests to a bucket in the period; rules ask for it"),
    "BytesDownloaded:EntireBucket": ("mbps", "read from a bucket; rules ask for it"),
    "BytesUploaded:EntireBucket": ("mbps", "written to a bucket; rules ask for it"),
    "Invocations": ("count", "invocations of a function or an endpoint in the period; rules ask for it"),
    "Duration": ("ms", "time of an invocation; rules ask for it"),
    "cpu_total_time": ("ms", "CPU time of an invocation, as Lambda Insights calls it; rules ask for it"),
}
#: How a file or an endpoint may write a moment: ISO 8601, or counted since 1970.
TimeFormat = Literal["iso", "epoch_s", "epoch_ms", "epoch_us"]
#: What a period of silver is: observed, filled in, or observed for less than half of it.
QUALITY_FLAGS = GOOD, IMPUTED, FLAGGED = (0, 1, 2)
#: The quantiles that are published.
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
#: Of an anomaly and of the risk that capacity runs out, the mildest first.
SEVERITIES = ("low", "medium", "high", "critical")
#: Of one sample of a series: no detector flags it, some do, or as many as the setting `alert_votes` asks for.
STATES = NORMAL, ONLY_FLAGGED, ANOMALOUS = ("normal", "flagged", "anomalous")
#: How long what a detector knew at a moment is kept.
STATE_KEPT = FOR_GOOD, FOR_DAYS = ("for good", "for days")
#: Of a risk beside these: it cannot be told.
UNKNOWN = "unknown"
#: What inventories call a resource that is stopped or gone, in lower case.
ENDED_STATES = ("stopped", "stopping", "terminated", "shutting-down", "deleting", "deleted")
#: What stands in a key where a bill names nothing.
UNNAMED = "none"
DatasetCheck = Literal["completeness", "missing", "duplicates", "range", "correlation", "seasonality", "separability"]
#: What is asked of the metric samples of one source and day.
DATASET_CHECKS: tuple[DatasetCheck, ...] = get_args(DatasetCheck)
CheckSeverity = Literal["critical", "warning", "info"]
#: Of an expectation, in Great Expectations' words, and of an alert, the gravest first.
CHECK_SEVERITIES: tuple[CheckSeverity, ...] = get_args(CheckSeverity)
#: Rules that say what a run lacked: rows of a source that had delivered before, rows that were refused, what must be known to
#: recommend anything, and segments of which a step failed.
LACKS = LANDED, LEFT_OUT, KNOWN, FAILED = ("landed", "left_out", "known", "failed")
#: What a recommendation says that changes nothing.
PASSIVE = ("keep", "insufficient_data")
#: What changes a resource, in the order in which it is done, and its group: of those of one group one can be done, the first, and
#: beside what ends a resource nothing else.
#: `delete` is what `terminate` is of an instance; `upgrade` is to a type that is no smaller, and no larger, but newer, faster or
#: cheaper, `migrate` to one of another architecture. `purchase` commits to spending, `release` uses, sells or gives back what a
#: commitment pays for nothing.
EXCLUSIVE_GROUPS = {
    "terminate": "end",
    "delete": "end",
    "stop": "end",
    "schedule": "schedule",
    "rightsize": "size",
    "upgrade": "size",
    "migrate": "size",
    "upsize": "size",
    "purchase": "commitment",
    "release": "commitment",
    "tag": "tag",
}
#: All that a recommendation can say.
ACTIONS = (*EXCLUSIVE_GROUPS, "investigate", *PASSIVE)
#: What a person answered to a recommendation, and where one stands: seen for the first time, seen before, answered, or not seen
#: in three runs. A snoozed one is open again after its day.
ANSWERS = ("accepted", "snoozed", "dismissed")
#: What people say something of beside recommendations and alerts, and what they say.
FEEDBACK_KINDS = ("bill", "cost_anomaly", "anomaly")
#: What people say of a cost anomaly: it was planned, or nothing is to be done about it.
COST_ANSWERS = ("planned", "not_an_issue")
#: What people do about an anomaly, and whether they call it one.
ANOMALY_ANSWERS = *_, DISMISSED, PLANNED = ("acknowledged", "dismissed", "planned")
#: Of an incident: values that are not what was expected, or hours without any.
ANOMALY_KINDS = DEVIATION, MISSING = ("deviation", "missing")
ANOMALY_LABELS = *_, REFUTED = ("confirmed", "refuted")
FEEDBACK_VERBS = tuple(dict.fromkeys(("accepted", *COST_ANSWERS, *ANOMALY_ANSWERS, *ANOMALY_LABELS)))
#: That what a bill says of a closed period is right.
ACCEPTED_BILL = (FEEDBACK_KINDS[0], FEEDBACK_VERBS[0])
#: Of a recommendation that was followed, as inventory, bill or hours show: what it saves is not known yet, it is known to save,
#: or the change was taken back, costs more, or leaves too little.
VERDICTS = IMPLEMENTED, VERIFIED, REGRESSED = ("implemented", "verified", "regressed")
#: What shows that a recommendation was followed.
EVIDENCE = BY_INVENTORY, BY_BILL, BY_HOURS = ("inventory", "bill", "hours")
#: What a resource is charged, and would be: as its bill says, or at list price.
COST_BASES = BILL_BASIS, LIST_BASIS = ("bill", "list_price")
#: How much of it would have been used without a change: as much as was used, or what was to be expected before.
DEMAND_BASES = OBSERVED, EXPECTED = ("observed_use", "expected_use")
STATUSES = NEW, OPEN, *_, EXPIRED = ("new", "open", *ANSWERS, *VERDICTS, "expired")
#: What nobody wants to see now.
SET_ASIDE = ("snoozed", "dismissed")
#: Effort of a change; its risk is the place in this order.
DEGREES = ("very_low", "low", "medium", "high", "very_high")
#: How much a resource matters, by its tag.
CRITICALITIES = ("High", "Medium", "Low")
#: What was decided about a challenger.
DECISIONS = ("promoted", "kept", "rejected")
#: Of what forecasts a segment: it passed the gates, did not and serves all the same, or no training has measured it.
SOUNDNESS = SOUND, UNSOUND, UNJUDGED = ("sound", "unsound", "unjudged")
#: The tier of a series that the model answers; the others say why a fallback does.
FULL = "full"
#: The tier of last good rows, that stand in for a segment whose forecast failed.
STALE = "stale"
#: Why a series is not forecast: it has fallen silent, has fewer than three observed periods, or not yet the days of history that
#: the setting `min_daily_history` asks for.
NOT_FORECAST = ENDED, TOO_NEW, FEW_DAYS = ("ended", "too_new", "few_days")
#: Stands for every one, where a row is a sum over a column's words.
ALL = "all"
#: What a cost forecast is of: everything in a currency, or of one provider, account, service, or service of an account; then the
#: same of one team.
COST_LEVELS = (
    *("total", "by_provider", "by_account", "by_service", "by_account_service"),
    *("by_team", "by_provider_team", "by_account_team", "by_service_team", "by_account_service_team"),
)
#: What a charge is: use, a fee that comes back, tax on these, a purchase that does not come back, a credit or refund, a
#: correction of earlier invoices or another adjustment.
COST_KINDS = USAGE, FEE, TAX, ONE_OFF, CREDIT, CORRECTION = ("usage", "fee", "tax", "one_off", "credit", "correction")
#: What a budget may leave out, as the bill calls it.
LeftOut = Literal["purchase", "tax", "credit", "correction"]
#: How long a budget's periods are.
BudgetPeriod = Literal["monthly", "quarterly", "yearly", "custom"]
BUDGET_PERIODS: tuple[BudgetPeriod, ...] = get_args(BudgetPeriod)
#: Months of those that come again.
BUDGET_MONTHS: dict[BudgetPeriod, int] = {"monthly": 1, "quarterly": 3, "yearly": 12}
#: Which cost: what the invoice says, or amortised.
CostMeaning = Literal["billed", "effective"]
COST_MEANINGS: tuple[CostMeaning, ...] = get_args(CostMeaning)
BILLED, EFFECTIVE = COST_MEANINGS
#: Length of the periods of a cost forecast.
COST_PERIODS = DAY, MONTH, QUARTER = ("day", "month", "quarter")
#: Formats of a bill, the oldest first: of exports that say the same, the newest counts.
BILL_FORMATS = ("daily_cost", "cur_legacy", "cur_2_0", "focus_1_0", "focus_1_2", "focus_1_4")
#: FOCUS 1.4's data sets beside Cost and Usage.
DATA_SETS = PERIODS_1_4, INVOICES_1_4 = ("focus_1_4_billing_period", "focus_1_4_invoice_detail")
#: What an invoice comes to beside the bill's charges: they agree; they do not; it is provisional and they do not; charges have no
#: invoice yet; charges name an invoice that is not there; one of its amounts cannot be read.
INVOICE_STATES = ("agrees", "differs", "provisional", "not_invoiced", "no_invoice", "unread")
#: Those that nobody has to look into.
SETTLED_INVOICES = ("agrees", "provisional", "not_invoiced")
#: How a cost is divided among those that share it: by what each is charged otherwise, evenly, or by fixed shares.
Split = Literal["proportional", "even", "fixed"]
#: How it was decided whom a cost belongs to: a tag, the map of accounts or a rule says so, several share it, or nothing says so.
ALLOCATION_METHODS = BY_TAG, BY_ACCOUNT, BY_RULE, *SPLITS, UNALLOCATED = (
    *("tag", "account", "rule"),
    *get_args(Split),
    "unallocated",
)
#: What a change of cost comes from, of everything; of a team its shares of shared costs beside it.
COST_PARTS = BY_USAGE, BY_RATE, BY_DISCOUNT, BY_COMMITMENT, BY_NEW, BY_GONE, BY_OTHER = (
    *("usage", "rate", "discount", "commitment"),
    *("new", "gone", "other"),
)
SHARED = "shared"
#: The dimension of the allocation by which cost is forecast.
TEAM = "team"
#: What a unit of use is, of which the cost is told.
COUNTED = ("vcpu_hour", "gb_month", "request")
#: Of an alert: a person is told of it, a person has taken it, it is over, or it fires and is not told, with a reason.
ALERT_STATES = FIRING, ACKNOWLEDGED, RESOLVED, SUPPRESSED = ("firing", "acknowledged", "resolved", "suppressed")
#: Of a message: not tried yet or not taken, being handed over, taken, handed over without an
#: answer, too old to be tried again (or said anew by the next run), not sent because its route had its messages of the week,
#: waiting for the digest of its route, or part of one, which is a message of its own.
DELIVERIES = QUEUED, SENDING, SENT, NO_ANSWER, GIVEN_UP, WITHHELD, HELD, IN_DIGEST = (
    *("queued", "sending", "sent", "unknown", "given_up"),
    *("withheld", "held", "in_digest"),
)
Digest = Literal["daily", "weekly"]
#: How often a route is told together of what is not critical.
DIGESTS: tuple[Digest, ...] = get_args(Digest)
DAILY, WEEKLY = DIGESTS
#: How a step ended.
OUTCOMES = ("done", "unchanged", "partial", "failed")
#: What the rows of a source are, where they are not what the estate itself reported: `REAL`.
REAL = "real"
SOURCE_KINDS = {
    "fleet": "synthetic",
    "synthetic_bill": "synthetic",
    "samples": "replayed",
    "alibaba_v2018": "outside",
    "trace": "outside",
    "prices": "list prices",
}


def text(name: str, doc: str, *, nullable: bool = False, values: tuple[str, ...] = (), pattern: str | None = None) -> Column:
    return Column(name=name, type=TEXT, doc=doc, nullable=nullable, values=values, pattern=pattern)


def number(name: str, doc: str, unit: str | None, *, ge: float | None = None, le: float | None = None) -> Column:
    """A nullable measurement."""
    return Column(name=name, type=NUMBER, doc=doc, unit=unit, nullable=True, ge=ge, le=le)


def moment(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name=name, type=MOMENT, doc=doc, unit="UTC", nullable=nullable)


source = text("source", "The plug that the row came from.", pattern=IDENTIFIER)
load_id = text("load_id", "sha256 of source, shard, day and payload: the landed object.", pattern=r"^[0-9a-f]{64}\Z")
ingested_at = moment("ingested_at", "When the row was landed; the only clock reading in the lake.")
sequence = Column(
    name="sequence",
    type=WHOLE,
    doc="Number of the landing among those of its table and day: of two that say something of one thing, the higher counts.",
    nullable=True,
    ge=0,
)
provenance = (load_id, ingested_at, sequence)
made_safe = text(
    "made_safe",
    "Those of the row's names that had to be coded, as a JSON object; null where none had to be.",
    nullable=True,
)
# What landing stamps on rows of bronze; a source does not know it.
STAMPED = tuple(column.name for column in (*provenance, made_safe))
account = text("account", "Account that owns the resource.", pattern=IDENTIFIER)
region = text("region", "Region of the resource.", pattern=IDENTIFIER)
resource_id = text("resource_id", "The cloud's own id, or the fleet's server name.", pattern=IDENTIFIER)
resource_key = (account, region, resource_id)
series_id = text("series_id", "account/region/resource/metric: one metric of one resource.", pattern=IDENTIFIER)
metric = text("metric", "Canonical metric name, or the source's own where it is not one of ours.", pattern=IDENTIFIER)
unit = text("unit", "Unit of the values.", values=UNITS)
as_of = moment("as_of", "What was known then: the end of the run's data interval.")
granularity = text("granularity", "Length of the series' periods.", values=GRANULARITIES)
bucket = Column(
    name="bucket", type=WHOLE, doc="Hash of `series_id`, 0–63; a shard is the buckets with one remainder.", ge=0, le=63
)
