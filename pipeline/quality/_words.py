"""Great Expectations' check of texts, asked once of each word that a column holds instead of once of each row."""

from __future__ import annotations

import logging
from typing import Any

from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex import ColumnValuesMatchRegex
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import column_condition_partial

_registry = logging.getLogger("great_expectations.expectations.registry")
_level = _registry.level
# It warns that one of its checks is replaced, which is what is meant.
_registry.setLevel(logging.ERROR)


class WordsMatchRegex(ColumnValuesMatchRegex):
    """`column_values.match_regex` on pandas, with the same answer: a million rows hold some hundred names."""

    condition_metric_name = "column_values.match_regex"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex: str, **_: Any) -> Any:  # noqa: N805
        words = column.drop_duplicates()
        return column.isin(words[words.astype(str).str.contains(regex)])


_registry.setLevel(_level)
