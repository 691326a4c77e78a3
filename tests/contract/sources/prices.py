"""The shipped price list."""

from __future__ import annotations

from tests.support.source_cases import Case

CASES = {"all": Case({}, "2023-09-01", "2026-08-01", ["2024-07-01T00:00", "2025-06-23T00:00:01"], {"bronze.price": 1418})}
DOWN = None
