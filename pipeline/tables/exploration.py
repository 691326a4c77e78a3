"""Tables of what data look like."""

from __future__ import annotations

from pipeline.tables.columns import DATASET_CHECKS, as_of, metric, moment, number, resource_key, source, text
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE

UTILISATION_CLUSTER = Table(
    name="gold.utilisation_cluster",
    doc="The utilisation profile of one resource, and the cluster of resources that are used alike, as believed at `as_of`.",
    key=("as_of", *(column.name for column in resource_key)),
    time="as_of",
    columns=(
        as_of,
        *resource_key,
        Column(name="cluster", type=WHOLE, doc="Its number, kept over runs; null where it is in none.", nullable=True, ge=1),
        text("description", "What its resources do, in a sentence.", nullable=True),
        text("reason", "Why the resource is in none; null else.", nullable=True),
        Column(name="clusters", type=WHOLE, doc="Clusters in all; 0 where there are none.", unit="count", ge=0, le=8),
        number("silhouette", "Of the resource; null where it joined without a whole week.", "ratio", ge=-1, le=1),
        Column(name="hours", type=WHOLE, doc="Hours behind the profile.", unit="count", ge=1),
        number("in_use_ratio", "Share of them with a tenth of the P95 hour's CPU, or more.", "ratio", ge=0, le=1),
        number("cpu_pct", "CPU while in use, geometric mean over the hours of the week.", "percent", ge=0, le=100),
        number("memory_pct", "Memory, the same.", "percent", ge=0, le=100),
        number("spread_ratio", "Standard deviation of log CPU around the hour of the week.", "ratio", ge=0),
        number("night_ratio", "CPU from 0 to 6 UTC beside 9 to 18 UTC of a workday; null where it is off.", "ratio", ge=0),
        number("weekend_ratio", "CPU at weekends beside workdays at the same 24 hours; null where it is off.", "ratio", ge=0),
        text("consolidate_into", "Resource that could do its work as well; null where none is known.", nullable=True),
        number("consolidation_saving_usd", "What it costs a month at list price, and would not.", "usd", ge=0),
        text("consolidation_reason", "What the host needs with all that moves there, by the P95 of each hour.", nullable=True),
    ),
    may_be_empty=True,
)
INPUT_DRIFT = Table(
    name="gold.input_drift",
    doc="How one metric of one source is distributed in the 28 days before `as_of`, beside the 84 before in the same series.",
    key=("as_of", "metric", "source"),
    time="as_of",
    columns=(
        as_of,
        metric,
        source,
        Column(name="days", type=WHOLE, doc="Days of series in the last 28.", unit="count", ge=0),
        Column(name="days_before", type=WHOLE, doc="The same in the 84 before.", unit="count", ge=0),
        number("psi", "Population stability index over tenths of the reference; null below 200 days each.", "index", ge=0),
        number("ks", "Kolmogorov and Smirnov's distance of the two distributions; null as well.", "ratio", ge=0, le=1),
        number("median", "Median of the last 28 days.", "as the metric"),
        number("median_before", "The same of the 84 before.", "as the metric"),
        Column(name="drifted", type=FLAG, doc="The index is above the setting `drift_psi`."),
        text("reason", "Why, with the figures."),
    ),
    may_be_empty=True,
    build=Build(
        by="pipeline.inputs.input_drift.input_drift", reads=("inputs.input_values", "inputs.series_sources"), checked=False
    ),
)


def _share(name: str, doc: str) -> Column:
    return Column(name=name, type=NUMBER, doc=doc, unit="ratio", ge=0, le=1)


DATASET_QUALITY = Table(
    name="silver.dataset_quality",
    doc="How good the metric samples of one source are on one UTC day.",
    key=("source", "ts"),
    time="ts",
    columns=(
        source,
        moment("ts", "Midnight that begins the day."),
        Column(name="series", type=WHOLE, doc="Series that samples landed of.", unit="count", ge=1),
        Column(name="landed_rows", type=WHOLE, doc="Samples that landed.", unit="count", ge=1),
        Column(name="accepted_rows", type=WHOLE, doc="Samples that count.", unit="count", ge=0),
        _share("completeness_ratio", "Periods that have a sample, of those that a day has of the shortest that counts."),
        _share("validity_ratio", "Samples with a unit, a name and a value that can be."),
        _share("uniqueness_ratio", "Samples that no later landing replaced."),
        _share("timeliness_ratio", "Samples that count and landed within a day of their UTC day's end."),
        _share("consistency_ratio", "Samples in the unit and of the statistic that their series has that day."),
        _share("score", "Mean of the five."),
    ),
    may_be_empty=True,
)
DATASET_COMPAT = Table(
    name="gold.dataset_compat",
    doc="How well one metric of one source fits what is asked of one, by what a run landed and the days before it.",
    key=("as_of", "source", "metric"),
    time="as_of",
    columns=(
        as_of,
        source,
        metric,
        text("unit", "Unit that silver keeps; null where what was stated is none that it knows.", nullable=True),
        Column(name="resources", type=WHOLE, doc="Resources that samples of the run count of.", unit="count", ge=0),
        Column(name="rows", type=WHOLE, doc="Samples that the run landed.", unit="count", ge=1),
        Column(name="counted_rows", type=WHOLE, doc="Those of them that no rule refuses.", unit="count", ge=0),
        Column(name="period_s", type=WHOLE, doc="Shortest period of a sample that counts; 0 without one.", unit="seconds", ge=0),
        Column(name="days", type=WHOLE, doc="Days with a sample, of those looked at.", unit="count", ge=0),
        Column(name="span_days", type=WHOLE, doc="Days from the first of them to the last.", unit="count", ge=0),
        Column(name="samples", type=WHOLE, doc="Periods of its series' days with a sample.", unit="count", ge=0),
        Column(name="expected_samples", type=WHOLE, doc="Periods that these days have.", unit="count", ge=0),
        number("lowest", "Least value of the run's samples that count.", "as the metric"),
        number("highest", "Largest of them.", "as the metric"),
        number(
            "daily_strength",
            "Of what the trend leaves of hours, the share that is the hour's; null if unknown.",
            "ratio",
            ge=0,
            le=1,
        ),
        number("weekly_strength", "The same of days and the weekday.", "ratio", ge=0, le=1),
        number("correlation_cpu", "With the CPU of the same resource over days; null if unknown.", "ratio", ge=-1, le=1),
        Column(
            name="fits_documented",
            type=FLAG,
            doc="It moves with the CPU as the reference fleet's does.",
            nullable=True,
        ),
        _share("known_ratio", "1 where rules ask for the metric, in its unit; else 0."),
        _share("validity_ratio", "Of the samples landed, those that count."),
        _share("completeness_ratio", "Of the periods of days with a sample, those that have one."),
        _share("continuity_ratio", "Of the days from the first to the last, those with a sample."),
        _share("resolution_ratio", "Of hour and day, those that its periods can fill."),
        _share("length_ratio", "Of the days that a forecast by the day needs, those there are."),
        Column(name="score", type=NUMBER, doc="100 times the mean of the six.", unit="points", ge=0, le=100),
        text("lacks", "What keeps it below 100, with the figures; null where nothing does.", nullable=True),
        Column(
            name="source_resources",
            type=WHOLE,
            doc="Of the source: resources that samples of the run count of.",
            unit="count",
            ge=0,
        ),
        _share("coverage_ratio", "Of a server's five metrics, those that the source delivered."),
        Column(
            name="dataset_score",
            type=NUMBER,
            doc="Of the source: 100 times the mean of coverage and the six, each averaged over its metrics.",
            unit="points",
            ge=0,
            le=100,
        ),
    ),
    may_be_empty=True,
    build=Build(
        by="pipeline.inputs.dataset_compat.dataset_compat",
        reads=("inputs.dataset_correlation", "inputs.dataset_days", "inputs.dataset_hours", "inputs.dataset_landed"),
        checked=False,
    ),
)
DATASET_CHECK = Table(
    name="silver.dataset_check",
    doc="One of the seven checks of a data set, of the metric samples of one source on one UTC day.",
    key=("source", "ts", "check_name"),
    time="ts",
    columns=(
        source,
        moment("ts", "Midnight that begins the day."),
        text("check_name", "What is asked.", values=DATASET_CHECKS),
        Column(name="success", type=FLAG, doc="It held; null where it could not be judged.", nullable=True),
        number("observed", "What was found; null where there is too little to say.", "ratio"),
        number("least", "What is expected at least; null where there is no such bound.", "ratio"),
        number("most", "What is expected at most; null where there is no such bound.", "ratio"),
        Column(name="evidence", type=WHOLE, doc="Samples, days of resources, or resources behind it.", unit="count", ge=0),
        text("reason", "Why it could not be judged; null where it was.", nullable=True),
    ),
    may_be_empty=True,
)
