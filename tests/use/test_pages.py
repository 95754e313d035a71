"""Pages of decisions: what is in the file, and what a buyer does with it in a browser."""

import csv
import io
import json
import re
import time

import pytest
from PIL import Image
from selenium.webdriver.common.by import By

from huse.use.pages import Card, Case, Choice, review
from tests.browser import IN_A_BROWSER, set_size, started
from tests.repository import wait_until

TRICKY = 'A "tall" hat, </script><img src=x onerror="harmed=1">'


@pytest.fixture
def cases(tmp_path):
    Image.new("RGB", (40, 30), "navy").save(tmp_path / "1.png")
    choices = [Choice("move", {"to": "shoes<boots"}), Choice("keep")]
    beside = [Card(tmp_path / "1.png", "neighbour", ["shoes › boots"])]
    return [
        Case("hats → shoes", "its picture looks like boots", [
            Card(tmp_path / "1.png", TRICKY, ["hats"], {"product": TRICKY, "to": ""}, choices),
        ], beside, "the nearest"),
        Case("2 products", "one picture", [
            Card(tmp_path / "gone.png", "Second", [], {"product": "Second\nline", "to": ""}, choices),
            Card(None, "Third", [], {"product": "=3", "to": ""}, choices),
        ]),
    ]  # fmt: skip


def page(cases):
    return review(cases, title="Look & tick", told=["First.", "Then."], file="found.csv")


def test_the_page_needs_nothing_else_and_no_name_does_harm(cases):
    made = page(cases)
    assert made == page(cases)
    assert made.count("data:image/webp;base64,") == 2 and made.count("no picture</span>") == 2
    assert "<img src=x" not in made and made.count("</script>") == 2
    assert not re.search(r"(?:src|href)=\"(?!data:)", made) and "http" not in made.replace("http-equiv", "")
    data = json.loads(re.search(r'id="data">(.*?)</script>', made)[1])
    assert data["columns"] == ["product", "to"] and data["rows"][0]["cells"]["product"] == TRICKY


def test_a_page_without_cases_says_so():
    made = page([])
    assert "Nothing was found." in made


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


class TestInABrowser:
    pytestmark = IN_A_BROWSER

    def opened(self, browser, cases, tmp_path):
        (tmp_path / "page.html").write_text(page(cases), encoding="utf-8")
        browser.get((tmp_path / "page.html").as_uri())

    def exported(self, browser):
        return list(csv.DictReader(io.StringIO(browser.execute_script("return table()"), newline="")))

    def shown(self, browser):
        return [
            one.find_element(By.TAG_NAME, "h2").text
            for one in browser.find_elements(By.TAG_NAME, "article")
            if one.is_displayed()
        ]

    def click(self, browser, element):
        browser.execute_script("arguments[0].click()", element)  # wherever it has been scrolled to

    def count(self, browser):
        return browser.find_element(By.ID, "count").text

    def reload(self, browser, expected):
        """Reload until the page shows what was decided: Chromium stores it in another process, in its own time."""
        deadline = time.monotonic() + 20
        browser.refresh()
        while self.exported(browser) != expected and time.monotonic() < deadline:
            time.sleep(0.5)
            browser.refresh()
        assert self.exported(browser) == expected

    def test_what_is_ticked_is_counted_kept_and_exported(self, browser, cases, tmp_path):
        self.opened(browser, cases, tmp_path)
        assert self.exported(browser) == [] and self.count(browser) == "0 of 3 decided"
        labels = browser.find_elements(By.CSS_SELECTOR, "fieldset label")
        self.click(browser, labels[0])
        self.click(browser, labels[5])
        expected = [
            {"product": TRICKY, "to": "shoes<boots", "decision": "move"},
            {"product": "=3", "to": "", "decision": "keep"},
        ]
        assert self.exported(browser) == expected and self.count(browser) == "2 of 3 decided"
        self.reload(browser, expected)
        labels = browser.find_elements(By.CSS_SELECTOR, "fieldset label")
        self.click(browser, labels[1])
        assert self.exported(browser)[0] == {"product": TRICKY, "to": "", "decision": "keep"}
        browser.find_element(By.ID, "export").click()
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
        assert browser.execute_script("return window.harmed === undefined")

    def test_words_and_what_is_open_choose_what_is_shown(self, browser, cases, tmp_path):
        self.opened(browser, cases, tmp_path)

        def forgotten():
            browser.execute_script("localStorage.clear()")
            browser.refresh()  # what another test ticked may still be stored behind the scenes
            return self.count(browser).startswith("0 of 3 decided")

        wait_until(forgotten, "ticks of before are still there")
        browser.find_element(By.ID, "filter").send_keys("BOOTS tall")
        assert self.shown(browser) == ["hats → shoes"]
        assert self.count(browser) == "0 of 3 decided, 1 of 2 shown"
        browser.find_element(By.CSS_SELECTOR, "article fieldset label").click()
        browser.find_element(By.ID, "filter").clear()
        browser.execute_script("document.getElementById('filter').dispatchEvent(new Event('input'))")
        browser.find_element(By.ID, "open-only").click()
        assert self.shown(browser) == ["2 products"]

    @pytest.mark.parametrize("width", [360, 1280])
    def test_the_page_does_not_scroll_sideways(self, browser, cases, tmp_path, width):
        self.opened(browser, cases, tmp_path)
        set_size(browser, width)
        scrolled, seen = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert scrolled <= seen
