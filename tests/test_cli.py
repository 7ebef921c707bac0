"""The command from outside: what is wrong is one line and exit 2 with nothing written; what is right says so."""

import json
import re
import sqlite3
import sys
from contextlib import closing

import pytest
import torch

from rnngrad import cards, cli, memory
from rnngrad.cells import CELLS, INITS
from rnngrad.problems import PROBLEMS
from rnngrad.store import Store
from rnngrad.store.schema import SCHEMA_VERSION

TINY = ("--lag", "4", "--batch", "1", "--hidden", "1", "--seeds", "1", "--steps", "1")
WITHOUT_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@pytest.fixture
def rnngrad(monkeypatch, capsys):
    """Runs ``rnngrad ARGV`` in this process; returns exit code, stdout and stderr. Training is out of bounds."""

    def trained(*_):
        raise AssertionError("this was to be refused before training")

    def run(*argv):
        monkeypatch.setattr(sys, "argv", ["rnngrad", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capsys.readouterr()

    monkeypatch.setattr("rnngrad.study.conduct", trained)
    return run


def assert_refused(result, pattern):
    """Exit 2, nothing on stdout, one line on stderr that says what is wrong."""
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert re.fullmatch(rf"rnngrad: .*{pattern}.*\n", err)


def tree(folder):
    """Everything below a folder with its bytes; what SQLite keeps beside an open file is not the command's."""
    found = [path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))]
    return {path: path.read_bytes() if path.is_file() else None for path in found}


@pytest.mark.parametrize(
    ("argv", "pattern"),
    [
        (["--lag", "1"], "lag 1 is too short.*'arjovsky'.* needs at least 2"),
        (["--protocol", "hs97", "--lag", "21"], "lag 21 is too short.*'hs97'.* needs at least 22"),
        (["--lag", "0"], "'--lag'.*0"),
        (["--lag", "-3"], "'--lag'.*-3"),
        (["--lag", "2.5"], "'--lag'.*2.5"),
        (["--lag", "many"], "'--lag'.*many"),
        (["--seeds", "0"], "'--seeds'.*0"),
        (["--seeds", "-1"], "'--seeds'.*-1"),
        (["--seed", "-1"], "'--seed'.*-1"),
        (["--seed", str(2**63)], "seed"),
        (["--hidden", "0"], "'--hidden'.*0"),
        (["--batch", "0"], "'--batch'.*0"),
        (["--steps", "0"], "'--steps'.*0"),
        (["--lr", "0"], "'--lr'.*0"),
        (["--lr", "-1e-3"], "'--lr'.*0.001"),
        (["--lr", "nan"], "--lr.*nan"),
        (["--lr", "inf"], "--lr.*inf"),
        (["--protocol", "arjovski"], "unknown protocol.*'arjovski'.*did you mean 'arjovsky'"),
        (["--protocol", "variable"], "unknown protocol.*'variable'"),
        (["--cell", "ltsm"], "unknown cell 'ltsm': did you mean 'lstm'"),
        (["--cell", ""], "unknown cell ''"),
        (["--cell", "rnn", "--cell", "gruu"], "unknown cell 'gruu': did you mean 'gru'"),
        (["--cell", "lstm:"], "cell 'lstm:': an initialisation goes behind the colon"),
        (["--cell", "lstm:chron"], "unknown init 'chron': did you mean 'chrono'"),
        (["--cell", "rnn:chrono"], "init 'chrono' does not fit cell 'rnn': it needs lstm"),
        (["--cell", "lstm", "--cell", "gru:identity"], "init 'identity' does not fit cell 'gru'"),
        (["--cell", "lstm:chrono", "--lag", "2"], "'chrono' needs a lag of at least 3"),
        (["--device", "gpu"], "'--device'.*'gpu'"),
        pytest.param(["--device", "cuda"], "--device cuda.*no CUDA device", marks=WITHOUT_CUDA),
        (["--engine", "triton"], "'--engine'.*'triton'"),
        (["--threads", "0"], "'--threads'.*0"),
        (["--threads", "100000"], "'--threads'.*100000 is not in the range"),
        (["--probe-every", "0"], "'--probe-every'.*0"),
        (["--bogus"], "[Nn]o such option.*--bogus"),
        (["more"], "unexpected extra argument.*more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_task_with_a_bad_flag_is_refused_and_nothing_written(rnngrad, tmp_path, argv, pattern):
    out = tmp_path / "out"
    assert_refused(rnngrad("task", "adding", *TINY, "--out", out, *argv), pattern)
    assert not out.exists()


@pytest.mark.parametrize(
    ("argv", "pattern"),
    [
        (["--cell", "ltsm"], "unknown cell 'ltsm': did you mean 'lstm'"),
        (["--cell", "lstm:chron"], "unknown init 'chron': did you mean 'chrono'"),
        (["--cell", "rnn:chrono"], "init 'chrono' does not fit cell 'rnn': it needs lstm"),
        (["--cell", "lstm:chrono", "--lag", "2"], "'chrono' needs a lag of at least 3"),
        (["--lag", "1"], "'--lag'.*1"),
        (["--lag", "12", "--warmup", "11"], "'--lag' 12 is too short for a warm-up of 11 steps.*give --lag 13"),
        (["--lag", "100000000"], r"needs about [\d,.]{3,} GiB.*use a shorter --lag"),
        (["--hidden", "4000000"], r"needs about [\d,.]{4,} GiB.*--hidden"),
        (["--hidden", "0"], "'--hidden'.*0"),
        (["--inputs", "0"], "'--inputs'.*0"),
        (["--batch", "0"], "'--batch'.*0"),
        (["--seeds", "0"], "'--seeds'.*0"),
        (["--seed", str(2**62)], "last seed must be under"),
        (["--threads", "0"], "'--threads'.*0"),
        (["--module", "nets.py"], "'--module': expected PATH.py:FUNCTION.*'nets.py'"),
        (["--module", "none.py:make"], "there is no file none.py"),
        (["--module", "nets.py:mak"], "unknown function 'mak': did you mean 'make'"),
        (["--module", "nets.py:make", "--hidden", "8"], "'--hidden' is for a --cell"),
        (["--module", "nets.py:make", "--inputs", "5"], "a net of 2 inputs: give --inputs 2"),
        (["--module", "nets.py:make", "--lag", "8"], "nets.py:make: the module's 'weight_hh_l0' holds NaN"),
        (["--checkpoint", "3"], "no store at runs/rnngrad.db"),
        (["--checkpoint", "9", "--store", "some.db"], "'--checkpoint' 9: the store some.db has run 1"),
        (["--checkpoint", "1", "--store", "some.db"], "'--checkpoint' 1: cannot read its weights nowhere"),
        (["--checkpoint", "1", "--store", "some.db", "--warmup", "3"], "'--warmup' 3: run 1 has 4 steps, so at most 2"),
        (["--checkpoint", "1", "--cell", "rnn"], "'--cell' does not go with --checkpoint"),
        (["--checkpoint", "1", "--lag", "10"], "'--lag' does not go with --checkpoint"),
        (["--store", "some.db"], "'--store' is where a --checkpoint is"),
        (["--out", "nets.py"], "cannot write.*nets.py.*--out"),
        (["more"], "unexpected extra argument.*more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_probe_with_bad_words_is_refused_and_nothing_written(rnngrad, tmp_path, monkeypatch, argv, pattern):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2**34)
    (tmp_path / "runs").mkdir()
    code = "import torch\ndef make():\n    net = torch.nn.GRU(2, 3)\n    net.weight_hh_l0.data[0] = float('nan')\n"
    (tmp_path / "nets.py").write_text(f"{code}    return net\n", encoding="utf-8")
    with closing(Store(tmp_path / "some.db")) as store:
        store.add_run(a_run(length=4))
    before = tree(tmp_path)
    assert_refused(rnngrad("probe", "--quiet", *argv), pattern)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("addin", "unknown task 'addin': did you mean 'adding'"),
        ("", "unknown task ''"),
        ("none.toml", "cannot read the card none.toml: No such file"),
    ],
)
def test_an_unknown_task_is_refused_and_nothing_written(rnngrad, tmp_path, monkeypatch, name, pattern):
    monkeypatch.chdir(tmp_path)
    assert_refused(rnngrad("task", name), pattern)
    assert not tree(tmp_path)


def test_a_broken_card_is_refused_and_nothing_written(rnngrad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = cards.shipped()["adding"].read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("batch = 32", "batch = true"), encoding="utf-8")
    before = tree(tmp_path)
    assert_refused(
        rnngrad("task", "./mine.toml"), r"mine\.toml, \[training\], 'batch': expected a whole number, got True"
    )
    assert tree(tmp_path) == before


def test_a_size_beyond_memory_is_refused_with_the_number(rnngrad, tmp_path):
    result = rnngrad("task", "adding", "--lag", "100000000", "--out", tmp_path / "out")
    assert_refused(result, r"needs about [\d,.]{4,} GiB.* [\d,.]+ GiB free: use a shorter lag")
    assert not tree(tmp_path)


def test_a_width_whose_weights_are_beyond_memory_is_refused_with_the_number(rnngrad, tmp_path, monkeypatch):
    """Few and short sequences, but a recurrent matrix of 256 TB: more than any address space here."""
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2**40)
    argv = ("--cell", "lstm", *TINY, "--hidden", "4000000", "--out", tmp_path / "out")
    assert_refused(rnngrad("task", "adding", *argv), r"needs about [\d,.]{4,} GiB")
    assert not tree(tmp_path)


def test_a_number_of_seeds_beyond_a_plan_is_refused_with_the_number(rnngrad, tmp_path):
    """10^18 seeds do not fit as a list of numbers either, and that must not be tried."""
    argv = (*TINY, "--seeds", 10**18, "--out", tmp_path / "out")
    assert_refused(rnngrad("task", "adding", *argv), r"has 2,000,000,000,000,000,000 runs.*at most 100,000")
    assert not tree(tmp_path)


@pytest.mark.parametrize("below", ["", "runs", "a/b"])
def test_an_output_folder_that_cannot_be_is_refused(rnngrad, tmp_path, below):
    """A path at or below a regular file: unwritable for root too."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    before = tree(tmp_path)
    assert_refused(rnngrad("task", "adding", *TINY, "--out", tmp_path / "file" / below), "cannot write.*file.*--out")
    assert tree(tmp_path) == before


def test_a_foreign_store_in_the_output_folder_is_refused_and_left_alone(rnngrad, tmp_path):
    (tmp_path / "rnngrad.db").write_text("this is a diary and no database", encoding="utf-8")
    before = tree(tmp_path)
    assert_refused(rnngrad("task", "adding", *TINY, "--out", tmp_path), r"cannot open the store .*rnngrad\.db")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("argv", "pattern"),
    [
        (["tsk"], "unknown command .tsk.: did you mean .task.*known are bench, compare"),
        (["depth", "nope"], "unknown command .nope.: known are chain, factors, glorot"),
        (["--bogus"], "[Nn]o such option.*--bogus"),
        (["task"], "[Mm]issing argument.*TASK"),
        (["task", "adding", "--lag"], "--lag.*requires an argument"),
        (["list"], "[Mm]issing argument"),
        (["list", "cell"], "'cell': did you mean 'cells'"),
        (["list", "cells", "inits"], "unexpected extra argument"),
        (["report", "--bogus"], "[Nn]o such option.*--bogus"),
        (["bench", "--case", "gru:6:20"], "'--case': expected CELL:B:T:H.*'gru:6:20'"),
        (["bench", "--case", "gru:6:20:0"], "'--case': expected CELL:B:T:H.*'gru:6:20:0'"),
        (["bench", "--case", "gur:6:20:4"], "unknown cell to measure 'gur': did you mean 'gru'"),
        (["bench", "--rounds", "0"], "'--rounds'.*0"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_refused_and_nothing_written(rnngrad, tmp_path, monkeypatch, argv, pattern):
    monkeypatch.chdir(tmp_path)
    assert_refused(rnngrad(*argv), pattern)
    assert not tree(tmp_path)


def sqlite_file(path, script):
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)


def foreign(path):
    sqlite_file(path, "CREATE TABLE bookmarks (url TEXT);")


def foreign_with_a_version(path):
    """Other programs number their schema in the same pragma."""
    sqlite_file(path, f"CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = {SCHEMA_VERSION};")


def newer(path):
    Store(path).close()
    sqlite_file(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1};")


def text_file(path):
    path.write_text("this is a diary and no database", encoding="utf-8")


BAD_STORES = {
    "missing": (lambda path: None, "no store at"),
    "folder": (lambda path: path.mkdir(), "some.db is a folder, and a store is a file that ends in .db"),
    "text": (text_file, "cannot open the store"),
    "empty file": (lambda path: path.touch(), "no rnngrad store"),
    "foreign": (foreign, "no rnngrad store"),
    "foreign with a version": (foreign_with_a_version, "no rnngrad store"),
    "newer": (newer, f"is of version {SCHEMA_VERSION + 1}, made by a newer rnngrad"),
    "no runs": (lambda path: Store(path).close(), "has no runs"),
}


@pytest.mark.parametrize("kind", BAD_STORES)
def test_a_report_on_what_is_no_store_is_refused_and_nothing_written(rnngrad, tmp_path, kind):
    make, pattern = BAD_STORES[kind]
    path = tmp_path / "some.db"
    make(path)
    before = tree(tmp_path)
    assert_refused(rnngrad("report", "--store", path, "--out", tmp_path / "out"), pattern)
    assert tree(tmp_path) == before


def a_run(length=0):
    """The row of an unfinished run."""
    words = dict.fromkeys(("created_at", "protocol", "cell", "init", "device", "engine", "command"), "x")
    numbers = dict.fromkeys(("lag", "minimal_lag", "hidden", "parameters", "seed", "steps", "solved"), 0)
    tables = {"versions": {}, "baselines": {"constant": 1.0}, "scores": {}}
    card = {"task": {"title": "t"}, "training": {}, "stop": {}}
    names = {"task": "adding", "problem": "adding", "status": "running", "length": length}
    return {**words, **numbers, **tables, **names, "card": card, "lr": 0.1, "seconds": 0.0}


@pytest.fixture
def stored(tmp_path):
    """A store with one unfinished run."""
    path = tmp_path / "rnngrad.db"
    store = Store(path)
    store.add_run(a_run())
    store.close()
    return path


def test_a_report_on_an_unknown_task_is_refused_with_the_nearest(rnngrad, tmp_path, stored):
    before = tree(tmp_path)
    result = rnngrad("report", "--store", stored, "--task", "addin", "--out", tmp_path / "out")
    assert_refused(result, "unknown stored task 'addin': did you mean 'adding'")
    assert tree(tmp_path) == before


def test_a_report_into_a_folder_that_cannot_be_is_refused(rnngrad, tmp_path, stored):
    before = tree(tmp_path)
    assert_refused(rnngrad("report", "--store", stored, "--out", stored / "below"), "cannot write.*--out")
    assert tree(tmp_path) == before


def test_no_words_at_all_show_the_help_readably(rnngrad):
    """Help squeezed into one line helps nobody."""
    code, out, err = rnngrad()
    assert code in (0, 2)
    assert re.search(r"^ +task ", out + err, re.MULTILINE)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("words", [[], *([name] for name in cli.command.commands)], ids=" ".join)
def test_help_works_everywhere(rnngrad, words, flag):
    code, out, err = rnngrad(*words, flag)
    assert (code, err) == (0, "")
    assert re.match(rf"Usage: .*{' '.join(['rnngrad', *words])} ", out)
    described = cli.command.commands[words[0]] if words else cli.command
    assert described.help.splitlines()[0] in out


@pytest.mark.parametrize("name", cli.command.commands)
def test_help_names_every_option(rnngrad, name):
    out = rnngrad(name, "-h")[1]
    for parameter in cli.command.commands[name].params:
        if parameter.param_type_name == "option":
            assert max(parameter.opts, key=len) in out


def test_the_version_is_the_packages(rnngrad):
    code, out, _ = rnngrad("--version")
    assert code == 0
    assert re.search(r"\d+\.\d+", out)


LISTS = {"problems": PROBLEMS, "cells": CELLS, "inits": INITS, "tasks": cards.shipped()}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_names_every_entry_in_order(rnngrad, kind):
    code, out, err = rnngrad("list", kind)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if line[0] != " "] == list(LISTS[kind])


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_as_json_is_one_object_per_line(rnngrad, kind):
    code, out, err = rnngrad("list", kind, "--json")
    assert (code, err) == (0, "")
    assert [json.loads(line)["name"] for line in out.splitlines()] == list(LISTS[kind])


def test_the_listed_protocols_come_with_their_least_lag(rnngrad):
    rows = [json.loads(line) for line in rnngrad("list", "problems", "--json")[1].splitlines()]
    for row in rows:
        for protocol, least in PROBLEMS[row["name"]].protocols.items():
            assert f"{protocol} (lag {least} or more)" in row["protocols"]


def test_ctrl_c_is_one_line_and_130(rnngrad, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnngrad.study.conduct", interrupted)
    code, out, err = rnngrad("task", "adding", *TINY, "--quiet", "--out", tmp_path / "out")
    assert (code, out) == (130, "")
    assert re.fullmatch(r"rnngrad: interrupted.*", err.strip())
