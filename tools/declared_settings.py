"""What Terraform may be told of the pipeline's settings, from their declarations: `infra/settings.json`, one name per line.

.venv/bin/python -m tools.declared_settings > infra/settings.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import plugs
from pipeline.profiles import PROFILES, find_set
from pipeline.settings import PLUG_LISTS, SAMPLES, Settings

#: Where the lake lies and who is asked about it is what Terraform makes.
DECIDED = {
    *("home", "lake", "catalog", "engine", "database", "aws_region", "aws_endpoint_url", "athena_workgroup"),
    *("mlflow_uri", "mlflow_artifacts"),
}


def declared() -> dict[str, dict[str, Any]]:
    """What each setting, and each option as `options.<folder>.<plug>.<option>`, may be, as far as Terraform can tell.

    Returns:
        By name its `type` (number, string, boolean, list, object or any), and where they are declared `minimum`, `maximum`, the
        `words` that it may be, or that its items may be, and what it is `set_by` each profile that sets it.
    """
    found = dict(_of_model(Settings, ""))
    found["fallback_forecaster"]["words"] = list(plugs.names("forecasters"))
    for setting, folder in PLUG_LISTS.items():
        found[setting]["words"] = list(plugs.names(folder))
    found["monitor_sources"]["words"] = list(plugs.fillers(SAMPLES))
    for folder in plugs.FOLDERS:
        for name in plugs.names(folder):
            found |= dict(_of_model(plugs.declared_options(folder, name), f"options.{folder}.{name}."))
    for profile in PROFILES:
        for name, value in find_set(profile).items():
            found[name].setdefault("set_by", {})[profile] = value
    return {name: said for name, said in sorted(found.items()) if name not in {*DECIDED, "options"}}


def _of_model(model: Any, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = model.model_json_schema()
    for name, said in schema.get("properties", {}).items():
        yield prefix + name, _bounds(said, schema.get("$defs", {}))


def _bounds(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _bounds(shared[schema["$ref"].rpartition("/")[2]], shared)
    if "anyOf" in schema:
        ways = [way for way in schema["anyOf"] if way.get("type") != "null"]
        return _bounds(ways[0], shared) if len(ways) == 1 else {"type": "any"}
    kind = {"integer": "number", "array": "list"}.get(schema.get("type", "any"), schema.get("type", "any"))
    words = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    items = schema.get("items", {})
    if kind == "list" and isinstance(items, dict):
        words = _bounds(items, shared).get("words", []) if items else []
    bounds = {bound: schema[bound] for bound in ("minimum", "maximum") if bound in schema}
    return {"type": kind, **bounds, **({"words": words} if words else {})}


def text() -> str:
    """The file's text: one name per line, so that two changes meet only where they are about the same name."""
    lines = [f"  {json.dumps(name)}: {json.dumps(said)}" for name, said in declared().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    print(text(), end="")
