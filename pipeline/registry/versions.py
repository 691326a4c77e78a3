"""Registered versions, read from MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.forecasting.spec import NONE, Spec, Version, parse_spec
from pipeline.registry.mlflow import connect

if TYPE_CHECKING:
    from pipeline.settings import Settings


def read_version(settings: Settings, model: str, number: str) -> Version | None:
    """One registered version, None where the registry does not know it."""
    with connect(settings) as client:
        return find_version(client, model, number)


def find_version(client: Any, model: str, number: str) -> Version | None:
    """The same with a client that is connected already."""
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_model_version(model, number).tags
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return Version(number, tags.get("forecaster", tags.get("kind", NONE)), tags.get("spec_sha256", ""))


def read_spec(settings: Settings, model: str, number: str) -> Spec:
    """The checked spec of a version; nothing else of the stored model is read, and none of it is run."""
    with connect(settings, create=False) as client:
        import mlflow

        tags = client.get_model_version(model, number).tags
        text = mlflow.artifacts.load_text(f"models:/{model}/{number}/artifacts/spec.json")
    return parse_spec(text, tags.get("spec_sha256", ""))
