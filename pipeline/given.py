"""What a person has set: by environment variables, and in a TOML file. What there is to set, `pipeline.settings` declares."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, get_origin

from pydantic.fields import FieldInfo

from pipeline.errors import ConfigError, redacted, suggestion

PREFIX = "HEADROOM_"
CONFIG_FILE = "headroom.toml"
Fields: TypeAlias = Mapping[str, FieldInfo]
"""Every setting by its name."""
#: Settings of before → how to say it now.
_RENAMED = {
    "source_options": '`options`: [options.sources.<source>] in the file, or HEADROOM_OPTIONS with {"sources": {"<source>": {…}}}'
}


def read_given(environ: Mapping[str, str], root: Path, fields: Fields) -> dict[str, Any]:
    """What is set, by name; the environment is stronger than the file.

    Args:
        environ: where `HEADROOM_*` variables are looked up.
        root: the folder above `pipeline/`.
        fields: the settings that there are.

    Raises:
        ConfigError: an unknown key, or a file that is not there or not TOML.
    """
    return _from_file(environ, root, fields) | _from_environment(environ, fields)


def _from_file(environ: Mapping[str, str], root: Path, fields: Fields) -> dict[str, Any]:
    named = environ.get(PREFIX + "CONFIG")
    # Beside pipeline/, because Airflow, managed or not, reads the DAGs in a working folder of its own.
    places = [Path(named)] if named else [Path(CONFIG_FILE), root / CONFIG_FILE]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        if named:
            raise ConfigError(f"{PREFIX}CONFIG names {named}, which does not exist")
        return {}
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    for key in values:
        _check_known(key, f"key {key!r} in {path}", fields)
    return values


def _from_environment(environ: Mapping[str, str], fields: Fields) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == PREFIX + "CONFIG":
            continue
        key = variable.removeprefix(PREFIX).lower()
        _check_known(key, f"environment variable {variable}", fields)
        values[key] = _parsed(key, text, variable, fields)
    return values


def _parsed(key: str, text: str, variable: str, fields: Fields) -> Any:
    """Lists may be written `a,b`; objects are JSON; the rest is left to the field's own type."""
    if get_origin(fields[key].annotation) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if key in ("options", "routes"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{variable} is not JSON: {error}") from error
    return text


def _check_known(key: str, where: str, fields: Fields) -> None:
    if key in _RENAMED:
        raise ConfigError(f"{where} is now called {_RENAMED[key]}")
    if key not in fields:
        hint = suggestion(key, fields, "`python -m pipeline settings` lists all of them")
        raise ConfigError(f"unknown setting: {where}{hint}")


def check_folder(folder: Path) -> None:
    """Iceberg and SQLite take paths for addresses: what follows a `#` or `?` would be cut off, and `%20` be read as a blank."""
    if found := re.search(r"[#?%\x00-\x1f\x7f]", str(folder.absolute())):
        raise ValueError(f"a folder whose path has {found.group()!r} in it cannot hold a lake; name another")


def complain(error: Mapping[str, Any]) -> str:
    """Setting, value and what is wrong with it; without the value for options, which may be secret where they are mistyped."""
    where = ".".join(str(part) for part in error["loc"])
    value = "" if error["loc"][0] in ("options", "routes") else f"={redacted(str(error['input']))!r}"
    return f"{where}{value}: {error['msg']}"
