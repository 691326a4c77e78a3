"""Each step says of itself what it is, and is read without being imported."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from pipeline import plugs, steps, tables
from pipeline.errors import ConfigError
from pipeline.steps import _declaration


@pytest.mark.parametrize("name", steps.STEPS)
def test_what_is_read_of_a_step_is_what_its_module_declares(name: str) -> None:
    module = import_module(f"pipeline.steps.{name}")

    assert steps.STEPS[name] == module.STEP
    assert callable(getattr(module, name))
    assert steps.describe(name) == module.__doc__.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"steps/divine\.py declares no step"),
        ('STEP = Step(role="seer", mood="good")', r"steps/divine\.py: STEP needs keywords of Step"),
        ('ROLE = "publisher"\nSTEP = Step(role=ROLE)', r"steps/divine\.py: STEP needs .* literals"),
    ],
)
def test_a_module_that_does_not_say_what_step_it_is_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "divine.py").write_text(text)

    with pytest.raises(ConfigError, match=complaint):
        _declaration._read(tmp_path / "divine.py")


def test_a_step_that_nobody_knows_is_refused_and_may_do_nothing() -> None:
    with pytest.raises(ConfigError, match="no step named 'divine'; there are alert, bill_stated, budgets, build, "):
        steps.get("divine")
    assert steps.role_of("divine", "gold.forecast") == steps.PLAIN


def test_what_is_built_in_gold_is_published() -> None:
    assert (steps.role_of("build", "silver.calendar"), steps.role_of("build", "gold.drift")) == ("transform", "publisher")


def test_every_table_is_landed_built_or_written_by_a_step_that_says_so() -> None:
    written = [name for step in steps.STEPS.values() for name in step.writes]

    assert len(written) == len(set(written)), "one step writes a table"
    # Every step puts its own record into the one, and a person's commands what is said into the others.
    said = {"bronze.recommendation_answer", "bronze.feedback_event"}
    assert {*written, *steps.list_builds(), *steps.list_builds(when="monitor"), "bronze.run_event", *said} == set(tables.ALL)


def test_ingest_says_that_it_writes_what_the_sources_deliver() -> None:
    delivered = {table for name in plugs.names("sources") for table in plugs.load("sources", name).TABLES}

    assert delivered == set(steps.get("ingest").writes)


def test_the_report_says_of_every_query_that_its_findings_ask_that_it_reads_it() -> None:
    asked = re.findall(r'read\(lake, "(\w+)"', (Path(steps.__file__).parents[1] / "inputs" / "findings.py").read_text())

    assert {f"inputs.{name}" for name in asked} <= set(steps.STEPS["report"].reads)
    assert len(asked) > 10
