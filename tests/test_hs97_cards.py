"""The cards of the 1997 paper: what is shipped is the paper's, what is wrong is refused in one line."""

import json
import re
import shutil

import hs97_table10 as table10
import pytest

from rnngrad import cards as task_cards
from rnngrad.errors import UsageError
from rnngrad.hs97 import cards
from rnngrad.hs97.options import parse_option
from rnngrad.hs97.readings import COMMON, TEXT

NAMES = ["1", "2a", "2b", "2c", "3a", "3b", "3c", "4", "5", "6a", "6b"]
ALL = [(name, setting.name) for name in NAMES for setting in cards.load(name).settings]
every_card = pytest.mark.parametrize("name", NAMES)
every_setting = pytest.mark.parametrize(("name", "setting"), ALL)


def test_every_experiment_of_the_paper_has_a_card_and_is_no_task():
    assert list(cards.shipped()) == NAMES
    assert not set(NAMES) & set(task_cards.shipped())
    assert cards.load("hs97/4") == cards.load("4")


@every_card
def test_a_shipped_card_says_what_it_is(name):
    card = cards.load(name)
    assert card.experiment.name == name
    assert card.experiment.reading == "text"
    assert "1997" in card.experiment.paper
    assert card.experiment.title
    assert card.experiment.claim
    assert len({setting.name for setting in card.settings}) == len(card.settings)


TRIALS = {"1": 30, "2a": 18, "2b": 18, "2c": 20, "6a": 20}
LEARNING_RATES = {"1": {0.1, 0.2, 0.5}, "2a": {1.0, 4.0, 10.0}, "2b": {1.0}, "2c": {0.01}, "3a": {1.0}, "3b": {1.0}}
LEARNING_RATES |= {"3c": {0.1}, "4": {0.5}, "5": {0.1}, "6a": {0.5}, "6b": {0.1}}


@every_card
def test_trials_learning_rates_and_initial_ranges_are_those_of_tables_10_and_11(name):
    card = cards.load(name)
    assert card.experiment.trials == TRIALS.get(name, 10)
    setups = [card.resolve(setting.name) for setting in card.settings]
    assert {setup.training.lr for setup in setups} == LEARNING_RATES[name]
    assert {setup.net.init for setup in setups} == {0.2 if name[0] in "12" else 0.1}


@pytest.mark.parametrize(
    ("name", "setting", "net"),
    [
        ("1", "4x1-lr0.1", table10.reber(4, 1)),
        ("1", "3x2-lr0.2", table10.reber(3, 2)),
        ("2a", "lstm-p100", table10.long_lag(101)),
        ("2a", "rtrl-p10-lr1", table10.long_lag_competitor(11, "rtrl")),
        ("2a", "bptt-p100-lr10", table10.long_lag_competitor(101, "bptt")),
        ("2b", "lstm-p100", table10.long_lag(101)),
        ("2c", "q1000-p50", table10.distractors(50)),
        ("3a", "T100-N1", table10.two_sequences()),
        ("3b", "T1000-N1", table10.two_sequences()),
        ("3c", "T100-N3", table10.two_sequences()),
        ("4", "T500", table10.adding()),
        ("5", "T100", table10.multiplication()),
        ("6a", "T100", table10.temporal_order(2)),
        ("6b", "T100", table10.temporal_order(3)),
    ],
)
def test_the_nets_are_those_of_table_10(name, setting, net):
    assert cards.load(name).resolve(setting).topology() == net


@every_setting
def test_the_cap_is_the_papers_or_at_least_ten_times_its_mean(name, setting):
    card = cards.load(name)
    cap = card.resolve(setting).training.cap
    means = [p.value for p in card.published if p.setting == setting and p.metric == "sequences" and not p.bound]
    assert cap == 5_000_000 if name in ("2a", "2b", "2c") else cap >= 10 * max(means)


@every_setting
def test_every_setting_has_a_published_number_of_sequences(name, setting):
    assert [p for p in cards.load(name).published if p.setting == setting and p.metric == "sequences"]


@every_card
def test_what_is_not_re_run_says_whose_it_is(name):
    for row in cards.load(name).published:
        assert row.setting or row.method != "LSTM" or row.metric == "failures"
        assert re.match(r"(Table \d|section 5\.\d)", row.source)


@every_card
def test_a_reading_changes_what_it_says_and_nothing_else(name):
    card = cards.load(name)
    assert {reading.name for reading in COMMON} < set(card.readings)
    for reading in card.readings.values():
        settings = card.fitting(reading.name)
        text, read = card.resolve(settings[0]).as_dict(), card.resolve(settings[0], reading.name).as_dict()
        tables = ("problem", "net", "machine", "training", "criterion")
        differing = {
            key: read[table][key] for table in tables for key in read[table] if read[table][key] != text[table][key]
        }
        assert differing == reading.set


def test_readings_can_be_joined():
    card = cards.load("4")
    both = card.resolve("T100", "short_average+linear_outputs")
    assert (both.reading, both.criterion.error_window, both.machine.output) == (
        "short_average+linear_outputs",
        100,
        "linear",
    )
    assert [reading.contradicts for reading in card.reading("short_average+linear_outputs")] == [False, True]
    assert card.reading(TEXT) == ()
    with pytest.raises(UsageError, match="unknown reading of experiment 4 'linear'"):
        card.resolve("T100", "short_average+linear")


@every_setting
def test_a_setup_can_be_stored_as_json(name, setting):
    stored = json.loads(json.dumps(cards.load(name).resolve(setting).as_dict(), allow_nan=False))
    assert stored["experiment"] == name
    assert stored["setting"] == setting
    assert {"problem", "net", "machine", "training", "criterion"} < set(stored)


def test_the_expected_cost_is_the_published_mean_times_the_length():
    assert cards.load("4").expected_steps("T1000") == 853_000 * 1050
    assert cards.load("3a").expected_steps("T100-N3") == 39_850 * 105
    assert cards.load("2a").expected_steps("rtrl-p10-lr1") == 5_000_000 * 10


def test_without_recurrence_cells_and_gates_see_the_inputs_and_outputs_the_cells():
    net = cards.load("2c").resolve("q50-p50", "no_recurrence").topology()
    sees = {unit.name: unit.sees for unit in net.units}
    assert all(seen == tuple(f"input {k}" for k in range(54)) for name, seen in sees.items() if "output" not in name)
    assert sees["output 1"] == ("cell 0", "cell 1")
    assert net.count == 364 - 6 * 6


@pytest.mark.parametrize(
    ("name", "setting", "reading", "options", "against"),
    [
        ("4", "T100", TEXT, {}, False),
        ("4", "T100", TEXT, {"cap": 5}, False),
        ("4", "T100", TEXT, {"init": 0.1, "lr": 0.5}, False),  # as on the card
        ("4", "T100", TEXT, {"half": False}, False),  # factor_two
        ("4", "T100", TEXT, {"derivative": False}, True),
        ("4", "T100", "no_derivative", {}, True),
        ("2c", "q50-p50", TEXT, {"init": 0.02, "cap": 5}, True),
    ],
)
def test_an_option_set_by_hand_goes_against_the_text_unless_the_text_leaves_it_open(
    name, setting, reading, options, against
):
    card = cards.load(name)
    assert card.contradicts(card.resolve(setting, reading, options)) is against


def test_the_texts_reading_cannot_be_joined():
    with pytest.raises(UsageError, match="'text\\+text': 'text' stands alone"):
        cards.load("4").resolve("T100", "text+text")


def test_a_reading_may_fit_only_some_settings():
    fitting = cards.load("2a").fitting("per_step")
    assert "lstm-p100" in fitting
    assert not [name for name in fitting if name.startswith("bptt")]


def test_options_go_over_the_reading_and_the_reading_over_the_setting():
    card = cards.load("4")
    assert card.resolve("T500").problem.length == 500
    setup = card.resolve("T500", "short_average", {"error_window": 7, "half": False, "lr": 2})
    assert (setup.criterion.error_window, setup.machine.half, setup.training.lr) == (7, False, 2.0)
    assert setup.options == {"error_window": 7, "half": False, "lr": 2}
    assert card.resolve("T500") == card.resolve("T500", TEXT, {})


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("lr=0.5", ("lr", 0.5)),
        ("half = false", ("half", False)),
        ("first_marker=minus_one", ("first_marker", "minus_one")),
        ("fewer_than=[140, 13]", ("fewer_than", [140, 13])),
        ("cap=10_000", ("cap", 10_000)),
    ],
)
def test_an_option_is_read_as_toml_or_as_a_text(text, option):
    assert parse_option(text) == option


@pytest.mark.parametrize("text", ["lr", "=3", "lr=", ""])
def test_an_option_without_a_value_is_refused(text):
    with pytest.raises(UsageError, match="expected option=value"):
        parse_option(text)


@pytest.mark.parametrize(
    ("name", "setting", "reading", "options", "parts"),
    [
        ("4", "T99", TEXT, {}, ["unknown setting of experiment 4 'T99'", "T100, T500, T1000"]),
        ("4", "T100", "txt", {}, ["unknown reading of experiment 4 'txt'", "did you mean 'text'"]),
        ("4", "T100", TEXT, {"learning": 1}, ["unknown option 'learning'"]),
        ("4", "T100", TEXT, {"lr": "fast"}, ["hs97/4, setting 'T100', [training], 'lr'", "expected a number"]),
        ("4", "T100", TEXT, {"lr": 0}, ["'lr'", "expected more than 0"]),
        ("4", "T100", TEXT, {"cap": 0}, ["'cap'", "expected at least 1"]),
        ("4", "T100", TEXT, {"length": 10}, ["[problem], 'length'", "expected at least 22"]),
        ("4", "T100", TEXT, {"half": 1}, ["[machine], 'half'", "expected true or false"]),
        ("4", "T100", TEXT, {"first_marker": "two"}, ["'first_marker'", "known are one, minus_one"]),
        ("4", "T100", TEXT, {"blocks": 3}, ["input_gate_biases: 2 numbers for 3 blocks"]),
        ("4", "T100", TEXT, {"output": "tanh"}, ["[machine]", "output"]),
        ("4", "T100", TEXT, {"cell_added": "plateau"}, ["connectivity = 'B'"]),
        ("4", "T100", TEXT, {"g": [2.0, -2.0]}, ["'g': expected [low, high]"]),
        ("5", "T100", TEXT, {"fewer_than": [13, 140]}, ["falling numbers"]),
        ("6a", "T100", TEXT, {"relevant": 4}, ["'relevant'", "known are 2, 3"]),
        ("2a", "bptt-p100-lr1", "per_step", {}, ["update = 'sequence'"]),
    ],
)
def test_what_is_impossible_is_said_in_one_line(name, setting, reading, options, parts):
    with pytest.raises(UsageError, match=".*".join(re.escape(part) for part in parts)) as caught:
        cards.load(name).resolve(setting, reading, options)
    assert "\n" not in str(caught.value)


def test_an_unknown_experiment_is_named_with_all_that_there_are():
    with pytest.raises(UsageError, match=r"unknown experiment of hs97 '7'.*known are 1, 2a"):
        cards.load("hs97/7")


@pytest.fixture
def changed(tmp_path):
    """Loads the shipped card of experiment 4 with one piece of its text replaced."""

    def load(old, new):
        text = cards.shipped()["4"].read_text()
        assert text.count(old) >= 1
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(old, new, 1))
        return cards.load(str(path))

    return load


def test_a_copy_of_a_shipped_card_is_the_same_card(tmp_path):
    path = shutil.copy(cards.shipped()["3b"], tmp_path / "copied.toml")
    assert cards.load(str(path)) == cards.load("3b")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials = 10", "trails = 10", r"\[experiment\]: unknown key 'trails': did you mean 'trials'"),
        ("trials = 10", "trials = 0", r"'trials': expected at least 1"),
        ('reading = "text"', 'reading = "mine"', r"'reading'.*known are text"),
        ("[problem]", "[problems]", r"unknown key 'problems'.*did you mean 'problem'"),
        ('kind = "adding"', 'kind = "addition"', r"unknown kind of \[problem\] 'addition': did you mean 'adding'"),
        ('kind = "recent"', 'kind = "recently"', r"unknown kind of \[criterion\]"),
        ("weights = 93", "weights = 94", r"its net has 93 weights, not 94"),
        ('setting = "T100"', 'setting = "T101"', r"unknown setting"),
        ('metric = "sequences"', 'metric = "sequence"', r"'metric'.*did you mean 'sequences'"),
        ('setting = "T100"', 'setting = "T100"\nmilestone = "ST1"', r"unknown milestone of setting 'T100' 'ST1'"),
        ("tolerance = 0.04", "tolerance = -1", r"\[criterion\], 'tolerance': expected more than 0"),
        ("contradicts = false", "contradicts = 0", r"'contradicts': expected true or false"),
        ("size = 2", "size = 2\nsiez = 2", r"\[net\]: unknown key 'siez'"),
        ("window = 2000", "window = 2000.5", r"'window': expected a whole number"),
    ],
)
def test_a_wrong_card_is_refused_with_its_file(changed, old, new, message):
    with pytest.raises(UsageError, match=rf"mine\.toml.*{message}") as caught:
        changed(old, new)
    assert "\n" not in str(caught.value)
