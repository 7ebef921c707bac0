"""The README is true: its commands parse, its names exist, its table is the one in the ledger."""

import re
import shlex
from pathlib import Path

import pytest

from rnngrad import bench, cards, cli
from rnngrad.cells import CELLS, INITS
from rnngrad.cli.training import grid_of
from rnngrad.models.activations import ACTIVATIONS
from rnngrad.models.layer_inits import LAYER_INITS
from rnngrad.problems import PROBLEMS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line.split("#")[0].split(">")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("rnngrad")])
def test_a_command_of_the_readme_is_understood(line):
    name, *words = shlex.split(line)[1:]
    subcommand = cli.command.commands[name]
    context = subcommand.make_context(name, words, **cli.HELP)
    if name in ("task", "sweep"):
        given = dict(context.params)
        lags, rates = (given.pop(f"{what}s", None) or given.pop(what, None) or [] for what in ("lag", "lr"))
        lags, rates = (own if isinstance(own, list) else [own] for own in (lags, rates))
        assert grid_of(cards.load(given.pop("name")), lags, rates, **given).cards()


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("make")])
def test_a_make_target_of_the_readme_exists(line):
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_the_readme_has_commands_of_both_kinds():
    assert {c.split()[0] for c in COMMANDS} >= {"rnngrad", "make"}


@pytest.mark.parametrize(
    "name",
    [
        *(PROBLEMS | CELLS | INITS | LAYER_INITS | ACTIVATIONS),
        *(p for problem in PROBLEMS.values() for p in problem.protocols),
    ],
)
def test_every_registry_entry_is_in_the_readme(name):
    assert f"`{name}`" in README


def test_the_readmes_table_is_the_ledgers():
    table = (ROOT / "reports/demo/adding-arjovsky-lag200.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert all(row in README for row in rows)


def test_the_speed_table_is_what_the_command_prints():
    """The heading of today, and a line for every case."""
    lines = README.splitlines()
    head = next(k for k, line in enumerate(lines) if line == bench.heading().splitlines()[0])
    table = [
        [cell.strip() for cell in line.split("|")[1:4]] for line in lines[head + 2 : head + 2 + len(bench.DEFAULT)]
    ]
    cases = [[c.cell, f"{c.batch}, {c.steps}, {c.hidden}", str(c.replicas)] for c in bench.DEFAULT]
    assert table == cases


def test_every_file_that_the_readme_names_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_five_lines_of_python_run_as_they_stand(tmp_path, monkeypatch, capsys):
    slurm, block = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert "dask_jobqueue" in slurm  # which needs a cluster
    assert len([line for line in block.splitlines() if line]) == 5
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(block, found)
    assert "each step back multiplies it by" in capsys.readouterr().out
    assert (tmp_path / "flow.png").stat().st_size > 10_000
    assert found["flow"].table.lag.max() == 199
