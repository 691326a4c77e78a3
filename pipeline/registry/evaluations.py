"""Keep evaluations of detectors in MLflow: a run for each, with its options, its figures and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import __version__, plugs
from pipeline.registry.mlflow import connect, open_experiment

if TYPE_CHECKING:
    from pipeline.settings import Settings


def log_evaluation(
    settings: Settings, scores: pd.DataFrame, options: Mapping[str, Mapping[str, Any]], files: Sequence[Path]
) -> int:
    """Log a run of kind `evaluation` for each detector in the experiment of the trainings.

    Args:
        scores: a row per detector, as `evaluate_series` gives them; a figure that is not finite is left out.
        options: of detectors by name, as the settings have them; the run holds all of them with their defaults.
        files: what the evaluation wrote, kept beside each run.

    Returns:
        Runs made.

    Raises:
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client:
        from mlflow.entities import Metric, Param

        experiment = open_experiment(client, settings)
        for row in scores.to_dict("records"):
            name = str(row.pop("detector"))
            chosen = plugs.check_options("detectors", name, options.get(name, {})).model_dump()
            tags = {"kind": "evaluation", "detector": name, "headroom.version": __version__}
            tags |= {"mlflow.source.name": "python -m pipeline evaluate", "mlflow.source.type": "JOB"}
            run = client.create_run(experiment, run_name=f"evaluation of {name}", tags=tags).info.run_id
            figures = [Metric(str(figure), float(value), 0, 0) for figure, value in row.items() if math.isfinite(value)]
            client.log_batch(run, params=[Param(option, str(value)) for option, value in chosen.items()], metrics=figures)
            for file in files:
                client.log_artifact(run, str(file), "evaluation")
            client.set_terminated(run)
    return len(scores)
