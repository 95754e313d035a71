"""The page in a real browser: type, drop a picture, click through, by mouse, keyboard and phone."""

import base64
import json
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from huse.use.server.guard import Access
from huse.use.server.shop import Places
from tests.browser import IN_A_BROWSER, set_size, started
from tests.use.server.conftest import HARM, picture, served

pytestmark = IN_A_BROWSER

SECONDS = 20
TOKEN = "a token of many letters"
DROP = """
const [coded, name, type] = arguments, bytes = Uint8Array.from(atob(coded), (one) => one.charCodeAt(0));
const given = new DataTransfer();
given.items.add(new File([bytes], name, { type }));
const how = { bubbles: true, cancelable: true, dataTransfer: given }, place = document.querySelector("main");
for (const kind of ["dragenter", "dragover", "drop"]) place.dispatchEvent(new DragEvent(kind, how));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def prefer(browser, scheme):
    """Prefer ``light`` or ``dark``."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


@pytest.fixture
def page(browser, reader):
    """The page as it starts; after the test, nothing in the console, and no request to another server."""
    set_size(browser, 1200)
    prefer(browser, "light")
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    one = Page(browser, f"http://localhost:{reader.port}")
    one.open("/")
    yield one
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith((one.at, "blob:", "data:")) for url in asked)
    assert browser.execute_script("return window.harmed === undefined")


class Page:
    def __init__(self, browser, at):
        self.browser, self.at = browser, at

    def open(self, path):
        self.browser.get(self.at + path)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText.trim())", selector
        )

    def until(self, condition, what):
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, (what, self.browser.current_url, self.texts("main"))
            time.sleep(0.05)

    def see(self, selector, text=""):
        self.until(lambda: any(text in each for each in self.texts(selector)), f"{selector}: {text}")

    def address(self):
        return self.browser.current_url.removeprefix(self.at)

    def press(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.browser.execute_script("return document.activeElement.id || document.activeElement.className")


def test_it_starts_with_the_classes_and_a_class_leads_to_its_products(page):
    page.see("#results .tile", "8 products")
    assert page.texts("#tree .pick .count") == ["8", "4"]
    page.all("#results .tile .open")[0].click()
    page.see("#status", "8 products, the nearest to the words “a” first")
    assert page.address() == "/?class=a" and page.texts("#tree .is-chosen .pick span:first-child") == ["a"]
    assert all(each.startswith("a") for each in page.texts(".card .crumbs"))
    page.all(".card .crumbs button")[1].click()
    page.see("#status", "4 products")
    page.browser.back()
    page.see("#status", "8 products")
    page.all(".filter button")[0].click()
    page.see(".lead", "What are you looking for?")


def test_words_find_products_and_say_their_class(page):
    page.all("#query")[0].send_keys("red hat")
    page.see("#status", "nearest to “red hat” first")
    assert page.address() == "/?q=red+hat" and len(page.all(".card")) == 12
    assert page.texts("#decision .kicker") == ["LOOKS LIKE"] and "%" in page.texts("#decision .sure")[0]
    assert page.texts(".card .cosine")[0].startswith("cosine 0.") or page.texts(".card .cosine")[0] == "cosine 1.000"
    assert any(HARM in name for name in page.texts(".card .name"))  # as text
    page.until(
        lambda: page.browser.execute_script("return [...document.images].every((one) => one.complete)"), "loaded"
    )
    widths = page.browser.execute_script(
        "return [...document.querySelectorAll('.card img')].map((one) => one.naturalWidth)"
    )
    assert len(widths) == 11 and min(widths) > 0 and "no picture" in page.texts(".card .picture")
    page.browser.refresh()
    page.see("#status", "nearest to “red hat” first")


def test_words_that_are_typed_while_the_page_loads_are_kept(page):
    page.see(".lead", "What are you looking for?")
    page.browser.execute_script("document.getElementById('query').value = 'red hat'; begin();")
    page.see("#status", "nearest to “red hat” first")
    assert page.address() == "/?q=red+hat"


def test_a_picture_is_dropped_and_words_are_added(page):
    page.browser.execute_script(DROP, base64.b64encode(picture(3)).decode(), "a.jpg", "image/jpeg")
    page.see("#status", "nearest to the picture first")
    page.see("#decision .answer")
    assert page.all("#chip")[0].is_displayed() and not page.all("#drop")[0].is_displayed()
    page.browser.find_element(By.CSS_SELECTOR, "#kind option[value=pictures]").click()
    page.see(".card .cosine", "cosine 1.000")
    assert page.texts(".card .name")[0] == "shoe no 3"
    page.until(lambda: page.browser.execute_script("return sessionStorage.getItem('picture')"), "it is kept")
    page.browser.refresh()
    page.see(".card .cosine", "cosine 1.000")
    assert page.texts(".card .name")[0] == "shoe no 3" and page.all("#chip")[0].is_displayed()
    page.all("#query")[0].send_keys("hat")
    page.see("#status", "nearest to picture and words together first")
    page.see("#decision .notes", "picture")
    page.browser.back()
    page.see("#status", "nearest to the picture first")
    page.all("#chip button")[0].click()
    page.see(".lead", "What are you looking for?")


def test_what_is_no_picture_is_said(page):
    page.browser.execute_script(DROP, base64.b64encode(b"text").decode(), "a.txt", "text/plain")
    page.see("#message", "a.txt is no picture. JPEG, PNG")
    page.browser.execute_script(DROP, base64.b64encode(b"text").decode(), "a.jpg", "image/jpeg")
    page.see("#message", "file is not a picture of the formats")
    refused = [entry for entry in page.browser.get_log("browser") if "422" not in entry["message"]]  # Chromium notes it
    assert [entry for entry in refused if entry["level"] == "SEVERE"] == []


def test_a_product_has_details_and_leads_on(page):
    page.open("/?q=hat")
    page.see(".card")
    name = page.texts(".card .name")[0]
    page.all(".card .open")[0].click()
    page.see("#details h2", name)
    page.see("#details .facts", "the model says")
    assert {"price", "brand", "id"} <= set(page.texts("#details dt")) and len(page.all(".neighbours li")) == 10
    neighbour = page.texts(".neighbours .name")[0]
    page.all(".neighbours a")[0].click()
    page.see("#details h2", neighbour)
    page.all("#details .primary")[0].click()
    page.see("#status", "nearest to id")
    assert page.address().startswith("/?like=id") and len(page.all(".card")) == 11
    page.browser.back()
    page.see("#details h2", neighbour)
    page.browser.back()
    page.see("#details h2", name)
    page.browser.back()
    page.until(lambda: not page.all("#details")[0].is_displayed(), "it is closed")
    assert page.address() == "/?q=hat"


def test_all_of_it_by_keyboard(page):
    page.see(".tile")
    page.press("/")
    assert page.focused() == "query"
    page.press("shoe", Keys.ENTER)
    page.see("#status", "“shoe”")
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_RIGHT)
    assert page.focused() == "open"
    second = page.texts(".card .name")[1]
    page.press(Keys.ENTER)
    page.see("#details h2", second)
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.all("#details")[0].is_displayed(), "it is closed")
    assert page.focused() == "open"
    page.press(Keys.ARROW_LEFT)
    page.press(Keys.ARROW_UP)
    assert page.focused() == "query"
    page.browser.execute_script("document.querySelector('#tree .pick').focus()")
    page.press(Keys.ARROW_RIGHT)
    assert page.texts("#tree .pick span:first-child") == ["a", "b", "c", "d"]
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    page.see(".filter", "in b")
    page.browser.execute_script("document.activeElement.blur()")
    page.press(Keys.ESCAPE)
    page.until(lambda: "q=" not in page.address(), "the words are gone")


@pytest.mark.parametrize("width", [360, 390, 768, 1200])
def test_it_does_not_scroll_sideways(page, width):
    set_size(page.browser, width)
    for path in ("/", "/?q=red+hat&class=a", "/?q=red+hat&product=id%2010", "/docs"):
        page.open(path)
        page.see("h2" if path == "/docs" else "#details h2" if "product" in path else ".card")
        time.sleep(0.2)
        scrolled, seen = page.browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert scrolled <= seen, path


def test_the_number_beside_a_long_class_stays_on_one_line(page):
    page.until(lambda: page.all("#tree .count"), "the classes")
    lines = page.browser.execute_script("""
        const [name, count] = document.querySelector("#tree .pick").children;
        name.textContent = "clothing, shoes & jewelry and more";
        count.textContent = "1,234,567";
        return [name, count].map((one) => {
          const text = document.createRange();
          text.selectNodeContents(one);
          return text.getClientRects().length;
        });
    """)
    assert lines[0] > 1 == lines[1]


def test_on_a_phone_the_classes_are_folded(page):
    set_size(page.browser, 390)
    page.open("/?q=hat")
    page.see(".card")
    assert not page.all("#tree")[0].is_displayed()
    page.all("#toggle")[0].click()
    assert page.all("#tree")[0].is_displayed()
    page.all("#tree .pick")[1].click()
    page.see("#status", "4 products")
    assert not page.all("#tree")[0].is_displayed() and page.texts("#chosen") == ["d"]


def test_dark_and_light_differ(page):
    colours = []
    for scheme in ("light", "dark"):
        prefer(page.browser, scheme)
        colours.append(page.browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]


def test_what_is_seen_is_named_for_those_who_do_not_see_it(page):
    page.open("/?q=hat&product=id%201")
    page.see("#details h2")
    unnamed = page.browser.execute_script(
        """return [...document.querySelectorAll('button, a, input, select, dialog, nav, ol')].filter((one) =>
            one.checkVisibility() && !(one.innerText.trim() || one.ariaLabel || one.labels?.length
            || one.getAttribute('aria-labelledby') || one.getAttribute('aria-hidden'))).map((one) => one.outerHTML)"""
    )
    assert unnamed == []


def test_a_server_with_a_token_asks_for_it_once(browser, template):
    places = Places(template / "model", template / "index", template / "images")
    with served(places, access=Access(TOKEN)) as client:
        client.wait()
        page = Page(browser, f"http://localhost:{client.port}")
        page.open("/?q=hat")
        page.see("#login h2", "asks for a token")
        page.all("#token")[0].send_keys("wrong", Keys.ENTER)
        page.see("#login .error", "not the token")
        page.all("#token")[0].send_keys(TOKEN, Keys.ENTER)
        page.see(".card .cosine")
        page.until(
            lambda: browser.execute_script("return document.querySelector('.card img').naturalWidth > 0"), "seen"
        )
        browser.refresh()
        page.see(".card .cosine")
