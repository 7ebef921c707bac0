"""The report's page in a browser: it is quiet, asks for nothing, sorts, slides, and fits a phone."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from math import ceil, log

import numpy as np
import pytest
from conftest import small_card
from fabricated import fabricate
from playwright.sync_api import expect, sync_playwright
from test_page import HOSTILE, written

CHROMIUM = shutil.which("chromium")
STEPS = (0, 10, 20, 30)
SOLVED = {(20, "rnn", seed): {"solved": 1, "steps_to_solve": 10 * seed, "test_loss": None} for seed in (1, 2)}


@pytest.fixture(scope="module")
def chromium():
    """The browser. Where there is none the tests are skipped, but not where RNNGRAD_BROWSER says that there must be."""
    if CHROMIUM is None:
        reason = "no chromium on this machine: install Debian's with `apt-get install chromium`"
        (pytest.fail if os.environ.get("RNNGRAD_BROWSER") == "required" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The page of a store of two lags, whose card does what a card may not do."""
    folder = tmp_path_factory.mktemp("page")
    card = small_card()
    fabricate(folder / "rnngrad.db", replace(card, task=replace(card.task, title=HOSTILE)), steps=STEPS, changes=SOLVED)
    written(folder / "rnngrad.db", folder, drawn=True)
    return folder / "index.html"


@pytest.fixture
def opened(chromium, index):
    """Opens the page in a window of some kind; whatever it complains of or asks for fails the test."""
    contexts, complaints = [], []

    def open_page(**window):
        context = chromium.new_context(**window)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: request.url == index.as_uri() or complaints.append(request.url))
        page.goto(index.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


COMPARED = 'table.sortable:has(th:has-text("weights")) >> nth=0'
"""The table of the first lag."""


def texts(page, column, table=COMPARED):
    return [row.split("\t")[column].strip() for row in page.locator(table).locator("tbody tr").all_inner_texts()]


def test_the_page_loads_in_silence_with_its_text_as_it_stands(opened):
    page = opened()
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.title() == f"{HOSTILE} – rnngrad"
    assert page.locator("#which option").all_inner_texts()[0].startswith(HOSTILE)
    assert page.locator("figure.drawn svg").count() == 6


def test_a_table_is_sorted_by_number_up_and_down_with_what_is_missing_last(opened):
    page = opened()
    page.locator("summary").last.click()
    column = page.locator("table.sortable >> nth=-1").get_by_role("columnheader", name="test loss")
    index = column.evaluate("heading => heading.cellIndex")
    for order, said in ((1, "ascending"), (-1, "descending")):
        column.get_by_role("button").click()
        assert column.get_attribute("aria-sort") == said
        known = [*["0.1"] * 4, *["1.1"] * 3, *["2.1"] * 3]
        assert texts(page, index, "table.sortable >> nth=-1") == [*known[::order], "–", "–"]


def test_a_table_is_sorted_from_the_keyboard(opened):
    page = opened()
    heading = page.locator(COMPARED).get_by_role("columnheader", name="weights")
    assert texts(page, 1) == ["4,000", "5,000"]
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert texts(page, 1) == ["5,000", "4,000"]
    assert heading.get_attribute("aria-sort") == "descending"


def test_a_column_of_words_is_sorted_by_its_words(opened):
    page = opened()
    page.locator(COMPARED).get_by_role("button", name="cell").click()
    assert texts(page, 0) == ["lstm:forget_bias_1", "rnn"]


def stored_median(path, step):
    """The power of ten at the first step of the rnn's median seed, from the rows of the store."""
    query = "SELECT flow -> '$.h.log_rms_per_sample' FROM snapshots JOIN runs ON run = id WHERE cell = 'rnn'"
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(f"{query} AND lag = 20 AND step = ?", [step]).fetchall()
    logs = [[float(number) for number in row[0].strip("[]").split(",")] for row in rows]
    return np.median([own[-1] - own[0] for own in logs]) / log(10)


def test_the_slider_goes_through_training_by_its_keys_and_the_axes_hold_still(opened, index):
    page = opened()
    slider, now, curve = page.locator("#step"), page.locator("#now"), page.locator("#chart .median >> nth=0")
    axes, frames = page.locator("#chart text").all_inner_texts(), set()
    slider.focus()
    for step in STEPS:
        expect(now).to_have_text(f"{step} of 30")
        assert slider.get_attribute("aria-valuetext") == f"update {step} of 30"
        shown = page.locator("#readout tbody td").first.inner_text()
        assert shown == f"10{stored_median(index.with_name('rnngrad.db'), step):.2f}".replace("-", "−")
        assert page.locator("#chart text").all_inner_texts() == axes
        frames.add(curve.get_attribute("d"))
        page.keyboard.press("ArrowRight")
    assert len(frames) == len(STEPS)
    assert page.locator("#readout tbody tr >> nth=0").locator("td").last.inner_text() == "2 of 3"
    page.keyboard.press("Home")
    expect(now).to_have_text("0 of 30")
    assert page.locator("#readout tbody tr >> nth=0").locator("td").last.inner_text() == "0 of 3"


def test_every_band_is_inside_the_picture(opened):
    page = opened()
    for _ in STEPS:
        top, height = (float(page.locator("#inside rect").get_attribute(name)) for name in ("y", "height"))
        boxes = page.locator("#chart .band").evaluate_all(
            "all => all.map((band) => [band.getBBox().y, band.getBBox().y + band.getBBox().height])"
        )
        assert len(boxes) == 2
        assert all(top <= low and high <= top + height for low, high in boxes)
        page.locator("#step").press("ArrowRight")


def test_the_contents_lead_to_every_section_and_back(opened):
    page = opened()
    links = page.locator("nav a")
    assert links.count() == page.locator("main > section").count() == page.locator(".up a").count()
    links.last.press("Enter")
    expect(page.locator("#made")).to_be_in_viewport()
    page.locator(".up a").last.press("Enter")
    expect(page.locator("#contents-heading")).to_be_in_viewport()
    assert page.evaluate("document.activeElement.id") == "contents"


def test_another_lag_is_chosen_and_a_cell_taken_out(opened):
    page = opened()
    page.locator("#which").focus()
    page.keyboard.press("ArrowDown")
    lstm = page.locator("#readout tbody tr >> nth=1").locator("td")
    expect(lstm.nth(0)).to_have_text(f"10−{99 * 0.12 / log(10):.2f}")
    expect(lstm.nth(2)).to_have_text(f"≈ {ceil(log(100) / 0.12)}")
    page.locator("#readout input").first.focus()
    page.keyboard.press("Space")
    expect(page.locator("#chart .median")).to_have_count(1)


@pytest.mark.parametrize(("preferred", "first", "second"), [("light", 255, 26), ("dark", 26, 255)])
def test_the_page_is_light_or_dark_as_preferred_and_at_a_button(opened, preferred, first, second):
    page = opened(color_scheme=preferred)

    def red(selector, what):
        return page.locator(selector).first.evaluate(
            "(element, what) => Number(getComputedStyle(element)[what].match(/[0-9]+/)[0])", what
        )

    for ground in (first, second):
        assert red("section", "backgroundColor") == ground
        assert abs(red("section", "color") - ground) > 150
        assert abs(red("figure.drawn svg text", "fill") - ground) > 150
        page.locator("#theme").focus()
        page.keyboard.press("Enter")


def test_a_phone_scrolls_no_way_but_down(opened):
    page = opened(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page.locator("summary").last.click()
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    wide = page.locator(".scroll").evaluate_all("all => all.filter((box) => box.scrollWidth > box.clientWidth).length")
    assert wide >= 4
    attached = page.locator(".scroll").first.evaluate("box => getComputedStyle(box).backgroundAttachment")
    assert attached == "local, local, scroll, scroll"  # the shadow of what is hidden stays, its cover moves along
    smallest = page.locator("#chart text").first.evaluate("text => text.getBoundingClientRect().height")
    assert smallest > 11


def test_everything_that_can_be_used_is_reached_by_tab_and_has_a_name(opened):
    page = opened()
    reached = []
    for _ in range(130):
        page.keyboard.press("Tab")
        described = "e => e === document.body ? null : e.id || e.className || e.tagName"
        reached.append(page.evaluate(f"({described})(document.activeElement)"))
    assert reached[0] == "skip"
    assert {"theme", "which", "step", "scroll", "BUTTON", "SUMMARY", "PRE"} <= set(reached)
    nameless = "all => all.filter((e) => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).length"
    assert page.locator("button, input, select, summary").evaluate_all(nameless) == 0
