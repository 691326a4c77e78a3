"""Terraform's outputs become the pipeline's settings, or an error that names what is wrong."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from pipeline.errors import ConfigError
from tools import settings_from_terraform
from tools.settings_from_terraform import environment


def outputs(**settings: str) -> dict[str, Any]:
    return {"settings": {"sensitive": False, "value": settings}, "buckets": {"value": {}}}


def test_settings_are_handed_on_in_order_of_name() -> None:
    found = environment(outputs(HEADROOM_LAKE="s3://lake-1", HEADROOM_CATALOG="glue", HEADROOM_ENGINE="athena"))
    assert list(found.items()) == [("HEADROOM_CATALOG", "glue"), ("HEADROOM_ENGINE", "athena"), ("HEADROOM_LAKE", "s3://lake-1")]


def test_an_output_that_is_no_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="HEADROOM_LAKES.*did you mean 'lake'"):
        environment(outputs(HEADROOM_LAKES="s3://lake-1"))


def test_a_value_out_of_bounds_is_refused() -> None:
    with pytest.raises(ConfigError, match="catalog"):
        environment(outputs(HEADROOM_CATALOG="hive"))


def test_other_variables_are_refused() -> None:
    with pytest.raises(ConfigError, match="PATH"):
        environment(outputs(PATH="/tmp"))  # noqa: S108 nothing is written there


def test_nothing_applied_is_said_so() -> None:
    with pytest.raises(ConfigError, match="nothing is applied"):
        environment({})


def test_the_lines_can_be_sourced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.dumps(outputs(HEADROOM_MLFLOW_URI="http://mlflow.headroom.internal:5000", HEADROOM_LAKE="s3://lake-1"))
    monkeypatch.setattr("sys.stdin", io.StringIO(said))

    assert settings_from_terraform.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        "HEADROOM_LAKE=s3://lake-1",
        "HEADROOM_MLFLOW_URI=http://mlflow.headroom.internal:5000",
    ]


def test_what_is_not_json_is_an_error_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Warning: No outputs found"))

    assert settings_from_terraform.main() == 2
    assert "expected what `terraform output -json` prints" in capsys.readouterr().err


def test_an_option_that_its_plug_does_not_have_is_refused_by_its_name() -> None:
    given = json.dumps({"sources": {"cloudwatch": {"period": 60}}})

    with pytest.raises(ConfigError, match=r"options\.sources\.cloudwatch: there is no option 'period'; did you mean 'period_s'"):
        environment(outputs(HEADROOM_OPTIONS=given))
