"""Who votes on a sample: detectors with their options, what each counts, and from where on it flags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pipeline.anomalies.detection import Detection, Detector
from pipeline.errors import DataError

#: In place of a version that is none: detectors as the settings say.
UNREGISTERED = "none"
_KEYS = {"given", "options", "threshold", "weight"}
#: A weight may be learned that is twice the largest that the settings take.
_LARGEST = 200.0


@dataclass(frozen=True)
class Voters:
    """What a version of the vote says, all of it plain numbers and names.

    Attributes:
        options: of each detector by its name, its defaults among them.
        given: what each counts by the settings.
        weights: what each counts.
        thresholds: from which multiple of its own threshold on each flags a sample; 1 as it is shipped.
        votes: weight of those that must agree.
        version: under which it is registered, or `UNREGISTERED`.
    """

    options: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, float]
    weights: Mapping[str, float]
    thresholds: Mapping[str, float]
    votes: float
    version: str = UNREGISTERED

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.options)

    @property
    def is_unmoved(self) -> bool:
        """Whether each detector flags from its own threshold on."""
        return all(each == 1 for each in self.thresholds.values())

    def text(self) -> str:
        """All of it but the version, as JSON: equal where it is equal."""
        members = {
            name: {
                "given": self.given[name],
                "options": dict(chosen),
                "threshold": self.thresholds[name],
                "weight": self.weights[name],
            }
            for name, chosen in self.options.items()
        }
        return json.dumps({"detectors": members, "votes": self.votes}, sort_keys=True)

    def sha256(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()

    @property
    def shipped(self) -> Voters:
        """What the settings say of the same detectors: each by its own threshold and with the weight that it is given."""
        return replace(self, weights=self.given, thresholds=dict.fromkeys(self.options, 1.0), version=UNREGISTERED)


def parse_voters(text: str, version: str) -> Voters:
    """What `Voters.text` wrote, checked.

    Raises:
        DataError: it is something else, or a number is out of bounds.
    """
    try:
        given = json.loads(text)
        members, votes = given["detectors"], float(given["votes"])
        if set(given) != {"detectors", "votes"} or not members or any(set(each) != _KEYS for each in members.values()):
            raise ValueError(f"expected detectors, each with {', '.join(sorted(_KEYS))}, and votes")
        weights = {name: float(each["weight"]) for name, each in members.items()}
        thresholds = {name: float(each["threshold"]) for name, each in members.items()}
        options = {name: dict(each["options"]) for name, each in members.items()}
        own = {name: float(each["given"]) for name, each in members.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"version {version} of the detectors is no vote: {error}") from error
    if not all(0 <= each <= _LARGEST for each in weights.values()) or not any(weights.values()):
        raise DataError(f"version {version} of the detectors: weights are 0 to {_LARGEST:g}, one of them above 0, got {weights}")
    if not all(0 < each <= _LARGEST for each in thresholds.values()):
        raise DataError(f"version {version} of the detectors: thresholds are above 0 and at most {_LARGEST:g}, got {thresholds}")
    return Voters(options, own, weights, thresholds, votes, version)


def from_threshold(detect: Callable[..., Detection], multiple: float) -> Detector:
    """A detector that flags from a multiple of its own threshold on; the very same where that is 1."""
    return detect if multiple == 1 else partial(_detect_from, detect=detect, multiple=multiple)


def _detect_from(*told: Any, detect: Callable[..., Detection], multiple: float, **more: Any) -> Detection:
    found = detect(*told, **more)
    lower, upper = (found.expected + multiple * (edge - found.expected) for edge in (found.lower, found.upper))
    return replace(found, excess=found.excess / multiple, lower=lower, upper=upper)
