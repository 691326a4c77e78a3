"""Plugs: a source, forecaster, detector, recommender or notifier is one module whose file name is its name.

What can be chosen about a plug, the plug declares: a pydantic model called `Options`, which its function takes as `options`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ConfigError, suggestion

#: Folder → the function that each of its plugs has.
FOLDERS = {
    "sources": "fetch",
    "forecasters": "forecast",
    "detectors": "detect",
    "recommenders": "recommend",
    "notifiers": "notify",
}
# Complaints about a number or one of a few words: a value that is too short for a secret may be quoted.
_SHORT = 16
_QUOTED = ("greater_than", "less_than", "multiple_of", "literal_error", "int_", "float_", "bool_")

Declared = TypeVar("Declared", bound=BaseModel)


class Chosen(Protocol):
    """What the settings say of plugs: folder → plug → option → value."""

    @property
    def options(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]: ...


class NoOptions(BaseModel):
    """The options of a plug that declares none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def names(folder: str) -> tuple[str, ...]:
    """The plugs in one folder, in alphabetical order, found without importing them."""
    if folder not in FOLDERS:
        meant = suggestion(folder, FOLDERS, f"there are {', '.join(FOLDERS)}")
        raise ConfigError(f"no folder of plugs named {folder!r}{meant}")
    files = (Path(__file__).parent / folder).glob("*.py")
    return tuple(sorted(file.stem for file in files if not file.stem.startswith("_")))


def fillers(table: str) -> tuple[str, ...]:
    """The sources that state a bronze table by name in their `TABLES`, in alphabetical order, found without importing them."""
    stated = re.compile(rf"^TABLES\b[^=\n]*= \([^)]*\"{re.escape(table)}\"", re.MULTILINE)
    folder = Path(__file__).parent / "sources"
    return tuple(name for name in names("sources") if stated.search((folder / f"{name}.py").read_text()))


def check_name(folder: str, name: str) -> None:
    """Make sure that there is such a plug, without importing it.

    Raises:
        ConfigError: no such folder, or no file of that name in it; the message lists those there are.
    """
    known = names(folder)
    if name not in known:
        kind = folder.removesuffix("s")
        meant = suggestion(name, known, f"there are {', '.join(known)}")
        raise ConfigError(f"no {kind} named {name!r}{meant}")


def load(folder: str, name: str) -> ModuleType:
    """The module of one plug.

    Raises:
        ConfigError: no file of that name; the message lists those there are.
    """
    check_name(folder, name)
    return import_module(f"pipeline.{folder}.{name}")


def declared_options(folder: str, name: str) -> type[BaseModel]:
    """The model of a plug's options: each with its type, bounds, default and description."""
    declared: type[BaseModel] = getattr(load(folder, name), "Options", NoOptions)
    return declared


def options(folder: str, name: str, settings: Chosen) -> Any:
    """A plug's options as the settings say, checked.

    Raises:
        ConfigError: an option that the plug does not have, that is missing, or whose value is out of bounds, by name.
    """
    return check_options(folder, name, settings.options.get(folder, {}).get(name, {}))


def check_options(folder: str, name: str, given: Mapping[str, Any]) -> Any:
    """A plug's options as given by name, checked; what is not given has its default.

    Raises:
        ConfigError: as `options` does.
    """
    return check_given(declared_options(folder, name), given, f"options.{folder}.{name}")


def check_given(declared: type[Declared], given: Mapping[str, Any], where: str) -> Declared:
    """Options as given by name, checked; `where` begins the message.

    Raises:
        ConfigError: as `options` does.
    """
    try:
        return declared(**given)
    except ValidationError as error:
        known = tuple(declared.model_fields)
        problems = "; ".join(_complaint(each, declared) for each in error.errors(include_url=False))
        offered = f"its options are {', '.join(known)}" if known else "it has no options"
        # Without what pydantic says: it quotes what it was given, which may be a secret.
        offered = f" {offered[0].upper()}{offered[1:]}" if problems.endswith("?") else f"; {offered}"
        raise ConfigError(f"{where}: {problems}{offered}") from None


def check_all_options(settings: Chosen) -> None:
    """Make sure of the options of all plugs that the settings give any to, in use or not.

    Raises:
        ConfigError: as `options` does.
    """
    for folder, by_plug in settings.options.items():
        for name, given in by_plug.items():
            check_options(folder, name, given)


def declared_inputs(folder: str, name: str) -> tuple[str, ...]:
    """What a plug's function takes by name beside what all of its folder take, as the module's `INPUTS` says.

    All of it may be left out: where nobody has it, as for a user's own file, the plug has no opinion.
    """
    inputs: tuple[str, ...] = getattr(load(folder, name), "INPUTS", ())
    return inputs


def bind(folder: str, name: str, chosen: BaseModel | None = None) -> Callable[..., Any]:
    """A plug's function with the chosen options, or with its defaults."""
    function: Callable[..., Any] = getattr(load(folder, name), FOLDERS[folder])
    chosen = check_options(folder, name, {}) if chosen is None else chosen
    return function if isinstance(chosen, NoOptions) else partial(function, options=chosen)


def _complaint(error: Mapping[str, Any], declared: type[BaseModel]) -> str:
    """What pydantic found, with the name of the option; with its value only where that cannot be a secret."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"there is no option {where!r}{suggestion(where, declared.model_fields)}"
    if error["type"] == "string_pattern_mismatch":
        # A pattern tells people less than what the option is for.
        option = declared.model_fields.get(str(error["loc"][0]))
        return f"{where} has characters or a form that it may not have: {option.description if option else ''}".rstrip(": ")
    value = f"={error['input']!r}" if error["type"].startswith(_QUOTED) and len(str(error["input"])) <= _SHORT else ""
    return f"{where}{value}: {error['msg']}" if where else str(error["msg"])
