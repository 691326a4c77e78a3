"""Secrets, from the environment alone."""

from __future__ import annotations

import os

from pipeline.errors import ConfigError


def read_secret(variable: str, what: str) -> str:
    """What a variable of the environment holds.

    Raises:
        ConfigError: nothing; the message names the variable and what it is for.
    """
    found = os.environ.get(variable, "").strip()
    if not found:
        raise ConfigError(f"the environment variable {variable} is not set or empty; it holds {what}")
    return found
