"""Plugs: a source, forecaster, detector or recommender is one module whose file name is its name.

What can be chosen about a plug, the plug declares: a pydantic model called `Options`, which its function takes as `options`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.errors import ConfigError

#: Folder → the function that each of its plugs has.
FOLDERS = {"sources": "fetch", "forecasters": "forecast", "detectors": "detect", "recommenders": "recommend"}


class NoOptions(BaseModel):
    """The options of a plug that declares none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def names(folder: str) -> tuple[str, ...]:
    """The plugs in one folder, in alphabetical order, found without importing them."""
    if folder not in FOLDERS:
        raise ConfigError(f"no folder of plugs named {folder!r}; there are {', '.join(FOLDERS)}")
    files = (Path(__file__).parent / folder).glob("*.py")
    return tuple(sorted(file.stem for file in files if not file.stem.startswith("_")))


def load(folder: str, name: str) -> ModuleType:
    """The module of one plug.

    Raises:
        ConfigError: no file of that name; the message lists those there are.
    """
    known = names(folder)
    if name not in known:
        raise ConfigError(f"no {folder.removesuffix('s')} named {name!r}; there are {', '.join(known)}")
    return import_module(f"pipeline.{folder}.{name}")


def declared_options(folder: str, name: str) -> type[BaseModel]:
    """The model of a plug's options: each with its type, bounds, default and description."""
    declared: type[BaseModel] = getattr(load(folder, name), "Options", NoOptions)
    return declared


def bind(folder: str, name: str, chosen: BaseModel | None = None) -> Callable[..., Any]:
    """A plug's function with the chosen options, or with its defaults."""
    function: Callable[..., Any] = getattr(load(folder, name), FOLDERS[folder])
    chosen = declared_options(folder, name)() if chosen is None else chosen
    return function if isinstance(chosen, NoOptions) else partial(function, options=chosen)
