"""A picture of a page as a browser shows it: `python -m tools.screenshot PAGE.html PICTURE.png`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """The installed browser."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window, that calls no one by itself.

    Raises:
        FileNotFoundError: none is installed.
    """
    from playwright.sync_api import sync_playwright

    installed = chromium()
    if installed is None:
        raise FileNotFoundError("no chromium on PATH; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=installed, args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


def screenshot(started: Browser, page: Path, picture: Path, *, width: int = 1366, height: int = 1640) -> None:
    """The top of a page in its light colours."""
    tab = started.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    tab.goto(page.resolve().as_uri())
    tab.screenshot(path=picture)
    tab.close()


if __name__ == "__main__":
    with browser() as _started:
        screenshot(_started, Path(sys.argv[1]), Path(sys.argv[2]))
