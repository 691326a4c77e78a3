"""What a WorkSpace costs a month: by bundle, system and sizes of its volumes, always on, and stopping by itself before any hour.

Source: the offer AmazonWorkSpaces, whose lines have the bundle (`Power`, and `Power-0` … of other volumes), licence, running mode
and `Root:175 GB,User:100 GB`. Bundles of WorkSpaces Core have the same names and another product family; what brings its own
licence is not priced here.
"""

from __future__ import annotations

import re

FAMILY = "Enterprise Applications"
#: Running modes as the price list and the service spell them.
MODES = {"AlwaysOn": "ALWAYS_ON", "AutoStop": "AUTO_STOP"}
_LICENSED = {("Windows", "Included"), ("Amazon Linux", "None")}
_STORAGE = re.compile(r"Root:\s*(\d+)\s*GB\s*,\s*User:\s*(\d+)\s*GB")


def desktop_of(line: dict[str, str]) -> str | None:
    """`POWER Windows 175/100 GB ALWAYS_ON`: the item that a line by the month is the price of; None for everything else."""
    # The files spell these columns with spaces, the API without.
    stated = {name.replace(" ", "").lower(): value for name, value in line.items()}
    system, mode = stated.get("operatingsystem", ""), MODES.get(stated.get("runningmode", ""))
    volumes = _STORAGE.fullmatch(stated.get("storage", ""))
    is_sold = stated.get("productfamily") == FAMILY and (system, stated.get("license")) in _LICENSED
    if not is_sold or mode is None or volumes is None:
        return None
    bundle = re.sub(r"[^A-Z0-9]", "", re.sub(r"-\d$", "", stated.get("bundle", "")).upper())
    return f"{bundle} {system} {volumes[1]}/{volumes[2]} GB {mode}" if bundle else None
