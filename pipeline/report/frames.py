"""How sections read frames: columns as figures, a forecast's quantiles, JSON in a column."""

from __future__ import annotations

import json
from typing import Any, cast

import pandas as pd

# The quantiles that bound half and nine tenths of what is expected.
BAND_50, BAND_90 = (0.25, 0.75), (0.05, 0.95)


def numbers(column: Any) -> Any:
    """A column as floats, whatever it held."""
    return pd.to_numeric(column).astype("float64")


def dollars(cost_daily: pd.DataFrame) -> Any:
    """Effective cost, and billed cost where a bill states none."""
    return numbers(cost_daily["effective_cost"]).fillna(numbers(cost_daily["billed_cost"]))


def floats(column: Any) -> list[float]:
    return [float(value) for value in numbers(column)]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows by name of column."""
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


def at_quantile(forecast: pd.DataFrame, level: float) -> Any:
    """Which rows of a forecast are of one quantile."""
    return (numbers(forecast["quantile"]) - level).abs() < 1e-6


def json_object(text: Any) -> dict[str, Any]:
    """A JSON object; anything else counts as empty, because a report must not fail on a label."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
