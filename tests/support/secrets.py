"""Secrets as people have them, planted where they put them, and where they then turn up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pipeline import tables
from pipeline.lake import open_lake
from pipeline.settings import Settings
from tests.support.source_servers import Reply, Request

TOKEN = "tok-7f3a9c1e5b2d4860"  # noqa: S105 made up, as all of them are
PASSWORD = "geheim-Q7w8e9"  # noqa: S105
ACCESS_KEY, SECRET_KEY, SESSION = "AKIAPLANTED7EXAMPLE9", "wJalrXUtnFEMI7K7MDENGbPxRfiCYPLANTED", "FwoGZXIvYXdzEPLANTED"
PLANTED = (TOKEN, PASSWORD, ACCESS_KEY, SECRET_KEY, SESSION)
#: What a process that reads sources and asks AWS and MLflow has in its environment.
ENVIRONMENT = {
    "SHOP_TOKEN": TOKEN,
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": SESSION,
    "MLFLOW_TRACKING_USERNAME": "ada",
    "MLFLOW_TRACKING_PASSWORD": PASSWORD,
}


def refuse(request: Request) -> Reply:
    """A server that says in its refusal what it was asked with, as some do."""
    return Reply(401, f"no entry for {dict(request.headers)} at {request.path}".encode())


def found_in(text: str) -> set[str]:
    return {secret for secret in PLANTED if secret in text}


def found_below(folder: Path) -> dict[str, set[str]]:
    """File → the secrets in it, of all files as they lie there; of what is packed `found_in_lake` tells."""
    found = {
        str(path.relative_to(folder)): found_in(path.read_bytes().decode("latin-1"))
        for path in folder.rglob("*")
        if path.is_file()
    }
    return {name: secrets for name, secrets in found.items() if secrets}


def found_in_lake(settings: Settings) -> dict[str, set[str]]:
    """Table → the secrets in its rows."""
    lake = open_lake(settings)
    rows = {
        table.name: json.dumps(lake.read(table).to_pylist(), default=str) for table in tables.ALL.values() if lake.exists(table)
    }
    assert rows
    return {name: secrets for name, text in rows.items() if (secrets := found_in(text))}


def found_in_database(file: Path) -> set[str]:
    """The secrets in any cell of a SQLite database."""
    with closing(sqlite3.connect(file)) as database:
        return {secret for cell in _cells(database) for secret in found_in(cell)}


def _cells(database: sqlite3.Connection) -> Iterator[str]:
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in database.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 the database's own names
            yield from (cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for cell in row)
