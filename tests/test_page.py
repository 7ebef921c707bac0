"""The report's page: what is in it, and that nothing in it is more than text."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import log
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import small_card
from fabricated import fabricate, flow
from markdown_it import MarkdownIt

from rnngrad import page, report
from rnngrad.cards import Published
from rnngrad.errors import UsageError
from rnngrad.figures import gradient_flow, style
from rnngrad.page import outcomes, rendering, slider
from rnngrad.page.provenance import provenance, ranges
from rnngrad.page.published import published
from rnngrad.page.sorting import NOTHING, sort_keys
from rnngrad.page.svg import inline, themed
from rnngrad.store import Store
from rnngrad.summary import comparisons
from rnngrad.tables import markdown_table

HOSTILE = (
    "<script>alert(1)</script> \"q\" 'a' </script> {{ 7*7 }} {% x %} | `c` *b* _e_ ~~s~~ [l](https://evil.example) "
    "![i](https://evil.example/x.png) &amp; &lt; <b>x</b> $m$ \\ --> ]]> <!-- <img src=x onerror=alert(2)>"
)


class Reader(HTMLParser):
    """An HTML document as its elements with attributes, and the text inside them by tag."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag] = self.texts.get(tag, "") + data


def unbroken(text):
    """Without the space that lines are broken at."""
    return "".join(text.split())


def contents_of(path, folder, drawn=False):
    """The page of a store; drawing its figures takes most of the time."""
    store = Store(path, create=False)
    found = comparisons(store.runs())
    files = [file for comparison in found if drawn for file in report.draw(comparison, store, folder)]
    contents = page.contents(store, found, report.swept(found), [], [], files, ["rnngrad", "report", "--out", "a b"])
    store.close()
    return contents


def written(path, folder, drawn=False):
    """The page of a store, and the texts of README.md and index.html."""
    contents = contents_of(path, folder, drawn)
    return contents, *(file.read_text(encoding="utf-8") for file in page.write(contents, folder))


@pytest.fixture
def store(tmp_path, card):
    path = tmp_path / "rnngrad.db"
    fabricate(path, card)
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The whole page of a store whose card says what a card may not do: its folder, contents and texts."""
    folder = tmp_path_factory.mktemp("hostile")
    card = small_card()
    number = Published("lstm, " + HOSTILE, card.problem.protocol, 20, HOSTILE, 0.5, HOSTILE)
    task = replace(card.task, title=HOSTILE, claim=HOSTILE, paper=HOSTILE)
    words = {"command": f"rnngrad ``` {HOSTILE}", "device": HOSTILE}
    fabricate(folder / "rnngrad.db", replace(card, task=task, published=(number,)), lags=(20,), **words)
    return folder, *written(folder / "rnngrad.db", folder, drawn=True)


def test_the_table_of_the_readme_is_the_one_beside_it_and_its_figures_exist(hostile):
    folder, _, readme, _ = hostile
    (table,) = (path.read_text(encoding="utf-8") for path in folder.glob("*.md") if path.name != "README.md")
    assert table in readme
    images = re.findall(r"\]\((\w\S+\.png)\)$", readme, flags=re.MULTILINE)
    assert len(images) == 3
    assert all((folder / image).exists() for image in images)


def test_the_page_has_every_figure_command_and_version(hostile):
    _, contents, _, html = hostile
    seen = Reader(html)
    tags = [tag for tag, _ in seen.elements]
    assert tags.count("svg") == 3
    assert tags.count("figcaption") == 4  # the claim's paper too
    for text in (contents.made[0].command, "rnngrad report --out 'a b'", "6 runs, seeds 0–2", "torch 2.13.0"):
        assert text in seen.texts["main"]


def test_nothing_outside_the_file_is_asked_for(hostile):
    attributes = [pair for _, attrs in Reader(hostile[-1]).elements for pair in attrs.items()]
    assert all(value.startswith(("#", "data:")) for name, value in attributes if name in ("src", "href", "xlink:href"))
    assert all(re.match(r"url\(#", found) for _, v in attributes if v for found in re.findall(r"url\(.", v))
    assert "default-src 'none'" in hostile[-1]
    assert "@import" not in hostile[-1]


def test_ids_are_unique_and_every_reference_has_one(hostile):
    elements = Reader(hostile[-1]).elements
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    attributes = [(name, value or "") for _, attrs in elements for name, value in attrs.items()]
    aimed = {value[1:] for name, value in attributes if name in ("href", "xlink:href") and value.startswith("#")}
    clipped = {name for _, value in attributes for name in re.findall(r"url\(#([^)]+)\)", value)}
    assert aimed
    assert clipped
    assert aimed | clipped <= set(ids)


def test_what_a_card_says_is_text_in_the_page(hostile):
    _, contents, _, html = hostile
    seen = Reader(html)
    assert [tag for tag, _ in seen.elements].count("script") == 2
    assert not any(tag in ("img", "b") or "onerror" in attrs for tag, attrs in seen.elements)
    assert HOSTILE in seen.texts["h1"]
    assert HOSTILE in seen.texts["title"]
    for tag in ("blockquote", "figcaption", "table", "code", "li"):
        assert HOSTILE in seen.texts[tag], tag
    assert unbroken(HOSTILE) in unbroken(seen.texts["text"])  # a figure's title has several lines
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, flags=re.DOTALL)[1]
    assert json.loads(data)["films"] == contents.films
    assert HOSTILE in contents.films[0]["title"]
    assert "49" not in seen.texts["h1"]


def test_what_a_card_says_is_text_in_the_readme(hostile):
    """As markdown-it, a CommonMark parser, reads it, with GitHub's tables and strike-through."""
    *_, readme, _ = hostile
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(readme)
    seen = Reader(rendered)
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "b", "em", "s"}
    targets = [attrs.get("src", attrs.get("href")) for tag, attrs in seen.elements if tag in ("img", "a")]
    assert all(re.fullmatch(r"index\.html|[\w-]+\.png", target) for target in targets)
    for tag in ("h1", "blockquote", "strong", "td", "code", "li"):
        assert HOSTILE in seen.texts[tag], tag


def test_published_numbers_stand_beside_the_cells_of_their_name(tmp_path, card):
    number = Published("lstm, 128 units", card.problem.protocol, 20, "least test loss", 0.00168, "logs")
    other = replace(number, cell="tcn")
    fabricate(tmp_path / "rnngrad.db", replace(card, published=(number, other)))
    store = Store(tmp_path / "rnngrad.db", create=False)
    near, far = comparisons(store.runs())
    (section,) = published(near)
    said = ["0/3 [0.00, 0.56]", "> 20", "1.1"]
    assert section.lines[1:] == [
        ["lstm, 128 units", "least test loss", "0.00168", "lstm:forget_bias_1", *said],
        ["tcn", "least test loss", "0.00168", *"––––"],
    ]
    assert published(far) == []


def test_every_end_of_a_run_is_counted(tmp_path, card):
    changes = {
        (20, "rnn", 0): {"status": "failed", "reason": "killed its worker three times", "steps": -1},
        (20, "rnn", 1): {"status": "interrupted", "steps": 10},
        (20, "rnn", 2): {"status": "diverged", "diverged_at": 15, "steps": 15, "grad_first_over_last_end": None},
        (20, "lstm:forget_bias_1", 0): {"solved": 1, "steps_to_solve": 10, "held": 1},
    }
    fabricate(tmp_path / "rnngrad.db", card, lags=(20,), changes=changes)
    contents, readme, _ = written(tmp_path / "rnngrad.db", tmp_path)
    counted, every = contents.sections[-2:]
    title = contents.sections[0].heading
    assert counted.lines == [
        ["problem", "cell", "runs", "finished", "diverged", "failed", "interrupted", "running", "solved"],
        [title, "rnn", "3", "0", "1", "1", "1", "0", "0"],
        [title, "lstm:forget_bias_1", "3", "3", "0", "0", "0", "0", "1"],
    ]
    assert "6 runs: 3 finished, 1 diverged, 1 failed, 1 interrupted." in readme
    assert "A run failed: killed its worker three times" in readme
    assert len(every.lines) == 7
    assert [line[6] for line in every.lines[1:4]] == ["no", "not yet", "no"]
    assert "What is interrupted goes on from its last checkpoint when its command is repeated." in readme


def test_a_line_whose_runs_all_failed_is_on_the_page(tmp_path, card):
    failed = {(20, "rnn", seed): {"status": "failed", "reason": "lost", "steps": -1} for seed in range(3)}
    fabricate(tmp_path / "rnngrad.db", card, lags=(20,), changes=failed)
    contents, _, _ = written(tmp_path / "rnngrad.db", tmp_path, drawn=True)
    (film,) = contents.films
    assert [frame["n"] for frame in film["lines"][0]["frames"]] == [0, 0, 0, 0]
    assert contents.sections[0].lines[1][3].startswith("0/3")


def test_very_many_runs_are_not_listed_one_by_one(tmp_path, store, monkeypatch):
    monkeypatch.setattr(outcomes, "SINGLE", 11)
    contents, readme, _ = written(store, tmp_path)
    assert not contents.sections[-1].lines
    assert "12 runs are too many to list here: the command rnngrad runs lists" in readme


def test_the_slider_has_the_medians_of_the_stored_profiles(tmp_path, store):
    contents = contents_of(store, tmp_path)
    film = contents.films[1]
    assert film["steps"] == [0, 10, 20, 30]
    assert film["title"].startswith("Adding problem, lag 100")
    rates = np.array([[0.3 * (1 + seed) / (1 + k) for seed in range(3)] for k in range(4)])
    for frame, own in zip(film["lines"][0]["frames"], rates, strict=True):
        powers = -np.outer(np.sort(own), film["lags"]) / log(10)
        assert (frame["n"], frame["solved"]) == (3, 0)
        np.testing.assert_allclose([frame["high"], frame["median"], frame["low"]], powers, atol=0.0051)


def test_a_run_that_finished_keeps_its_last_profile_and_one_that_did_not_is_gone(tmp_path, card):
    changes = {
        (20, "rnn", 0): {"solved": 1, "steps_to_solve": 10, "steps": 20},
        (20, "rnn", 1): {"status": "diverged", "diverged_at": 15, "steps": 10},
    }
    fabricate(tmp_path / "rnngrad.db", card, lags=(20,), cells=("rnn",), changes=changes)
    contents = contents_of(tmp_path / "rnngrad.db", tmp_path)
    frames = contents.films[0]["lines"][0]["frames"]
    assert [frame["n"] for frame in frames] == [3, 3, 2, 2]
    assert [frame["solved"] for frame in frames] == [0, 1, 1, 1]
    assert frames[2]["high"] == frames[3]["high"]  # the first seed's, which decays slowest
    assert frames[2]["low"] != frames[3]["low"]


def test_a_gradient_of_exactly_zero_is_below_all_and_one_that_is_no_number_is_not_counted():
    curves = [np.array([0.0, value]) for value in (-np.inf, -3.0, np.nan)]
    frame = slider._frame(curves)
    assert frame == {"n": 2, "median": [0.0, slider.ZERO], "low": [0.0, slider.ZERO], "high": [0.0, -3.0]}


@pytest.mark.parametrize(
    ("stored", "common"),
    [
        ([[0, 50, 100], [0, 50, 100]], [0, 50, 100]),
        ([[0, 50], [0, 50, 100]], [0, 50, 100]),  # the first has ended
        ([[0, 100], [0, 50, 100]], [0, 100]),  # the first was slimmed
        ([[], [0, 50]], [0, 50]),  # the first never began
        ([[]], []),
    ],
)
def test_the_steps_of_a_film_are_those_that_no_run_lacks(stored, common):
    assert slider.common_steps(stored) == common


def test_a_long_film_is_thinned_with_its_ends(tmp_path, card):
    fabricate(tmp_path / "rnngrad.db", card, lags=(20,), steps=range(0, 400, 2))
    contents = contents_of(tmp_path / "rnngrad.db", tmp_path)
    steps = contents.films[0]["steps"]
    assert (len(steps), steps[0], steps[-1]) == (slider.STEPS, 0, 398)


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        (["1,185", "–", "0.01 (not tuned)"], [1185, None, 0.01]),
        (["3/10 [0.11, 0.60]", "0/5 [0.00, 0.43], 2 diverged"], [0.3, 0]),
        (["2,200 (1,300 – 2,650)", "> 3,000", "3,000"], [2200, 3000.000003, 3000]),
        (["10^-47.0", "10^0.2 – 10^3.0", "0", "–"], [-47, 0.2, NOTHING, None]),
        (["1e-05", "-3", "+2.5"], [1e-5, -3, 2.5]),
        (["–", ""], [None, None]),
        (["–, 2 unfinished", "3/10 [0.11, 0.60]"], [None, 0.3]),
        (["lstm:chrono", "rnn"], None),
        (["2026-11-22"], None),
        (["3 layers", "deep"], None),
    ],
)
def test_columns_are_sorted_by_their_numbers(column, keys):
    assert sort_keys(column) == (keys if keys is None else pytest.approx(keys))


def test_powers_of_ten_are_raised_and_the_rest_is_escaped():
    assert rendering.powers("10^-0.1 < <b>10^3") == "10<sup>−0.1</sup> &lt; &lt;b&gt;10<sup>3</sup>"


def test_numbers_that_follow_each_other_are_one_range():
    assert ranges([0, 1, 2, 5, 7, 8]) == "0–2, 5, 7–8"


def test_a_figure_in_the_page_has_its_colours_and_ids(tmp_path, card):
    profile = {"flow": flow("rnn", 20, 0.1)}
    figure = gradient_flow(HOSTILE, {"rnn": [(profile, profile)]})
    style.save(figure, tmp_path / "flow")
    svg = inline(tmp_path / "flow.svg", "s1-f1")
    root = ElementTree.fromstring(svg)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids
    assert all(name.startswith("s1-f1-") for name in ids)
    assert unbroken(HOSTILE) in unbroken("".join(root.itertext()))
    assert "var(--hue-0)" in svg
    assert not re.search(r"#(000000|262626|ffffff)", svg)
    assert len(svg) < (tmp_path / "flow.svg").stat().st_size


def test_colours_of_lines_follow_the_page_and_other_greys_stay():
    assert [themed(c) for c in ("#000000", "#262626", "#ffffff", "#999999")] == [
        *("currentColor", "currentColor", "var(--sheet)", "#999999")
    ]


def test_a_figure_with_a_colour_map_stays_on_a_light_ground(tmp_path):
    figure, panels = style.panels(1)
    panels[0][0].imshow([[0.0, 1.0]])
    style.save(figure, tmp_path / "map")
    svg = inline(tmp_path / "map.svg", "m")
    assert 'class="light"' in svg
    assert "var(--" not in svg.replace("--width", "")


def test_a_file_of_another_hand_is_not_written_over(tmp_path, store):
    (tmp_path / "README.md").write_text("# My notes", encoding="utf-8")
    with pytest.raises(UsageError, match=r"README\.md was not written by"):
        page.refuse_foreign(tmp_path)
    (tmp_path / "README.md").unlink()
    written(store, tmp_path)
    page.refuse_foreign(tmp_path)


def test_an_experiments_table_and_figures_are_on_the_page(tmp_path):
    from test_reports import REPORTS

    (tmp_path / "rnngrad.db").write_bytes((REPORTS / "depth-chain/rnngrad.db").read_bytes())
    store = Store(tmp_path / "rnngrad.db", create=False)
    found = list(report.found(store))
    files = [path for own in found for path in report.draw_found(own, tmp_path)]
    contents = page.contents(store, [], [], [], found, files, ["rnngrad", "report"])
    readme, html = page.write(contents, tmp_path)
    assert [section.heading for section in contents.sections] == [found[0].title]
    assert found[0].markdown in readme.read_text(encoding="utf-8")
    assert "![Left the activations" in readme.read_text(encoding="utf-8")
    assert html.read_text(encoding="utf-8").count("<svg") == 1
    assert contents.made[0].command.startswith("rnngrad depth chain")


def test_every_figure_of_an_experiment_has_a_caption():
    from rnngrad.page.captions import OF_EXPERIMENTS

    assert set(OF_EXPERIMENTS) == {kind + ending for kind, endings in report.FIGURES.items() for ending in endings}


def test_a_comparison_is_its_own_table_word_for_word(tmp_path, store):
    contents = contents_of(store, tmp_path)
    opened = Store(store, create=False)
    found = comparisons(opened.runs())
    opened.close()
    tables = [part.markdown for swept in report.swept(found) for part in swept.parts]
    tables += [markdown_table(comparison) for comparison in found]
    assert [section.markdown for section in contents.sections[:-2]] == tables


@pytest.mark.parametrize(("engine", "seconds"), [("hs97", "9 s"), ("cpu", "5 s")])
def test_trials_of_a_paper_add_their_time_up_and_seeds_that_train_together_share_theirs(engine, seconds):
    row = {"command": "c", "created_at": "2026-11-22T10:00:00", "versions": {}, "device": "cpu", "engine": engine}
    rows = [{**row, "task": "t", "cell": "c", "seed": k, "seconds": time} for k, time in enumerate((4.0, 5.0))]
    (made,) = provenance(rows)
    assert seconds in made.facts
