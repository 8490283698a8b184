#!/usr/bin/env python3
"""Opens the built site in a headless Chromium and looks for what a reader would run into: pages that do not come up,
pictures that are missing, text that runs out of the window, words that the search does not find.

usage: check_site.py FOLDER [SCREENSHOTS]     FOLDER: as ./dev site builds it; pictures of some pages go to SCREENSHOTS
"""

import functools
import http.server
import sys
import threading
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

WIDTHS = {"wide": (1280, 900), "narrow": (400, 800)}
SHOWN = ("index.html", "python.html", "methods/adamw.html", "gallery/README.html", "reference/optim.html")
SEARCHES = {"adamw": "methods/adamw.html", "optim_add_param": "reference/optim.html", "checkpoint": ".html"}
PATIENCE = 20  # seconds

# Pictures that did not load; whether the page is wider than the window; whether its text is there.
LOOK = """
const images = [...document.images].filter(i => i.loading !== "lazy" && (!i.complete || i.naturalWidth === 0));
const page = document.scrollingElement, article = document.querySelector("article");
return [images.map(i => i.src), page.scrollWidth - page.clientWidth, article ? article.innerText.trim().length : 0];
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def browser():
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "SEVERE"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def look(driver, base, page):
    """What is wrong with the page as it stands in the window."""
    driver.get(base + page)
    images, overflow, text = driver.execute_script(LOOK)
    wrong = [f"picture {image.removeprefix(base)} does not load" for image in images]
    if overflow > 1:
        wrong.append(f"is {overflow} pixels wider than the window")
    if text < 20:
        wrong.append("has no text")
    wrong += [entry["message"] for entry in driver.get_log("browser") if "favicon" not in entry["message"]]
    return wrong


def search(driver, base, word, expected):
    """Whether typing the word leads to the page."""
    driver.get(base + "index.html")
    box = driver.find_element(By.CSS_SELECTOR, "input.md-search__input")
    box.click()
    box.send_keys(word)

    def found(_):
        links = driver.find_elements(By.CSS_SELECTOR, "a.md-search-result__link")
        return any(expected in (link.get_attribute("href") or "") for link in links)

    try:
        WebDriverWait(driver, PATIENCE).until(found)
    except Exception:
        return [f'the search for "{word}" does not lead to {expected}']
    return []


def main(folder, screenshots=None):
    base, pages = serve(folder), sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*.html"))
    pages = [page for page in pages if page != "404.html" and not page.startswith("source/")]
    failed = 0
    with browser() as driver:
        driver.set_page_load_timeout(60)
        for name, size in WIDTHS.items():
            driver.set_window_size(*size)
            for number, page in enumerate(pages if name == "wide" else [p for p in pages if p.count("/") == 0]):
                if number % 50 == 0:
                    print(f"{name}: page {number} of {len(pages)}", flush=True)
                for wrong in look(driver, base, page):
                    print(f"{page} ({name}): {wrong}")
                    failed += 1
                if screenshots and page in SHOWN:
                    Path(screenshots).mkdir(parents=True, exist_ok=True)
                    driver.save_screenshot(str(Path(screenshots) / f"{page.replace('/', '_')[:-5]}_{name}.png"))
        driver.set_window_size(*WIDTHS["wide"])
        for word, expected in SEARCHES.items():
            for wrong in search(driver, base, word, expected):
                print(wrong)
                failed += 1
    print(f"{len(pages)} pages opened, {len(SEARCHES)} words searched for: {failed} faults")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) in (2, 3) else print(__doc__) or 2)
