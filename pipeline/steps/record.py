"""Publish what a training measured; `promote` does so too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pipeline import tables
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.registry.trainings import read_figures, read_snapshots
from pipeline.steps._declaration import Step
from pipeline.steps._segments import Failed
from pipeline.tables.capacity import RISK_BACKTEST
from pipeline.tables.columns import FAILED
from pipeline.tables.forecasts import FEATURE_IMPORTANCE, MODEL_METRIC

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
STEP = Step(role="publisher", writes=("gold.feature_importance", "gold.model_metric", "gold.risk_backtest"))

#: Trainings whose snapshots of silver do not expire.
SNAPSHOTS_KEPT = 8


def record(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of gold that the training as of the interval's end has, from the registry: figures, chances, importance of features.

    The snapshots of silver that the training read are tagged, so that they do not expire. `train` could not do either: its
    role may write neither gold nor silver. Segments that could not be trained are among the checks of `gold.model_metric`, and
    so in the head of the reports until the next training. Running it again changes nothing, and neither does a run where nothing
    was trained.

    Raises:
        DataError: the rows are not what the tables declare; what was published before stays.
        SourceError: the registry does not answer.
    """
    from pipeline.lake import tags

    figures = read_figures(settings, interval.as_of)
    if figures is None:
        log.info("nothing to record: no training as of %s is in the registry", interval.as_of)
        return 0
    for name, snapshot_id in read_snapshots(settings, interval.as_of).items():
        tags.keep(lake, tables.get(name), snapshot_id, "training", interval.as_of, SNAPSHOTS_KEPT)
    # A training by an older version may lack a table: what is published of that stays.
    found = {table: figures[table.name] for table in (MODEL_METRIC, RISK_BACKTEST, FEATURE_IMPORTANCE) if table.name in figures}
    failed = figures[FAILED].to_pylist() if FAILED in figures else []
    also = {MODEL_METRIC: [Failed(**row).result for row in failed]}
    checked = {
        table: validate(conform(data, table, interval), table, interval, lake, also=also.get(table, ()))
        for table, data in found.items()
    }
    return sum(lake.replace(table, data, table.scope(interval)).rows for table, data in checked.items())
