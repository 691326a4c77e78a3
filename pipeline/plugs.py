"""Plugs: a source, forecaster, detector or recommender is one module whose file name is its name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from pipeline.errors import ConfigError

FOLDERS = ("sources", "forecasters", "detectors", "recommenders")


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
