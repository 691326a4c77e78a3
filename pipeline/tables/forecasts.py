"""Tables of forecasts, their scores and the models behind them."""

from __future__ import annotations

from pipeline.tables.columns import (
    DECISIONS,
    SOUNDNESS,
    as_of,
    bucket,
    granularity,
    metric,
    moment,
    number,
    series_id,
    text,
    unit,
)
from pipeline.tables.columns import NOT_FORECAST as REASONS
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE

soundness = text(
    "soundness",
    "Of what forecasts: `sound` passed the gates, `unsound` did not and serves all the same, `unjudged` was not measured.",
    nullable=True,
    values=SOUNDNESS,
)
coverage_90 = number(
    "coverage_90", "Share of actuals inside its 90 % interval in the training that judged it; should be 0.9.", "ratio", ge=0, le=1
)
FORECAST = Table(
    name="gold.forecast",
    doc="One quantile of one future period of one series, as believed at `as_of`.",
    key=("as_of", "series_id", "granularity", "ts", "quantile"),
    time="as_of",
    columns=(
        as_of,
        series_id,
        metric,
        unit,
        granularity,
        moment("ts", "Start of the period forecast."),
        Column(name="quantile", type=NUMBER, doc="Level.", unit="ratio", ge=0.001, le=0.999),
        Column(name="value", type=NUMBER, doc="The p95 of the period's demand, at that level.", unit="as `unit`"),
        text("model", "Forecaster."),
        text(
            "model_version",
            "Registered version, or `none`; `… (stale)` ran without its parameters and overrides, as the registry was down.",
        ),
        text(
            "tier",
            "`full` where the model answers the series, else why a fallback does: `new`, `short`, `gappy` …; `stale` are the "
            "last good rows of a segment that failed.",
        ),
        moment("cutoff", "Last observed period behind the forecast."),
        bucket,
        soundness,
        coverage_90,
    ),
    partition="day",
    may_be_empty=True,
)
NOT_FORECAST = Table(
    name="gold.not_forecast",
    doc="One series that was known at `as_of` and is not forecast, and why.",
    key=("as_of", "series_id", "granularity"),
    time="as_of",
    columns=(
        as_of,
        series_id,
        metric,
        unit,
        granularity,
        text(
            "reason",
            "`ended`: silent for 3 days by the hour, 14 by the day; `too_new`: fewer than 3 observed periods; `few_days`: fewer "
            "than the setting `min_daily_history` asks for.",
            values=REASONS,
        ),
        Column(name="observed", type=WHOLE, doc="Observed periods within the history that models see.", unit="periods", ge=1),
        moment("last_at", "The last of them."),
        bucket,
    ),
    may_be_empty=True,
)
FORECAST_SCORE = Table(
    name="gold.forecast_score",
    doc="One period of one series as forecast at `as_of`, beside what was then observed: every lead time of every forecast.",
    key=("as_of", "series_id", "granularity", "ts"),
    time="ts",
    columns=(
        as_of,
        series_id,
        metric,
        unit,
        granularity,
        moment("ts", "Start of the period."),
        Column(name="lead", type=WHOLE, doc="Lead time; 1 is the first period after `as_of`.", unit="periods", ge=1),
        text("model", "Forecaster."),
        text("model_version", "Its registered version; `none` for a forecaster without one."),
        Column(name="actual", type=NUMBER, doc="The p95 (of cost: the sum) observed.", unit="as `unit`"),
        Column(name="median", type=NUMBER, doc="The median forecast.", unit="as `unit`"),
        Column(name="error", type=NUMBER, doc="Actual − median; above 0 where more was used than forecast.", unit="as `unit`"),
        Column(name="abs_error", type=NUMBER, doc="The error without its sign.", unit="as `unit`", ge=0),
        Column(name="pinball", type=NUMBER, doc="Pinball loss, mean over the quantiles.", unit="as `unit`", ge=0),
        Column(name="hit_50", type=FLAG, doc="The actual lay within 0.25 … 0.75."),
        Column(name="hit_80", type=FLAG, doc="The actual lay within 0.1 … 0.9."),
        Column(name="hit_90", type=FLAG, doc="The actual lay within 0.05 … 0.95."),
        number(
            "naive_abs_error",
            "The seasonal naive's error from the same cutoff; null where that period is missing.",
            "as `unit`",
            ge=0,
        ),
        number(
            "scale", "Mean seasonal difference in the 28 days up to the cutoff; null where nothing varied.", "as `unit`", ge=0
        ),
    ),
    partition="day",
    may_be_empty=True,
)
MODEL_METRIC = Table(
    name="gold.model_metric",
    doc="How one forecaster did on one segment in one training's backtest.",
    key=("as_of", "metric", "granularity", "model"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        text("model", "Forecaster."),
        Column(name="series", type=WHOLE, doc="Series scored.", unit="count", ge=0),
        Column(name="windows", type=WHOLE, doc="Rolling-origin windows.", unit="count", ge=0),
        number("mase", "Mean absolute scaled error.", "ratio", ge=0),
        number("rmsse", "Root mean squared scaled error.", "ratio", ge=0),
        number("wape", "Weighted absolute percentage error.", "ratio", ge=0),
        number("smape", "Symmetric MAPE.", "ratio", ge=0),
        number("scaled_pinball", "Mean quantile loss, scaled as MASE.", "ratio", ge=0),
        number("coverage_50", "Share of actuals inside the 50 % interval.", "ratio", ge=0, le=1),
        number("coverage_80", "Share of actuals inside the 80 % interval.", "ratio", ge=0, le=1),
        number("coverage_90", "Share of actuals inside the 90 % interval.", "ratio", ge=0, le=1),
        number("bias", "Mean of forecast − actual, scaled as MASE; above 0 forecasts too much.", "ratio"),
        number("skill", "1 − scaled pinball ÷ seasonal naive's.", "ratio", le=1),
        text("compared_with", "Forecaster that served then, else seasonal naive.", nullable=True),
        number(
            "p_value",
            "Chance of losses this far below those of `compared_with` if both forecast equally well.",
            "probability",
            ge=0,
            le=1,
        ),
        number("cpu_s_per_series", "CPU time per series and window.", "seconds", ge=0),
    ),
    may_be_empty=True,
)
FEATURE_IMPORTANCE = Table(
    name="gold.feature_importance",
    doc="What one feature told a forecaster that chooses among features, in the training part of a training's newest window.",
    key=("as_of", "metric", "granularity", "model", "feature"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        text("model", "Forecaster."),
        text("feature", "The forecaster's own, or one of the catalogue without the metric that it begins with."),
        number("importance", "Share of what all splits of a first model gained.", "ratio", ge=0, le=1),
        number("mutual_information", "With what is forecast.", "nats", ge=0),
        Column(name="importance_rank", type=WHOLE, doc="By the sum of the ranks of both; 1 tells most.", ge=1),
        Column(name="chosen", type=FLAG, doc="It is learnt from."),
    ),
    may_be_empty=True,
)
DRIFT = Table(
    name="gold.drift",
    doc="How one segment's published forecasts did in the 28 days before `as_of` against the 28 before those.",
    key=("as_of", "metric", "granularity"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        Column(name="scored", type=WHOLE, doc="Scores of the last 28 days, a day (hourly) or week ahead.", unit="count", ge=0),
        Column(name="scored_before", type=WHOLE, doc="The same of the 28 days before.", unit="count", ge=0),
        number("scaled_pinball", "Mean pinball loss, scaled as MASE.", "ratio", ge=0),
        number("pinball_to_naive", "Pinball loss ÷ the seasonal naive's absolute error.", "ratio", ge=0),
        number("pinball_to_naive_before", "The same in the 28 days before.", "ratio", ge=0),
        number("skill", "1 − absolute error of the median ÷ the seasonal naive's.", "ratio", le=1),
        number("coverage_80", "Share of actuals inside the 80 % interval.", "ratio", ge=0, le=1),
        number("coverage_90", "Share of actuals inside the 90 % interval.", "ratio", ge=0, le=1),
        number("coverage_90_before", "The same in the 28 days before.", "ratio", ge=0, le=1),
        number("residual_psi", "Population stability index of the scaled errors; null below 200 scores each.", "index", ge=0),
        Column(name="drifted", type=FLAG, doc="One of the figures is beyond its limit."),
        moment("trained_at", "The newest training before `as_of`.", nullable=True),
        Column(name="retrain", type=FLAG, doc="Whether the schedule or drift asks for a training and no cooldown forbids it."),
        text("reason", "Why, with the figures."),
    ),
    may_be_empty=True,
    build=Build(by="pipeline.inputs.drift.model_drift", reads=("inputs.drift_evidence", "inputs.newest_training"), checked=False),
)
PROMOTION = Table(
    name="gold.promotion",
    doc="One decision about the champion of one segment: the fence that the registry's alias follows.",
    key=("metric", "granularity", "fence"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        Column(
            name="fence",
            type=WHOLE,
            doc="Number of the decision, from 1; a writer takes the one after the newest.",
            ge=1,
        ),
        text("decision", "promoted, kept or rejected.", values=DECISIONS),
        text("champion", "Forecaster that serves after the decision, or `none`."),
        text("champion_version", "Its registered version."),
        text("challenger", "Forecaster that was proposed."),
        text("challenger_version", "Its registered version."),
        text("reason", "Gates and figures."),
        text(
            "serves",
            "Forecaster that forecasts from then on: the champion, or one that did not pass the gates; null: none was measured.",
            nullable=True,
        ),
        text("serves_version", "Its registered version, or `none`.", nullable=True),
        soundness,
        coverage_90,
        text(
            "parameters",
            "Of detectors, `detectors` by the hour: what serves, weights and thresholds as JSON; null of a forecaster.",
            nullable=True,
        ),
    ),
    may_be_empty=True,
)
