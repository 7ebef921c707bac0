"""What is wrong at the end of a trial that its cap left unsolved: counted again by plain loops, and read aloud."""

import json
import sys

import numpy as np
import pytest

from rnngrad.hs97 import cards
from rnngrad.hs97.failing import UNITS, Failing, failing
from rnngrad.hs97.problems import PROBLEMS97
from rnngrad.hs97.problems.reber import SYMBOLS, encode, legal_next
from rnngrad.hs97.trial import Trial, stream
from rnngrad.reruns import failures, reruns, where_wrong
from rnngrad.study.trials import asked

SHORT = {
    "1": ("3x2-lr0.5", {"cap": 600, "train_strings": 12, "test_strings": 12}),
    "2a": ("lstm-p100", {"cap": 20, "p": 20, "cell_added": "start", "tolerance": 0.2}),
    "2b": ("lstm-p100", {"cap": 20, "p": 5}),
    "2c": ("q50-p50", {"cap": 50, "q": 10, "p": 5}),
    "3a": ("T100-N1", {"cap": 100, "length": 20}),
    "4": ("T100", {"cap": 700, "length": 30, "tolerance": 0.2, "mean_error": 1e-9}),
    "6a": ("T100", {"cap": 100}),
}
"""So short that no trial is solved."""


def ended(name, seed=3):
    setting, options = SHORT[name]
    trial = Trial(cards.load(name).resolve(setting, options=options), seed)
    assert trial.advance(1e9).status == "unsolved"
    return trial


@pytest.mark.parametrize("name", SHORT)
def test_looking_changes_nothing_and_every_way_of_counting_adds_up(name):
    trial = ended(name)
    before = trial.state()
    first, again = failing(trial), failing(trial)
    assert json.dumps(first.scores) == json.dumps(again.scores)
    for key, value in trial.state().items():
        np.testing.assert_array_equal(value, before[key])
    for own in first.scores["wrong"].values():
        assert 0 <= own["wrong"] <= own["sequences"]
        for way, kinds in own["kinds"].items():
            wrong, total = np.sum(list(kinds.values()), axis=0)
            if way != "place":  # a string may be wrong at several places
                assert (wrong, total) == (own["wrong"], own["sequences"])
            assert wrong >= own["wrong"]


@pytest.mark.parametrize("name", ["1", "4"])
def test_the_other_numbers_of_a_trial_are_those_of_one_that_is_not_looked_at(name, monkeypatch):
    setting, options = SHORT[name]
    (one,) = asked([f"hs97/{name}/{setting}"], options=options)

    def report():
        (job,) = one.jobs(1, 3, "rnngrad rerun")
        ((last,),) = [tick.reports for tick in job.ticks()][-1:]
        last.outcome["scores"].pop("ns_per_step")
        return last

    looked = report()
    monkeypatch.setattr(sys.modules["rnngrad.study.trial_job"], "failing", lambda trial: Failing())
    plain = report()
    assert looked.outcome["scores"].pop("wrong")["training" if name == "1" else "fresh"]["wrong"] > 0
    assert looked.snapshot["flow"].pop("failed")["wrong"]
    assert looked.outcome | {"seconds": 0} == plain.outcome | {"seconds": 0}
    assert looked.snapshot == plain.snapshot
    assert looked.weights == plain.weights


def test_wrong_strings_are_those_that_a_loop_over_symbols_finds():
    trial = ended("1")
    found = failing(trial)
    wrong, seen, shown = found.scores["wrong"], found.flow["failed"], None
    for name, strings in (("training", trial.problem.train), ("test", trial.problem.test)):
        places, long = [], 0
        for string in strings:
            outputs = trial.machine.test(encode([string]), outputs=True).outputs
            legal = [[SYMBOLS.index(symbol) for symbol in symbols] for symbols in legal_next(string)]
            bad = {
                step
                for step, (row, own) in enumerate(zip(outputs, legal, strict=True))
                if min(row[own]) <= max(np.delete(row, own))
            }
            places.append({step - len(string) for step in bad})  # the symbol after step k is the (k+1)-th
            shown = (string, bad) if shown is None and bad and name == "test" else shown
            long += bool(bad) and len(string) > 15
        own = wrong[name]
        assert own["wrong"] == sum(map(bool, places))
        assert own["kinds"]["place"]["at the last symbol but one"] == [sum(-3 in at for at in places), len(strings)]
        assert own["kinds"]["place"]["at the last symbol"][0] == sum(-2 in at for at in places)
        assert own["kinds"]["length"].get("of over 15 symbols", [0])[0] == long
    assert wrong["training"]["wrong"] > 0
    assert ("".join(seen["names"]) + "E", {step - 1 for step in seen["wrong"]}) == shown


def test_wrong_sums_are_those_that_a_loop_over_sequences_finds():
    trial = ended("4")
    (examined,) = trial.setup.criterion.examined(trial.problem, stream(3, "failures"))
    block, middle, wrong = examined.sequences, [0, 0], 0
    for n in range(len(block)):
        one = block.part(n, n + 1)
        bad = trial.machine.test(one).last[0] >= 0.2
        wrong += bad
        middle[0] += bad and 0.05 <= one.targets[0, 0] < 0.95
        middle[1] += 0.05 <= one.targets[0, 0] < 0.95
    own = failing(trial).scores["wrong"]["fresh"]
    assert (own["sequences"], own["wrong"]) == (256, wrong)
    assert own["kinds"]["target"]["with a target 0.05 to 0.95"] == middle
    assert 0 < wrong < 256


@pytest.mark.parametrize("name", ["2a", "4", "6a"])
def test_the_sequence_that_is_kept_is_wrong_where_it_says(name):
    trial = ended(name)
    tolerance = trial.setup.criterion.tolerance
    seen = failing(trial).flow["failed"]
    steps = len(seen["states"])
    outputs, targets = np.array(seen["outputs"]), np.array(seen["targets"])
    assert outputs.shape == (steps, len(seen["units"]))
    assert len(seen["units"]) == min(UNITS, trial.problem.outputs)
    assert len(seen["names"]) == len(seen["input_gates"]) == steps
    errors = np.abs(targets - outputs[np.array(seen["scored"]) - 1])
    too_large = {step for step, row in zip(seen["scored"], errors, strict=True) if row.max() >= tolerance}
    assert too_large <= set(seen["wrong"])
    if len(seen["units"]) == trial.problem.outputs:
        assert too_large == set(seen["wrong"])
    json.dumps(seen, allow_nan=False)


@pytest.mark.parametrize("changes", [{}, {"first_marker": "minus_one", "first_draw": "either"}])
def test_marked_pairs_are_found_again_where_the_first_one_does_not_show_it(changes):
    """Against the answer: with the values 0 to T-1 the target tells which two were marked."""
    problem = PROBLEMS97["adding"](length=40, **changes)
    block = problem.draw(400, np.random.default_rng(0))
    kinds = problem.kinds(block)
    firsts = 0
    for n in range(len(block)):
        one = block.part(n, n + 1)
        marks = [step for step in range(one.steps) if one.values[step, 1] == 1]
        marks = [0, *marks] if len(marks) == 1 else marks
        assert one.targets[0, 0] == pytest.approx(0.5 + (one.values[marks[0], 0] + one.values[marks[1], 0]) / 4)
        gap = marks[1] - marks[0]
        assert kinds["distance"][n] == (
            "with marks up to 5 apart"
            if gap <= 5
            else "with marks 6 to 10 apart"
            if gap <= 10
            else "with marks over 10 apart"
        )
        assert (kinds["pair"][n] == "with the first pair marked") == (marks[0] == 0)
        firsts += marks[0] == 0
    assert 20 < firsts < 100


def test_classes_and_answers_go_by_their_names():
    problem = PROBLEMS97["temporal_order"](relevant=3)
    block = problem.draw(50, np.random.default_rng(1))
    for n in range(50):
        one = block.part(n, n + 1)
        assert problem.kinds(one)["class"][0] == "of class " + "".join(problem.named(one))
    assert problem.answers[:2] == ("XXX", "XXY")
    lag = PROBLEMS97["long_lag"](p=4)
    one = lag.draw(1, np.random.default_rng(1))
    assert [*lag.kinds(one)["place"]] == ["before the end"] * 3 + ["at the end"]
    assert set(lag.kinds(one)["class"]) == {f"beginning with {lag.named(one)[0]}"}
    assert lag.answers == ("a1", "a2", "a3", "x", "y")


def a_run(seed, wrong=None, solved=0):
    card = {"experiment": {"name": "1"}, "setting": "3x2", "reading": "text", "options": {}}
    return {"seed": seed, "solved": solved, "card": card, "scores": {} if wrong is None else {"wrong": wrong}}


def counts(first, second, last):
    place = {"at the last symbol but one": [last, 256], "inside the Reber string": [1, 256]}
    return {
        "training": {"sequences": 256, "wrong": first, "kinds": {"place": {"at the second symbol": [0, 256]}}},
        "test": {"sequences": 256, "wrong": second, "kinds": {"place": place}},
    }


def test_unsolved_trials_are_added_up_and_said_in_words():
    settings = reruns([a_run(0, counts(3, 21, 20)), a_run(1, counts(0, 10, 9)), a_run(2, solved=1)])
    assert failures(settings) == [
        "3x2: wrong at the end of 2 unsolved trials: 3 of 512 training, 31 of 512 test sequences; by place: "
        "29 of 512 at the last symbol but one, 2 of 512 inside the Reber string."
    ]
    rows = where_wrong(settings[0])
    assert [(row["set"], row["wrong"], row["all"]) for row in rows if not row["way"]] == [
        ("training", 3, 512),
        ("test", 31, 512),
    ]
    assert failures(reruns([a_run(0)])) == []
