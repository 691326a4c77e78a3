"""How Airflow's processes share one SQLite file on this machine.

`AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS` names CONNECT, so that each of them imports this.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

#: A writer waits for its turn for a minute; the five seconds of Python's own default are less than a busy scheduler takes.
CONNECT: dict[str, Any] = {"timeout": 60}


@event.listens_for(Engine, "savepoint")
def begin_to_write(connection: Connection, _name: str | None) -> None:
    """Take the turn to write before a savepoint, where no transaction is open.

    Otherwise the savepoint begins one that reads, and once another process has written meanwhile it can never write: SQLite
    refuses at once ("database is locked"), however long the connection would have waited. Airflow creates each run of a
    backfill, after it has looked for it, behind a savepoint.
    """
    database = connection.connection.dbapi_connection
    if connection.dialect.driver == "pysqlite" and database is not None and not database.in_transaction:
        database.execute("BEGIN IMMEDIATE")
