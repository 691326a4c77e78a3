"""Whether a machine can run Headroom."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline import __version__
from pipeline.errors import ConfigError
from pipeline.routes import check_routes
from pipeline.settings import Settings

PACKAGES = ("apache-airflow", "mlflow", "pyiceberg", "pyarrow", "duckdb", "sqlglot", "great-expectations", "pandas", "prophet")
FREE_GIB = 2.0


def checks(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """One (name, ok, detail) per check: Headroom itself, Python, packages, disk, lake, catalog, MLflow, routes."""
    yield "headroom", True, __version__
    yield "python", sys.version_info >= (3, 11), f"{sys.version.split()[0]}, 3.11 or later is needed"
    yield _packages()
    yield _disk(settings)
    yield _lake(settings)
    yield _mlflow(settings)
    yield _routes(settings)


def _packages() -> tuple[str, bool, str]:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return "packages", not missing, f"missing {', '.join(missing)}; run `make setup`" if missing else ", ".join(found)


def _disk(settings: Settings) -> tuple[str, bool, str]:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free / 2**30
    return "disk", free >= FREE_GIB, f"{free:.1f} GiB free at {settings.home}, {FREE_GIB:g} are needed"


def _lake(settings: Settings) -> tuple[str, bool, str]:
    from pipeline import tables
    from pipeline.lake import open_lake

    try:
        lake = open_lake(settings)
        written = [table.name for table in tables.ALL.values() if lake.exists(table)]
    except Exception as error:  # whatever is wrong with the catalog belongs on this line
        return "lake", False, f"{settings.catalog} catalog for {settings.lake_uri}: {type(error).__name__}: {error}"
    state = f"{len(written)} of {len(tables.ALL)} tables written"
    return "lake", True, f"{settings.catalog} catalog, {settings.engine}, {settings.lake_uri}: {state}"


def _mlflow(settings: Settings) -> tuple[str, bool, str]:
    uri = settings.mlflow_tracking_uri
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///"))
        return "mlflow", True, f"{uri}: {'there' if database.exists() else 'made by the first training'}"
    import requests

    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=5)
    except requests.RequestException as error:
        return "mlflow", False, f"{uri}: {type(error).__name__}"
    return "mlflow", answer.ok, f"{uri}: HTTP {answer.status_code}"


def _routes(settings: Settings) -> tuple[str, bool, str]:
    try:
        check_routes(settings.routes)
    except ConfigError as error:
        return "routes", False, str(error)
    told = ", ".join(f"{name} ({route.notifier})" for name, route in sorted(settings.routes.items()))
    return "routes", True, told or "none, so alerts are published and nobody is told of them"
