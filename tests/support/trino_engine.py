"""A real Trino as the executor of the emulated Athena: it asks the same Glue and S3, and prints as Athena does.

Each server of AWS gets two catalogs of its own, as Athena's one: Hive over Glue, and Iceberg, to which Hive hands on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from tests.support.athena_api import Execution, Executor, QueryError, printed

_USER_ERRORS = ("USER_ERROR", "INSUFFICIENT_RESOURCES")


class TrinoError(Exception):
    """Trino's own words, and whose fault it was; where it was not the user's, with what was behind it."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.is_the_users = error["errorType"] in _USER_ERRORS
        cause = error.get("failureInfo", {})
        while "cause" in cause:
            cause = cause["cause"]
        behind = "" if self.is_the_users or "message" not in cause else f" ({cause['type']}: {cause['message']})"
        super().__init__(f"{error['errorName']}: {error['message']}{behind}")


@dataclass(frozen=True)
class Answer:
    """Columns with Trino's types, rows as its protocol has them (moments and decimals are texts), bytes that were read."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    scanned: int


def ask(trino: str, statement: str, catalog: str = "memory", **session: str) -> Answer:
    """Run one statement to its end.

    Raises:
        TrinoError: Trino refused it or failed.
    """
    headers = {
        "X-Trino-User": "athena",
        "X-Trino-Catalog": catalog,
        "X-Trino-Schema": "default",
        "X-Trino-Time-Zone": "UTC",
        # Else moments are cut to milliseconds.
        "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        "X-Trino-Session": ",".join(f"{name.replace('__', '.')}={value}" for name, value in session.items()),
    }
    columns: list[tuple[str, str]] = []
    rows: list[list[Any]] = []
    with requests.Session() as connection:
        said = connection.post(f"{trino}/v1/statement", data=statement.encode(), headers=headers, timeout=600).json()
        while True:
            if "error" in said:
                raise TrinoError(said["error"])
            columns = columns or [(each["name"], each["type"]) for each in said.get("columns", [])]
            rows += said.get("data", [])
            if "nextUri" not in said:
                return Answer(columns, rows, int(said["stats"].get("physicalInputBytes", 0)))
            said = connection.get(said["nextUri"], headers=headers, timeout=600).json()


@contextmanager
def over(trino: str, aws: str) -> Iterator[Executor]:
    """The executor over the Glue and S3 that answer at `aws`."""
    hive = catalog_of(aws)
    iceberg = f"iceberg_{hive}"
    places = {
        "hive.metastore.glue.region": "us-east-1",
        "hive.metastore.glue.endpoint-url": aws,
        "hive.metastore.glue.aws-access-key": "testing",
        "hive.metastore.glue.aws-secret-key": "testing",
        "fs.native-s3.enabled": "true",
        "s3.endpoint": aws,
        "s3.region": "us-east-1",
        "s3.path-style-access": "true",
        # Each is a thread of the server in Python.
        "s3.max-connections": "24",
        "s3.socket-connect-timeout": "30s",
        "s3.aws-access-key": "testing",
        "s3.aws-secret-key": "testing",
    }
    as_athena = {
        "hive.metastore": "glue",
        "hive.iceberg-catalog-name": iceberg,
        "hive.partition-projection-enabled": "true",
        "hive.security": "allow-all",
        "hive.hive-views.enabled": "true",
    }
    _create(trino, iceberg, "iceberg", {"iceberg.catalog.type": "glue", "iceberg.hive-catalog-name": hive} | places)
    _create(trino, hive, "hive", as_athena | places)

    def execute(it: Execution, statement: str, _glue: Any, _s3_url: str) -> None:
        try:
            answer = ask(trino, statement, hive)
        except TrinoError as error:
            raise QueryError(str(error), category=2 if error.is_the_users else 1) from error
        it.scanned = answer.scanned
        it.check_cutoff()
        it.columns = [(name, *_in_athena(kind)) for name, kind in answer.columns]
        it.rows = [[_printed(value, kind[1]) for value, kind in zip(row, it.columns, strict=True)] for row in answer.rows]

    try:
        yield execute
    finally:
        for catalog in (hive, iceberg):
            ask(trino, f"DROP CATALOG {catalog}")


def catalog_of(aws: str) -> str:
    """The catalog over the Glue and S3 at an address, as Athena has it."""
    return "aws_" + aws.rpartition(":")[2]


def _create(trino: str, name: str, connector: str, properties: dict[str, str]) -> None:
    told = ", ".join(f"\"{key}\" = '{value}'" for key, value in properties.items())
    ask(trino, f"CREATE CATALOG {name} USING {connector} WITH ({told})")


def _in_athena(kind: str) -> tuple[str, int, int]:
    """The type, precision and scale that Athena tells of a column."""
    number = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", kind)
    if number:
        return "decimal", int(number.group(1)), int(number.group(2))
    return kind.partition("(")[0], 0, 0


def _printed(value: Any, kind: str) -> str | None:
    if value is None or isinstance(value, str):
        # NaN, Infinity, moments and decimals come as Athena prints them.
        return value
    if kind in ("double", "real"):
        return printed(float(value))
    return printed(value) if isinstance(value, (bool, int)) else json.dumps(value)
