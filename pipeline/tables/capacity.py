"""Tables of capacity risk and how well it was stated."""

from __future__ import annotations

from pipeline.tables.columns import SEVERITIES, UNKNOWN, as_of, granularity, metric, moment, number, series_id, text
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import NUMBER, WHOLE

reliability_columns = (
    metric,
    granularity,
    Column(name="threshold_pct", type=NUMBER, doc="Share of capacity.", unit="percent", ge=1, le=100),
    Column(name="horizon_days", type=WHOLE, doc="Within how many days it could cross.", unit="days", ge=1),
    Column(name="bin", type=WHOLE, doc="Tenth of the stated chance: 0 is below 10 %, 9 is 90 % and more.", ge=0, le=9),
    Column(name="forecasts", type=WHOLE, doc="Chances judged.", unit="count", ge=1),
    Column(name="stated", type=NUMBER, doc="Mean stated chance.", unit="ratio", ge=0, le=1),
    Column(name="observed", type=NUMBER, doc="Share that crossed.", unit="ratio", ge=0, le=1),
    Column(name="brier", type=NUMBER, doc="Mean squared difference of chance and outcome.", unit="ratio", ge=0, le=1),
    Column(
        name="base_rate_brier",
        type=NUMBER,
        doc="The same if each chance had been the share that crossed at this metric, threshold and horizon.",
        unit="ratio",
        ge=0,
        le=1,
    ),
)
CAPACITY_RISK = Table(
    name="gold.capacity_risk",
    doc="The risk that one series crosses one threshold, as believed at `as_of`.",
    key=("as_of", "series_id", "granularity", "threshold_pct"),
    time="as_of",
    columns=(
        as_of,
        series_id,
        metric,
        granularity,
        Column(
            name="threshold_pct",
            type=NUMBER,
            doc="Share of capacity that must not be crossed.",
            unit="percent",
            ge=1,
            le=100,
        ),
        Column(name="quantile", type=NUMBER, doc="Quantile whose crossing is dated.", unit="ratio", ge=0, le=1),
        moment("first_crossing_at", "First period in which that quantile crosses.", nullable=True),
        number("p_cross_7d", "Chance of crossing within 7 days, surprises included.", "ratio", ge=0, le=1),
        number("p_cross_30d", "Chance of crossing within 30 days, surprises included.", "ratio", ge=0, le=1),
        number("p_cross_90d", "Chance of crossing within 90 days, surprises included.", "ratio", ge=0, le=1),
        number(
            "p_surprise_30d",
            "Chance that an incident, which no forecast sees, makes it cross within 30 days; null by the hour.",
            "ratio",
            ge=0,
            le=1,
        ),
        moment("crossing_p10_at", "Early date of the first crossing.", nullable=True),
        moment("crossing_p50_at", "Median date of the first crossing.", nullable=True),
        moment("crossing_p90_at", "Late date of the first crossing.", nullable=True),
        Column(name="capacity", type=NUMBER, doc="Provisioned amount.", unit="as the metric"),
        number("peak_p95", "Highest P95 over the forecast; null where there is none.", "as the metric"),
        moment("peak_at", "When that peak is expected.", nullable=True),
        number("seasonal_peak_p95", "Highest P95 on holidays and the last five days of quarters.", "as the metric"),
        moment("seasonal_peak_at", "When that is expected.", nullable=True),
        number("headroom_ratio", "Share of capacity left at the P95 forecast's peak.", "ratio", le=1),
        text(
            "risk_level",
            "low, medium, high or critical; `unknown` where a series is too new to forecast.",
            values=(*SEVERITIES, UNKNOWN),
        ),
        number("priority", "Risk × criticality × historic peak, 0–100.", "score", ge=0, le=100),
        text("reason", "Why the level is unknown, or of which day it is where it is stale; null else.", nullable=True),
    ),
    may_be_empty=True,
)
RISK_RELIABILITY = Table(
    name="gold.risk_reliability",
    doc="Stated chances of crossing in one bin beside how often it happened, of the risks whose horizon ended in a run.",
    key=("as_of", "metric", "granularity", "threshold_pct", "horizon_days", "bin"),
    time="as_of",
    columns=(as_of, *reliability_columns),
    may_be_empty=True,
)
RISK_BACKTEST = Table(
    name="gold.risk_backtest",
    doc="Stated chances of crossing in one bin beside how often it happened, of one forecaster in one training's backtest.",
    key=("as_of", "metric", "granularity", "model", "threshold_pct", "horizon_days", "bin"),
    time="as_of",
    columns=(as_of, text("model", "Forecaster that the training proposed."), *reliability_columns),
    may_be_empty=True,
)
