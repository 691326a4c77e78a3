"""How a process runs: named profiles of settings that go together, and its log. `pipeline.settings` has all else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from pipeline.errors import suggestion
from pipeline.given import check_folder

#: What each profile sets, below whatever is set by name. Prophet is the model that they were made for: its interval is a detector
#: and it is a forecaster. They ask for a look every 5 to 120 seconds, of which the monitor takes its shortest, five minutes.
PROFILES: dict[str, dict[str, Any]] = {
    "high_frequency": {"monitor_period_s": 300, "log_level": "WARNING"},
    "low_resource": {
        "monitor_period_s": 300,
        "plots": False,
        "options": {
            "detectors": {"prophet_interval": {"uncertainty_samples": 100}},
            "forecasters": {"prophet": {"uncertainty_samples": 100}},
        },
    },
    "high_accuracy": {
        "options": {
            "detectors": {
                "prophet_interval": {"threshold_multiplier": 1.5, "interval_width": 0.99, "changepoint_prior_scale": 0.01},
            },
            "forecasters": {"prophet": {"changepoint_prior_scale": 0.01}},
        },
    },
    "debug": {"monitor_period_s": 300, "log_level": "DEBUG"},
}


class Running(BaseModel):
    """The settings that say how a process runs, whatever it does."""

    profile: str = Field(
        default="",
        json_schema_extra={"enum": ["", *PROFILES]},
        description="Settings that go together, each below what is set by name: docs/deploy.md says which.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="What is logged at least.")
    log_dir: str = Field(
        default="", description="Folder for a log of JSON lines beside the task's own, without secrets; empty writes none."
    )
    log_file_mib: int = Field(
        default=10, ge=1, le=1024, description="Size at which that log begins anew, and the old one is compressed."
    )
    log_files: int = Field(default=5, ge=1, le=100, description="Compressed logs of before that are kept.")
    plots: bool = Field(default=True, description="Whether `evaluate` and trainings draw charts.")

    @field_validator("profile")
    @classmethod
    def _profile_exists(cls, value: str) -> str:
        if value and value not in PROFILES:
            hint = suggestion(value, PROFILES, f"there are {', '.join(PROFILES)}")
            raise ValueError(f"no profile named {value!r}{hint}")
        return value

    @field_validator("log_dir")
    @classmethod
    def _log_dir_is_a_folder(cls, value: str) -> str:
        if "://" in value:
            raise ValueError("expected a folder of this machine")
        check_folder(Path(value))
        return value


def put_under(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, with what its profile sets where nothing else does; options are laid over each other one by one.

    A profile that there is not sets nothing here: the settings refuse its name.
    """
    name = given.get("profile")
    return _laid_over(PROFILES.get(name, {}) if isinstance(name, str) else {}, given)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the second stronger; what is a mapping in both is laid over in the same way."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], Mapping) and isinstance(above[name], Mapping):
            both[name] = _laid_over(below[name], above[name])
    return both


def find_set(profile: str) -> dict[str, Any]:
    """What a profile sets, one by one: `log_level`, `options.detectors.prophet_interval.interval_width`."""
    return dict(_flat(PROFILES.get(profile, {})))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
