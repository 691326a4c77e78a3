"""How people spell one thing: keys and values of tags, made comparable."""

from __future__ import annotations

import re

from pipeline.tables.columns import UNALLOCATED

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
