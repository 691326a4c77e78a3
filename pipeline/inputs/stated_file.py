"""Files of the user's that a setting names: on this machine, or in the lake's storage, where a deployed step may read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.lake import Lake
from pipeline.settings import REPORTS, Settings


@dataclass(frozen=True)
class StatedFile:
    """What a setting names: `where` is what messages call it."""

    where: str
    text: str


def read_stated_file(setting: str, lake: Lake, settings: Settings) -> StatedFile | None:
    """The file that a setting names; None where it names none.

    Raises:
        ConfigError: it cannot be read, or does not lie below the lake's reports; the message names setting and file.
    """
    where: str = getattr(settings, setting)
    if not where:
        return None
    below = f"{settings.lake_uri.rstrip('/')}/{REPORTS}/"
    if where.startswith("s3://") and not where.startswith(below):
        raise ConfigError(f"{setting}: {where} does not lie below {below}, where the step may read")
    try:
        text = lake.storage.read(where.removeprefix("s3://")).decode() if where.startswith("s3://") else Path(where).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}: {where} cannot be read: {type(error).__name__}") from error
    return StatedFile(f"{setting} {where}", text)
