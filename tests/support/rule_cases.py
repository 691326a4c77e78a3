"""What a recommender brings to its contract: SITUATIONS by name and, where it has options, one OPTIONS entry for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.advice.estate import Estate


@dataclass(frozen=True)
class Says:
    """What a rule says of one resource.

    Attributes:
        reason: a regular expression that is found in the reason.
        fields: other columns of the row.
    """

    action: str
    reason: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """An estate, and what a rule with its default options must say of its resources, by resource_id."""

    estate: Estate
    says: Mapping[str, Says]


@dataclass(frozen=True)
class Changed:
    """An estate that is answered differently, by more than words, when an option has this value instead of its default."""

    value: Any
    estate: Estate
