"""Every knob of Headroom, with its description and bounds.

Settings come from, strongest first: environment variables `HEADROOM_<NAME>`, then the TOML file that `HEADROOM_CONFIG` names (by
default `headroom.toml`, in the working folder or else beside `pipeline/`), then the profile. An unknown key is an error
that names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, field_validator

from pipeline import plugs
from pipeline.errors import ConfigError, holds_secret
from pipeline.given import check_folder, complain, read_given
from pipeline.profiles import Running, put_under
from pipeline.routes import Route

ROOT = Path(__file__).resolve().parent.parent
#: In the lake's storage, beside the layers: the folder of what people open, and the folder in it that is the newest run's.
REPORTS, NEWEST = "reports", "latest"
#: In the folder of what people open: the page of what is so now, written anew by each run of the DAG `monitor`.
STATUS = "status.html"
#: Of fewer rows no share of what was refused stops a build: there a handful of odd rows is already more than 5 %.
LEAST_ROWS = 100
SAMPLES = "bronze.metric_sample"
#: Settings that name the plugs in use → the folder of these.
PLUG_LISTS = {
    "sources": "sources",
    "monitor_sources": "sources",
    "challengers": "forecasters",
    "detectors": "detectors",
    "recommenders": "recommenders",
}


class Settings(Running):
    """The settings of one process, frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    home: Path = Field(default=ROOT / "var", description="Folder for everything a run writes on this machine.")
    lake: str = Field(
        default="", description="Where the lake's files live: a folder, or s3://bucket/prefix. Empty means <home>/lake."
    )
    catalog: Literal["sqlite", "glue"] = Field(default="sqlite", description="Who keeps the Iceberg tables' metadata.")
    engine: Literal["duckdb", "athena"] = Field(default="duckdb", description="Who runs the SQL.")
    database: str = Field(
        default="headroom",
        pattern=r"^[a-z][a-z0-9_]{0,40}$",
        description="Prefix of the catalog's databases: <database>_silver, <database>_gold.",
    )
    aws_region: str = Field(default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="Region of lake and catalog.")
    aws_endpoint_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Another address for every AWS API, for emulators; empty means AWS.",
    )
    athena_workgroup: str = Field(
        default="headroom-pipeline", pattern=r"^[A-Za-z0-9._-]{1,128}$", description="Athena workgroup of the pipeline."
    )
    mlflow_uri: str = Field(default="", description="MLflow tracking URI; empty means SQLite under <home>.")
    mlflow_artifacts: str = Field(default="", description="Where MLflow keeps artefacts; empty means <home>/mlflow/artifacts.")
    sources: tuple[str, ...] = Field(default=("samples", "prices"), description="Sources that a daily run ingests, by plug name.")
    options: dict[str, dict[str, dict[str, Any]]] = Field(
        default_factory=dict,
        description='Options per folder and plug, e.g. {"sources": {"fleet": {"preset": "realistic"}}}; listed below.',
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Parts that model work is split into, one mapped task each; each part pays to read and check anew.",
    )
    restated_limit: float = Field(
        default=0.05,
        ge=0,
        le=1000,
        description="Largest share by which the sum of a closed billing period may move; where it moves more, the old one stays.",
    )
    bill_wait_hours: int = Field(
        default=12,
        ge=1,
        le=72,
        description="How long the DAG `billing_daily` waits for a bill to be stated anew; then it goes on with what is there.",
    )
    quarantine_limit: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of one source's rows in an interval, or of its dollars, that may be refused; above it what is built "
        f"of them fails, and what was published before stays. Of fewer than {LEAST_ROWS} rows none does; 1 lets all pass.",
    )
    horizon_days: int = Field(default=90, ge=1, le=180, description="How far daily series are forecast.")
    horizon_hours: int = Field(default=168, ge=1, le=720, description="How far hourly series are forecast.")
    report_pages: int = Field(default=30, ge=0, le=500, description="Accounts, and teams, that have a page: the costliest.")
    history_days: int = Field(default=800, ge=14, le=3000, description="How much daily history a forecast reads.")
    history_hours: int = Field(default=1344, ge=48, le=8760, description="How much hourly history a forecast reads.")
    min_daily_history: int = Field(
        default=60, ge=14, le=730, description="Days of history before a series is forecast by the day; cost needs 14."
    )
    challengers: tuple[str, ...] = Field(
        default=("seasonal_naive", "ridge", "prophet", "default"), description="Forecasters that training compares."
    )
    backtest_windows: int = Field(default=4, ge=2, le=26, description="Rolling-origin windows of a training backtest.")
    backtest_series: int = Field(
        default=40, ge=1, le=1000, description="Series a segment's backtest looks at, chosen evenly; training time follows it."
    )
    search_trials: int = Field(
        default=0,
        ge=0,
        le=200,
        description="Parameter sets that training tries per segment and forecaster that can be searched; 0 searches none.",
    )
    # Off, because who was best in four windows is seldom best in the next: chosen at 0.1, the loss was 3.5 % higher on bitbrains,
    # 1.6 % on cloud costs, about the same elsewhere; only M4's hourly series, strongly seasonal and of no cloud, gained, 7.5 %.
    override_margin: float = Field(
        default=1,
        ge=0.1,
        le=1,
        description="Share by which a forecaster must beat the segment's on one series to forecast that series; 1 is never.",
    )
    promotion_approval: bool = Field(
        default=False, description="Whether a person must approve in Airflow before the challengers of a training are promoted."
    )
    approval_hours: int = Field(
        default=72, ge=1, le=720, description="How long Airflow waits for that approval; silence is a rejection."
    )
    retrain_after_days: int = Field(default=7, ge=1, le=365, description="Age at which a training is due again in any case.")
    retrain_cooldown_days: int = Field(
        default=3, ge=0, le=90, description="Age below which a training is not repeated because of drift."
    )
    drift_pinball_ratio: float = Field(
        default=1.25,
        ge=1,
        le=10,
        description="Growth of pinball loss over the naive error, last 28 days against the 28 before, that is drift.",
    )
    drift_coverage_90: float = Field(
        default=0.8, ge=0, le=0.9, description="Share of actuals inside the 90 % interval below which there is drift."
    )
    drift_psi: float = Field(
        default=0.25, ge=0.01, le=5, description="Population stability index of the errors above which there is drift."
    )
    fallback_forecaster: str = Field(default="default", description="Forecaster of a segment that has no champion yet.")
    detectors: tuple[str, ...] = Field(default=("default",), description="Detectors that vote on each point.")
    alert_votes: int = Field(default=1, ge=1, le=10, description="Weight of detectors that must agree on an anomaly.")
    detector_weights: tuple[str, ...] = Field(default=(), description="What a detector counts, as <name>:<weight>; by default 1.")
    detect_history_hours: int = Field(default=672, ge=48, le=8760, description="History a detector sees before the interval.")
    detect_min_history_hours: int = Field(
        default=168, ge=24, le=8760, description="Observed hours a series needs before its anomalies are published."
    )
    missing_hours: int = Field(default=4, ge=0, le=168, description="Hours without a sample that are an incident; 0: none are.")
    feature_days: int = Field(
        default=90, ge=1, le=800, description="Days that features of hours are kept; those of days are kept for good."
    )
    metric_5min_days: int = Field(default=14, ge=2, le=400, description="Days that rows of five minutes are kept.")
    recommenders: tuple[str, ...] = Field(
        default_factory=lambda: plugs.names("recommenders"),
        description="Rules that judge resources, by default all; a resource that none judges is answered with that.",
    )
    lookback_days: int = Field(default=14, ge=7, le=93, description="Window of usage that recommendations look at.")
    risk_quantile: float = Field(default=0.9, ge=0.5, le=0.99, description="Quantile whose crossing dates the capacity risk.")
    accepted_shifts: tuple[Annotated[str, StringConstraints(pattern=r"^\S+:\d{4}-\d{2}-\d{2}$")], ...] = Field(
        default=(),
        description="Shifts by the factor of a unit that are true, each as <metric>:<its first day>; others are not published.",
    )
    routes: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")], Route] = Field(
        default_factory=dict,
        description='Ways to people by name, e.g. {"oncall": {"notifier": "sns", "severities": ["critical"], '
        '"options": {…}}}; without one nobody is told.',
    )
    maintenance_calendar: str = Field(
        default="",
        description="File of maintenance windows, see docs/alerts.md: a path, or an s3:// address below the lake's reports/.",
    )
    allocation: str = Field(
        default="",
        description="File of rules whom a cost belongs to, see docs/cost.md: a path, or an s3:// address below the lake's "
        "reports/; without one, tags say it.",
    )
    counting_exports: tuple[Annotated[str, StringConstraints(pattern=r"^[^/,=]+/[^/,=]+/(\*|\d{4}-\d{2})=[^,=]+$")], ...] = Field(
        default=(),
        description="Exports that count alone, each as <provider>/<payer>/<YYYY-MM or *>=<export>; else the newest format.",
    )
    unit_metrics: tuple[Annotated[str, StringConstraints(pattern=r"^[^,=]+=[^,=\s]+$")], ...] = Field(
        default=(), description="Metrics that count requests of a service, for their cost, each as <service as billed>=<metric>."
    )
    planned_costs: str = Field(
        default="",
        description="File of what was announced of cost, see docs/anomalies.md: a path, or an s3:// address below the lake's "
        "reports/.",
    )
    budgets: str = Field(default="", description="File of budgets, see docs/cost.md: a path or an address, as of `allocation`.")
    alert_cost_impact: float = Field(default=100, ge=0, le=1e9, description="Impact of a cost anomaly for an alert, as billed.")
    alert_restated_cost: float = Field(default=100, ge=0, le=1e9, description="Cost that a closed bill moves by for an alert.")
    alert_cpu_warning_pct: float = Field(default=80, ge=1, le=100, description="CPU from which there is a warning.")
    alert_cpu_critical_pct: float = Field(default=95, ge=1, le=100, description="CPU from which it is critical.")
    alert_memory_warning_pct: float = Field(default=85, ge=1, le=100, description="Memory from which there is a warning.")
    alert_memory_critical_pct: float = Field(default=95, ge=1, le=100, description="Memory from which it is critical.")
    alert_disk_warning_pct: float = Field(default=85, ge=1, le=100, description="Disk use from which there is a warning.")
    alert_disk_critical_pct: float = Field(default=95, ge=1, le=100, description="Disk use from which it is critical.")
    alert_load_warning: float = Field(default=2, ge=0.1, le=1000, description="Tasks per CPU that run or wait: a warning.")
    alert_load_critical: float = Field(default=5, ge=0.1, le=1000, description="Such tasks from which it is critical.")
    alert_error_warning_pct: float = Field(default=0.1, ge=0.001, le=100, description="Percent of requests that fail: a warning.")
    alert_error_critical_pct: float = Field(default=1, ge=0.001, le=100, description="The same from which it is critical.")
    alert_latency_warning_ms: float = Field(default=2000, ge=1, le=3_600_000, description="p95 of the time to answer: a warning.")
    alert_latency_critical_ms: float = Field(default=5000, ge=1, le=3_600_000, description="The same from which it is critical.")
    alert_hold_hours: int = Field(default=2, ge=1, le=24, description="Hours in a row that a threshold is reached for an alert.")
    alert_disk_full_days: int = Field(default=14, ge=1, le=90, description="Days within which a disk that fills up is an alert.")
    alert_storage_growth_pct: float = Field(default=10, ge=1, le=1000, description="Percent storage grows in a day for an alert.")
    alert_storage_growth_gb: float = Field(default=100, ge=0, le=1e6, description="The same of a bucket, in 10^9 bytes.")
    alert_completeness: float = Field(default=0.95, ge=0, le=1, description="Share of samples below which there is an alert.")
    alert_stale_days: int = Field(default=2, ge=1, le=20, description="Days without a build after which a table is stale.")
    alert_incident_hours: int = Field(
        default=3, ge=1, le=168, description="Hours after which an incident of one metric, or without a capacity, is an alert."
    )
    alert_incident_impact: float = Field(
        default=0.25, ge=0, le=1, description="Share of capacity that an incident of one metric is off by to be an alert at once."
    )
    alert_incident_mbps: float = Field(
        default=1, ge=0, le=100_000, description="Traffic below which an incident of traffic alone is no alert, Mbit/s."
    )
    alert_anomaly_hour_ratio: float = Field(
        default=0.1, ge=0, le=1, description="Share of a resource's samples of an hour above which anomalous ones are an alert."
    )
    alert_anomaly_day_ratio: float = Field(default=0.08, ge=0, le=1, description="The same of a day's samples.")
    alert_anomaly_samples: int = Field(default=10, ge=1, le=1000, description="Samples that such a share is of, at least.")
    alert_anomalies_in_a_row: int = Field(
        default=5, ge=1, le=24, description="Samples of a series in a row that may be anomalous before that is an alert."
    )
    alert_error_budget_pct: float = Field(
        default=0.1, ge=0.001, le=6, description="Percent of requests that may fail in a month, for the rule burn_rate."
    )
    alert_no_data_periods: int = Field(
        default=3, ge=1, le=100, description="Periods without a sample after which a resource is silent, five minutes at least."
    )
    monitor_sources: tuple[str, ...] = Field(
        default=(), description="Sources of samples that the DAG monitor asks; those that it is not told, others land."
    )
    monitor_period_s: int = Field(
        default=300, ge=300, le=3600, multiple_of=300, description="Seconds of a run of the DAG monitor."
    )
    monitor_wait_s: int = Field(
        default=120, ge=0, le=1800, description="Seconds after a period's end until its run, in which samples arrive."
    )
    monitor_late_s: int = Field(
        default=600, ge=0, le=3600, multiple_of=300, description="Seconds before its period that are asked for again."
    )
    monitor_hold_minutes: int = Field(
        default=15, ge=5, le=720, description="Minutes for which a threshold is reached before the DAG monitor calls it an alert."
    )
    alert_repeat_minutes_critical: int = Field(
        default=30, ge=5, le=43_200, description="Minutes after which a critical alert that still fires is told again."
    )
    alert_repeat_minutes_warning: int = Field(default=60, ge=5, le=43_200, description="The same of a warning.")
    alert_repeat_minutes_info: int = Field(default=1440, ge=5, le=43_200, description="The same of an information.")
    alert_flaps: int = Field(default=3, ge=2, le=100, description="How often a week an alert may be over before it is flapping.")
    notify_within_hours: int = Field(
        default=24, ge=1, le=168, description="Hours after a run's interval in which it may send messages; later: a backfill."
    )
    notify_tries: int = Field(
        default=3, ge=1, le=20, description="Tries after which a message that no notifier took is an alert on another route."
    )
    notify_wait_s: int = Field(
        default=90, ge=0, le=1800, description="Seconds for which a run goes on trying; what is left then is tried by the next."
    )
    snapshot_retention_days: int = Field(default=30, ge=1, le=3650, description="Age after which untagged snapshots expire.")

    @field_validator("lake")
    @classmethod
    def _lake_is_a_place(cls, value: str) -> str:
        if "://" in value and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?", value):
            raise ValueError("expected a folder or s3://bucket/prefix")
        if "://" not in value:
            check_folder(Path(value))
        return value

    @field_validator("monitor_period_s")
    @classmethod
    def _period_divides_a_day(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("expected a divisor of a day of 86400 s")
        return value

    @field_validator("home")
    @classmethod
    def _home_is_a_folder(cls, value: Path) -> Path:
        check_folder(value)
        return value

    @field_validator("mlflow_uri")
    @classmethod
    def _mlflow_uri_has_no_password(cls, value: str) -> str:
        if holds_secret(value):
            raise ValueError("an address is shown in logs; MLflow reads MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        return value

    @field_validator(*PLUG_LISTS)
    @classmethod
    def _plugs_exist(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        folder = PLUG_LISTS[info.field_name]
        if not value and info.field_name not in ("recommenders", "monitor_sources"):
            raise ValueError(f"name at least one; there are {', '.join(plugs.names(folder))}")
        _check_plugs(folder, value)
        if info.field_name == "monitor_sources" and (others := sorted({*value}.difference(known := plugs.fillers(SAMPLES)))):
            raise ValueError(f"{', '.join(others)}: no samples of metrics; sources that have some are {', '.join(known)}")
        return value

    @field_validator("accepted_shifts")
    @classmethod
    def _shifts_have_days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for shift in value:
            date.fromisoformat(shift.rpartition(":")[2])
        return value

    @field_validator("unit_metrics")
    @classmethod
    def _one_metric_counts_requests_of_a_service(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        metrics: dict[str, str] = {}
        for service, _, metric in (each.partition("=") for each in value):
            if (other := metrics.setdefault(service, metric)) != metric:
                raise ValueError(f"requests of {service} are counted by {other} and by {metric}; expected one metric")
        return value

    @field_validator("fallback_forecaster")
    @classmethod
    def _forecaster_exists(cls, value: str) -> str:
        _check_plugs("forecasters", (value,))
        return value

    @field_validator("options", mode="before")
    @classmethod
    def _options_are_of_plugs(cls, value: Any) -> Any:
        # The options themselves are checked when the plug is used: to import all plugs takes seconds.
        for folder, by_plug in value.items() if isinstance(value, dict) else ():
            _check_plugs(folder, by_plug if isinstance(by_plug, dict) else ())
        return value

    @property
    def lake_uri(self) -> str:
        return self.lake or str(self.home / "lake")

    @property
    def mlflow_tracking_uri(self) -> str:
        return self.mlflow_uri or f"sqlite:///{(self.home / 'mlflow' / 'mlflow.db').resolve()}"

    @property
    def mlflow_artifact_uri(self) -> str:
        return self.mlflow_artifacts or (self.home / "mlflow" / "artifacts").resolve().as_uri()

    def report_address(self, as_of: datetime | None = None, file: str = "report.html") -> str:
        """Where people find a file of a run, by default of the newest: a path, or an address in S3."""
        return f"{self.lake_uri.rstrip('/')}/{REPORTS}/{run_name(as_of) if as_of else NEWEST}/{file}"

    @property
    def status_address(self) -> str:
        """Where people find the page of what is so now."""
        return f"{self.lake_uri.rstrip('/')}/{REPORTS}/{STATUS}"


def run_name(as_of: datetime) -> str:
    """How the files of one run are filed; the names of runs sort as their moments do."""
    return as_of.strftime("%Y-%m-%dT%H%M")


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings.

    Args:
        environ: where `HEADROOM_*` variables are looked up; the process environment by default.
        overrides: stronger than both sources; None means not given.

    Raises:
        ConfigError: an unknown key, a file that is not TOML, or a value out of bounds; the message names key and value.
    """
    given = read_given(os.environ if environ is None else environ, ROOT, Settings.model_fields)
    given.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return Settings(**put_under(given))
    except ValidationError as error:
        # Without what pydantic says: it quotes what it was given.
        raise ConfigError(f"bad settings: {'; '.join(complain(each) for each in error.errors())}") from None


def _check_plugs(folder: str, named: Iterable[str]) -> None:
    """Make sure that the plugs exist; pydantic collects what a validator says as a ValueError."""
    try:
        plugs.names(folder)
        for name in named:
            plugs.check_name(folder, name)
    except ConfigError as error:
        raise ValueError(str(error)) from error
