"""Small things that every section does with frames."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd


def numbers(column: Any) -> Any:
    """A column as floats, whatever it held."""
    return pd.to_numeric(column).astype("float64")


def floats(column: Any) -> list[float]:
    return [float(value) for value in numbers(column)]


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
