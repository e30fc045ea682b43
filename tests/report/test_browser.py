"""The HTML page in a real browser: Chromium without a window.

Skipped where there is none, unless SKLEARN_WSCA_REQUIRE_BROWSER=1 says that there must.
"""

import copy
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._report.figures import draw_figures, head_displays
from sklearn_wsca._report.first_screen import by_importance
from sklearn_wsca._report.html import MOST_DRAWN, render_html
from sklearn_wsca._report.result import make_result
from sklearn_wsca._verdicts.registry import VERDICTS
from tests.report_pages import replicate

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = "<script>alert(1)</script>"
UTILIZATION = "Utilization (95% interval)"

# Pairs of text and effective background whose contrast is too low.
FAINT_TEXT = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return null;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  let n = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const inPicture = element.namespaceURI.includes("svg");
    const text = luminance(parse(inPicture ? style.fill : style.color));
    const behind = luminance(background(element));
    const [low, high] = [text, behind].sort((a, b) => a - b);
    n += 1;
    if ((high + 0.05) / (low + 0.05) < 4.5) {
      faint.push(`${element.className}: ${walker.currentNode.textContent.trim()}`);
    }
  }
  return { n, faint };
}"""


def require(found, what):
    """Skip without a browser; fail where one is required."""
    if found:
        return
    if os.environ.get("SKLEARN_WSCA_REQUIRE_BROWSER") == "1":
        pytest.fail(f"SKLEARN_WSCA_REQUIRE_BROWSER=1, but {what}")
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    require(path, f"none of {', '.join(BROWSERS)} is installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        require(False, "playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def analysis():
    rng = np.random.default_rng(0)
    n = 200
    X = 3.0 + rng.normal(size=(n, 8)) * np.linspace(1, 9, 8)
    metadata = pd.DataFrame(
        {
            HOSTILE: np.where(X[:, 1] > 3, '"><img src=x onerror=alert(1)>', "b"),
            "scanner": np.where(X[:, 2] > 3, "{{7*7}}", "javascript:alert(1)"),
            "turned\u202earound": rng.choice(["a", "b", "c"], n),
            "height in cm": 170 + 9 * rng.normal(size=n),
            "target": np.where(X[:, 0] + X[:, 1] > 6, "yes", "no"),
        }
    )
    return WeightSpaceCorrelation("target", n_permutations=99, random_state=0).fit(
        X, metadata
    )


@pytest.fixture(scope="module")
def small(analysis, tmp_path_factory):
    """File of the report of four columns, and its result."""
    result = make_result(analysis)
    path = tmp_path_factory.mktemp("report") / "small.html"
    path.write_text(
        render_html(result, draw_figures(result, head_displays(analysis))), "utf-8"
    )
    return path, result


@pytest.fixture(scope="module")
def large(analysis, tmp_path_factory):
    """File of a report of 200 columns with all verdicts and missing numbers."""
    result = make_result(analysis)
    pool, verdicts = result["columns"], list(VERDICTS)
    rng = np.random.default_rng(1)
    columns = []
    for i, estimate in enumerate(rng.lognormal(-3, 2, size=200)):
        column = copy.deepcopy(pool[i % len(pool)])
        column |= {"name": f"column {i + 1}", "verdict": verdicts[i % 5]}
        # Text order would put 1e-05 and 10.5 in the wrong place.
        column["utilization"]["estimate"] = None if i % 7 == 0 else float(estimate)
        columns.append(column)
    result["columns"] = columns
    path = tmp_path_factory.mktemp("report") / "large.html"
    path.write_text(render_html(result, []), "utf-8")
    return path, result


@pytest.fixture(scope="module")
def heart_file(heart_html, tmp_path_factory):
    """File of the report of the hospitals, which is much like that of the demo."""
    path = tmp_path_factory.mktemp("report") / "heart.html"
    path.write_text(heart_html, "utf-8")
    return path


@contextmanager
def opened(browser, path, **context):
    """The page, which must neither complain nor ask for anything nor open a dialog."""
    surroundings = browser.new_context(**context)
    page = surroundings.new_page()
    troubles, requests = [], []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    surroundings.close()
    assert not troubles
    outside = [url for url in requests if not url.startswith("data:")]
    assert outside == [path.as_uri()]


def unfold(page):
    """Open everything that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")


def column_of(page, header):
    """Texts of a column of the table, from the rows that are visible."""
    index = page.locator("#columns-table thead th").all_inner_texts().index(header)
    cells = f"#columns-table tbody tr:not([hidden]) > :nth-child({index + 1})"
    return page.locator(cells).all_inner_texts()


def values_of(page, header):
    """Numbers that a column of the table sorts by."""
    index = page.locator("#columns-table thead th").all_inner_texts().index(header)
    cells = page.locator(f"#columns-table tbody td:nth-child({index + 1})")
    texts = cells.evaluate_all("cells => cells.map((cell) => cell.dataset.value)")
    return [None if text == "" else float(text) for text in texts]


def button(page, header):
    return page.get_by_role("button", name=header, exact=True)


def sorting_of(page):
    """aria-sort of the headers that have it."""
    headers = page.locator("#columns-table th[aria-sort]")
    return headers.evaluate_all(
        "all => all.map((th) => [th.innerText, th.getAttribute('aria-sort')])"
    )


def test_opens_from_disk_in_silence(browser, small):
    path, _ = small
    with opened(browser, path) as page:
        page.wait_for_load_state("networkidle")
        title = page.locator("h1").inner_text()
        assert title.startswith("Does the decision on 'target' depend on '")
        for closed in page.locator("details.figure").all():
            closed.locator("summary").click()
        widths = page.locator(".picture svg").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().width)"
        )
        assert len(widths) == 2 and min(widths) > 300


def test_hostile_names_are_shown_as_text(browser, small):
    path, _ = small
    with opened(browser, path) as page:
        assert HOSTILE in column_of(page, "Column")
        assert r"turned\u202earound" in column_of(page, "Column")
        page.locator("#open-all").click()
        shown = page.locator("#columns").inner_text()
        assert HOSTILE in shown and '"><img src=x onerror=alert(1)>' in shown
        assert "{{7*7}}" in page.locator("#columns").inner_text()
        assert page.locator("script").count() == 1


def test_the_policy_blocks_foreign_scripts(browser, small, tmp_path):
    path, _ = small
    forged = tmp_path / "forged.html"
    script = "<script>document.title = 'forged'</script></body>"
    forged.write_text(path.read_text("utf-8").replace("</body>", script), "utf-8")
    page = browser.new_page()
    page.goto(forged.as_uri())
    assert page.title() != "forged"
    page.close()


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_sorting(browser, large, how):
    path, result = large
    columns = by_importance(result["columns"])
    expected = [column["utilization"]["estimate"] for column in columns]
    numbers = sorted(value for value in expected if value is not None)
    missing = [None] * expected.count(None)

    def press():
        if how == "click":
            button(page, UTILIZATION).click()
        else:
            button(page, UTILIZATION).focus()
            page.keyboard.press("Enter")

    with opened(browser, path) as page:
        assert values_of(page, UTILIZATION) == expected
        assert not sorting_of(page)
        press()
        assert values_of(page, UTILIZATION) == numbers + missing
        assert sorting_of(page) == [[UTILIZATION, "ascending"]]
        press()
        assert values_of(page, UTILIZATION) == numbers[::-1] + missing
        assert sorting_of(page) == [[UTILIZATION, "descending"]]


def test_sorting_by_name_and_verdict(browser, large):
    path, _ = large
    with opened(browser, path) as page:
        button(page, UTILIZATION).click()
        button(page, "Column").click()
        assert column_of(page, "Column") == [f"column {i + 1}" for i in range(200)]
        assert sorting_of(page) == [["Column", "ascending"]]
        button(page, "Verdict").click()
        verdicts = values_of(page, "Verdict")
        assert verdicts == sorted(verdicts) and set(verdicts) == set(range(5))


def test_filtering(browser, large):
    path, _ = large
    with opened(browser, path) as page:
        status = page.get_by_role("status")
        assert status.inner_text() == "200 of 200 columns shown."
        assert status.get_attribute("aria-live") == "polite"
        page.get_by_label("Column name contains").fill("COLUMN 19")
        assert status.inner_text() == "11 of 200 columns shown."
        page.get_by_label("Verdict").select_option("used")
        shown = column_of(page, "Column")
        assert shown == ["column 191", "column 196"]
        assert status.inner_text() == "2 of 200 columns shown."
        page.get_by_label("Column name contains").fill("no such name")
        assert status.inner_text() == "0 of 200 columns shown."
        page.get_by_role("button", name="Clear").click()
        page.locator("#status", has_text="200 of 200 columns shown.").wait_for()
        assert len(column_of(page, "Column")) == 200


def test_two_hundred_columns_sort_at_once(browser, large):
    path, _ = large
    with opened(browser, path) as page:
        for header in ("Column", "Verdict", UTILIZATION):
            # On the clock of the page, which knows nothing of how it is driven.
            taken = button(page, header).evaluate(
                "(one) => { const start = performance.now(); one.click();"
                " document.body.offsetHeight; return performance.now() - start; }"
            )
            assert taken < 1000.0


def test_a_thousand_columns_open_at_once(browser, result, tmp_path):
    path = tmp_path / "thousand.html"
    path.write_text(render_html(replicate(result, 1000), []), "utf-8")
    assert path.stat().st_size < 12e6
    start = time.perf_counter()
    with opened(browser, path) as page:
        assert page.get_by_text("1000 of 1000 columns are used").is_visible()
        # 1.4 s where nothing else runs.
        assert time.perf_counter() - start < 30.0
        pictures = page.locator("#columns details.column").evaluate_all(
            "all => all.map((one) => one.querySelectorAll('svg').length)"
        )
    assert min(pictures[:MOST_DRAWN]) > 2 and max(pictures[MOST_DRAWN:]) == 0


def test_links_open_the_details(browser, large):
    path, _ = large
    with opened(browser, path) as page:
        assert not page.locator("#column-4").evaluate("one => one.open")
        page.locator("#columns-table a[href='#column-4']").click()
        page.locator("#column-4[open]").wait_for()
        page.locator("#column-4 > summary").press("Enter")
        page.locator("#column-4:not([open])").wait_for()
        page.locator("#columns-table a[href='#column-4']").click()
        page.locator("#column-4[open]").wait_for()
        page.get_by_role("button", name="Open all").click()
        assert page.locator("details.column[open]").count() == 200
        page.get_by_role("button", name="Close all").click()
        assert page.locator("details.column[open]").count() == 0


def test_first_screen_of_many_columns(browser, large):
    path, _ = large
    with opened(browser, path, viewport={"width": 1280, "height": 800}) as page:
        for words in ("The answer:", "40 of 200 columns are used"):
            box = page.get_by_text(words).first.bounding_box()
            assert box["y"] + box["height"] < 800
        assert page.get_by_text("Keep in mind").bounding_box()["y"] < 3200
        assert page.locator("#answers").bounding_box()["height"] < 4000


def test_first_screen_of_few_columns(browser, small):
    path, result = small
    with opened(browser, path, viewport={"width": 1280, "height": 900}) as page:
        for column in result["columns"][:2]:
            box = page.get_by_text(column["lead"]).first.bounding_box()
            assert box["y"] + box["height"] < 900
        table = page.locator("#table .scroll")
        inner, outer = table.evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert inner <= outer


def test_the_first_screen_ends_with_what_to_do_next(browser, heart_file, result):
    with opened(browser, heart_file, viewport={"width": 1280, "height": 900}) as page:
        first = result["next_steps"][0]
        for words in ("whatever was predicted", "Keep in mind", first):
            box = page.get_by_text(words).first.bounding_box()
            assert box["y"] + box["height"] < 900
        shown = page.locator("#answers").inner_text()
        for jargon in ("embedding", "utilization", "Freedman", "residual", "permut"):
            assert jargon not in shown.lower()


def test_pictures_shrink_with_the_page(browser, heart_file):
    with opened(browser, heart_file, viewport={"width": 375, "height": 812}) as page:
        unfold(page)
        boxes = page.locator("svg").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect())"
            ".map((box) => [box.left, box.right])"
        )
        assert len(boxes) > 60
        assert min(left for left, _ in boxes) >= 0
        assert max(right for _, right in boxes) <= 375


def test_few_columns_print_on_six_full_pages(browser, heart_file, tmp_path):
    pdf = tmp_path / "report.pdf"
    with opened(browser, heart_file) as page:
        page.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) <= 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("report", ["heart_file", "small"])
def test_a_checker_of_accessibility_finds_nothing(browser, report, scheme, request):
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        require(False, "axe-playwright-python is not installed")
    found = request.getfixturevalue(report)
    path = found[0] if isinstance(found, tuple) else found
    with opened(browser, path, color_scheme=scheme) as page:
        unfold(page)
        checked = Axe().run(page).response
    assert len(checked["passes"]) > 20
    assert [
        (rule["id"], rule["impact"], [node["html"] for node in rule["nodes"]][:2])
        for rule in checked["violations"]
    ] == []


@pytest.mark.parametrize("report", ["small", "large"])
def test_phone(browser, report, request):
    path, _ = request.getfixturevalue(report)
    with opened(browser, path, viewport={"width": 360, "height": 740}) as page:
        page.locator("#open-all").click()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360
        region = page.locator("#table .scroll")
        inner, outer = region.evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert inner > outer
        assert region.get_attribute("tabindex") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser, small, scheme):
    path, result = small
    changed = copy.deepcopy(result)
    for column, verdict in zip(changed["columns"], VERDICTS, strict=False):
        column["verdict"] = verdict
    path = path.with_name(f"{scheme}.html")
    path.write_text(render_html(changed, []), "utf-8")
    with opened(browser, path, color_scheme=scheme) as page:
        page.locator("#open-all").click()
        found = page.evaluate(FAINT_TEXT)
        assert found["n"] > 300
        assert found["faint"] == []


def test_dark_differs_from_light(browser, small):
    path, _ = small
    with opened(browser, path) as page:
        colours = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            colours.append(
                page.evaluate("getComputedStyle(document.body).backgroundColor")
            )
            page.locator("#open-all").click()
            page.locator("details.figure").evaluate_all(
                "all => all.forEach((one) => { one.open = true; })"
            )
            inks = page.locator(".picture svg, .answers .bars svg").evaluate_all(
                "all => all.map((one) => getComputedStyle(one).color)"
            )
            text = page.evaluate("getComputedStyle(document.body).color")
            assert len(inks) > 3 and set(inks) == {text}
        assert colours == ["rgb(255, 255, 255)", "rgb(20, 22, 26)"]


def texts_of(pdf):
    """Text of every page; none where the tool for it is not installed."""
    if shutil.which("pdftotext") is None:
        return []
    command = ["pdftotext", "-layout", str(pdf), "-"]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return run.stdout.split("\f")


def test_print(browser, small, tmp_path):
    path, result = small
    with opened(browser, path) as page:
        closed = page.locator("details:not([open])").count()
        assert page.locator("details.column[open]").count() == 1
        page.emulate_media(media="print")
        assert page.locator("#column-2 .lead").is_visible()
        assert not page.locator("#filters").is_visible()
        pdf = tmp_path / "report.pdf"
        page.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
        assert page.locator("details:not([open])").count() == closed
    pages = re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())
    assert 4 <= len(pages) <= 7
    texts = texts_of(pdf)
    if not texts:
        return
    words = "".join("".join(texts).split())
    for column in result["columns"]:
        name = column["name"].encode("unicode_escape").decode()
        assert words.count("".join(name.split())) >= 2
    assert words.count("Technicalnote") == len(result["columns"])


def test_the_table_fits_on_paper(browser, large, tmp_path):
    path, _ = large
    # A4 less its margins, in pixels.
    with opened(browser, path, viewport={"width": 688, "height": 1016}) as page:
        page.emulate_media(media="print")
        box = page.locator("#columns-table").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 688
        pdf = tmp_path / "report.pdf"
        page.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
    pages = texts_of(pdf)
    if not pages:
        return
    first = next(i for i, page in enumerate(pages) if "All columns in numbers" in page)
    for page in pages[first : first + 3]:
        assert "Detectable" in page and "Association" in page


def test_without_javascript(browser, small):
    path, result = small
    with opened(browser, path, java_script_enabled=False) as page:
        assert not page.locator("#filters").is_visible()
        assert page.locator("#columns-table tbody tr").count() == len(result["columns"])
        for column in result["columns"]:
            assert page.get_by_text(column["lead"]).first.is_visible()
        assert page.locator("#column-1 .lead").is_visible()
        assert not page.locator("#column-2 .lead").is_visible()
        page.locator("#column-2 > summary").click()
        assert page.locator("#column-2 .lead").is_visible()


def test_keyboard_reaches_everything(browser, small):
    path, result = small
    with opened(browser, path) as page:
        page.keyboard.press("Tab")
        focused = "document.activeElement.className"
        assert page.evaluate(focused) == "skip"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        seen = set()
        for _ in range(120):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.tagName"))
        assert {"A", "BUTTON", "INPUT", "SELECT", "DIV", "SUMMARY"} <= seen
        page.locator("#close-all").click()
        for i in range(len(result["columns"])):
            page.keyboard.press("Tab")
            page.keyboard.press("Space")
            assert page.locator(f"#column-{i + 1}").evaluate("one => one.open")
            page.keyboard.press("Space")
