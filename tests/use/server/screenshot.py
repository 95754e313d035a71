"""Takes docs/search-page.png: the page on the sample, with words and a picture; `make screenshot`.

Needs data/model and data/index of `dvc repro`, and Debian's chromium and chromium-driver.
"""

import base64
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium.webdriver.common.by import By

from huse.use.server.shop import Places
from tests.browser import set_size, started
from tests.use.server.conftest import served

OUTPUT = Path("docs/search-page.png")
WORDS, PICTURE = "green booties", "00927_1.jpg"


def main(data: Path) -> None:
    """Serve a folder with `model`, `index` and `sample/images`, and take the picture."""
    images = data / "sample/images"
    with (
        served(Places(data / "model", data / "index", images)) as client,
        tempfile.TemporaryDirectory() as profile,
        started(profile) as browser,
    ):
        client.wait()
        set_size(browser, 1200)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        browser.get(f"http://localhost:{client.port}/?q={WORDS.replace(' ', '+')}&class=shoes")
        browser.find_element(By.ID, "file").send_keys(str((images / PICTURE).resolve()))
        time.sleep(3)
        browser.execute_script("document.activeElement.blur()")
        content = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
    OUTPUT.write_bytes(content)
    with Image.open(OUTPUT) as picture:
        picture.convert("RGB").save(OUTPUT, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
