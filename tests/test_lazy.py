"""Subcommands are imported when they are called, and the help tells the same of them as they do."""

import subprocess
import sys

import pytest

from rnngrad import cli

HEAVY = ("torch", "numpy", "scipy", "pandas", "matplotlib", "numba")


@pytest.mark.parametrize("name", cli.SUBCOMMANDS)
def test_the_help_of_the_whole_is_that_of_the_part(name):
    command = cli.command.commands[name]
    assert command.name == name
    assert cli.SUBCOMMANDS[name].help == command.get_short_help_str(limit=1000)


def test_the_group_of_depth_has_all_its_experiments():
    assert {"nielsen", "glorot", "chain", "factors", "remedies"} <= cli.command.commands["depth"].commands.keys()


@pytest.mark.parametrize("words", ["-h", "--version", "runs -h", "runs --store none.db", "tsk"])
def test_what_does_not_compute_starts_without_the_libraries_that_do(words):
    script = f"import sys, atexit; atexit.register(lambda: print(*set({HEAVY}) & set(sys.modules), file=sys.stderr))"
    start = f"{script}; sys.argv[1:] = {words.split()}; from rnngrad.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, cwd="/")
    assert done.returncode == (0 if done.stdout else 2)
    assert done.stderr.splitlines()[-1] == ""
