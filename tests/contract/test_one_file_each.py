"""What a stranger adds is one file and its cases: shown with toys, in a temporary copy of the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.copied import ROOT, Copy, copy_project

pytestmark = [pytest.mark.system]
TOYS = ROOT / "tests" / "toys"
NAMES = {"recommender": "gp3", "source": "volumes"}

# The commands of a small day, in one process; the last one's answer is printed.
WALK = """
    import sys
    from typer.testing import CliRunner
    from pipeline.cli import app

    for command in (
        ["ingest", "--source", "volumes", "--path", sys.argv[1], "--day", "2026-03-01"],
        ["ingest", "--source", "prices", "--day", "2026-03-01"],
        ["build", "silver.resource", "--day", "2026-03-01"],
        ["build", "silver.price", "--day", "2026-03-01"],
        ["recommend", "--day", "2026-03-01"],
        ["query", "SELECT rule_id, action, target_config, savings_monthly_usd AS saved FROM views.recommendation_current"],
    ):
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    print(result.output)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copy_project(tmp_path / "project")


def test_a_toy_is_one_file_and_its_cases_and_keeps_the_contract_of_its_folder(copy: Copy) -> None:
    for kind, name in NAMES.items():
        files = {str(path.relative_to(TOYS / kind)) for path in (TOYS / kind).rglob("*.py")}
        assert files == {f"pipeline/{kind}s/{name}.py", f"tests/contract/{kind}s/{name}.py"}
        copy.add(kind)

    judged = copy.run_tests(
        "tests/contract/test_recommenders.py", "tests/contract/test_sources.py", "-k", "gp3 or volumes", "-rA"
    )

    assert judged.returncode == 0, judged.stdout
    for name in NAMES.values():
        assert judged.stdout.count(f"[{name}") >= 8


def test_a_plug_without_cases_is_told_which_file_to_write(copy: Copy) -> None:
    for kind in NAMES:
        copy.add(kind, under="pipeline")

    judged = copy.run_tests("tests/contract/test_recommenders.py", "tests/contract/test_sources.py", "-k", "gp3 or volumes")

    assert judged.returncode == 1
    for kind, name in NAMES.items():
        assert f"{kind}s/{name} has no cases: write tests/contract/{kind}s/{name}.py with" in judged.stdout


def test_volumes_of_a_toy_source_are_judged_by_a_toy_rule_in_the_pipeline(copy: Copy) -> None:
    copy.add("source", under="pipeline")
    copy.add("recommender", under="pipeline")
    copy.write("walk.py", WALK)
    listed = [{"day": "2026-03-01", "id": f"vol-{kind}", "type": kind, "gib": 100} for kind in ("gp2", "gp3")]
    copy.write("volumes.jsonl", "\n".join(json.dumps(one) for one in listed))

    walked = copy.run("walk", "volumes.jsonl")

    assert walked.returncode == 0, walked.stdout + walked.stderr
    words = [line.replace("│", " ").split() for line in walked.stdout.splitlines()]
    # The house's own rule about such volumes answers as well.
    assert [each for each in words if each[:1] == ["gp3"]] == [
        ["gp3", "rightsize", "gp3,", "100", "GiB", "2"],
        ["gp3", "keep", "–", "–"],
    ]
