"""The page of what is so now as a real browser shows it: chosen from, on a laptop and on a phone, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.report.status import render_status
from tests.support.status_estate import status
from tools.screenshot import browser, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.server, pytest.mark.skipif(chromium() is None, reason="no chromium is installed")]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("status") / "status.html"
    page.write_text(render_status(status()))
    return page


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(params=[1280, 390], ids=["laptop", "phone"])
def tab(request: pytest.FixtureRequest, chrome: Browser, written: Path) -> Iterator[Page]:
    """The page, with what it asked for and what it complained about."""
    opened = chrome.new_page(viewport={"width": request.param, "height": 844})
    opened.asked, opened.complaints = [], []  # type: ignore[attr-defined]
    opened.on("request", lambda asked: opened.asked.append(asked.url))  # type: ignore[attr-defined]
    opened.on("console", lambda said: opened.complaints.append(said.text))  # type: ignore[attr-defined]
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))  # type: ignore[attr-defined]
    opened.goto(written.as_uri())
    yield opened
    opened.close()


def shown(tab: Page, what: str) -> int:
    return tab.locator(what).filter(visible=True).count()


def test_it_asks_for_nothing_complains_of_nothing_and_fits_the_screen(tab: Page, written: Path) -> None:
    assert tab.asked == [written.as_uri()]  # type: ignore[attr-defined]
    assert tab.complaints == []  # type: ignore[attr-defined]
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_host_and_environment_narrow_every_panel_and_what_is_added_up(tab: Page) -> None:
    assert (shown(tab, "#now tbody tr"), shown(tab, "#course figure"), shown(tab, ".strip svg")) == (6, 6, 6)

    tab.get_by_label("Environment").select_option("test")

    assert (shown(tab, "#now tbody tr"), shown(tab, "#course figure"), shown(tab, ".strip svg")) == (2, 2, 2)
    assert (tab.inner_text("#rate-of"), tab.inner_text("[data-status-count=stale]")) == ("1 of 48 hours", "1")

    tab.get_by_label("Host").select_option("i-web01")

    assert shown(tab, "#now tbody tr") == 0
    assert shown(tab, "#course .empty") == 1, "no host of that name is of that environment"


def test_a_range_shows_its_charts_and_the_anomalies_in_it(tab: Page) -> None:
    assert (shown(tab, "#course svg.chart"), shown(tab, "#points tbody tr")) == (6, 0)
    assert shown(tab, "#points .empty") == 1

    tab.get_by_label("Range").select_option("24")

    assert (shown(tab, "[data-range='24'] svg.chart"), shown(tab, "[data-range='6'] svg.chart")) == (6, 0)
    assert (shown(tab, "#points tbody tr"), shown(tab, "#points .empty")) == (3, 0)


def test_without_scripts_it_shows_six_hours_of_all_hosts(chrome: Browser, written: Path) -> None:
    context = chrome.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(written.as_uri())

    assert (shown(tab, "#now tbody tr"), shown(tab, "#course svg.chart"), shown(tab, "#choose")) == (6, 6, 0)
    context.close()
