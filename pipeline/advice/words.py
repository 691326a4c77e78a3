"""How rules write amounts for people."""

from __future__ import annotations


def write_megabytes(amount: float) -> str:
    """`0.4 MB`, `2.4 TB`: megabytes in the unit that leaves at most three digits before the point."""
    for unit in ("MB", "GB", "TB"):
        if abs(amount) < 999.95:
            break
        amount /= 1000 if unit != "TB" else 1
    return f"{amount:,.1f} {unit}"
