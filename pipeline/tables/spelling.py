"""How people spell one thing: keys and values of tags, made comparable, and patterns of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

from pipeline.tables.columns import UNALLOCATED
from pipeline.tables.identifiers import as_given

# As AWS writes the keys of a user's tags in its exports.
_OF_A_USER = re.compile(r"^user[:_]")
_BETWEEN_WORDS = re.compile(r"[\s_\x00-\x1f\x7f-]+")


def fold(text: str) -> str:
    """The text without what people spell in different ways: its case, and blanks, `_` and `-` between its words.

    Empty where nothing is left, and where it says that nobody is named.
    """
    folded = _BETWEEN_WORDS.sub("-", text.casefold()).strip("-")
    return "" if folded == UNALLOCATED else folded


def fold_key(key: str) -> str:
    """The key of a tag likewise; `user:` or `user_` in front of it does not count."""
    return fold(_OF_A_USER.sub("", key.casefold()))


def like(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a name, coded or not, is like one of the patterns, whatever the case of its letters.

    Of what `fnmatch` knows a bracket opens nothing here: people put one into names and tags.
    """
    likes = re.compile("|".join(translate(pattern.replace("[", "[[]")) for pattern in patterns), re.IGNORECASE)
    return lambda word: likes.match(as_given(word)) is not None


def like_value(patterns: Iterable[str]) -> Callable[[str], bool]:
    """The same of a value of a dimension, in any spelling of the pattern's and of its own."""
    every = tuple(patterns)
    likes = like((*every, *filter(None, map(fold, every))))
    return lambda word: likes(word) or likes(fold(word))
