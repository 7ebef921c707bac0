"""Published beside measured: verdicts and rows, on trials made by hand."""

import json

import pytest

from rnngrad.reruns import Published, caption, lines, not_run, published_of, reruns, sentences, verdict
from rnngrad.reruns.words import duration

TIMES = [31_000, 12_500, 58_000, 22_000, 40_500, 17_000, 26_000, 90_000, 35_000, 28_000]
ALL_TEN = Published(trials=10, solved=10, mean=36_000)


def run(seed, reached, status="finished", **changes):
    """A stored trial of a setting with the milestones ST1 and ST2; ``reached``: sequences until them."""
    names = ("ST1", "ST2")
    card = {
        "experiment": {"name": "9", "title": "Nine", "paper": "paper", "claim": "claim", "trials": 4},
        "setting": "T10",
        "reading": "text",
        "options": {},
        "contradicts": False,
        "why": f"why {changes.get('reading', 'text')}",
        "training": {"cap": 1000},
        "criterion": {"final": 2560},
        "milestones": list(names),
        "published": [
            {"metric": "sequences", "milestone": "ST1", "value": 200.0, "bound": "", "setting": "T10"},
            {"metric": "sequences", "milestone": "ST2", "value": 400.0, "bound": "", "setting": "T10"},
            {"metric": "test_wrong_fraction", "milestone": "ST2", "value": 0.01, "bound": "", "setting": "T10"},
            {"metric": "test_error", "milestone": "ST2", "value": 0.1, "bound": "<", "setting": "T10"},
        ],
    }
    test = {"wrong": 10 * (seed + 1), "mean_absolute": 0.02, "mean_squared": 0.001}
    return {
        "id": seed,
        "seed": seed,
        "status": status,
        "steps": reached[-1] if len(reached) == 2 else 1000 if status == "finished" else 70,
        "solved": int(len(reached) == 2),
        "seconds": 2.0,
        "card": card | changes,
        "scores": {
            "reached": dict(zip(names, reached, strict=False)),
            "tests": {name: test for name, _ in zip(names, reached, strict=False)},
            "ns_per_step": 80.0,
        },
    }


def results(*runs):
    (found,) = reruns(runs)
    return found.rows()


@pytest.mark.parametrize(
    ("times", "trials", "published", "expected"),
    [
        (TIMES, 10, ALL_TEN, "reproduced"),
        (TIMES, 10, Published(10, 10, 360_000), "differs"),
        (TIMES, 10, Published(10, 10, 3_600), "differs"),
        (TIMES, 30, ALL_TEN, "differs"),
        (TIMES[:9], 9, ALL_TEN, "partial"),
        (TIMES, 10, Published(30, 30, 36_000), "partial"),
        (TIMES[:9], 10, ALL_TEN, "reproduced"),
        ([], 0, ALL_TEN, "not run"),
        ([], 10, Published(10, 0), "reproduced"),
        (TIMES, 10, Published(10, 0), "differs"),
        (TIMES[:1], 18, Published(18, 4, 36_000), "partial"),
    ],
)
def test_a_verdict_takes_enough_trials_the_same_chance_and_a_mean_that_could_be_ours(
    times, trials, published, expected
):
    """9 of 10 beside 10 of 10 may be the same chance (p = 1); 10 of 30 beside 10 of 10 may not (p = 0.0003)."""
    assert verdict(times, trials, published) == expected


def test_another_reading_than_the_texts_reproduces_nothing():
    assert verdict(TIMES, 10, ALL_TEN, "per_step") == "fits with per_step"
    assert verdict(TIMES, 10, Published(10, 10, 1), "per_step") == "differs"
    assert verdict(TIMES, 9, ALL_TEN, "per_step") == "partial"


def test_rows_have_a_line_for_each_milestone_with_the_numbers_that_were_made_up():
    first, last = results(run(0, (100, 300)), run(1, (150, 500)), run(2, (200,)), run(3, ()))
    assert (first["milestone"], first["mean"], first["solved"], first["trials"]) == ("ST1", 150, 3, 4)
    assert (last["mean"], last["minimum"], last["maximum"], last["solved"]) == (400, 300, 500, 2)
    assert (first["ratio"], last["ratio"]) == (0.75, 1.0)
    assert (first["median"], last["median"]) == (175, None)
    assert (last["test_wrong"], last["published_wrong"]) == (15, 25.6)
    assert (last["published_error"], last["published_error_bound"]) == (0.1, "<")
    assert (last["ns_per_step"], last["seconds"]) == (80, 8)
    assert first["low"] < 150 < first["high"]


def test_of_an_unsolved_half_the_median_is_only_known_to_be_more():
    _, last = results(run(0, (100, 300)), run(1, ()), run(2, ()), run(3, (), status="diverged"))
    assert (last["median"], last["diverged"], last["cap"]) == (None, 1, 1000)
    assert "> 1,000 (300 – 300)" in lines([last])[1]


def test_trials_under_way_are_counted_apart_and_a_repeated_seed_once():
    rows = results(run(0, (1, 2)), run(0, (100, 300)), run(1, (), status="interrupted"))
    assert [(row["trials"], row["unfinished"], row["verdict"]) for row in rows] == [(1, 1, "partial")] * 2
    assert rows[1]["mean"] == 300
    assert "One trial has begun and is not at its end" in sentences(rows)[-1]
    (begun,) = {row["verdict"] for row in results(run(1, (), status="interrupted"))}
    assert begun == "unfinished"
    unknown = lines(results(run(1, (), status="interrupted")))[1]
    assert not [cell for cell in unknown if cell.startswith("> ")]


def test_what_the_paper_has_no_number_for_is_not_reproduced():
    known = [{"metric": "sequences", "milestone": "ST2", "value": 400.0, "bound": "", "setting": "T10"}]
    first, last = results(*(run(k, (100, 390 + 10 * k), published=known) for k in range(4)))
    assert (first["verdict"], last["verdict"]) == ("nothing printed", "reproduced")


def test_readings_and_options_are_told_apart():
    found = reruns([run(0, (1, 2)), run(0, (3, 4), reading="per_step"), run(0, (5, 6), options={"half": False})])
    assert [own.reading for own in found] == ["text", "per_step", "text, half=false"]
    verdicts = {row["verdict"] for own in reruns([run(k, (190 + k, 390 + k)) for k in range(4)]) for row in own.rows()}
    assert verdicts == {"differs"}
    wide = [run(k, (100 * (k + 1), 200 * (k + 1)), options={"half": False}) for k in range(4)]
    assert {row["verdict"] for row in results(*wide)} == {"fits with text, half=false"}


def test_what_was_not_run_has_a_row_with_its_cost():
    card = run(0, ())["card"]
    missing = not_run(card, 7200.0)
    assert [row["verdict"] for row in missing] == ["not run"] * 2
    (measured, _) = results(run(0, (100, 300)))
    assert {"mean", "median", "ratio", "seconds", "published", "test_wrong"} <= set(missing[0])
    assert set(missing[0]) - {"estimated_seconds"} <= set(measured)
    assert lines(missing)[1][-1] == "about 2 h"


def test_a_bound_is_no_mean_and_a_share_is_a_number_of_trials():
    card = run(0, ())["card"]
    card["published"] = [
        {"metric": "sequences", "milestone": "ST2", "value": 5e6, "bound": ">"},
        {"metric": "solved_percent", "milestone": "ST2", "value": 22, "bound": ""},
    ]
    card["experiment"]["trials"] = 18
    assert published_of(card, "ST2") == Published(18, 4, None)
    assert published_of(card, "ST1") == Published(18, 18, None)


def test_the_table_is_as_wide_as_its_headings_and_rows_are_json():
    rows = results(run(0, (100, 300)), run(1, (150, 500)))
    assert {len(line) for line in lines(rows)} == {15}
    assert json.loads(json.dumps(rows)) == rows
    assert "prediction interval" in caption(rows)


@pytest.mark.parametrize(("seconds", "text"), [(2.34, "2.3 s"), (59, "59 s"), (600, "10 min"), (7200, "2 h")])
def test_times_are_words(seconds, text):
    assert duration(seconds) == text
