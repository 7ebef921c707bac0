"""Task cards: what is shipped loads, what is wrong is refused with key, file and what was expected."""

import re
import shutil
from dataclasses import replace

import pytest

from rnngrad import cards
from rnngrad.cards import CellSpec
from rnngrad.cells import CELLS
from rnngrad.cli.training import grid_of
from rnngrad.errors import UsageError
from rnngrad.problems import PROBLEMS
from rnngrad.stopping import RULES, StopRule

GOOD = """
[task]
name = "mine"
title = "My task"

[problem]
name = "adding"
protocol = "hs97"
lag = 50

[training]
lr = 1e-3
batch = 8
clip = 1.0
max_steps = 10
eval_every = 5

[stop]
rule = "loss_below"
value = 0.01

[[cell]]
name = "lstm"
hidden = 4
"""
CHANGING = ("protocol", "batch", "steps", "hidden", "omega", "omega_form")
RUNNING = {"seed": 0, "seeds": 1, "device": "cpu", "engine": "auto", "probe_every": None}
WORKING = {"workers": None, "scheduler": None, "per_worker_gpu": False}
NO_FLAGS = dict.fromkeys(CHANGING) | RUNNING | WORKING | {"cell_names": ()}


def resolved(card, lag=None, lr=None, **flags):
    """The card as ``rnngrad task`` takes it with these flags."""
    (own,) = grid_of(card, [] if lag is None else [lag], [] if lr is None else [lr], **flags).cards()
    return own


@pytest.fixture
def card_file(tmp_path):
    """Writes a card file and returns its path."""

    def write(text=GOOD):
        path = tmp_path / "mine.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def changed(old, new):
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def assert_refused(path, *parts):
    """Loading fails, with one line that holds the file and then the parts in order."""
    with pytest.raises(UsageError, match=".*".join(re.escape(part) for part in (str(path), *parts))) as caught:
        cards.load(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", cards.shipped())
def test_a_shipped_card_loads_and_says_what_it_is(name):
    card = cards.load(name)
    assert card.task.name == name
    assert card.task.title
    assert card.task.claim
    assert re.search(r"\b(19|20)\d\d\b", card.task.paper)
    assert card.make_problem().name in PROBLEMS
    assert {"rnn", "lstm"} <= {spec.name for spec in card.cells}


def test_every_problem_has_a_shipped_card():
    assert {cards.load(name).problem.name for name in cards.shipped()} == set(PROBLEMS)


@pytest.mark.parametrize("name", cards.shipped())
def test_a_shipped_card_gives_every_cell_the_same_grid_and_a_rate_from_it(name):
    card = cards.load(name)
    assert len(card.training.lr_grid) >= 2
    for spec in card.cells:
        assert card.rate(spec) in card.training.lr_grid


@pytest.mark.parametrize("name", cards.shipped())
def test_a_copy_of_a_shipped_card_is_the_same_card(name, tmp_path):
    path = shutil.copy(cards.shipped()[name], tmp_path / "copied.toml")
    assert cards.load(str(path)) == cards.load(name)


def test_a_users_card_loads_by_its_path(card_file):
    card = cards.load(str(card_file()))
    assert (card.task.name, card.problem.protocol, card.problem.lag) == ("mine", "hs97", 50)
    assert card.stop == StopRule("loss_below", 0.01, on=1000, hold=200)
    assert card.cells == (CellSpec("lstm", "forget_bias_1", 4),)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_without_an_init_gets_its_own_default(name):
    assert CellSpec(name).init == CELLS[name].default_init
    assert CellSpec.parse(name, 7) == CellSpec(name, CELLS[name].default_init, 7)


def test_a_tuned_rate_is_its_cells_own(card_file):
    text = changed("clip = 1.0", 'clip = 1.0\ntuned = {"lstm:forget_bias_1" = 1e-2}')
    card = cards.load(str(card_file(text)))
    assert card.rate(card.cells[0]) == 1e-2
    assert card.rate(CellSpec("rnn")) == 1e-3


def test_a_tuned_rate_named_by_the_cell_alone_is_used_or_refused(card_file):
    """Silently training at another rate than the card says would be neither."""
    path = card_file(changed("clip = 1.0", "clip = 1.0\ntuned = {lstm = 1e-2}"))
    try:
        card = cards.load(str(path))
    except UsageError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert card.rate(card.cells[0]) == 1e-2


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('title = "My task"', 'titel = "My task"', ["[task]", "unknown key 'titel'", "did you mean 'title'"]),
        ("lag = 50", "lag = 50\nlength = 9", ["[problem]", "unknown key 'length'"]),
        ("lr = 1e-3", "lr = 1e-3\nlearning = 1", ["[training]", "unknown key 'learning'"]),
        ("value = 0.01", "value = 0.01\nhodl = 1", ["[stop]", "unknown key 'hodl'", "did you mean 'hold'"]),
        ("hidden = 4", "hiden = 4", ["[[cell]] 1", "unknown key 'hiden'", "did you mean 'hidden'"]),
        ("[stop]", "[stops]", ["unknown key 'stops'", "did you mean 'stop'"]),
    ],
)
def test_an_unknown_key_is_named_with_its_table_and_the_nearest(card_file, old, new, parts):
    assert_refused(card_file(changed(old, new)), *parts)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("lag = 50", 'lag = "50"', ["[problem]", "'lag'", "expected a whole number, got '50'"]),
        ("lag = 50", "lag = 50.0", ["[problem]", "'lag'", "expected a whole number, got 50.0"]),
        ("lag = 50", "lag = true", ["[problem]", "'lag'", "expected a whole number, got True"]),
        ("lag = 50", "lag = [50]", ["[problem]", "'lag'", "expected a whole number, got [50]"]),
        ("lr = 1e-3", "lr = true", ["[training]", "'lr'", "expected a number, got True"]),
        ("lr = 1e-3", 'lr = "1e-3"', ["[training]", "'lr'", "expected a number"]),
        ("lr = 1e-3", "lr = nan", ["[training]", "'lr'", "expected a number within ±1,000,000,000, got nan"]),
        ("lr = 1e-3", "lr = inf", ["[training]", "'lr'", "expected a number within ±1,000,000,000, got inf"]),
        (
            "lr = 1e-3",
            f"lr = 1{'0' * 400}",
            ["[training]", "'lr'", "expected a number within ±1,000,000,000, got 1000"],
        ),
        ("lag = 50", "lag = 2000000000", ["[problem]", "'lag'", "expected a number within ±1,000,000,000, got 2000"]),
        ("lr = 1e-3", "lr = 1e-3\nlr_grid = 1e-3", ["[training]", "'lr_grid'", "expected a list"]),
        ("lr = 1e-3", 'lr = 1e-3\nlr_grid = [1e-3, "x"]', ["[training]", "'lr_grid'", "expected a number"]),
        ("lr = 1e-3", "lr = 1e-3\ntuned = 3", ["[training]", "'tuned'", "expected a table, got 3"]),
        ("lr = 1e-3", 'lr = 1e-3\ntuned = {rnn = "x"}', ["[training]", "'tuned'", "'rnn'", "expected a number"]),
        ('name = "mine"', "name = 3", ["[task]", "'name'", "expected a text, got 3"]),
        ("hidden = 4", "hidden = true", ["[[cell]] 1", "'hidden'", "expected a whole number, got True"]),
        ("[[cell]]", "[cell]", ["[[cell]]", "expected at least one"]),
        ("[[cell]]", "[[task.cell]]", ["unknown key 'cell'"]),
    ],
)
def test_a_wrong_type_is_named_with_its_key_and_what_was_expected(card_file, old, new, parts):
    assert_refused(card_file(changed(old, new)), *parts)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("lag = 50", "lag = 0", ["[problem]", "'lag'", "expected at least 1, got 0"]),
        ("batch = 8", "batch = -1", ["[training]", "'batch'", "expected at least 1, got -1"]),
        ("lr = 1e-3", "lr = 0", ["[training]", "'lr'", "expected more than 0, got 0"]),
        ("clip = 1.0", "clip = -1.0", ["[training]", "'clip'", "expected more than 0, got -1.0"]),
        ("max_steps = 10", "max_steps = 0", ["[training]", "'max_steps'", "expected at least 1"]),
        ("eval_every = 5", "eval_every = 0", ["[training]", "'eval_every'", "expected at least 1"]),
        ("value = 0.01", "value = -1", ["[stop]", "'value'", "expected at least 0"]),
        ("value = 0.01", "value = 0.01\non = 0", ["[stop]", "'on'", "expected at least 1"]),
        ("value = 0.01", "value = 0.01\nhold = -1", ["[stop]", "'hold'", "expected at least 0"]),
        ("hidden = 4", "hidden = 0", ["[[cell]] 1", "'hidden'", "expected at least 1"]),
        ('name = "adding"', 'name = "addin"', ["[problem]", "'name'", "'addin'", "did you mean 'adding'"]),
        ('name = "lstm"', 'name = "ltsm"', ["[[cell]] 1", "'name'", "'ltsm'", "did you mean 'lstm'"]),
        ("hidden = 4", 'init = "chron"', ["[[cell]] 1", "unknown init 'chron'", "did you mean 'chrono'"]),
        ('"loss_below"', '"loss_bellow"', ["[stop]", "'rule'", "did you mean 'loss_below'"]),
        ("clip = 1.0", 'clip = 1.0\noptimizer = "adm"', ["'optimizer'", "did you mean 'adam'"]),
        ("clip = 1.0", "clip = 1.0\ntuned = {ltsm = 1e-3}", ["unknown cell 'ltsm'", "did you mean 'lstm'"]),
        ("clip = 1.0", 'clip = 1.0\ntuned = {"lstm:forget_bias_1" = -1}', ["[training]", "'tuned'", "more than 0"]),
        ("clip = 1.0", "clip = 1.0\nlr_grid = [1e-3, 0]", ["[training]", "'lr_grid'", "more than 0"]),
    ],
)
def test_an_impossible_value_is_named_with_what_was_expected(card_file, old, new, parts):
    assert_refused(card_file(changed(old, new)), *parts)


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ('name = "mine"\n', "[task]"),
        ("lag = 50\n", "[problem]"),
        ('protocol = "hs97"\n', "[problem]"),
        ("clip = 1.0\n", "[training]"),
        ('rule = "loss_below"\n', "[stop]"),
        ('name = "lstm"\n', "[[cell]] 1"),
    ],
)
def test_a_missing_key_is_named_with_its_table(card_file, line, table):
    assert_refused(card_file(changed(line, "")), table, f"key '{line.split()[0]}' is missing")


@pytest.mark.parametrize("table", ["[task]", "[problem]", "[training]", "[stop]"])
def test_a_missing_table_is_named(card_file, table):
    start = GOOD.index(table)
    text = GOOD[:start] + GOOD[GOOD.index("\n[", start) :]
    assert_refused(card_file(text), table, "expected a table, got nothing")


@pytest.mark.parametrize("cells", ["", "cell = []\n"])
def test_a_card_without_cells_is_refused(card_file, cells):
    assert_refused(card_file(cells + GOOD[: GOOD.index("[[cell]]")]), "[[cell]]", "at least one")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (changed("[task]", "[task"), ["is not valid TOML", "line 2"]),
        (changed("lag = 50", "lag = "), ["is not valid TOML"]),
        (changed("lag = 50", "lag = 50\nlag = 51"), ["is not valid TOML"]),
        (GOOD.replace("My task", "Längs").encode("latin-1"), ["is not valid TOML", "utf-8"]),
    ],
)
def test_a_file_that_is_no_toml_is_named_with_the_place(card_file, text, parts):
    assert_refused(card_file(text), *parts)


def test_a_missing_file_and_a_folder_are_refused_by_path(tmp_path):
    assert_refused(tmp_path / "none.toml", "No such file")
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(UsageError, match=rf"cannot read the card {re.escape(str(folder))}"):
        cards.load(str(folder))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('protocol = "hs97"', 'protocol = "hs79"', ["problem 'adding': unknown protocol 'hs79': did you mean 'hs97'"]),
        ("lag = 50", "lag = 21", ["lag 21 is too short", "'hs97'", "at least 22"]),
        ('"loss_below"', '"recall_at_least"', ["does not fit problem 'adding'", "use 'loss_below' or"]),
        ("hidden = 4", 'init = "identity"', ["init 'identity' does not fit cell 'lstm'"]),
        ('"loss_below"\nvalue = 0.01', '"accuracy_at_least"\nvalue = 1.5', ["at most 1", "accuracy", "got 1.5"]),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(card_file, old, new, parts):
    assert_refused(card_file(changed(old, new)), *parts)


@pytest.mark.parametrize(("name", "nearest"), [("addin", "adding"), ("cpy", "copy"), ("adding.tom", "adding")])
def test_an_unknown_task_is_refused_with_the_nearest(name, nearest):
    with pytest.raises(UsageError, match=rf"unknown task '{name}': did you mean '{nearest}'\?.*ends in \.toml"):
        cards.load(name)


def test_the_nearest_task_is_a_task():
    """The list of known names ends in an explanation, which is no name."""
    with pytest.raises(UsageError) as caught:
        cards.load("a/path/that/ends/in.tml")
    assert "did you mean 'or a path" not in str(caught.value)


@pytest.mark.parametrize(("flag", "value"), [("lag", 77), ("protocol", "uniform")])
def test_a_flag_overrides_the_problem(card_file, flag, value):
    card = cards.load(str(card_file()))
    changed_card = resolved(card, **NO_FLAGS | {flag: value})
    assert changed_card == replace(card, problem=replace(card.problem, **{flag: value}))


@pytest.mark.parametrize(
    ("flag", "field", "value"), [("batch", "batch", 3), ("lr", "lr", 0.5), ("steps", "max_steps", 9)]
)
def test_a_flag_overrides_the_training(card_file, flag, field, value):
    card = cards.load(str(card_file()))
    changed_card = resolved(card, **NO_FLAGS | {flag: value})
    assert changed_card == replace(card, training=replace(card.training, **{field: value}))


def test_no_flag_changes_nothing(card_file):
    card = cards.load(str(card_file()))
    assert resolved(card, **NO_FLAGS) == card


def test_a_rate_on_the_command_line_overrides_the_tuned_ones(card_file):
    text = changed("clip = 1.0", 'clip = 1.0\ntuned = {"lstm:forget_bias_1" = 1e-2}')
    card = resolved(cards.load(str(card_file(text))), **NO_FLAGS | {"lr": 0.25})
    assert card.rate(card.cells[0]) == 0.25


def test_cells_on_the_command_line_replace_the_cards_at_its_width(card_file):
    card = cards.load(str(card_file()))
    replaced = resolved(card, **NO_FLAGS | {"cell_names": ("gru", "lstm:chrono")})
    assert replaced.cells == (CellSpec("gru", "default", 4), CellSpec("lstm", "chrono", 4))
    wider = resolved(card, **NO_FLAGS | {"cell_names": ("gru",), "hidden": 9})
    assert wider.cells == (CellSpec("gru", "default", 9),)
    with pytest.raises(UsageError, match="'--cell': gru:default is there more than once: give each once"):
        resolved(card, **NO_FLAGS | {"cell_names": ("gru", "lstm:chrono", "gru")})


def test_an_override_is_checked_against_the_rest_of_the_card(card_file):
    card = cards.load(str(card_file()))
    with pytest.raises(UsageError, match=r"lag 3 is too short.*'hs97'.* needs at least 22"):
        resolved(card, **NO_FLAGS | {"lag": 3})
    with pytest.raises(UsageError, match="unknown protocol"):
        resolved(card, **NO_FLAGS | {"protocol": "variable"})


@pytest.mark.parametrize("rule", RULES)
def test_a_stop_rule_reads_its_own_score_and_nan_meets_none(rule):
    stop = StopRule(rule, 0.5)
    scores = {score: float("nan") for score in ("loss", "recall", "accuracy", "exact")}
    assert not stop.met(scores)
    score, better, worse = {
        "loss_below": ("loss", 0.49, 0.5),
        "recall_at_least": ("recall", 0.5, 0.49),
        "accuracy_at_least": ("accuracy", 0.5, 0.49),
        "exact_at_least": ("exact", 0.5, 0.49),
    }[rule]
    assert stop.met(scores | {score: better})
    assert not stop.met(scores | {score: worse})
