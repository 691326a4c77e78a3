"""A home that a module's tests begin with, made once: to make it again for each of them costs more than most of them do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline import settings as settings_module
from pipeline.settings import Settings


class Kept:
    """A folder, `home`, that is as it was made for each test that asks for it.

    A lake names its files by where they lie: what was made is put back there, for no copy of it elsewhere would be a lake.
    """

    def __init__(self, folder: Path) -> None:
        self.home, self._saved = folder / "home", folder / "saved"
        self._made: Settings | None = None

    def restore(self, make: Callable[[Settings], Settings]) -> Settings:
        """What `make` gave for settings of that home, which is as it left it; it is called once."""
        if self._made is None:
            self._made = make(settings_module.load({}, home=self.home))
            shutil.copytree(self.home, self._saved)
        else:
            shutil.rmtree(self.home)
            shutil.copytree(self._saved, self.home)
        return self._made
