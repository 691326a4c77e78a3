"""The engine on AWS: Athena, through awswrangler.

**Once per question.** The token of an execution is a hash of the statement, its parameters' values and the state of every table
behind it. A task that is retried gets the execution it had; as soon as a table says something else, the question is new.
Results are never reused by age.

**Exact results.** They are read from the CSV that Athena writes, by Arrow, with Athena's own column types: doubles come back to
the bit, microseconds stay, and null is not the empty string. UNLOAD would refuse Iceberg's microseconds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.lake import aws, sql
from pipeline.settings import Settings

log = logging.getLogger(__name__)

POLL_S = 0.25
# A token that names an execution which failed earlier is given up for the next one. The last has none that is known: where all
# before it have failed, in this try or in an earlier one, it is new.
EXECUTIONS = 4
# Before the one after an execution that failed of Athena's own accord, doubled each time: what S3 throttles passes in seconds.
WAIT_S = 2.0
TYPES = {
    "varchar": pa.string(),
    "char": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    # Of a column that is NULL and nothing else.
    "unknown": pa.null(),
}


def query(text: str, params: dict[str, Any], settings: Settings, state_of: Callable[[str], str]) -> pa.Table:
    """Run one query in Athena's dialect.

    Args:
        text: the query; `:name` marks a parameter.
        params: value by name; those the query does not use are ignored.
        settings: workgroup, database and region.
        state_of: what a `layer.table` holds now, as a short text that changes with it.

    Raises:
        ConfigError: the query does not parse, a parameter or a table is missing, or an action is not allowed.
        DataError: Athena refused or cancelled it; the message carries Athena's own words.
        SourceError: Athena did not answer, or failed of its own accord every time.
    """
    title = sql.title(text, params)
    with aws.explain_errors(title):
        statement = sql.to_athena(text, settings.database, params)
        seen = {name: state_of(name) for name in sorted(sql.tables_behind(sql.parse(text)))}
        execution = _execute(statement, seen, settings, title)
        return _rows(execution, settings, title)


def run(statement: str, settings: Settings, title: str) -> None:
    """Run one statement of the data definition language; it is harmless to run again."""
    with aws.explain_errors(title):
        _execute(statement, {}, settings, title, once=False)


def _execute(statement: str, seen: dict[str, str], settings: Settings, title: str, *, once: bool = True) -> dict[str, Any]:
    """The successful execution of a statement, by this task or by the one it retries."""
    trouble = ""
    for attempt in range(EXECUTIONS):
        is_last = attempt + 1 == EXECUTIONS
        question = json.dumps([statement, seen, attempt, settings.athena_workgroup])
        execution_id = _wrangler(settings).athena.start_query_execution(
            sql=statement,
            workgroup=settings.athena_workgroup,
            s3_output=f"{settings.lake_uri.rstrip('/')}/athena/",
            client_request_token=hashlib.sha256(question.encode()).hexdigest() if once and not is_last else None,
            result_reuse_configuration={"ResultReuseByAgeConfiguration": {"Enabled": False}},
            boto3_session=aws.session(settings.aws_region),
        )
        execution = _get_execution(execution_id, settings)
        # It failed before we came: perhaps in an earlier try of this task, whose cause may be gone.
        is_earlier = execution["Status"]["State"] in ("FAILED", "CANCELLED") and not is_last
        with _stop_if_killed(execution_id, settings):
            while execution["Status"]["State"] in ("QUEUED", "RUNNING"):
                time.sleep(POLL_S)
                execution = _get_execution(execution_id, settings)
        if execution["Status"]["State"] == "SUCCEEDED":
            log.info("%s: %d bytes scanned, execution %s", title, execution["Statistics"]["DataScannedInBytes"], execution_id)
            return execution
        trouble = _reason(execution)
        is_its_own = execution["Status"].get("AthenaError", {}).get("Retryable", False)
        if not (is_its_own or is_earlier):
            raise _error_of(trouble, title, execution_id, settings)
        if is_its_own and not is_last:
            wait_s = WAIT_S * 2**attempt
            log.warning("%s: Athena failed of its own accord, once more in %g s: %s", title, wait_s, trouble)
            time.sleep(wait_s)
    raise SourceError(f"{title}: Athena failed {EXECUTIONS} times, last with: {trouble}")


def _get_execution(execution_id: str, settings: Settings) -> dict[str, Any]:
    execution: dict[str, Any] = aws.client("athena", settings).get_query_execution(QueryExecutionId=execution_id)[
        "QueryExecution"
    ]
    return execution


def _error_of(trouble: str, title: str, execution_id: str, settings: Settings) -> Exception:
    where = f"{title}: Athena execution {execution_id}"
    if "TABLE_NOT_FOUND" in trouble or "SCHEMA_NOT_FOUND" in trouble:
        return ConfigError(f"{where}: {trouble}; `python -m pipeline tables create` makes what is missing")
    if "COLUMN_NOT_FOUND" in trouble:
        # It says that whoever asks may not be allowed to, too.
        hint = "a table that another version of Headroom made gets its new columns from `python -m pipeline tables create`"
        return ConfigError(f"{where}: {trouble}; {hint}")
    if "Bytes scanned limit" in trouble:
        return DataError(f"{where} would scan more than workgroup {settings.athena_workgroup} allows one query: {trouble}")
    if aws.is_lake_formation(trouble):
        return ConfigError(f"{where}: {aws.UNGRANTED}: {trouble}")
    if "access denied" in trouble.lower() or "not authorized" in trouble.lower():
        return ConfigError(f"{where}: {trouble}")
    return DataError(f"{where} failed: {trouble}")


def _reason(execution: dict[str, Any]) -> str:
    status = execution["Status"]
    return aws.hidden(str(status.get("StateChangeReason") or status["State"]))


def _rows(execution: dict[str, Any], settings: Settings, title: str) -> pa.Table:
    """The result of an execution, from the CSV that it wrote."""
    from pyarrow import csv

    execution_id = execution["QueryExecutionId"]
    described = aws.client("athena", settings).get_query_results(QueryExecutionId=execution_id, MaxResults=1)
    types = {each["Name"]: _arrow_type(each, title) for each in described["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]}
    bucket, _, key = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
    body = aws.client("s3", settings).get_object(Bucket=bucket, Key=key)["Body"]
    return csv.read_csv(
        pa.BufferReader(body.read()),
        # A row of one null is an empty line.
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def _arrow_type(column: dict[str, Any], title: str) -> pa.DataType:
    if column["Type"] == "decimal":
        return pa.decimal128(column["Precision"], column["Scale"])
    if column["Type"] not in TYPES:
        raise DataError(f"{title}: column {column['Name']} is {column['Type']}; cast it to one of {', '.join(TYPES)}")
    return TYPES[column["Type"]]


@contextmanager
def _stop_if_killed(execution_id: str, settings: Settings) -> Iterator[None]:
    """Stop the query when the task is killed: nobody would read its result, and it would go on costing."""

    def terminated(number: int, frame: Any) -> None:
        if callable(previous):
            previous(number, frame)
        raise SystemExit(128 + number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, terminated) if in_main_thread else None
    try:
        yield
    except Exception:
        # Our own trouble: the next try finds the query at work, by its token.
        raise
    except BaseException:
        with suppress(Exception):
            aws.client("athena", settings).stop_query_execution(QueryExecutionId=execution_id)
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, previous)


def _wrangler(settings: Settings) -> Any:
    """awswrangler, which keeps addresses and patience for the whole process."""
    import awswrangler

    awswrangler.config.athena_endpoint_url = settings.aws_endpoint_url or None
    awswrangler.config.botocore_config = aws.config()
    return awswrangler
