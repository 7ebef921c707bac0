"""How a net fails that its cap left unsolved: which kinds of sequences are wrong, and one of them seen from inside."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .criteria import Examined
from .inside import listed
from .machine import Topology, record
from .problems import Problem97
from .problems.base import Ints, Kinds
from .sequences import Flags, Reals
from .trial import Trial, stream

UNITS = 10
"""Outputs that are kept of the sequence that is shown, at most: those with the largest errors where it is wrong."""


@dataclass(frozen=True)
class Failing:
    """What a trial's end has beside its numbers; both empty for a trial that is under way, solved or diverged.

    ``scores``: under ``wrong``, for each set of sequences that was looked at, how many ``sequences`` it has, how many
    are ``wrong``, and in ``kinds``, by what tells them apart, each kind's [wrong, all].
    ``flow``: under ``failed`` one wrong sequence: what its elements are called (``names``), ``input_gates``,
    ``output_gates`` and ``states`` as :func:`rnngrad.hs97.inside.inside` has them, ``outputs`` (T, units) with the
    ``units``' names, and from 1 the steps that are ``scored``, with ``targets`` (scored, units), and those ``wrong``.
    """

    scores: dict[str, Any] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Looked:
    """A set of sequences, the net's outputs at its scored steps, and where they are wrong."""

    at: Examined
    outputs: Reals
    wrong: Flags

    @property
    def owners(self) -> Ints:
        """(scored steps,) The sequence of each."""
        block = self.at.sequences
        return np.asarray(np.searchsorted(block.starts, np.flatnonzero(block.scored), side="right") - 1)


def failing(trial: Trial) -> Failing:
    """Looks at the net as it is; the trial and its random numbers stay as they are.

    Kinds are counted in sequences: one that is wrong at two kinds of steps counts for both.
    """
    examined = trial.setup.criterion.examined(trial.problem, stream(trial.seed, "failures"))
    looked = [_look(trial, one) for one in examined]
    counts = {one.at.name: _counts(trial.problem, one) for one in looked}
    shown = [one for one in looked if one.wrong.any()]
    blocks = isinstance(trial.machine.net, Topology) and trial.machine.net.cells
    return Failing({"wrong": counts}, {"failed": _inside(trial, shown[-1])} if shown and blocks else {})


def _look(trial: Trial, at: Examined) -> _Looked:
    outputs = trial.machine.test(at.sequences, outputs=True).outputs
    return _Looked(at, outputs, at.judged & ~at.right(outputs))


def _counts(problem: Problem97, looked: _Looked) -> dict[str, Any]:
    judged, owners = looked.at.judged, looked.owners
    ways = problem.kinds(looked.at.sequences) | _taken_for(problem, looked)
    return {
        "sequences": len(looked.at.sequences),
        "wrong": _distinct(owners[looked.wrong]),
        "kinds": {
            way: {
                str(kind): [
                    _distinct(owners[(kinds == kind) & looked.wrong]),
                    _distinct(owners[(kinds == kind) & judged]),
                ]
                for kind in np.unique(kinds[judged])
            }
            for way, kinds in ways.items()
        },
    }


def _distinct(owners: Ints) -> int:
    return len(np.unique(owners))


def _taken_for(problem: Problem97, looked: _Looked) -> Kinds:
    """Which class was taken for which, where a sequence has one answer among several."""
    block, names = looked.at.sequences, np.array(problem.answers)
    if len(block.targets) != len(block) or len(names) == 1:
        return {}
    classes, taken = names[block.targets.argmax(axis=1)], names[looked.outputs.argmax(axis=1)]
    said = [f"{one} answered with {other}" for one, other in zip(classes, taken, strict=True)]
    return {"answer": np.array(said)}


def _inside(trial: Trial, looked: _Looked) -> dict[str, Any]:
    """The first sequence that is wrong."""
    block, owners = looked.at.sequences, looked.owners
    first = int(owners[looked.wrong][0])
    sequence, wrong = block.part(first, first + 1), looked.wrong[owners == first]
    seen, scored = record(trial.machine, sequence), np.flatnonzero(sequence.scored)
    units = _worst(np.abs(sequence.targets - seen.outputs[scored])[wrong])
    return {
        "names": trial.problem.named(sequence),
        "units": [trial.problem.answers[k] for k in units],
        "scored": (scored + 1).tolist(),
        "wrong": (scored[wrong] + 1).tolist(),
        **listed(
            input_gates=seen.input_gates,
            output_gates=seen.output_gates,
            states=seen.states,
            outputs=seen.outputs[:, units],
            targets=sequence.targets[:, units],
        ),
    }


def _worst(errors: Reals) -> NDArray[np.intp]:
    """(units,) The outputs with the largest of these errors, (steps, O), in their order."""
    return np.sort(np.argsort(-errors.max(axis=0), kind="stable")[:UNITS])
