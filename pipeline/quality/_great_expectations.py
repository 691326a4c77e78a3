"""What is changed in Great Expectations so that a check costs less; the answers stay what they were.

Six places of its release that requirements.txt pins: it works the configuration of an expectation out anew at every look, some
300 times; it makes the expectation anew from that at every question, some ten times; it follows what a metric needs again from
every metric that needs it; it asks of what is a word already some thirty times what it is; it writes its project down at every
change, though nobody reads it; and it asks a pattern of every row, where a million rows hold some hundred words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import great_expectations as gx
from great_expectations.core import id_dict
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex import ColumnValuesMatchRegex
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import column_condition_partial
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_graph import ValidationGraph

# By the identity of an expectation: itself, so that no other gets that identity, and its configuration; and the other way round.
_known: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("known", default=None)
_derive: Callable[[Any], Any] = vars(Expectation)["configuration"].fget
_make = ExpectationConfiguration.to_domain_obj
_follow = ValidationGraph.build_metric_dependency_graph
_to_json: Callable[[Any], Any] = vars(id_dict)["convert_to_json_serializable"]
_registry = logging.getLogger("great_expectations.expectations.registry")


def open_context() -> Any:
    """A context in memory, which shows no progress and writes nothing down."""
    context = gx.get_context(mode="ephemeral")
    context._save_project_config = lambda: None  # type: ignore[method-assign]
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@contextmanager
def remember_configurations() -> Iterator[None]:
    """Within this, in this thread, an expectation and its configuration are what they were at the first look.

    None may be changed. What a metric needs is followed once for each expectation.
    """
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def _once(derive: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def remembered(self: Any) -> Any:
        known = _known.get()
        if known is None:
            return derive(self)
        if id(self) not in known:
            known[id(self)] = (self, derive(self))
        return known[id(self)][1]

    return remembered


def _follow_once(self: ValidationGraph, metric_configuration: MetricConfiguration, runtime_configuration: Any = None) -> None:
    """Add what a metric needs to the graph; where the graph has it, it is only noted at the metric."""
    followed: dict[Any, MetricConfiguration] = vars(self).setdefault("_followed", {})
    known = followed.get(metric_configuration.id)
    if known is None or _known.get() is None:
        _follow(self, metric_configuration, runtime_configuration)
        followed[metric_configuration.id] = metric_configuration
        return
    self.set_metric_configuration_default_kwargs_if_absent(metric_configuration)
    metric_configuration.metric_dependencies = known.metric_dependencies


def _to_json_at_once(data: Any) -> Any:
    """The same for use in JSON, of words, whole numbers and what is made of them without asking what else they could be."""
    if _known.get() is None:
        return _to_json(data)
    if data is None or type(data) in (str, int, bool):
        return data
    if type(data) is dict:
        return {str(key): _to_json_at_once(value) for key, value in data.items()}
    return _to_json(data)


Expectation.configuration = property(_once(_derive))  # type: ignore[method-assign, assignment]
ExpectationConfiguration.to_domain_obj = _once(_make)  # type: ignore[method-assign, assignment]
ValidationGraph.build_metric_dependency_graph = _follow_once  # type: ignore[method-assign]
vars(id_dict)["convert_to_json_serializable"] = _to_json_at_once

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
