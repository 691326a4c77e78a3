"""Reach MLflow: the client, the database, the experiment."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import SourceError
from pipeline.lake.lock import alone

if TYPE_CHECKING:
    from pipeline.settings import Settings

EXPERIMENT = "headroom-training"
#: Seconds that a server has for its first answer in a process.
FIRST_ANSWER_S = 5
# Servers that have not answered this process, and what was wrong: they are not asked again, so that a server that hangs costs its
# seconds once and not with every segment. Who tries again later does so in another process, as Airflow does.
_silent: dict[str, str] = {}
_TAGS = {
    # The kind opens the experiment on its runs and charts instead of on traces.
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": (
        "Each training of Headroom is one parent run: what was proposed for each segment, a metric by the hour or by the day, "
        "and how it did. Its children are the backtests, one per segment and forecaster, all with the same metrics: filter by "
        'the tags `kind`, `segment` and `forecaster` (`tags.kind = "backtest" and tags.segment = "cost by day"`), select and '
        "compare. The lower `mase` and `scaled_pinball`, the better; `skill` is the gain over the seasonal naive; `coverage_90` "
        "should be near 0.9; `by_lead/…` are curves over the lead time. Trainings of detectors are runs of their own, with one "
        'below them for each detector and vote (`tags.kind = "detector"`), measured on what people labelled. Who serves is '
        "decided in the lake, in `gold.promotion`; "
        "the alias `champion` follows it."
    ),
}


@contextmanager
def connect(settings: Settings, *, create: bool = True) -> Iterator[Any]:
    """A client of the settings' MLflow, with telemetry and unpickling off.

    Args:
        create: make the SQLite database where there is none; otherwise its absence is an answer.

    Raises:
        SourceError: MLflow does not answer; a server that has not answered once is not asked again by this process.
    """
    uri = settings.mlflow_tracking_uri
    if uri in _silent:
        raise SourceError(f"the registry {uri} does not answer, and is not asked again: {_silent[uri]}")
    database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:") else None
    missing = database is not None and not database.exists()
    if missing and not create:
        raise SourceError(f"the registry {uri} does not exist")
    mlflow = _load_mlflow(with_database=not uri.startswith("http"))
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _s3_address(settings):
            if database is not None and missing:
                _make_database(database)
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            if uri.startswith("http"):
                _await_answer(uri)
            yield mlflow.MlflowClient(uri, uri)
    except (mlflow.MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        trouble = str(error).splitlines()[0]
        # MLflow wraps what the network says; a refusal, a missing model or a failing server are answers.
        if isinstance(error, RequestException) or isinstance(error.__context__, RequestException):
            _silent[uri] = trouble
        raise SourceError(f"the registry {uri} does not answer: {trouble}") from error


@cache
def _await_answer(uri: str) -> None:
    """Ask a server once whether it is there, by MLflow's own means, for logins and certificates are known to it alone.

    Any answer will do: some logins let nobody ask for the server's health.
    """
    # They have no types.
    rest: Any = import_module("mlflow.utils.rest_utils")
    login = import_module("mlflow.utils.credentials").get_default_host_creds(uri)
    rest.http_request(login, "/health", "GET", max_retries=0, timeout=FIRST_ANSWER_S, raise_on_status=False)


@cache
def _load_mlflow(*, with_database: bool) -> Any:
    """MLflow itself, told by variables of the process what it can be told in no other way.

    They are set once, before it is imported, and stay: nothing in a process of the pipeline wants them otherwise, and to put
    them back would take them from another thread that is connected.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # A registry that is down must not hold up a daily run for the minutes that MLflow would retry.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    with third_party_warnings_off():
        import mlflow

        if with_database:
            import mlflow.store.tracking.sqlalchemy_store
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return mlflow


@contextmanager
def _s3_address(settings: Settings) -> Iterator[None]:
    """MLflow knows the address of S3 by this variable only; it is put back, as another lake may be opened in this process."""
    if not settings.aws_endpoint_url or "MLFLOW_S3_ENDPOINT_URL" in os.environ:
        yield
        return
    os.environ["MLFLOW_S3_ENDPOINT_URL"] = settings.aws_endpoint_url
    try:
        yield
    finally:
        os.environ.pop("MLFLOW_S3_ENDPOINT_URL", None)


def _make_database(database: Path) -> None:
    """Make MLflow's database whole or not at all: two processes that migrate one file at once, as shards may, would spoil it."""
    with alone(database.with_suffix(".lock")):
        if database.exists():
            return
        begun = database.with_suffix(".new")
        begun.unlink(missing_ok=True)
        _migrate(begun)
        begun.rename(database)


def _migrate(database: Path) -> None:
    """An empty database through all versions that MLflow ever had."""
    import mlflow

    # Any question makes it.
    mlflow.MlflowClient(f"sqlite:///{database}").search_experiments(max_results=1)


@contextmanager
def third_party_warnings_off() -> Iterator[None]:
    """MLflow warns of its own type hints and of its own use of SQLAlchemy while it is imported; nothing to act on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        yield


def open_experiment(client: Any, settings: Settings) -> str:
    """The id of the experiment that trainings are logged to."""
    from mlflow.exceptions import MlflowException

    # A server keeps artefacts where it was told to, unless the settings say otherwise.
    remote = settings.mlflow_uri.startswith("http") and not settings.mlflow_artifacts
    location = None if remote else settings.mlflow_artifact_uri
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return str(client.create_experiment(EXPERIMENT, artifact_location=location, tags=_TAGS))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id)
