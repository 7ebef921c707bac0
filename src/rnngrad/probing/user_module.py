"""A net of the user's own, from a function in a Python file."""

import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import UsageError, unknown
from .subjects import Case, Data, Subject

Make = Callable[[], Any]


def module_subject(text: str, data: Data, seeds: range) -> Subject:
    """What PATH.py:FUNCTION returns, called for each seed with torch's random state set to it.

    Raises UsageError for a file or function that is not there, for whatever the code raises, and for what is no module
    over time.
    """
    data.check()
    make_module = _function(text)

    def make(seed: int) -> Case:
        with torch.random.fork_rng(devices=[]), _raised_by(text):
            torch.manual_seed(seed)
            module = make_module()
        if isinstance(module, nn.Sequential):
            raise UsageError(f"'--module' {text} made an nn.Sequential, which has layers and no time steps to probe")
        if not isinstance(module, nn.Module):
            raise UsageError(f"'--module' {text} must return an nn.Module, got {type(module).__name__}")
        width = getattr(module, "input_size", data.inputs)
        if width != data.inputs:
            raise UsageError(f"'--module' {text} made a net of {width} inputs: give --inputs {width}")
        return data.case(seed, module)

    return Subject(f"{Path(text.rpartition(':')[0]).name}:{text.rpartition(':')[2]}", seeds, make)


def _function(text: str) -> Make:
    """The function that is named by PATH.py:FUNCTION."""
    file, _, name = text.rpartition(":")
    path = Path(file)
    if not (file.endswith(".py") and name.isidentifier()):
        raise UsageError(f"'--module': expected PATH.py:FUNCTION, such as nets.py:make, got {text!r}")
    if not path.is_file():
        raise UsageError(f"'--module' {text}: there is no file {path}")
    found = _executed(path, text)
    if name not in found:
        known = [key for key, value in found.items() if callable(value) and not key.startswith("_")]
        raise UsageError(f"'--module' {text}: {unknown('function', name, known)}")
    if not callable(found[name]):
        raise UsageError(f"'--module' {text}: {name} is no function but a {type(found[name]).__name__}")
    function: Make = found[name]
    return function


def _executed(path: Path, text: str) -> dict[str, Any]:
    """What the file defines, run with its own folder on the path as Python has it for a script."""
    sys.path.insert(0, str(path.resolve().parent))
    with _raised_by(text):
        return runpy.run_path(str(path), run_name=f"probed_{path.stem}")


@contextmanager
def _raised_by(text: str) -> Iterator[None]:
    """Whatever the user's code raises becomes a UsageError; what it prints goes to stderr, away from the results."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"'--module' {text} raised {said}") from error
