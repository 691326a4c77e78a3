"""Text of data as it is shown: without what a terminal or a spreadsheet would obey. What stands in the lake stays as it is."""

from __future__ import annotations

import re

# Of C0, DEL and C1 all but the tab and the line feed; and what turns the direction of writing.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What a spreadsheet takes for the beginning of a formula. Source: OWASP, "CSV Injection", full-width signs included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def visible(text: str) -> str:
    """The text without what a terminal obeys instead of showing it, such as the escape that begins a colour or a title."""
    return _OBEYED.sub("", text)


def disarmed(text: str) -> str:
    """The text for a field of a CSV: what could run as a formula begins with an apostrophe, and nothing in it is obeyed."""
    starts = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return ("'" if starts else "") + visible(text)
