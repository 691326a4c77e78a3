"""Hold data to its table's expectations before it is published."""

from __future__ import annotations

import gc
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, reports
from pipeline.quality.conform import conform
from pipeline.quality.data_docs import VALIDATIONS, collect_data_docs, exception_message
from pipeline.tables.operations import CHECK_RESULT, QUALITY_RESULT
from pipeline.tables.schema import BUCKETS, Table

log = logging.getLogger(__name__)
# Bytes of rows that are worth a search of the whole process for garbage, which takes a third of a second.
LARGE = 16 * 2**20
# Nobody has the data frame to put a query to, and to word one takes as long as to count what is wrong.
_SUMMARY: Any = {"result_format": "SUMMARY", "return_unexpected_index_query": False}
EXPECTATIONS = Path(__file__).resolve().parent.parent.parent / "expectations"


def validate(
    data: pa.Table,
    table: Table,
    interval: Interval,
    lake: Lake,
    part: tuple[int, int] = (0, 1),
    *,
    also: Sequence[Result] = (),
    run: Interval | None = None,
) -> pa.Table:
    """The same rows, if nothing critical failed; every result is recorded.

    What is said of silver goes to `silver.check_result`, as whoever builds silver writes nothing else; the rest to
    `gold.quality_result`, which takes in the other.

    Args:
        data: conforming rows.
        table: what they are about to become.
        interval: the run's.
        lake: where results are recorded.
        part: which one of the table's rows these are, of how many that they come in.
        also: what else was checked; it is recorded, and stops the table, as an expectation does.
        run: the whole interval of the run, where the rows are of a part of it: what was found is on record as of its end.

    Raises:
        DataError: naming the table, the interval and each critical result that failed, with what was observed.
    """
    run = run or interval
    results, raw = run_expectations(data, table, interval)
    record_results([*results, *also], table, run, lake, part)
    if table.layer != "bronze":
        name = table.name if part[1] == 1 else f"{table.name}.{part[0]}"
        kept = {f"{VALIDATIONS}/{name}.json": json.dumps(raw, sort_keys=True).encode()}
        reports.publish(lake.storage, run.as_of, kept)
    failed = [result for result in results if not result.success]
    lake.did[table.name].expectations += len(results)
    lake.did[table.name].failed += len(failed)
    for result in failed:
        log.warning("%s %s: %s: %s: %s", table.name, interval, result.severity, result.rule, result.note)
    shown_by = ""
    if any(result.severity == "critical" for result in failed):
        reports.publish(lake.storage, run.as_of, collect_data_docs(lake, run.as_of))
        shown_by = f"; {lake.settings.report_address(run.as_of, 'data_docs/index.html')} shows them"
    refuse([*failed, *also], table, interval, shown_by)
    return data


@dataclass(frozen=True)
class Result:
    """How one expectation went."""

    subject: str
    rule: str
    severity: str
    success: bool
    rows: int
    failed_rows: int
    note: str


def refuse(results: Sequence[Result], table: Table, interval: Interval, shown_by: str = "") -> None:
    """Stop a table of which a critical result failed.

    Args:
        shown_by: the end of the sentence: where they are to be seen.

    Raises:
        DataError: naming the table, the interval and each of them.
    """
    if critical := [f"{each.rule}: {each.note}" for each in results if each.severity == "critical" and not each.success]:
        found = f"{len(critical)} critical expectations failed: {'; '.join(critical)}"
        raise DataError(f"{table.name} {interval}: not published, and what was published before stays: {found}{shown_by}")


def hold(data: pa.Table, table: Table, interval: Interval) -> pa.Table:
    """The same rows, if nothing critical failed; unlike `validate` nothing is recorded, for it is not about a run of whole days.

    Raises:
        DataError: as `validate`.
    """
    if data.num_rows:
        results, _ = run_expectations(data, table, interval)
        refuse(results, table, interval)
    return data


def expectations(table: Table) -> list[dict[str, Any]]:
    """The declaration's structural expectations, then those of the table's own file.

    Raises:
        ConfigError: the file is not JSON, or is about another table.
    """
    path = EXPECTATIONS / table.layer / f"{table.short_name}.json"
    if not path.exists():
        return list(table.structural_expectations())
    try:
        suite = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    if suite.get("name") != table.name:
        raise ConfigError(f"{path} is about {suite.get('name')!r}, expected {table.name!r}")
    return [*table.structural_expectations(), *suite["expectations"]]


def run_expectations(
    data: pa.Table, table: Table, interval: Interval, *, structural_only: bool = False
) -> tuple[list[Result], dict[str, Any]]:
    """Run every expectation; one that raises counts as failed.

    Args:
        data: conforming rows.
        table: whose expectations.
        interval: gives `{"$PARAMETER": "start" | "end" | "last_hour" | "last_day"}` their values.
        structural_only: leave out the table's own file, whose volumes and freshness are about one interval.

    Returns:
        One result per expectation, and Great Expectations' own JSON for the data docs.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    from pipeline.quality._great_expectations import context_of, one_at_a_time, remember_configurations, to_json_dict

    chosen = list(table.structural_expectations()) if structural_only else expectations(table)
    suite = gx.ExpectationSuite(name=table.name, expectations=chosen)
    parameters = {
        "start": interval.start,
        "end": interval.end,
        "last_hour": interval.end - timedelta(hours=1),
        "last_day": interval.end - timedelta(days=1),
    }
    with one_at_a_time(os.getpid()):
        context = context_of(os.getpid())
        source = context.data_sources.add_pandas("lake")
        try:
            rows = source.add_dataframe_asset(table.name).add_batch_definition_whole_dataframe("rows")
            with remember_configurations():
                batch = rows.get_batch(batch_parameters={"dataframe": _frame(data)})
                outcome: Any = batch.validate(suite, result_format=_SUMMARY, expectation_parameters=parameters)
                answer = [_result(each, data.num_rows) for each in outcome.results], to_json_dict(outcome)
        finally:
            # Great Expectations keeps the rows in its project, and in reference cycles; a long backfill would pile them up.
            context.data_sources.delete("lake")
        del source, rows, batch, outcome
    if data.nbytes > LARGE:
        gc.collect()
    return answer


def _frame(data: pa.Table) -> Any:
    """The rows for Great Expectations, text kept in Arrow: as Python objects a million rows would take a gigabyte."""
    import pandas as pd

    return data.to_pandas(types_mapper={pa.string(): pd.StringDtype("pyarrow", na_value=np.nan)}.get)


def _result(each: Any, rows: int) -> Result:
    config = each.expectation_config
    kwargs = {name: value for name, value in config.kwargs.items() if name not in ("batch_id", "result_format")}
    subject = str(kwargs.get("column") or ",".join(kwargs.get("column_list", ())) or "table")
    arguments = ", ".join(f"{name}={value}" for name, value in sorted(kwargs.items()) if name not in ("column", "column_list"))
    raised = exception_message(each.exception_info)
    failed = int(each.result.get("unexpected_count") or 0)
    note = " ".join(config.notes) if isinstance(config.notes, list) else str(config.notes or "")
    if raised:
        note = f"could not be evaluated: {raised}"
    elif not each.success:
        observed = each.result.get("observed_value", each.result.get("partial_unexpected_list", [])[:3])
        note = f"{note} Observed {observed}."
    return Result(
        subject=subject,
        rule=f"{config.type.removeprefix('expect_')}({arguments})",
        severity=getattr(config.severity, "value", None) or "critical",
        success=bool(each.success) and not raised,
        rows=rows,
        failed_rows=failed if failed or each.success else rows,
        note=note,
    )


def record_results(
    results: Sequence[Result], table: Table, interval: Interval, lake: Lake, part: tuple[int, int] = (0, 1)
) -> None:
    """Make these what is on record of a table's checks as of the interval's end; arguments as of `validate`."""
    shard, shards = part
    target = CHECK_RESULT if table.layer == "silver" else QUALITY_RESULT
    rows = [
        {
            "as_of": interval.as_of,
            "table_name": table.name,
            "subject": r.subject,
            "rule": r.rule,
            "shard": shard,
            "severity": r.severity,
            "success": r.success,
            "rows": r.rows,
            "failed_rows": r.failed_rows,
            "score": 1 - r.failed_rows / r.rows if r.rows else float(r.success),
            "note": r.note,
        }
        for r in results
    ]
    data = conform(target.frame(rows), target, interval)
    # The first shard also clears what an earlier run with more shards left.
    covered = (shard, *range(shards, BUCKETS)) if shard == 0 else (shard,)
    lake.replace(target, data, target.scope(interval, table_name=(table.name,), shard=covered))
