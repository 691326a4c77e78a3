"""Which rule sends a charge where, in one dimension."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.allocation.rules import NO_RULE, Match, Part, Rule, Rules, Shared
from pipeline.tables.columns import BY_ACCOUNT, BY_RULE, BY_TAG, UNALLOCATED
from pipeline.tables.identifiers import as_given
from pipeline.tables.spelling import fold, fold_key, like


@dataclass(frozen=True)
class Verdict:
    """Where a charge goes.

    Attributes:
        method: how that was decided.
        rule: what decided: the key of a tag, an account, the name of a rule or of a shared cost.
        value: of the dimension; empty where it is shared.
        reason: the same as a sentence.
        shared: the shared cost, where it is one.
    """

    method: str
    rule: str
    value: str
    reason: str
    shared: Shared | None = None


@dataclass(frozen=True)
class Charges:
    """What was charged, and the tags of its sets of tags.

    Attributes:
        rows: one row per charge, with the columns of `rules.MATCHED`, `ts` and `tag_set`.
        tags_json: tags as a JSON object, by tag set; what is no object has no tags.
    """

    rows: pa.Table
    tags_json: Mapping[str, str]
    _coded: dict[str, tuple[npt.NDArray[np.int32], list[Any]]] = field(default_factory=dict, compare=False)

    def coded(self, column: str) -> tuple[npt.NDArray[np.int32], list[Any]]:
        """A column as places in the list of its values."""
        if column not in self._coded:
            values = self.rows[column].combine_chunks().dictionary_encode()
            self._coded[column] = (values.indices.to_numpy(zero_copy_only=False), values.dictionary.to_pylist())
        return self._coded[column]

    def where(self, column: str, holds: Callable[[Any], bool]) -> npt.NDArray[np.bool_]:
        """The charges whose value of a column holds; each value is asked once."""
        places, values = self.coded(column)
        return np.fromiter((holds(value) for value in values), bool, len(values))[places]

    @cached_property
    def tags(self) -> dict[str, dict[str, str]]:
        """Key → value of every set of tags, keys in order."""
        return {tag_set: dict(_texts(text)) for tag_set, text in self.tags_json.items()}


def decide(charges: Charges, rules: Rules, dimension: str) -> tuple[npt.NDArray[np.int32], list[Verdict]]:
    """The verdict about every charge: the place of each in the list of verdicts."""
    verdicts: list[Verdict] = []
    found = np.full(charges.rows.num_rows, -1, np.int32)

    def give(mask: npt.NDArray[np.bool_], verdict: Verdict) -> None:
        found[mask & (found < 0)] = len(verdicts)
        verdicts.append(verdict)

    def give_each(column: str, by_value: Mapping[Any, Verdict]) -> None:
        places, values = charges.coded(column)
        numbers = np.full(len(values), -1, np.int32)
        for place, value in enumerate(values):
            if value in by_value:
                numbers[place] = len(verdicts)
                verdicts.append(by_value[value])
        found[found < 0] = numbers[places[found < 0]]

    spellings = rules.spellings(dimension)
    parts = [part for part in rules.parts if _is_about(part, dimension)]
    for part in (part for part in parts if part.first):
        give(_meets(charges, part), _verdict(part, dimension, spellings))
    give_each("tag_set", dict(_by_tags(charges.tags, rules.keys(dimension), spellings)))
    give_each("account", dict(_by_accounts(rules.dimension[dimension].accounts, charges, spellings)))
    for part in (part for part in parts if not part.first):
        give(_meets(charges, part), _verdict(part, dimension, spellings))
    give(found < 0, explain_nothing(rules, dimension))
    return found, verdicts


def explain_nothing(rules: Rules, dimension: str) -> Verdict:
    """The verdict about what no rule decides."""
    keys = ", ".join(rules.keys(dimension))
    return Verdict(UNALLOCATED, NO_RULE, UNALLOCATED, f"it has no tag {keys}, its account is not mapped, and no rule is about it")


def _is_about(part: Part, dimension: str) -> bool:
    return dimension in part.assign if isinstance(part, Rule) else dimension in (part.dimensions or (dimension,))


def _verdict(part: Part, dimension: str, spellings: Mapping[str, str]) -> Verdict:
    holds = "".join(f" {word} {day}" for word, day in (("from", part.since), ("until", part.until)) if day)
    reason = f"{part.match}{holds}"
    if isinstance(part, Shared):
        return Verdict(part.split, part.name, "", f"shared: {reason}", part)
    return Verdict(BY_RULE, part.name, spellings[fold(part.assign[dimension])], reason)


def _by_tags(
    tags: Mapping[str, Mapping[str, str]], keys: Iterable[str], spellings: Mapping[str, str]
) -> Iterator[tuple[str, Verdict]]:
    """By tag set what the first of the keys says that it has."""
    for tag_set, has in tags.items():
        for key, given in _in_order(has, keys):
            if folded := fold(given):
                value = spellings.get(folded, folded)
                yield tag_set, Verdict(BY_TAG, key, value, f"its tag {key} says {given}")
                break


def _in_order(tags: Mapping[str, str], keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tags that the keys mean, in the order of the keys; of two spellings of one the exact one first."""
    for key in keys:
        meant = [name for name in tags if fold_key(name) == fold_key(key)]
        yield from ((name, tags[name]) for name in sorted(meant, key=lambda name: (name != key, name)))


def _by_accounts(accounts: Mapping[str, str], charges: Charges, spellings: Mapping[str, str]) -> Iterator[tuple[str, Verdict]]:
    for coded in charges.coded("account")[1]:
        account = as_given(coded)
        if account in accounts:
            value = spellings[fold(accounts[account])]
            yield coded, Verdict(BY_ACCOUNT, account, value, f"its account {account} is mapped")


def _meets(charges: Charges, part: Part) -> npt.NDArray[np.bool_]:
    """Which charges a rule is about."""
    mask = np.ones(charges.rows.num_rows, bool)
    if part.since or part.until:
        mask &= charges.where("ts", lambda ts: (part.since or date.min) <= ts.date() < (part.until or date.max))
    return mask & _matches(charges, part.match)


def _matches(charges: Charges, match: Match) -> npt.NDArray[np.bool_]:
    mask = np.ones(charges.rows.num_rows, bool)
    for column, patterns in match.conditions():
        mask &= charges.where(column, like(patterns))
    for key, patterns in match.tags.items():
        mask &= charges.where("tag_set", _has(charges.tags, key, like(patterns)))
    return mask


def _has(tags: Mapping[str, Mapping[str, str]], key: str, likes: Callable[[str], bool]) -> Callable[[str], bool]:
    """Whether a set of tags has a key whose value is like what is asked for."""
    return lambda tag_set: any(likes(given) for _, given in _in_order(tags.get(tag_set, {}), (key,)))


def _texts(tags_json: str) -> Iterator[tuple[str, str]]:
    """The tags of a JSON object that have a value."""
    try:
        tags = json.loads(tags_json)
    except ValueError:
        return
    for key, value in sorted(tags.items()) if isinstance(tags, dict) else ():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield key, str(value)
