"""Publish what the recommenders in use say about every resource, and what can be done together."""

from __future__ import annotations

import pandas as pd

from pipeline import plugs
from pipeline.advice.answer import not_covered
from pipeline.advice.portfolio import portfolio
from pipeline.inputs.estate import read_estate
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.advice import RECOMMENDATION

STEP = Step(role="publisher", writes=("gold.recommendation",))


def recommend(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.recommendation` as of the interval's end: at least one for every resource."""
    estate = read_estate(interval, lake, settings)
    table = RECOMMENDATION
    answers = []
    covered: set[str] = set()
    for name in settings.recommenders:
        recommend_by = plugs.bind("recommenders", name, plugs.options("recommenders", name, settings))
        answers.append(recommend_by(estate))
        covered |= set(plugs.load("recommenders", name).SERVICES)
    answers.append(not_covered(estate, covered))
    rows = portfolio(pd.concat(answers, ignore_index=True))
    data = validate(conform(rows, table, interval), table, interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows
