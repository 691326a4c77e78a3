"""Tables about the pipeline itself: runs, checks, quarantine."""

from __future__ import annotations

from pipeline.tables.columns import CHECK_SEVERITIES, as_of, load_id, moment, provenance, source, text
from pipeline.tables.schema import Build, Column, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE

step_outcome = (
    text("outcome", "done, unchanged, partial (some segments failed) or failed."),
    Column(name="rows", type=WHOLE, doc="Rows written.", unit="count", ge=0),
    Column(name="wall_s", type=NUMBER, doc="Wall-clock time.", unit="seconds", ge=0),
    Column(name="cpu_s", type=NUMBER, doc="CPU time of the process.", unit="seconds", ge=0),
    Column(name="peak_rss_mib", type=NUMBER, doc="Peak memory of the process so far.", unit="MiB", ge=0),
)
RUN_EVENT = Table(
    name="bronze.run_event",
    doc="One finished or failed step of one run: telemetry, not content.",
    key=("load_id",),
    time="ts",
    columns=(
        source,
        moment("ts", "End of the run's data interval."),
        moment("start_at", "Start of the run's data interval."),
        text("step", "The step."),
        text("target", "Table, source or segment the step worked on; of one bill `<source> <YYYY-MM>`."),
        Column(name="shard", type=WHOLE, doc="Shard of mapped work, else 0.", ge=0),
        *step_outcome,
        *provenance,
    ),
    partition="day",
)
QUARANTINE = Table(
    name="silver.quarantine",
    doc="One bronze row that a rule refused, with the reason and the row itself.",
    key=("table_name", "load_id", "row_number"),
    time="ts",
    columns=(
        text("table_name", "Bronze table of the row."),
        load_id,
        Column(name="row_number", type=WHOLE, doc="Number among the load's refused rows; of a bill that of its line.", ge=1),
        moment("ts", "The row's own time."),
        source,
        text("rule", "The rule that refused it."),
        text("reason", "What was found and what was expected."),
        text("row_json", "The row."),
    ),
    partition="day",
    may_be_empty=True,
)
CHECK_RESULT = Table(
    name="silver.check_result",
    doc="One expectation on one table of silver in one run; `gold.quality_result` publishes it.",
    key=("as_of", "table_name", "subject", "rule", "shard"),
    time="as_of",
    columns=(
        as_of,
        text("table_name", "Table checked."),
        text("subject", "Column or load that the rule is about; `table` for the whole."),
        text("rule", "Expectation and its arguments."),
        Column(name="shard", type=WHOLE, doc="Shard of mapped work, else 0.", ge=0),
        text("severity", "critical stops the write.", values=CHECK_SEVERITIES),
        Column(name="success", type=FLAG, doc="Held; an expectation that raised did not."),
        Column(name="rows", type=WHOLE, doc="Rows looked at.", unit="count", ge=0),
        Column(name="failed_rows", type=WHOLE, doc="Rows against the rule.", unit="count", ge=0),
        Column(name="score", type=NUMBER, doc="Share of rows in order.", unit="ratio", ge=0, le=1),
        text("note", "What it means to the person on call."),
    ),
    may_be_empty=True,
)
QUALITY_RESULT = Table(
    name="gold.quality_result",
    doc="One expectation on one table, or one load's share of accepted rows, in one run.",
    key=CHECK_RESULT.key,
    time="as_of",
    columns=CHECK_RESULT.columns,
    may_be_empty=True,
    build=Build(when="always", checked=False, about="table_name"),
)
RUN_STAT = Table(
    name="gold.run_stat",
    doc="What one step of one run took, at its latest execution.",
    key=("as_of", "start_at", "step", "target", "shard"),
    time="as_of",
    columns=(
        as_of,
        moment("start_at", "Start of the run's data interval."),
        text("step", "The step."),
        text("target", "Table, source or segment; of one bill `<source> <YYYY-MM>`."),
        Column(name="shard", type=WHOLE, doc="Shard of mapped work, else 0.", ge=0),
        *step_outcome,
        moment("finished_at", "When it ended."),
    ),
    may_be_empty=True,
    build=Build(when="last", checked=False),
)
# Telemetry says how a run went, not what it found; comparing content leaves it out.
TELEMETRY = frozenset({RUN_EVENT.name, RUN_STAT.name})
#: What every step writes beside the tables that it is about.
BOOKKEEPING = frozenset({RUN_EVENT.name, CHECK_RESULT.name, QUALITY_RESULT.name})
