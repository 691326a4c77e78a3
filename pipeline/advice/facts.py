"""What an inventory says of a resource beside its tags: numbers and words under `headroom:`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline.advice.estate import tags_of
from pipeline.errors import DataError


def facts_of(resource: Mapping[str, Any] | pd.Series) -> dict[str, str]:
    """The facts by name, without those that are empty.

    Raises:
        DataError: the tags are no JSON object.
    """
    stated = (
        (name.removeprefix("headroom:"), value) for name, value in tags_of(resource).items() if name.startswith("headroom:")
    )
    return {name: str(value) for name, value in stated if value not in (None, "")}


def number_of(facts: Mapping[str, str], name: str) -> float | None:
    """One fact as a number; None where it is not stated.

    Raises:
        DataError: it is no number.
    """
    text = facts.get(name)
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise DataError(f"headroom:{name} is {text!r}, expected a number; correct the inventory") from error


def moment_of(facts: Mapping[str, str], name: str, whose: str = "") -> pd.Timestamp | None:
    """One fact as a moment, naive UTC; None where it is not stated.

    Args:
        facts: as `facts_of` gives them.
        name: of the fact.
        whose: the resource, for the message.

    Raises:
        DataError: it is no moment.
    """
    text = facts.get(name)
    try:
        moment = None if text is None else pd.Timestamp(datetime.fromisoformat(text))
    except ValueError as error:
        where = f"headroom:{name} of {whose}" if whose else f"headroom:{name}"
        expected = "a day or a moment, as 2026-03-01T08:00:00"
        raise DataError(f"{where} is {text!r}, expected {expected}; correct the inventory") from error
    return moment if moment is None or moment.tzinfo is None else moment.tz_convert(None)
