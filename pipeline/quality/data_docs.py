"""A run's data docs: every Great Expectations outcome on one page that loads nothing and escapes what the data says."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.lake import Lake, reports

#: Folder of a run with what Great Expectations said of each table.
VALIDATIONS = "validations"
TEMPLATE = Path(__file__).with_name("data_docs.html.j2")
log = logging.getLogger(__name__)
_SHOWN_VALUES = 10
_AGAIN = "build that table of these days again"
# In place of what a file says that cannot be read.
_NO_RULE: dict[str, Any] = {
    "success": False,
    "severity": "warning",
    "subject": "table",
    "type": "checks",
    "arguments": "",
    "note": "",
    "rows": 0,
    "failed_rows": 0,
    "observed": None,
    "values": [],
}
_NO_ARGUMENT = ("batch_id", "column", "column_list", "column_A", "column_B", "result_format")


def collect_data_docs(lake: Lake, as_of: datetime) -> dict[str, bytes]:
    """The page about every validation of one run, wherever its tasks ran: content by name; none where nothing was validated."""
    # A name that begins with a dot is a file that was never finished.
    files = reports.read_files(lake.storage, as_of, VALIDATIONS)
    outcomes = {name: content for name, content in files.items() if not name.startswith(".")}
    return {"data_docs/index.html": render_data_docs(outcomes, as_of).encode()} if outcomes else {}


def render_data_docs(outcomes: Mapping[str, bytes], as_of: datetime) -> str:
    """One page about what Great Expectations said of each table.

    It is ours and not Great Expectations' own: theirs is blank without the scripts that it loads from four other sites, and it
    writes unexpected values into the page as HTML.

    Args:
        outcomes: Great Expectations' JSON by the name of its file, such as `silver.resource.json`.
        as_of: the end of the run's interval.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    suites = [_suite(name, content) for name, content in sorted(outcomes.items())]
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(as_of=f"{as_of:%Y-%m-%d %H:%M}", suites=suites)


def _suite(name: str, content: bytes) -> dict[str, Any]:
    """What one file of `validations/` says: name, rows, whether it passed, and its expectations, failed ones first."""
    try:
        rules = sorted((_rule(result) for result in json.loads(content)["results"]), key=lambda rule: rule["success"])
    except (ValueError, KeyError, TypeError):
        log.warning("%s/%s is damaged: what was checked there is not in the data docs; %s", VALIDATIONS, name, _AGAIN)
        rules = [_NO_RULE | {"raised": f"The file {VALIDATIONS}/{name} is damaged; {_AGAIN}."}]
    return {
        "name": name.removesuffix(".json"),
        "rows": max((rule["rows"] for rule in rules), default=0),
        "failed": sum(not rule["success"] for rule in rules),
        "critical": any(not rule["success"] and rule["severity"] == "critical" for rule in rules),
        "rules": rules,
    }


def _rule(result: dict[str, Any]) -> dict[str, Any]:
    config, found = result["expectation_config"], result["result"]
    kwargs = config["kwargs"]
    columns = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    notes = config.get("notes") or ""
    return {
        "success": result["success"],
        "severity": config.get("severity") or "critical",
        "subject": ", ".join(columns or kwargs.get("column_list", ())) or "table",
        "type": config["type"].removeprefix("expect_").replace("_", " "),
        "arguments": ", ".join(f"{name} = {value}" for name, value in sorted(kwargs.items()) if name not in _NO_ARGUMENT),
        "note": " ".join(notes) if isinstance(notes, list) else notes,
        "rows": int(found.get("element_count") or 0),
        "failed_rows": int(found.get("unexpected_count") or 0),
        "observed": found.get("observed_value"),
        "values": list(dict.fromkeys(map(str, found.get("partial_unexpected_list", ()))))[:_SHOWN_VALUES],
        "raised": exception_message(result.get("exception_info")),
    }


def exception_message(info: Any) -> str:
    """The message of the first exception behind a result; Great Expectations nests them by metric."""
    if not isinstance(info, dict):
        return ""
    if info.get("raised_exception"):
        return str(info.get("exception_message"))
    return next((message for value in info.values() if (message := exception_message(value))), "")
