"""A trained net from the store, on the probe batch of its own task."""

from functools import partial
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..cards import CellSpec
from ..cells import CELLS
from ..errors import UsageError
from ..models import Recurrent
from ..models.replicas import stacked
from ..problems import PROBLEMS, Problem
from ..reruns import is_trial
from ..store import Row, Store
from ..streams import generator
from .subjects import Case, Subject, cell_label


def stored_run(store: Store, run: int, warmup: int = 0) -> Subject:
    """The run of that id at the weights that were saved last, its loss that of its task's last step.

    x is the probe batch of the run's own seed, the one that its gradient flow was measured on while it trained. The
    exponents start at the first step, for growth over the task's own stretch of time, unless ``warmup`` says otherwise.
    Raises UsageError for an id that the store does not have, and for weights that are not there or cannot be read.
    """
    rows = {row["id"]: row for row in store.runs()}
    if run not in rows:
        raise UsageError(f"'--checkpoint' {run}: the store {store.path} has {_known(list(rows))}")
    row = rows[run]
    if is_trial(row):
        raise UsageError(
            f"'--checkpoint' {run}: a trial of {row['task']}, which `rnngrad report` shows; not a task's run"
        )
    if row["length"] < warmup + 2:
        raise UsageError(f"'--warmup' {warmup}: run {run} has {row['length']} steps, so at most {row['length'] - 2}")
    params = _weights(store.path.parent / (row["weights"] or "nowhere"), run)
    shapes, theta = stacked([params])
    model = Recurrent(cell=CELLS[row["cell"]], shapes=shapes, theta=theta)
    problem = PROBLEMS[row["problem"]](row["protocol"], row["lag"])
    label = f"run {run}: {cell_label(CellSpec(row['cell'], row['init']))}"
    return Subject(label, range(row["seed"], row["seed"] + 1), partial(_case, model, problem, row, warmup))


def _case(model: Recurrent, problem: Problem, row: Row, warmup: int, seed: int) -> Case:
    batch = row["card"]["training"]["batch"]
    x, target = problem.sample(problem.lengths[-1], batch, generator(seed, "probe"))

    def loss(output: Tensor) -> Tensor:
        return problem.last_step_loss(output.unsqueeze(0), target.unsqueeze(0)).mean()

    return Case(seed, model, x, warmup, loss)


def _weights(path: Path, run: int) -> dict[str, Tensor]:
    """By name. Raises UsageError where there are none."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        said = str(error).splitlines()[0]
        raise UsageError(f"'--checkpoint' {run}: cannot read its weights {path}: {said}") from None


def _known(ids: list[int]) -> str:
    """What there is to choose from, in a few words."""
    if not ids:
        return "no runs: train some with `rnngrad task`"
    return f"run {ids[0]}" if len(ids) == 1 else f"runs {min(ids)} to {max(ids)}"
