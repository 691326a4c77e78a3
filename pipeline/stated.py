"""What a user's TOML file says, held to a model: one wording for everything that is wrong in one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import ConfigError, suggestion

M = TypeVar("M", bound=BaseModel)


def parse_stated(text: str, where: str, model: type[M], parts: Mapping[str, type[BaseModel]]) -> M:
    """The file as a model.

    Args:
        text: TOML.
        where: what messages call the file.
        model: of the whole of it.
        parts: model of each table by its key, such as `window` of `[[window]]`.

    Raises:
        ConfigError: it is no TOML, or says what it may not; the message names the file, the line where the entry begins, the
            entry, the key, and what was expected.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}") from error
    try:
        return model(**given)
    except ValidationError as error:
        problems = [_complaint(dict(each), given, text, model, parts) for each in error.errors()]
        raise ConfigError(f"{where}: {'; '.join(problems)}") from None


def _complaint(
    error: dict[str, Any], given: dict[str, Any], text: str, model: type[BaseModel], parts: Mapping[str, type[BaseModel]]
) -> str:
    """Line, entry and key of a trouble, and what was expected."""
    loc, said = error["loc"], str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = next((parts[part] for part in reversed(loc[:-1]) if part in parts), model).model_fields
        said = f"there is no such key{suggestion(str(loc[-1]), known, 'expected one of ' + ', '.join(known))}"
    elif error["type"] == "tuple_type" and len(loc) == 1:
        said = f"expected entries that each begin with [[{loc[0]}]]"
    elif error["type"] != "missing" and isinstance(error["input"], str | int | float | bool):
        said = f"{said}, got {error['input']!r}"
    return f"{_place(loc, given, text, parts)}{said}"


def _place(loc: tuple[Any, ...], given: dict[str, Any], text: str, parts: Mapping[str, type[BaseModel]]) -> str:
    """Where something is wrong: `line 12, rule nat, match.service: `."""
    if not loc:
        return ""
    kind, *rest = loc
    if kind not in parts or not rest:
        return f"{kind}: "
    which, *key = rest
    header = rf"^\s*\[\[\s*{kind}\s*\]\]" if isinstance(which, int) else rf"^\s*\[\s*{kind}\s*\.\s*\"?{re.escape(which)}\b"
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if re.match(header, line)]
    place = which if isinstance(which, int) else 0
    line = f"line {lines[place]}, " if place < len(lines) else ""
    return ", ".join((f"{line}{kind} {_name(given[kind], which)}", *([".".join(map(str, key))] if key else []))) + ": "


def _name(entries: Any, which: Any) -> Any:
    """What an entry is called: by its key, its name or its number; what should be a table may be anything."""
    if not isinstance(which, int):
        return which
    entry = entries[which]
    return entry.get("name", f"number {which + 1}") if isinstance(entry, dict) else f"number {which + 1}"
