"""How often Python looks for garbage."""

from __future__ import annotations

import gc


def look_seldom() -> None:
    """Look after 20,000 new objects instead of 700: what a process of ours allocates first is modules, which stay.

    Each look through all of them takes a third of a second, a tenth of a command's time in all.
    """
    gc.set_threshold(20_000, 20, 20)
