"""What Athena must know before it can be asked: databases, bronze's external tables and the views, all from the declarations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException

from pipeline import tables
from pipeline.errors import DataError
from pipeline.lake import athena, aws, beginning, sql
from pipeline.lake.storage import Storage
from pipeline.settings import Settings
from pipeline.tables.schema import LAYERS, Table
from pipeline.tables.types import DATE, FLAG, MOMENT, MONEY, NUMBER, PRECISION, SCALE, TEXT, WHOLE

# The last day that Athena looks for objects of: a projected partition outside does not exist. `beginning` has the first.
LAST_DAY = f"NOW+{beginning.DAYS_AHEAD}DAYS"
HIVE_TYPES = {TEXT: "string", WHOLE: "bigint", NUMBER: "double", FLAG: "boolean", DATE: "date", MOMENT: "timestamp"}
HIVE_TYPES |= {MONEY: f"decimal({PRECISION},{SCALE})"}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


def connect(settings: Settings, storage: Storage) -> GlueCatalog:
    """pyiceberg's catalog over Glue."""
    return _Catalog("headroom", client=aws.client("glue", settings), **storage.iceberg_properties())


class _Catalog(GlueCatalog):
    """pyiceberg's Glue catalog, which recognises its own commit when the answer to it was lost.

    A client that repeats a call whose answer was lost is told that the table has changed. pyiceberg takes that for a lost race
    and deletes the commit's files, although the table now names them.
    """

    def _update_glue_table(self, database_name: str, table_name: str, table_input: Any, version_id: str) -> None:
        try:
            super()._update_glue_table(database_name, table_name, table_input, version_id)
        except CommitFailedException:
            ours = table_input["Parameters"]["metadata_location"]
            current = self._convert_glue_to_iceberg(self._get_glue_table(database_name, table_name))
            if ours not in (current.metadata_location, *(entry.metadata_file for entry in current.metadata.metadata_log)):
                raise


def create_databases(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Create the databases that are not there; yields each and whether it is new."""
    glue = aws.client("glue", settings)
    for layer in (*LAYERS, sql.VIEWS):
        name = f"{settings.database}_{layer}"
        with aws.explain_errors(f"Glue database {name}"):
            try:
                glue.get_database(Name=name)
                created = False
            except glue.exceptions.EntityNotFoundException:
                glue.create_database(DatabaseInput={"Name": name, "Description": f"Headroom: {layer}"})
                created = True
        yield name, created


def create_external(table: Table, settings: Settings, storage: Storage, first_day: date = beginning.DEFAULT) -> bool:
    """Make the external table of a bronze table what the declaration says; False where it already is.

    Partitions are projected, one per day from `first_day` on, so that no object has to be announced.

    Raises:
        DataError: the declaration drops or retypes a column that Glue knows.
    """
    database = f"{settings.database}_bronze"
    wanted = _external_table(table, storage, first_day)
    glue = aws.client("glue", settings)
    with aws.explain_errors(f"Glue table {database}.{table.short_name}"):
        try:
            present = glue.get_table(DatabaseName=database, Name=table.short_name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            glue.create_table(DatabaseName=database, TableInput=wanted)
            return True
        _refuse_lost_columns(table, present, wanted)
        if all(_same(present.get(name), value) for name, value in wanted.items()):
            return False
        glue.update_table(DatabaseName=database, TableInput=wanted, VersionId=present["VersionId"])
        return True


def create_views(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Create or replace every view of `sql/views`, those that others read first.

    Athena itself creates them: its own statement is the documented way, and it holds each view to the tables as they are.
    """
    waiting = sql.views()
    while waiting:
        ready = [name for name in waiting if not any(each in waiting for each in sql.relations(sql.parse(sql.text(name))))]
        for name in ready:
            view = f"{settings.database}_{name}"
            athena.run(
                f"CREATE OR REPLACE VIEW {view} AS\n{sql.view_in_athena(name, settings.database)}", settings, f"view {name}"
            )
            yield name, True
        waiting = [name for name in waiting if name not in ready]


def state_of(settings: Settings, objects: Callable[[Table], list[str]], name: str) -> str:
    """What a `layer.table` holds now, as a text that changes with it.

    Objects have hashes for names, and metadata is never rewritten.
    """
    table = tables.get(name)
    if table.layer == "bronze":
        return hashlib.sha256("\n".join(objects(table)).encode()).hexdigest()
    return _metadata_location(f"{settings.database}_{table.layer}", table.short_name, settings)


def _metadata_location(database: str, name: str, settings: Settings) -> str:
    """Where the current metadata of an Iceberg table lies, another place after each commit; empty where there is no table."""
    glue = aws.client("glue", settings)
    try:
        table = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return ""
    return str(table["Parameters"]["metadata_location"])


def _external_table(table: Table, storage: Storage, first_day: date) -> dict[str, Any]:
    location = f"{storage.uri}/bronze/{table.short_name}"
    columns = [{"Name": c.name, "Type": HIVE_TYPES[c.type], "Comment": c.doc[:255]} for c in table.columns]
    return {
        "Name": table.short_name,
        "Description": table.doc,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": table.partition, "Type": "date"}],
        "StorageDescriptor": {"Columns": columns, "Location": f"{location}/", **PARQUET},
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.day.type": "date",
            "projection.day.format": "yyyy-MM-dd",
            "projection.day.range": f"{first_day},{LAST_DAY}",
            "projection.day.interval": "1",
            "projection.day.interval.unit": "DAYS",
            "storage.location.template": f"{location}/day=${{day}}",
        },
    }


def _refuse_lost_columns(table: Table, present: dict[str, Any], wanted: dict[str, Any]) -> None:
    declared = {each["Name"]: each["Type"] for each in wanted["StorageDescriptor"]["Columns"]}
    for column in present["StorageDescriptor"]["Columns"]:
        name, kind = column["Name"], column["Type"]
        if name not in declared:
            raise DataError(f"{table.name}: column {name} is in Glue but no longer declared; columns are never dropped")
        if declared[name] != kind:
            raise DataError(f"{table.name}.{name} is {kind} in Glue, declared as {declared[name]}")


def _same(present: Any, wanted: Any) -> bool:
    """Whether Glue holds what is wanted; it adds fields of its own."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(_same(present.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(present, list) and len(present) == len(wanted) and all(map(_same, present, wanted))
    return bool(present == wanted)
