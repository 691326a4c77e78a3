"""Names that come from data, coded so that they are safe in paths, queries and spreadsheets, and taken back for people to read.

The code is that of URLs: a sign that `IDENTIFIER` does not have is `%XX` for each of its bytes in UTF-8. So is a percent sign, a
first sign that is no letter or digit, and the second of two dots. Two names never have one code.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

#: What stands beside ASCII's letters and digits uncoded, but not first.
PLAIN_SIGNS = "._:/@+=-"
# What turns the direction of text or breaks its lines: shown again, it would garble whatever stands around it.
_UNSHOWABLE = re.compile("[\u2028-\u202e\u2066-\u2069]")
#: The columns of bronze that name something.
NAMES: dict[str, tuple[str, ...]] = {
    "bronze.metric_sample": ("account", "region", "resource_id", "metric"),
    "bronze.resource_snapshot": ("account", "region", "resource_id"),
    "bronze.focus_line": ("sub_account_id", "region_id", "resource_id"),
    "bronze.cur_line": ("line_item_usage_account_id", "product_region_code", "line_item_resource_id"),
    "bronze.billing_period": (),
    "bronze.invoice_detail": (),
}
#: The columns of silver and gold whose names are coded.
CODED = ("account", "region", "resource_id", "metric", "series_id")


def make_safe(name: str) -> str:
    """The name coded. An empty name, or one with control characters, stays as it is: the rule `bad_identifier` refuses it."""
    if not name or _UNSHOWABLE.search(name) or any(unicodedata.category(sign) == "Cc" for sign in name):
        return name
    coded = quote(name, safe=PLAIN_SIGNS).replace("~", "%7E")
    if not (coded[0].isalnum() or coded[0] == "%"):
        coded = f"%{ord(coded[0]):02X}{coded[1:]}"
    return coded.replace("..", ".%2E")


def as_given(coded: str) -> str:
    """The name as its source gave it."""
    return unquote(coded) if "%" in coded else coded
