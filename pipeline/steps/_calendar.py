"""A calendar that a setting names, as text: on this machine, or below the lake's reports."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.lake import Lake
from pipeline.settings import Settings


def read_calendar(setting: str, lake: Lake, settings: Settings) -> str:
    """The text of the file; empty where the setting names none.

    Raises:
        ConfigError: the file cannot be read.
    """
    where: str = getattr(settings, setting)
    if not where:
        return ""
    try:
        below = f"{settings.lake_uri.rstrip('/')}/reports/"
        if where.startswith("s3://") and not where.startswith(below):
            raise ConfigError(f"{setting}: {where} does not lie below {below}, where the step may read")
        return lake.storage.read(where.removeprefix("s3://")).decode() if where.startswith("s3://") else Path(where).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}: {where} cannot be read: {type(error).__name__}") from error
