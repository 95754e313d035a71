"""The page in a real browser, where there is one: what it fetches, draws and says."""

import json
import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser import IN_A_BROWSER, set_size, started

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def opened(browser, page, tmp_path_factory):
    """The page, opened once, with all charts drawn; and what was logged meanwhile."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page, encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("performance")  # of the browser's own first page
    browser.get(file.as_uri())
    deadline = time.monotonic() + 60
    while undrawn(browser) and time.monotonic() < deadline:
        time.sleep(0.1)
    return browser, file.as_uri(), browser.get_log("browser"), browser.get_log("performance")


@pytest.fixture
def folded(opened):
    """The page as it is when it has just been opened, at the width of a screen."""
    browser, address, *_ = opened
    set_size(browser, 1280)
    browser.get("about:blank")
    browser.get(address)
    until(lambda: not undrawn(browser))
    return browser


def until(done):
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def unfold(browser):
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")


def undrawn(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('[data-chart]:not([data-drawn])')].map(place => place.dataset.chart)"
    )


def test_every_chart_is_drawn_and_described(opened):
    browser, *_ = opened
    assert undrawn(browser) == []
    charts = browser.execute_script(
        """return [...document.querySelectorAll('[data-chart]')].map(place => ({
            name: place.dataset.chart,
            marks: place.querySelectorAll('svg .role-mark path, svg .role-mark line').length,
            label: place.querySelector('svg')?.getAttribute('aria-label') ??
                   place.querySelector('[aria-label]')?.getAttribute('aria-label'),
        }))"""
    )
    assert len(charts) > 10
    assert all(chart["marks"] > 0 for chart in charts), charts
    assert all(chart["label"] for chart in charts), charts


def test_the_console_is_silent_and_nothing_but_the_page_is_requested(opened):
    _, address, console, performance = opened
    assert console == []
    messages = [json.loads(entry["message"])["message"] for entry in performance]
    requested = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    assert requested.count(address) == 1
    assert [url for url in requested if url != address and not url.startswith("data:")] == []


def test_every_picture_loads_and_no_name_does_harm(opened):
    browser, *_ = opened
    unfold(browser)
    widths = browser.execute_script(
        """return [...document.images].map(image => image.complete && image.naturalWidth)"""
    )
    assert widths
    assert all(width > 0 for width in widths)
    assert browser.execute_script("return window.harmed === undefined")


def test_every_internal_link_has_its_target(opened):
    browser, *_ = opened
    missing = browser.execute_script(
        """return [...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href'))
            .filter(address => !address.startsWith('#') || !document.getElementById(address.slice(1)))"""
    )
    assert missing == []


SHOWN = "return document.getElementById(arguments[0]).checkVisibility()"
OPEN = "return [...document.querySelectorAll('details.section[open]')].map(one => one.dataset.section)"


def test_a_link_into_a_folded_section_opens_it_and_goes_there(folded):
    assert folded.execute_script(OPEN) == []
    link = folded.find_element(By.CSS_SELECTOR, "a[href^='#class-']")
    row = link.get_attribute("href").partition("#")[2]
    assert not folded.execute_script(SHOWN, row)
    link.send_keys(Keys.ENTER)
    until(lambda: folded.execute_script(SHOWN, row))
    assert folded.execute_script(OPEN) == ["confusion"]
    seen = "const at = document.getElementById(arguments[0]).getBoundingClientRect(); return [at.top, innerHeight]"
    until(lambda: 0 <= (place := folded.execute_script(seen, row))[0] < place[1])


def test_an_address_with_a_section_opens_it(folded):
    address = folded.current_url
    folded.get("about:blank")
    folded.get(f"{address}#baselines")
    until(lambda: folded.execute_script(OPEN) == ["baselines"])


def test_charts_fill_a_section_that_is_opened(folded):
    folded.find_element(By.CSS_SELECTOR, "[data-section=metrics] > summary").send_keys(Keys.ENTER)
    assert folded.execute_script(OPEN) == ["metrics"]
    widths = """const place = document.querySelector('[data-chart=recall]');
        return [place.querySelector('svg').getBoundingClientRect().width, place.clientWidth]"""
    until(lambda: abs((pair := folded.execute_script(widths))[0] - pair[1]) <= 2 and pair[1] > 400)


def test_paper_shows_all_and_the_screen_what_was_open(folded):
    folded.execute_script(
        """addEventListener('beforeprint', () => {
            window.onPaper = [...document.querySelectorAll('details')].map(one => one.open);
        })"""
    )
    folded.execute_cdp_cmd("Page.printToPDF", {})
    on_paper = folded.execute_script("return window.onPaper")
    assert len(on_paper) > 10
    assert all(on_paper)
    assert folded.execute_script(OPEN) == []
    # Without the program, too.
    hidden = "return [...document.querySelectorAll('details > :not(summary)')].filter(e => !e.checkVisibility()).length"
    assert folded.execute_script(hidden) > 10
    folded.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert folded.execute_script(hidden) == 0
    finally:
        folded.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_does_not_scroll_sideways(opened, width):
    browser, *_ = opened
    unfold(browser)
    set_size(browser, width)
    time.sleep(0.3)
    scrolled, seen = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scrolled == seen
    assert width - 20 <= seen <= width  # but for a scroll bar


def test_the_level_of_the_matrix_is_chosen_by_keyboard(opened):
    browser, *_ = opened
    unfold(browser)
    first, second, *_ = browser.find_elements(By.CSS_SELECTOR, "input[name=level]")
    shown = "return [...document.querySelectorAll('[data-choice=level]')].filter(e => e.offsetParent).length"
    value = "return [...document.querySelectorAll('[data-choice=level]')].find(e => e.offsetParent).dataset.value"
    assert browser.execute_script(shown) == 1
    assert browser.execute_script(value) == first.get_attribute("value")
    first.send_keys(Keys.ARROW_RIGHT)
    assert second.is_selected()
    assert browser.execute_script(shown) == 1
    assert browser.execute_script(value) == second.get_attribute("value")


def test_a_mark_of_the_map_says_its_product_as_text(opened):
    browser, *_ = opened
    unfold(browser)
    deadline = time.monotonic() + 20
    while not (tips := [tip for tip in browser.find_elements(By.ID, "vg-tooltip-element") if tip.is_displayed()]):
        assert time.monotonic() < deadline
        # Anew each time: a chart that is still being fitted to the page moves its marks.
        mark = browser.find_element(By.CSS_SELECTOR, "[data-chart=map] svg .mark-symbol.role-mark path")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", mark)
        ActionChains(browser).move_by_offset(1, 1).move_to_element(mark).perform()
        time.sleep(0.2)
    tip = tips[0]
    assert "name" in tip.text
    assert browser.execute_script("return window.harmed === undefined")
    kinds = browser.execute_script("return [...arguments[0].querySelectorAll('*')].map(e => e.tagName)", tip)
    assert set(kinds) <= {"IMG", "TABLE", "TBODY", "TR", "TH", "TD"}


def test_dark_and_light_differ_and_so_do_their_charts(opened):
    browser, *_ = opened
    colours = []
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        colours.append(
            browser.execute_script(
                """const label = document.querySelector('[data-chart=recall] svg .role-axis-label text');
                return [getComputedStyle(document.body).backgroundColor, getComputedStyle(label).fill]"""
            )
        )
    (light, light_label), (dark, dark_label) = colours
    assert light != dark
    assert light_label != dark_label


def test_the_first_key_skips_to_the_content(opened):
    browser, address, *_ = opened
    browser.get(address)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    link = browser.switch_to.active_element
    assert link.get_attribute("href").endswith("#content")
    assert link.is_displayed()
    link.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "content"
