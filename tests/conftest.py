"""A lake of one's own for every test that asks for one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import settings as settings_module
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings

# Great Expectations reports usage unless told not to.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Embedded settings whose home is the test's own folder; the environment's `HEADROOM_*` do not count."""
    return settings_module.load({}, home=tmp_path / "home")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)
