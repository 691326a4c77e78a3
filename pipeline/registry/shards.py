"""A training in shards: each leaves what it found where the next step collects it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError
from pipeline.registry.mlflow import EXPERIMENT, connect, open_experiment
from pipeline.registry.training import TrainedSegment

if TYPE_CHECKING:
    from pipeline.settings import Settings

#: File of a shard's run that names the segments that failed.
FAILED_FILE = "failed.json"


def hand_over(
    settings: Settings,
    as_of: datetime,
    segments: Sequence[TrainedSegment],
    shard: int,
    shards: int,
    failed: Sequence[Sequence[str]] = (),
) -> None:
    """Leave what one shard of a training found where `collect_shards` finds it: in a run of its own.

    Args:
        failed: what is to be said of each segment that failed.

    Raises:
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client:
        tags = {"as_of": as_of.isoformat(), "kind": "shard", "shard": str(shard), "shards": str(shards)}
        run = client.create_run(open_experiment(client, settings), run_name=f"shard {shard} of {shards}", tags=tags).info.run_id
        client.log_dict(run, {"failed": [list(each) for each in failed]}, FAILED_FILE)
        for segment in segments:
            client.log_artifacts(run, str(segment.folder), segment.model)
        client.set_terminated(run)


def collect_shards(settings: Settings, as_of: datetime, folder: Path) -> tuple[list[TrainedSegment], list[list[str]]] | None:
    """What the shards of the training as of that moment found, each as of its newest try; None where there are no shards.

    With it what is to be said of each segment that failed.

    Args:
        folder: where their files are put.

    Raises:
        DataError: not all shards have handed over.
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client:
        finished = [run for run in _find_shards(client, as_of) if run.info.status == "FINISHED"]
        if not finished:
            return None
        count = int(finished[0].data.tags["shards"])
        newest = {int(run.data.tags["shard"]): run for run in reversed(finished) if run.data.tags["shards"] == str(count)}
        if missing := sorted(set(range(count)) - set(newest)):
            raise DataError(f"training as of {as_of}: of {count} shards, {missing} have not handed over; train them first")
        found, failed = [], []
        for shard, run in sorted(newest.items()):
            target = folder / str(shard)
            target.mkdir()
            for item in client.list_artifacts(run.info.run_id):
                file = Path(client.download_artifacts(run.info.run_id, item.path, str(target)))
                if item.path == FAILED_FILE:
                    failed += json.loads(file.read_text(encoding="utf-8"))["failed"]
                else:
                    found.append(TrainedSegment.load(file))
        return found, failed


def clear_shards(settings: Settings, as_of: datetime) -> None:
    """Delete the runs in which shards handed over; the training has copies. Their files stay until `mlflow gc`.

    Raises:
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client:
        for run in _find_shards(client, as_of):
            client.delete_run(run.info.run_id)


def _find_shards(client: Any, as_of: datetime) -> list[Any]:
    """The runs in which shards of a training hand over, newest first."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    query = f"tags.as_of = '{as_of.isoformat()}' AND tags.kind = 'shard'"
    return list(client.search_runs([experiment.experiment_id], query, order_by=["attributes.start_time DESC"]))
