"""An Athena API that executes: statements in Athena's SQL, over the tables that moto's Glue knows and the files in its S3.

What executes is a parameter: a real Trino (`tests.support.trino_engine`), or DuckDB. With DuckDB it stands for the wiring, not
for Trino: statements are translated as for the embedded engine. Where the two are known to differ it takes Athena's side: Hive
timestamps have milliseconds, a projected partition exists only inside its range, a view is what Glue holds of it, a query above
its workgroup's cutoff is cancelled, a token names one execution for good, and `?` stands in a WHERE clause only.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias
from unittest.mock import patch
from uuid import uuid4

import duckdb
import pyarrow as pa
import sqlglot
from pyarrow import dataset, fs
from sqlglot import exp

from pipeline.lake import sql
from pipeline.lake.bronze import days_within
from pipeline.lake.duckdb import empty_database

_VIEW = re.compile(r"^\s*CREATE\s+OR\s+REPLACE\s+VIEW\s+([a-z0-9_]+)\.([a-z0-9_]+)\s+AS\s+(.*)$", re.IGNORECASE | re.DOTALL)
_HIVE = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_ATHENA = {
    "VARCHAR": "varchar",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_S": "timestamp",
    '"NULL"': "unknown",
}
_GLUE = {"varchar": "string", "integer": "int"}
_FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


class QueryError(Exception):
    """A query that Athena would fail: category 1 is the system's fault, 2 the user's."""

    def __init__(self, reason: str, *, category: int = 2, state: str = "FAILED") -> None:
        super().__init__(reason)
        self.category, self.state = category, state


@dataclass
class Execution:
    """One execution of one statement.

    Attributes:
        listed: how many projected partitions its bounds leave, each of which takes a request to list, by `database.table`.
    """

    statement: str
    parameters: list[str]
    workgroup: str
    output: str
    cutoff: int
    id: str = field(default_factory=lambda: str(uuid4()))
    state: str = "QUEUED"
    reason: str = ""
    category: int = 0
    submitted: float = field(default_factory=time.time)
    scanned: int = 0
    listed: dict[str, int] = field(default_factory=dict)
    columns: list[tuple[str, str, int, int]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)

    def check_cutoff(self) -> None:
        if self.scanned > self.cutoff:
            raise QueryError("Query cancelled! : Bytes scanned limit was exceeded", state="CANCELLED")

    @property
    def is_ddl(self) -> bool:
        return bool(_VIEW.match(self.statement))

    def described(self) -> dict[str, Any]:
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.state in _FINAL:
            status["CompletionDateTime"] = time.time()
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": self.category,
                "ErrorType": 1,
                "Retryable": self.category == 1,
                "ErrorMessage": self.reason,
            }
        return {
            "QueryExecutionId": self.id,
            "Query": self.statement,
            "StatementType": "DDL" if self.is_ddl else "DML",
            "ResultConfiguration": {"OutputLocation": f"{self.output}{self.id}.{'txt' if self.is_ddl else 'csv'}"},
            "Status": status,
            "Statistics": {"DataScannedInBytes": self.scanned, "EngineExecutionTimeInMillis": 1},
            "WorkGroup": self.workgroup,
        }


# Runs a statement for an execution, given moto's Glue and where S3 answers; sets its columns, rows and the bytes scanned.
Executor: TypeAlias = Callable[[Execution, str, Any, str], None]


def in_duckdb(it: Execution, statement: str, glue: Any, s3_url: str) -> None:
    """The executor that needs nothing but what the pipeline itself needs."""
    _Session(it, glue, s3_url).execute(statement)


@dataclass
class Athena:
    """The executions, and ways to make one go wrong.

    Attributes:
        s3_url: where it reads and writes S3.
        hold: queries stay RUNNING while it is cleared.
        failures: reasons, each of which fails one query as if the system had.
        cutoff: bytes that a query may scan, instead of what its workgroup says.
        executor: what runs the statements.
    """

    s3_url: str = ""
    executor: Executor = in_duckdb
    executions: dict[str, Execution] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)
    cutoff: int | None = None
    _tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)
    _guard: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.hold.set()

    def patches(self) -> list[Any]:
        """What takes the place of moto's Athena, which executes nothing."""
        from moto.athena.responses import AthenaResponse

        athena = self

        def start_query_execution(response: Any) -> Any:
            return athena._start(response)

        def get_query_execution(response: Any) -> Any:
            found = athena.executions.get(response._get_param("QueryExecutionId"))
            if found is None:
                return response.error("QueryExecution was not found", 400)
            return json.dumps({"QueryExecution": found.described()})

        def stop_query_execution(response: Any) -> str:
            found = athena.executions[response._get_param("QueryExecutionId")]
            with athena._guard:
                if found.state not in _FINAL:
                    found.state, found.reason = "CANCELLED", "Query was cancelled by user"
            return "{}"

        def get_query_results(response: Any) -> Any:
            found = athena.executions[response._get_param("QueryExecutionId")]
            if found.state != "SUCCEEDED":
                return response.error(f"Query has not yet finished. Current state: {found.state}", 400)
            return json.dumps(_results(found, int(response._get_param("MaxResults") or 1000)))

        def get_work_group(response: Any) -> Any:
            name = response._get_param("WorkGroup")
            found = response.athena_backend.get_work_group(name)
            return json.dumps({"WorkGroup": found}) if found else response.error(f"WorkGroup {name} is not found.", 400)

        replaced = (start_query_execution, get_query_execution, stop_query_execution, get_query_results, get_work_group)
        return [patch.object(AthenaResponse, each.__name__, each) for each in replaced]

    def join(self) -> None:
        """Wait until every query has ended."""
        self.hold.set()
        for thread in self._threads:
            thread.join()

    def _start(self, response: Any) -> Any:
        group = response.athena_backend.get_work_group(response._get_param("WorkGroup") or "primary")
        if group is None:
            return response.error("WorkGroup is not found.", 400)
        configuration = group["Configuration"]
        output = (configuration.get("ResultConfiguration") or {}).get("OutputLocation", "")
        if not configuration.get("EnforceWorkGroupConfiguration"):
            output = (response._get_param("ResultConfiguration") or {}).get("OutputLocation") or output
        if not output:
            return response.error("No output location provided.", 400)
        started = Execution(
            statement=response._get_param("QueryString"),
            parameters=response._get_param("ExecutionParameters") or [],
            workgroup=group["Name"],
            output=output.rstrip("/") + "/",
            cutoff=int(configuration.get("BytesScannedCutoffPerQuery") or 2**63) if self.cutoff is None else self.cutoff,
        )
        said = hashlib.sha256(repr((started.statement, started.parameters, started.workgroup)).encode()).hexdigest()
        with self._guard:
            token = response._get_param("ClientRequestToken") or started.id
            known, meant = self._tokens.setdefault(token, (started.id, said))
            if meant != said:
                return response.error("Idempotent parameters do not match", 400)
            if known == started.id:
                self.executions[started.id] = started
                thread = threading.Thread(
                    target=self._run, args=(started, response.current_account, response.region), daemon=True
                )
                self._threads.append(thread)
                thread.start()
        return json.dumps({"QueryExecutionId": known})

    def _run(self, it: Execution, account: str, region: str) -> None:
        from moto.glue.models import glue_backends

        it.state = "RUNNING"
        self.hold.wait()
        state, reason, category = "SUCCEEDED", "", 0
        try:
            if self.failures:
                raise QueryError(self.failures.pop(0), category=1)
            self.executor(it, _bound(it.statement, it.parameters), glue_backends[account][region], self.s3_url)
            if not it.is_ddl:
                _write(it, _s3(self.s3_url))
        except QueryError as error:
            state, reason, category = error.state, str(error), error.category
        except (sqlglot.errors.SqlglotError, duckdb.Error, KeyError, OSError) as error:
            state, reason, category = "FAILED", f"{type(error).__name__}: {error}", 2
        with self._guard:
            if it.state not in _FINAL:
                it.state, it.reason, it.category = state, reason, category


@cache
def _duckdb() -> Any:
    """Of all statements: starting it takes longer than most of them."""
    return duckdb.connect(config={"integer_division": True, "ieee_floating_point_ops": False, "threads": 1})


class _Session:
    """One statement at work."""

    def __init__(self, it: Execution, glue: Any, s3_url: str) -> None:
        self._it, self._glue, self._s3_url = it, glue, s3_url
        self._s3 = _s3(s3_url)

    def execute(self, statement: str) -> None:
        view = _VIEW.match(statement)
        with empty_database(_duckdb()) as connection:
            query = sql.parse(view.group(3) if view else statement)
            self._mount(connection, query, set())
            self._it.check_cutoff()
            relation = connection.sql(sql.to_duckdb(query))
            self._it.columns = [_described(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]
            if view:
                self._create_view(view.group(1), view.group(2), view.group(3))
                return
            self._it.rows = [[printed(value) for value in row] for row in relation.fetchall()]
            self._it.check_cutoff()
        for position, (_, kind, _, _) in enumerate(self._it.columns):
            if kind == "timestamp" and all((row[position] or ".000").endswith("000") for row in self._it.rows):
                for row in self._it.rows:
                    row[position] = row[position][:-3] if row[position] else None

    def _mount(self, connection: Any, query: Any, mounted: set[str]) -> None:
        for name in sorted(sql.relations(query) - mounted):
            mounted.add(name)
            database, _, short = name.partition(".")
            entry = self._entry(database, short)
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
            if entry.get("TableType") == "VIRTUAL_VIEW":
                original = json.loads(
                    base64.b64decode(entry["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */"))
                )
                inner = sql.parse(original["originalSql"])
                self._mount(connection, inner, mounted)
                connection.execute(f'CREATE VIEW "{database}"."{short}" AS {sql.to_duckdb(inner)}')
                continue
            is_iceberg = entry["Parameters"].get("table_type", "").upper() == "ICEBERG"
            rows = self._iceberg(entry) if is_iceberg else self._hive(entry, name)
            connection.register(f"{database}__{short}", rows)
            coarse = [
                f'date_trunc(\'millisecond\', "{field.name}" + INTERVAL 500 MICROSECOND) AS "{field.name}"'
                for field in rows.schema
                if not is_iceberg and pa.types.is_timestamp(field.type)
            ]
            replaced = f"SELECT * REPLACE ({', '.join(coarse)})" if coarse else "SELECT *"
            connection.execute(f'CREATE VIEW "{database}"."{short}" AS {replaced} FROM "{database}__{short}"')

    def _entry(self, database: str, name: str) -> dict[str, Any]:
        from moto.core.exceptions import JsonRESTError

        try:
            found: dict[str, Any] = self._glue.get_table(database, name).as_dict()
        except JsonRESTError as error:
            raise QueryError(f"TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.{database}.{name}' does not exist") from error
        return found

    def _iceberg(self, entry: dict[str, Any]) -> Any:
        from pyiceberg.io.pyarrow import schema_to_pyarrow
        from pyiceberg.table import StaticTable

        properties = {
            "s3.endpoint": self._s3_url,
            "s3.region": "us-east-1",
            "s3.access-key-id": "testing",
            "s3.secret-access-key": "testing",
        }
        table = StaticTable.from_metadata(entry["Parameters"]["metadata_location"], properties)
        tasks = list(table.scan().plan_files())
        assert not any(task.delete_files for task in tasks), "this server reads no delete files"
        self._it.scanned += sum(task.file.file_size_in_bytes for task in tasks)
        schema = pa.schema([field.with_nullable(True) for field in schema_to_pyarrow(table.schema(), include_field_ids=False)])
        schema = pa.schema([pa.field(f.name, pa.string() if pa.types.is_large_string(f.type) else f.type) for f in schema])
        return self._dataset([task.file.file_path.removeprefix("s3://") for task in tasks], schema)

    def _hive(self, entry: dict[str, Any], name: str) -> Any:
        descriptor, properties = entry["StorageDescriptor"], entry["Parameters"]
        [key] = entry["PartitionKeys"]
        schema = pa.schema([pa.field(each["Name"], _HIVE[each["Type"]]) for each in (*descriptor["Columns"], key)])
        assert descriptor["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")
        assert properties["projection.enabled"] == "true"
        assert properties[f"projection.{key['Name']}.type"] == "date"
        first, last = (_day(bound) for bound in properties[f"projection.{key['Name']}.range"].split(","))
        before, after = properties["storage.location.template"].removeprefix("s3://").split(f"${{{key['Name']}}}")
        selector = fs.FileSelector(descriptor["Location"].removeprefix("s3://").rstrip("/"), recursive=True, allow_not_found=True)
        days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
        files: dict[str, list[fs.FileInfo]] = {day: [] for day in days}
        for info in self._s3.get_file_info(selector):
            if info.type != fs.FileType.File or not info.path.startswith(before):
                continue
            value, slash, _ = info.path.removeprefix(before).partition(after or "/")
            if slash and value in files:
                files[value].append(info)

        def open_days(condition: Any) -> Any:
            left = days_within(days, condition, schema, self._s3)
            self._it.listed[name] = self._it.listed.get(name, 0) + len(left)
            found = [info for day in left for info in files[day]]
            self._it.scanned += sum(info.size for info in found)
            return self._dataset(sorted(info.path for info in found), schema, key["Name"])

        return _Projected(schema, open_days)

    def _dataset(self, files: list[str], schema: pa.Schema, hive: str | None = None) -> Any:
        if not files:
            return schema.empty_table()
        partitioning = dataset.partitioning(pa.schema([schema.field(hive)]), flavor="hive") if hive else None
        return dataset.dataset(files, schema=schema, format="parquet", filesystem=self._s3, partitioning=partitioning)

    def _create_view(self, database: str, name: str, text: str) -> None:
        from moto.core.exceptions import JsonRESTError

        columns = [{"name": column, "type": kind} for column, kind, _, _ in self._it.columns]
        original = {"originalSql": text, "catalog": "awsdatacatalog", "schema": database, "columns": columns}
        table = {
            "Name": name,
            "TableType": "VIRTUAL_VIEW",
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "StorageDescriptor": {"Columns": [{"Name": c["name"], "Type": _GLUE.get(c["type"], c["type"])} for c in columns]},
            "ViewOriginalText": f"/* Presto View: {base64.b64encode(json.dumps(original).encode()).decode()} */",
            "ViewExpandedText": "/* Presto View */",
        }
        try:
            self._glue.create_table(database, name, table)
        except JsonRESTError as error:
            if "AlreadyExists" not in str(error.error_type):
                raise QueryError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist") from error
            self._glue.update_table(database, name, table)


class _Projected(dataset.Dataset):
    """A table with projected partitions, of which those are listed that the bounds of a query leave."""

    def __init__(self, schema: pa.Schema, open_days: Callable[[Any], Any]) -> None:
        self._schema, self._open_days = schema, open_days

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def scanner(self, **asked: Any) -> Any:
        found = self._open_days(asked.get("filter"))
        return (dataset.dataset(found) if isinstance(found, pa.Table) else found).scanner(**asked)


def _bound(statement: str, parameters: list[str]) -> str:
    """The statement with its `?` replaced, each by one SQL literal; only a WHERE clause may hold one."""
    if not parameters:
        return statement
    query = sqlglot.parse_one(statement, dialect="athena")
    marks = [token for token in sqlglot.tokenize(statement, read="athena") if token.token_type == sqlglot.TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        raise QueryError(
            f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}"
        )
    if any(not place.find_ancestor(exp.Where) for place in query.find_all(exp.Placeholder)):
        raise QueryError("INVALID_PARAMETER_USAGE: a parameter outside of WHERE")
    for mark, literal in reversed(list(zip(marks, parameters, strict=True))):
        value = sqlglot.parse_one(literal, dialect="athena")
        if not isinstance(value.this if isinstance(value, (exp.Cast, exp.Neg)) else value, (exp.Literal, exp.Boolean, exp.Null)):
            raise QueryError(f"SYNTAX_ERROR: parameter {literal} is not a literal")
        statement = statement[: mark.start] + literal + statement[mark.end + 1 :]
    return statement


def _day(bound: str) -> date:
    """A bound of a projected range: a date, NOW, or NOW plus or minus days."""
    relative = re.fullmatch(r"NOW(?:([+-]\d+)DAYS?)?", bound)
    if relative:
        return (datetime.now(UTC) + timedelta(days=int(relative.group(1) or 0))).date()
    return date.fromisoformat(bound)


def _described(name: str, kind: str) -> tuple[str, str, int, int]:
    number = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    if number:
        return name, "decimal", int(number.group(1)), int(number.group(2))
    if kind not in _ATHENA:
        raise QueryError(f"NOT_SUPPORTED: column {name} has type {kind}")
    return name, _ATHENA[kind], 0, 0


def printed(value: Any) -> str | None:
    """A value as Athena's CSV has it, which is as Java prints it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return "NaN" if math.isnan(value) else ("-" if value < 0 else "") + "Infinity"
        if value and not 1e-3 <= abs(value) < 1e7:
            digits, _, exponent = next(
                text.partition("e") for places in range(18) if float(text := f"{value:.{places}e}") == value
            )
            return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"
        return repr(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value)


def _s3(url: str) -> Any:
    return fs.S3FileSystem(
        access_key="testing",
        secret_key="testing",  # noqa: S106 moto takes any
        endpoint_override=url.partition("://")[2],
        scheme="http",
        region="us-east-1",
    )


def _write(it: Execution, s3: Any) -> None:
    target = f"{it.output.removeprefix('s3://')}{it.id}.csv"
    for path, content in ((target, _csv(it)), (f"{target}.metadata", json.dumps(it.columns).encode())):
        with s3.open_output_stream(path) as file:
            file.write(content)


def _csv(it: Execution) -> bytes:
    """Every value in quotes, and nothing at all for null."""
    sink = io.StringIO()
    for row in ([name for name, *_ in it.columns], *it.rows):
        sink.write(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row) + "\n")
    return sink.getvalue().encode()


def _results(it: Execution, limit: int) -> dict[str, Any]:
    header: list[list[str | None]] = [[name for name, *_ in it.columns]]
    rows = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in [*header, *it.rows][:limit]]
    columns = [
        {
            "CatalogName": "hive",
            "Name": name,
            "Label": name,
            "Type": kind,
            "Precision": precision,
            "Scale": scale,
            "Nullable": "UNKNOWN",
        }
        for name, kind, precision, scale in it.columns
    ]
    return {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}}}
