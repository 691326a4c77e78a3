"""What is changed in Great Expectations so that a check costs less; the answers stay what they were.

Places of its release that requirements.txt pins: it works the configuration of an expectation out anew at every look, some 300
times; it makes the expectation anew from that at every question, some ten times; it follows what a metric needs again from every
metric that needs it, and all of that again at every check of the same table; it goes through these needs as often as they are
needed; it asks of what is a word already some thirty times what it is; it hashes all rows twice; it looks for wrong rows in two
copies of all rows where it has counted none; it copies all that it found five times to write it as JSON; it opens a project for
every check, and writes it down at every change, though nobody reads it; and it asks a pattern of every row, where a million rows
hold some hundred words.
"""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from threading import Lock
from typing import Any

import great_expectations as gx
import numpy as np
from great_expectations.core import id_dict
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine import pandas_execution_engine
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex import ColumnValuesMatchRegex
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import column_condition_partial
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_graph import ExpectationValidationGraph, ValidationGraph
from great_expectations.validator.validator import Validator

# How many plans are kept: those of all tables, and of what names a day those of some days.
_KEPT = 4_096
# Metrics that say which rows are wrong.
_WRONG_ROWS = (".unexpected_values", ".unexpected_index_list")


@dataclass
class _Plan:
    """What is worked out of one expectation alone, whatever the rows.

    Attributes:
        asked: its configuration, as metrics are worked out of it.
        expectation: made from that.
        said: its configuration, as results state it.
        graph: the metrics that these need.
        needs: the metrics that it needs itself, by name.
        as_json: `said` as JSON, once it was asked for.
    """

    asked: ExpectationConfiguration
    expectation: Expectation
    said: ExpectationConfiguration
    graph: ExpectationValidationGraph
    needs: Any
    as_json: Any = None


@dataclass
class _Known:
    """What one check knows already.

    Attributes:
        made: by the identity of an expectation: itself, so that no other gets that identity, and its configuration; and the other
            way round.
        plans: by the identity of the expectation, and of what results say of it.
        hashes: by the identity of a frame: itself and its hash.
    """

    made: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    plans: dict[int, _Plan] = field(default_factory=dict)
    hashes: dict[int, tuple[Any, str]] = field(default_factory=dict)


_known: ContextVar[_Known | None] = ContextVar("known", default=None)
# By process.
_turns: dict[int, Lock] = {}
# By what is asked, in the order of their last use.
_plans: OrderedDict[str, _Plan] = OrderedDict()
_derive: Callable[[Any], Any] = vars(Expectation)["configuration"].fget
_make = ExpectationConfiguration.to_domain_obj
_follow = ValidationGraph.build_metric_dependency_graph
_plan = Validator._generate_metric_dependency_subgraphs_for_each_expectation_configuration
_collect = Validator._generate_suite_level_graph_from_expectation_level_sub_graphs
_hash: Callable[[Any], str] = vars(pandas_execution_engine)["hash_pandas_dataframe"]
_compute = ExecutionEngine._process_direct_and_bundled_metric_computation_configurations
_judge = Expectation.metrics_validate
_write = ExpectationValidationResult.to_json_dict
_to_json: Callable[[Any], Any] = vars(id_dict)["convert_to_json_serializable"]
_registry = logging.getLogger("great_expectations.expectations.registry")


@cache
def context_of(_process: int) -> Any:
    """A process's context in memory, which shows no progress and writes nothing down."""
    context = gx.get_context(mode="ephemeral")
    context._save_project_config = lambda: None  # type: ignore[method-assign]
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def one_at_a_time(process: int) -> Lock:
    """Within this no other thread of a process checks, for it has one project; one that is forked begins with its own."""
    return _turns.setdefault(process, Lock())


@contextmanager
def remember_configurations() -> Iterator[None]:
    """Within this, in this thread, an expectation and its configuration are what they were at the first look.

    None may be changed. What a metric needs is followed once for each expectation, and in each process.
    """
    token = _known.set(_Known())
    try:
        yield
    finally:
        _known.reset(token)


def to_json_dict(outcome: Any) -> dict[str, Any]:
    """`outcome.to_json_dict()` of a suite, without a copy of all that it holds."""
    said: dict[str, Any]
    if _known.get() is None:
        said = outcome.to_json_dict()
        return said
    head = copy.copy(outcome)
    head.results = []
    said = head.to_json_dict()
    return said | {"results": [each.to_json_dict() for each in outcome.results]}


def _once(derive: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def remembered(self: Any) -> Any:
        known = _known.get()
        if known is None:
            return derive(self)
        if id(self) not in known.made:
            known.made[id(self)] = (self, derive(self))
        return known.made[id(self)][1]

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


def _plan_once(
    self: Validator,
    expectation_configurations: Any,
    processed_configurations: Any,
    catch_exceptions: Any,
    runtime_configuration: Any = None,
) -> Any:
    """What each expectation needs, worked out once in this process: the rows change from check to check, and it does not."""
    known = _known.get()
    if known is None:
        return _plan(self, expectation_configurations, processed_configurations, catch_exceptions, runtime_configuration)
    graphs, refused = [], []
    # To plan completes what is configured.
    of_all = self.active_batch_id, copy.deepcopy(runtime_configuration)
    for each in expectation_configurations:
        name = repr((of_all, sorted(vars(each).items())))
        plan = _plans.get(name)
        if plan is None:
            made, wrong, asked = _plan(self, [each], [], catch_exceptions, runtime_configuration)
            if wrong:
                refused += wrong
                continue
            expectation = asked[0].to_domain_obj()
            needs = expectation.get_validation_dependencies(self._execution_engine, copy.deepcopy(runtime_configuration))
            # It has the rows of this check, which a plan outlives; nobody asks a plan for it.
            vars(made[0].graph)["_execution_engine"] = None
            plan = _plans[name] = _Plan(asked[0], expectation, expectation.configuration, made[0], needs)
            while len(_plans) > _KEPT:
                _plans.popitem(last=False)
        _plans.move_to_end(name)
        known.made[id(plan.asked)] = (plan.asked, plan.expectation)
        known.made[id(plan.expectation)] = (plan.expectation, plan.said)
        known.plans[id(plan.expectation)] = known.plans[id(plan.said)] = plan
        graphs.append(plan.graph)
        processed_configurations.append(plan.asked)
    return graphs, refused, processed_configurations


def _collect_once(self: Validator, expectation_validation_graphs: Any) -> ValidationGraph:
    """What all expectations need, each once."""
    graph = _collect(self, expectation_validation_graphs)
    graph._edges = list({edge.id: edge for edge in graph.edges}.values())
    return graph


def _hash_once(frame: Any) -> str:
    known = _known.get()
    if known is None:
        return _hash(frame)
    if id(frame) not in known.hashes:
        known.hashes[id(frame)] = (frame, _hash(frame))
    return known.hashes[id(frame)][1]


def _compute_what_is_wrong(
    self: ExecutionEngine[Any], metric_fn_direct_configurations: Any, metric_fn_bundle_configurations: Any
) -> Any:
    """Metrics of one round; of wrong rows none are looked for where none are counted."""
    if _known.get() is not None:
        metric_fn_direct_configurations = [
            replace(each, metric_fn=_where_any(each.metric_fn))
            if each.metric_configuration.metric_name.endswith(_WRONG_ROWS)
            else each
            for each in metric_fn_direct_configurations
        ]
    return _compute(self, metric_fn_direct_configurations, metric_fn_bundle_configurations)


def _where_any(find: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def found(**given: Any) -> list[Any]:
        return find(**given) if np.count_nonzero(given["metrics"]["unexpected_condition"][0]) else []

    return found


def _judge_by_plan(
    self: Expectation, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None, **other: Any
) -> ExpectationValidationResult:
    """What an expectation says of its metrics, which are known from the plan."""
    known = _known.get()
    plan = known.plans.get(id(self)) if known else None
    if plan is None or any(each.id not in metrics for each in plan.needs.get_metric_configurations()):
        return _judge(self, metrics, runtime_configuration, execution_engine, **other)
    found = {name: metrics[each.id] for name, each in plan.needs.metric_configurations.items()}
    runtime = (runtime_configuration or {}) | {"result_format": dict(plan.needs.result_format)}
    return self._build_evr(raw_response=self._validate(found, runtime, execution_engine))


def _write_by_plan(self: ExpectationValidationResult) -> dict[str, Any]:
    """A result as JSON; what is asked is written once, and nothing is copied."""
    known = _known.get()
    plan = known.plans.get(id(self.expectation_config)) if known else None
    if plan is None or self.rendered_content is not None:
        return _write(self)
    if plan.as_json is None:
        plan.as_json = _write(self)["expectation_config"]
    return {
        "success": self.success,
        "expectation_config": plan.as_json,
        "result": _to_json(self.result),
        "meta": _to_json(self.meta),
        "exception_info": _to_json(self.exception_info),
    }


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
Validator._generate_metric_dependency_subgraphs_for_each_expectation_configuration = _plan_once  # type: ignore[method-assign]
Validator._generate_suite_level_graph_from_expectation_level_sub_graphs = _collect_once  # type: ignore[method-assign]
vars(pandas_execution_engine)["hash_pandas_dataframe"] = _hash_once
ExecutionEngine._process_direct_and_bundled_metric_computation_configurations = _compute_what_is_wrong  # type: ignore[method-assign]
Expectation.metrics_validate = _judge_by_plan  # type: ignore[method-assign]
ExpectationValidationResult.to_json_dict = _write_by_plan  # type: ignore[method-assign]
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
