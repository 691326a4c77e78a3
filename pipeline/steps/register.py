"""Make one training of what its shards found."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.registry.shards import clear_shards, collect_shards
from pipeline.registry.trainings import read_proposed
from pipeline.steps.train import register_trainings

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)


def register(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Register what the shards of the training as of the interval's end handed over; returns the versions that are new.

    Afterwards it is as if one process had trained, and the shards' own runs are deleted. Running it again changes nothing.

    Raises:
        DataError: not all shards have handed over.
        SourceError: the registry does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainings = collect_shards(settings, interval.as_of, Path(folder))
        if trainings is None:
            if not read_proposed(settings, interval.as_of):
                raise DataError(f"no shard of a training as of {interval.as_of} has handed over; train with --shard and --shards")
            log.info("the training as of %s is registered already", interval.as_of)
            return 0
        registered = register_trainings(interval, lake, settings, trainings)
    clear_shards(settings, interval.as_of)
    return registered
