"""What `python -m pipeline settings` shows: every setting, and every option of every plug."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic.fields import FieldInfo
from rich.markup import escape
from rich.table import Column
from rich.table import Table as RichTable

from pipeline import plugs
from pipeline.errors import redacted
from pipeline.profiles import find_set
from pipeline.settings import Settings

#: Characters of a value or of bounds that are shown.
_LONGEST = 60


def settings_grids(settings: Settings) -> Iterator[RichTable]:
    """One table of the settings, and one of the options of each folder's plugs.

    Raises:
        ConfigError: an option is set that its plug does not have, or out of bounds.
    """
    schema = Settings.model_json_schema()["properties"]
    by_profile = find_set(settings.profile)
    grid = _grid("", "setting")
    for name, field in Settings.model_fields.items():
        value = "listed below" if name == "options" else redacted(str(getattr(settings, name)))
        if name in by_profile and getattr(settings, name) == by_profile[name]:
            value = f"{value} (profile {settings.profile})"
        grid.add_row(*map(escape, (name, value, _bounds(schema[name]), field.description or "")))
    yield grid
    for folder in plugs.FOLDERS:
        grid = _grid(f"[options.{folder}.<plug>]", "plug and option")
        for name in plugs.names(folder):
            given = settings.options.get(folder, {}).get(name, {})
            for option, value, *rest in option_rows(folder, name, given):
                place = f"options.{folder}.{option}"
                if place in by_profile and given.get(option.partition(".")[2]) == by_profile[place]:
                    value = f"{value} (profile {settings.profile})"
                grid.add_row(*map(escape, (option, value, *rest)))
            grid.add_section()
        yield grid


def option_rows(folder: str, name: str, given: Mapping[str, Any] = MappingProxyType({})) -> Iterator[tuple[str, str, str, str]]:
    """Name, value, bounds and purpose of each option of a plug."""
    declared = plugs.declared_options(folder, name)
    schema = declared.model_json_schema().get("properties", {})
    if given:
        plugs.check_options(folder, name, given)
    for option, field in declared.model_fields.items():
        yield f"{name}.{option}", _value(option, field, given), _bounds(schema[option]), field.description or ""


def _value(option: str, field: FieldInfo, given: Mapping[str, Any]) -> str:
    """What is in force, and the default where that is another one."""
    default = "required" if field.is_required() else _short(field.get_default(call_default_factory=True, validated_data={}))
    if option not in given or str(given[option]) == default:
        return default
    return f"{_short(given[option])} ({default if field.is_required() else f'default {default}'})"


def _bounds(schema: Mapping[str, Any]) -> str:
    """What a value may be, from its JSON schema: its words, its range or its pattern."""
    if "anyOf" in schema:
        return " or ".join(each for each in map(_bounds, schema["anyOf"]) if each)
    if "enum" in schema or "const" in schema:
        return ", ".join(str(word) for word in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "boolean":
        return "true, false"
    low = schema.get("minimum", f"> {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else "")
    high = schema.get("maximum", f"< {schema['exclusiveMaximum']:g}" if "exclusiveMaximum" in schema else "")
    return f"{low} … {high}".strip() if low != "" or high != "" else _short(schema.get("pattern", ""))


def _short(value: Any) -> str:
    """What is shown of a value: this is the one place where settings are printed, and no secret is."""
    text = "" if value is None else redacted(str(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _grid(title: str, first: str) -> RichTable:
    return RichTable(
        Column(first, no_wrap=True),
        *(Column(name, overflow="fold") for name in ("value", "bounds", "what it is for")),
        title=escape(title) or None,
        title_justify="left",
    )
