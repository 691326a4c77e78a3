"""What is changed in Great Expectations so that a check costs less; the answers stay what they were.

Three places of its release that requirements.txt pins: it works the configuration of an expectation out anew at every look, some
300 times; it writes its project down at every change, though nobody reads it; and it asks a pattern of every row, where a million
rows hold some hundred words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex import ColumnValuesMatchRegex
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import column_condition_partial

# By the identity of an expectation: itself, so that no other gets that identity, and its configuration.
_known: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("known", default=None)
_derive: Callable[[Any], Any] = vars(Expectation)["configuration"].fget
_registry = logging.getLogger("great_expectations.expectations.registry")


def open_context() -> Any:
    """A context in memory, which shows no progress and writes nothing down."""
    context = gx.get_context(mode="ephemeral")
    context._save_project_config = lambda: None  # type: ignore[method-assign]
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@contextmanager
def remember_configurations() -> Iterator[None]:
    """Within this, in this thread, an expectation's configuration is what it was at the first look: none may be changed."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def _configuration(self: Any) -> Any:
    known = _known.get()
    if known is None:
        return _derive(self)
    if id(self) not in known:
        known[id(self)] = (self, _derive(self))
    return known[id(self)][1]


Expectation.configuration = property(_configuration)  # type: ignore[method-assign, assignment]

_level = _registry.level
# It warns that one of its checks is replaced, which is what is meant.
_registry.setLevel(logging.ERROR)


class WordsMatchRegex(ColumnValuesMatchRegex):
    """`column_values.match_regex` on pandas, asked once of each word that a column holds."""

    condition_metric_name = "column_values.match_regex"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex: str, **_: Any) -> Any:  # noqa: N805
        words = column.drop_duplicates()
        return column.isin(words[words.astype(str).str.contains(regex)])


_registry.setLevel(_level)
