"""The report as a real browser shows it, made by the step from a real lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import settings, tables
from pipeline.inputs import read
from pipeline.lake import Lake, open_lake
from pipeline.quality.data_docs import render_data_docs
from pipeline.report.page import TELEMETRY
from pipeline.report.words import percent, usd
from pipeline.steps.report import report
from tests.support.report_estate import AS_OF, DAY, NASTY_NAME, estate, fill, rows, utc
from tools.screenshot import browser, chromium, screenshot

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.server, pytest.mark.system]
needs_browser = pytest.mark.skipif(chromium() is None, reason="no chromium is installed")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    """Settings of a home whose lake holds the made-up estate and whose report is written."""
    home = settings.load({}, home=tmp_path_factory.mktemp("report"))
    lake = open_lake(home)
    fill(lake)
    report(DAY, lake, home)
    return home


@pytest.fixture(scope="module")
def written(here: settings.Settings) -> Path:
    return Path(here.report_address(AS_OF))


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def tab(chrome: Browser, written: Path) -> Page:
    """The page on a laptop, with what it asked for and what it complained about."""
    opened = chrome.new_page(viewport={"width": 1366, "height": 768}, color_scheme="light")
    opened.asked = []  # type: ignore[attr-defined]
    opened.complaints = []  # type: ignore[attr-defined]
    opened.on("request", lambda request: opened.asked.append(request.url))  # type: ignore[attr-defined]
    opened.on("console", lambda message: opened.complaints.append(message.text))  # type: ignore[attr-defined]
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))  # type: ignore[attr-defined]
    opened.goto(written.as_uri())
    return opened


def _lake(here: settings.Settings) -> Lake:
    return open_lake(here)


def test_the_step_returns_the_rows_of_its_csv_and_leaves_no_file_but_pages(here: settings.Settings, written: Path) -> None:
    assert report(DAY, _lake(here), here) == len(estate()["gold.recommendation"])
    assert sorted(path.name for path in written.parent.iterdir()) == [
        "accounts",
        "recommendations.csv",
        "recommendations.xlsx",
        "report.html",
    ]
    assert sorted(path.name for path in (written.parent / "accounts").iterdir()) == ["100000000001.html", "binder.html"]


def test_writing_the_report_again_changes_nothing_but_run_times(here: settings.Settings, written: Path) -> None:
    before = written.read_text(encoding="utf-8")
    report(DAY, _lake(here), here)

    assert written.read_text(encoding="utf-8").split(TELEMETRY)[0] == before.split(TELEMETRY)[0]


def test_what_later_runs_believe_does_not_show_in_an_earlier_report(here: settings.Settings, written: Path) -> None:
    before = written.read_text(encoding="utf-8")
    lake, later = _lake(here), utc("2026-04-20")
    for name in ("gold.recommendation", "gold.capacity_risk", "gold.model_metric", "gold.quality_result"):
        table = tables.get(name)
        moved = [{**record, "as_of": later} for record in estate()[name]]
        lake.replace(table, rows(table, moved), table.scope(type(DAY)(DAY.start, later)))
    report(DAY, lake, here)

    assert written.read_text(encoding="utf-8").split(TELEMETRY)[0] == before.split(TELEMETRY)[0]


def test_a_report_that_cannot_be_rendered_leaves_the_last_one(
    here: settings.Settings, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.steps import report as step

    before = written.read_bytes()

    def fail(*_: Any) -> str:
        raise RuntimeError("no paper")

    monkeypatch.setattr(step, "render", fail)
    with pytest.raises(RuntimeError, match="no paper"):
        report(DAY, _lake(here), here)
    assert written.read_bytes() == before
    assert len(list(written.parent.iterdir())) == 4


@needs_browser
def test_the_browser_asks_for_nothing_but_the_file_and_complains_about_nothing(tab: Page, written: Path) -> None:
    assert [url for url in tab.asked if not url.startswith("data:")] == [written.as_uri()]  # type: ignore[attr-defined]
    assert tab.complaints == []  # type: ignore[attr-defined]


@needs_browser
def test_every_section_is_there_and_none_is_empty(tab: Page) -> None:
    heads = tab.locator("main section > h2").all_text_contents()

    assert heads == [
        "What was found",
        "Look first at",
        "Recommendations",
        "Forecasts",
        "Capacity risk",
        "Used alike",
        "Anomalies",
        "Cost trend",
        "Accounts and teams",
        "Model accuracy",
        "Data quality",
        "Alerts",
        "Run times",
    ]
    assert tab.locator(".empty").count() == 0
    assert all(box["height"] > 90 for box in _boxes(tab, "svg.chart"))


@needs_browser
def test_the_figures_shown_are_the_kpis_as_of_the_reports_moment(tab: Page, here: settings.Settings) -> None:
    # The view shows the newest run's, and this lake knows a day more than the report.
    wanted = read(_lake(here), "executive_kpis", as_of=AS_OF).set_index("kpi")["value"]

    def shown(figure: str) -> float:
        return float(tab.locator(f"#figure-{figure}").get_attribute("data-exact") or "nan")

    assert shown("savings") == pytest.approx(wanted["savings_identified_monthly"])
    assert shown("at-risk") == wanted["resources_at_risk"]
    assert shown("incidents") == wanted["incidents_24h"]
    assert shown("skill") == pytest.approx(wanted["forecast_skill"])


@needs_browser
def test_a_name_that_looks_like_a_script_is_shown_and_not_run(tab: Page) -> None:
    assert NASTY_NAME in tab.locator("#recommendations").inner_text()
    assert tab.locator("script").count() == 1


@needs_browser
@pytest.mark.parametrize("width", [1366, 1024, 390])
def test_the_page_never_scrolls_sideways(chrome: Browser, written: Path, width: int) -> None:
    page = chrome.new_page(viewport={"width": width, "height": 768})
    page.goto(written.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


# Width and height of a laptop's window and of a phone.
SCREENS = ((1280, 800), (390, 844))


@pytest.fixture(scope="module", params=SCREENS, ids=["laptop", "phone"])
def first_screens(request: pytest.FixtureRequest, chrome: Browser, written: Path) -> str:
    """What a reader sees of the page in the first two screens, without a click."""
    width, height = request.param
    page = chrome.new_page(viewport={"width": width, "height": height})
    page.goto(written.as_uri())
    text: str = page.evaluate(
        """() => {
             const seen = [], texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
             for (let node; (node = texts.nextNode());) {
               const range = document.createRange();
               range.selectNodeContents(node);
               const box = range.getBoundingClientRect();
               const on_screen = box.left >= 0 && box.right <= innerWidth && box.bottom <= 2 * innerHeight;
               if (box.width > 0 && on_screen && node.parentElement.checkVisibility()) seen.push(node.textContent);
             }
             return seen.join(" ").replace(/\\s+/g, " ");
           }"""
    )
    page.close()
    return text


@needs_browser
def test_two_screens_tell_an_operator_what_fills_when_and_what_to_do(first_screens: str) -> None:
    assert (
        "i-web01 CPU critical P90 crosses 80 %: 2026-04-28, in 12 days; chance in 7 days 18 % , in 30 days 71 % , in 90 days 97 %"
        in first_screens
    )
    assert "Upsize to m5.xlarge." in first_screens
    assert "i-db01 CPU high" in first_screens
    assert "Too little data to advise a change." in first_screens
    assert "Incidents in the last 24 hours" in first_screens


@needs_browser
def test_two_screens_tell_finops_what_rose_why_and_what_the_month_will_have_cost(
    first_screens: str, here: settings.Settings
) -> None:
    rises = read(_lake(here), "cost_rises", as_of=AS_OF)

    largest = rises.iloc[0]
    assert f"{largest['service']} +{usd(largest['rise_usd'])}" in first_screens
    assert f"{usd(largest['before_usd'])} → {usd(largest['recent_usd'])}; all in binder, global; largest jump" in first_screens
    assert "Month-end estimate" in first_screens
    assert "April 2026: $" in first_screens
    assert "in 15 days billed" in first_screens


@needs_browser
def test_two_screens_tell_an_executive_spend_trend_savings_and_risk_money_first(
    first_screens: str, here: settings.Settings
) -> None:
    kpis = read(_lake(here), "executive_kpis", as_of=AS_OF).set_index("kpi")["value"]
    labels = [
        "Spent in 30 days", "Month-end estimate", "Savings identified per month", "Resources at capacity risk",
        "Incidents in the",
    ]  # fmt: skip

    places = [first_screens.index(label) for label in labels]
    assert places == sorted(places)
    assert f"{labels[0]} {usd(kpis['cost_last_30d'])}" in first_screens
    assert f"{percent(kpis['cost_change_30d'], sign=True)} against the 30 days before".replace("\xa0", " ") in first_screens
    assert f"{labels[2]} {usd(kpis['savings_identified_monthly'])}" in first_screens
    assert f"{labels[3]} {kpis['resources_at_risk']:.0f}" in first_screens


@needs_browser
def test_on_a_phone_every_cell_of_every_table_is_on_the_screen_and_says_its_column(chrome: Browser, written: Path) -> None:
    page = chrome.new_page(viewport={"width": 390, "height": 844})
    page.goto(written.as_uri())
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    cells = page.locator("td").evaluate_all(
        "all => all.map(e => ({right: e.getBoundingClientRect().right, inner: e.scrollWidth - e.clientWidth,"
        " said: getComputedStyle(e, '::before').content, text: e.textContent.trim()}))"
    )
    page.close()

    assert len(cells) > 100
    assert [cell for cell in cells if cell["right"] > 390 or cell["inner"] > 0] == []
    assert {"Chance in 7\xa0d", "Saves per month", "P90 crosses it"} <= {cell["said"].strip('"') for cell in cells}


@needs_browser
def test_pointing_at_a_chart_says_its_figures(tab: Page) -> None:
    chart = tab.locator("#forecasts svg.chart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)

    text = tab.locator("#tip").inner_text()
    assert text.startswith("2026-")
    assert "median:" in text
    assert "90 %:" in text


@needs_browser
def test_a_click_on_a_heading_sorts_by_the_figure_and_not_by_its_text(tab: Page) -> None:
    table = tab.locator("table[data-table=cost]")
    heading = table.locator("th", has_text="Last 30 days")
    column = table.locator("tbody tr td:nth-child(3)")
    heading.click()
    rising = column.evaluate_all("cells => cells.map(cell => Number(cell.dataset.sort))")
    heading.click()
    falling = column.evaluate_all("cells => cells.map(cell => Number(cell.dataset.sort))")

    assert rising == sorted(rising)
    assert falling == sorted(rising, reverse=True)


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_light_and_in_dark(chrome: Browser, written: Path, scheme: Any) -> None:
    page = chrome.new_page(viewport={"width": 1366, "height": 768}, color_scheme=scheme)
    page.goto(written.as_uri())
    colours = page.evaluate(
        """() => ["--ink", "--soft", "--accent", "--bad", "--good"].map(name => {
             const probe = document.createElement("i");
             probe.style.color = `var(${name})`;
             document.querySelector("section").append(probe);
             return [name, getComputedStyle(probe).color, getComputedStyle(document.querySelector("section")).backgroundColor];
           })"""
    )
    page.close()

    for name, colour, ground in colours:
        assert _contrast(_rgb(colour), _rgb(ground)) >= 4.5, f"{name} on {ground} in {scheme}"


@needs_browser
def test_a_picture_of_the_report_shows_something(chrome: Browser, written: Path, tmp_path: Path) -> None:
    from PIL import Image

    screenshot(chrome, written, tmp_path / "report.png")

    picture = Image.open(tmp_path / "report.png").convert("RGB")
    assert picture.size == (1366, 1640)
    assert len(picture.getcolors(1 << 24) or []) > 200


def _boxes(tab: Page, selector: str) -> list[dict[str, float]]:
    boxes: list[dict[str, float]] = tab.locator(selector).evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())")
    return boxes


def _rgb(text: str) -> tuple[float, float, float]:
    red, green, blue = (float(part) / 255 for part in text.removeprefix("rgb(").removesuffix(")").split(","))
    return red, green, blue


def _contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(colour: tuple[float, float, float]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@needs_browser
def test_the_data_docs_show_offline_what_failed_and_run_nothing_that_the_data_says(chrome: Browser, tmp_path: Path) -> None:
    config = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "state"}, "notes": "One of the words."}
    found = {"element_count": 2, "unexpected_count": 1, "partial_unexpected_list": [NASTY_NAME, "<img src=x onerror=alert(1)>"]}
    outcome = {"results": [{"success": False, "expectation_config": config, "result": found, "exception_info": {}}]}
    docs = tmp_path / "index.html"
    docs.write_text(render_data_docs({"silver.resource.json": json.dumps(outcome).encode()}, AS_OF))
    asked: list[str] = []
    alerts: list[str] = []
    context = chrome.new_context(offline=True)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))

    page.goto(docs.as_uri())

    assert page.get_by_text("One of the words.").is_visible()
    assert page.get_by_text("<img src=x onerror=alert(1)>").is_visible()
    assert (asked, alerts) == ([docs.as_uri()], [])
    context.close()


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_an_account_opens_from_the_report_and_leads_back(chrome: Browser, written: Path, width: int) -> None:
    opened = chrome.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(written.as_uri())
    opened.click('a.owner:text("100000000001")')

    assert opened.title() == "Headroom: account 100000000001, report as of 2026-04-16 00:00 UTC"
    assert opened.evaluate("document.documentElement.scrollWidth") == width, "nothing is off the screen"
    opened.click('a.owner:text("Whole report")')
    assert opened.url == written.as_uri()
    assert complaints == []
    opened.close()
