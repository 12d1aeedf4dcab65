"""The report in a real browser without a window: Chromium, driven by Selenium."""

import base64
import json
import shutil

import numpy as np
import pytest
from test_report import HOSTILE, LONG, a_search

import pyhopper
from pyhopper.testing import FakeClock

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]


class Browser:
    """A browser in which a report is open."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(60)

    def look(self, width=1280, scheme="light", media=""):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        emulated = {"media": media, "features": features}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)

    def open(self, path):
        if self.driver.current_url.startswith("file:"):
            # What another page has kept would be restored.
            self.js("sessionStorage.clear(); window.onpagehide = () => sessionStorage.clear()")
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(path.as_uri())
        self.wait("document.body?.dataset.ready === 'yes'")

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition):
        """Until a condition in the page holds."""
        wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
        wait(self.driver, 20, 0.05).until(lambda _: self.js(f"return Boolean({condition})"))

    def draw_all(self):
        """Scroll down, since plots are drawn when they come into sight."""
        self.js("for (const each of document.querySelectorAll('.chart')) each.show()")

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def count(self):
        return self.find("#count").text

    def column(self, name):
        """The texts of a column in the rows that are in the page."""
        heads = [each.text for each in self.driver.find_elements("css selector", "#table th")]
        index = [head.rstrip(" ▲▼") for head in heads].index(name)
        script = """return [...document.querySelectorAll('#table tbody tr:not(.space)')]
            .map((row) => row.children[arguments[0]].textContent)"""
        return self.js(script, index)

    def complaints(self):
        """What the console says, and what was requested beside files of this machine."""
        said = self.driver.get_log("browser")
        entries = [
            json.loads(each["message"])["message"] for each in self.driver.get_log("performance")
        ]
        urls = [
            each["params"]["request"]["url"]
            for each in entries
            if each["method"] == "Network.requestWillBeSent"
        ]
        pages = [url for url in urls if url.startswith("file:") and url.endswith(".html")]
        return said, [url for url in urls if url not in pages and not url.startswith("data:")]


@pytest.fixture(scope="module")
def browser():
    found = Browser()
    yield found
    found.driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    a_search(steps=80).report(path)
    return path


def test_it_opens_without_error_or_request(browser, page):
    """Every plot is drawn, at either width and in either scheme."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        browser.look(width, scheme)
        browser.open(page)
        browser.draw_all()
        assert browser.js("return document.querySelectorAll('canvas').length") >= 7
        assert browser.complaints() == ([], [])
        assert browser.js("return document.documentElement.scrollWidth") <= width
        paper = browser.js("return getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 29)")
    browser.look()


def test_the_origin_has_the_times_of_the_search(browser, tmp_path):
    search = a_search()
    search.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    rows = browser.js("""return [...document.querySelectorAll('#origin tr')]
        .map((row) => [...row.children].map((cell) => cell.textContent))""")
    times = dict(rows)
    known = search.history.evaluations
    for name, moment in (
        ("First evaluation began", min(each.sampled_at for each in known)),
        ("Last sign of life", max(each.finished_at for each in known)),
    ):
        assert times[name] == browser.js(
            "return new Date(arguments[0] * 1000).toLocaleString()", moment
        )


def test_a_request_would_be_noticed(browser, page, tmp_path):
    """The control: a page that asks for an image is found out, and its policy forbids that."""
    other = tmp_path / "asks.html"
    text = page.read_text(encoding="utf-8")
    asks = '<img src="https://example.invalid/a.png"><p style="color: red">text</p>'
    other.write_text(text.replace("<noscript>", f"{asks}<noscript>", 1), encoding="utf-8")
    browser.open(other)
    said, _ = browser.complaints()
    assert "Content Security Policy" in " ".join(each["message"] for each in said)


def test_sorting_filtering_and_columns(browser, page):
    browser.open(page)
    assert browser.count() == "80 evaluations"
    browser.find('#table button[data-column="value"]').click()
    values = [float(text) for text in browser.column("value") if text]
    assert values == sorted(values)
    assert len(values) > 5
    browser.find('#table button[data-column="value"]').click()
    assert float(browser.column("value")[0]) >= max(values)
    box = browser.find("#filter")
    box.send_keys("failed")
    assert set(browser.column("status")) == {"failed"}
    box.clear()
    box.send_keys('model=net lr<0.001 "model.depth">=3')
    assert set(browser.column("model")) == {"net"}
    assert all(float(each) < 0.001 for each in browser.column("lr"))
    assert all(int(each) >= 3 for each in browser.column("model.depth"))
    box.clear()
    box.send_keys("nowhere=3")
    assert "There is no column nowhere" in browser.find("#evaluations").text
    box.clear()
    box.send_keys(" ")
    before = len(browser.driver.find_elements("css selector", "#table th"))
    browser.find(".columns summary").click()
    browser.find(".columns input").click()
    assert len(browser.driver.find_elements("css selector", "#table th")) == before - 1


def test_details_by_keyboard(browser, page):
    """Arrow keys and Enter reach the traceback of a failure, Escape goes back."""
    browser.open(page)
    browser.find("#filter").send_keys("failed")
    grid = browser.find("#table")
    grid.send_keys("\ue015")  # arrow down
    grid.send_keys("\ue007")  # Enter
    dialog = browser.find("dialog")
    assert "out of memory" in dialog.text
    assert "at the <second> line" in dialog.find_element("css selector", "pre").text
    dialog.send_keys("\ue00c")  # Escape
    browser.wait("!document.querySelector('dialog')")


def test_brushing_filters_the_table(browser, page):
    """A range that is dragged along an axis holds for the table, also after a reload."""
    browser.look(1280)
    browser.open(page)
    chart = browser.find("#parallel .chart")
    browser.js("arguments[0].scrollIntoView({block: 'center'})", chart)
    browser.wait("document.querySelector('#parallel canvas')")
    # The first axis is lr, by its logarithm.
    script = """const chart = document.querySelector('#parallel .chart').chart;
        const of = chart.getModel().getComponent('parallel').coordinateSystem;
        const [x, y] = of.dataToPoint(-2, of.dimensions[0]);
        const [, top] = of.dataToPoint(-1, of.dimensions[0]);
        return [x - chart.getWidth() / 2, y - chart.getHeight() / 2, top - y]"""
    x, y, high = browser.js(script)
    actions = webdriver.ActionChains(browser.driver)
    actions.move_to_element_with_offset(chart, round(x), round(y)).click_and_hold()
    actions.move_by_offset(0, round(high / 2)).move_by_offset(0, round(high) - round(high / 2))
    actions.release().perform()
    browser.wait("/ of 80/.test(document.querySelector('#count').textContent)")
    found = [float(text) for text in browser.column("lr")]
    assert found
    assert all(0.008 < each < 0.13 for each in found)
    before = browser.count()
    browser.driver.refresh()
    assert browser.count() == before
    browser.js("document.querySelectorAll('#evaluations .chip').forEach((each) => each.click())")
    browser.wait("document.querySelector('#count').textContent === '80 evaluations'")


def test_hostile_texts_show_as_text(browser, tmp_path):
    template = {text: pyhopper.choice("a", text) for text in HOSTILE}
    search = pyhopper.Search({**template, "x": pyhopper.float(0, 1)}, seed=1)

    def objective(params):
        if params["x"] < 0.3:
            raise ValueError(HOSTILE[0])
        yield params["x"]
        yield {"value": params["x"] + 0.1, "said": HOSTILE[1]}

    search.run(objective, "max", steps=30, quiet=True)
    search.report(tmp_path / "report.html")
    browser.look()
    browser.open(tmp_path / "report.html")
    browser.draw_all()
    assert browser.complaints() == ([], [])
    assert (
        browser.js("return document.querySelectorAll('#page b:not(.share b), #page script').length")
        == 0
    )
    shows = "return document.querySelector('#page').textContent.includes(arguments[0])"
    for each in (HOSTILE[0], HOSTILE[1], HOSTILE[3], LONG[:100]):
        assert browser.js(shows, each), each
    assert browser.js("return document.documentElement.scrollWidth") <= 1280
    browser.find("#filter").send_keys("status=failed")
    # Not by way of an element: the filter draws the rows anew in between.
    browser.js("document.querySelector('#table tbody tr').click()")
    shows = "return document.querySelector('dialog').textContent.includes(arguments[0])"
    assert browser.js(shows, HOSTILE[0])


def test_many_evaluations(browser, tmp_path):
    """The table holds a few rows of 20,000, and a filter looks at all of them."""
    search = pyhopper.Search(
        lr=pyhopper.float(1e-5, 1e-1, log=True),
        depth=pyhopper.int(1, 12),
        opt=pyhopper.choice("adam", "sgd", "lion"),
        clock=FakeClock(),
    )
    rng = np.random.default_rng(0)
    depths = rng.integers(1, 13, 20_000)
    for depth in depths.tolist():
        lr = float(10 ** rng.uniform(-5, -1))
        search.add({"lr": lr, "depth": depth, "opt": "sgd"}, -abs(lr - 0.01))
    search.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    browser.open(tmp_path / "report.html")
    browser.draw_all()
    browser.find("#filter").send_keys("depth=7")
    assert browser.count() == f"{(depths == 7).sum()} of 20000 evaluations"
    assert browser.js("return document.querySelectorAll('#table tbody tr').length") < 100
    browser.js("document.querySelector('#table').scrollTop = 1e6")
    last = len(np.flatnonzero(depths == 7)) + 1
    browser.wait(f"document.querySelector('#table tr[aria-rowindex=\"{last}\"]')")
    assert browser.complaints() == ([], [])


def test_a_page_follows_the_search(browser, tmp_path):
    """It loads itself again, keeps what was typed, and stops when the search has ended."""
    path = tmp_path / "report.html"
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], "max", steps=3, quiet=True)
    search.report(path, refresh=0.5)
    browser.open(path)
    assert "The search runs" in browser.find("header").text
    # At once, since the page loads itself again and again.
    browser.js(
        "const box = document.querySelector('#filter'); box.focus(); box.value = 'done';"
        "box.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    search.run(lambda p: p["x"], "max", steps=4, quiet=True)
    search.report(path)
    browser.js("document.activeElement.blur()")
    browser.wait("document.querySelector('#count')?.textContent === '7 evaluations'")
    assert "The search runs" not in browser.find("header").text
    assert browser.find("#filter").get_attribute("value") == "done"


def test_several_searches_side_by_side(browser, tmp_path):
    for seed in (1, 2):
        a_search(tmp_path / f"{seed}.ckpt", seed=seed, steps=20 * seed)
    from pyhopper.report import write

    write([tmp_path / "1.ckpt", tmp_path / "2.ckpt"], tmp_path / "both.html")
    browser.open(tmp_path / "both.html")
    browser.draw_all()
    assert browser.count() == "20 evaluations"
    browser.find("#compared tbody tr:nth-child(2) button").click()
    assert browser.count() == "40 evaluations"
    assert browser.complaints() == ([], [])


def test_print(browser, page):
    """On paper the table has its first rows, and afterwards the page is as before."""
    browser.open(page)
    before = len(browser.column("id"))
    made = browser.driver.execute_cdp_cmd("Page.printToPDF", {})
    assert base64.b64decode(made["data"]).startswith(b"%PDF")
    browser.wait("!document.body.classList.contains('printing')")
    assert before <= len(browser.column("id")) < 80
    assert browser.complaints() == ([], [])
