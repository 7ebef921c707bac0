"""How fast is a training step? The fused CPU engine beside torch.nn and the Python loop, in one process, in turns.

A step is forward and backward from the last step's h, without the update. The Python loop is what people do to see
∂L/∂h_t: torch cells, every h_t retaining its gradient, and its norm. In every round each contender has a turn of steps
in a row, the first half of which do not count: they bring the other's threads to sleep and its own data to the caches.
All figures are medians over the rounds. Both sides get the same number of threads, torch fewer where it is faster so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from .cells import CELLS, Params
from .engine import Tap, cpu
from .errors import UsageError, unknown

INPUTS = 2
SIZES = ((64, 200, 64), (24, 200, 128), (64, 200, 128), (16, 1000, 32))
LAYERS: dict[str, tuple[Callable[[int, int], nn.Module], Callable[[int, int], nn.Module]]] = {
    "rnn": (nn.RNN, nn.RNNCell),
    "lstm": (nn.LSTM, nn.LSTMCell),
    "gru": (nn.GRU, nn.GRUCell),
}
TURN = 0.03
"""Seconds of steps that count, and as many before: torch's threads go on spinning for milliseconds after their work."""
SGEMM = 1024
"""Side of the square float32 product that shows what the machine can do."""

Step = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One line of the table: a cell, B sequences of T steps, H units, R replicas."""

    cell: str
    batch: int
    steps: int
    hidden: int
    replicas: int = 1

    @classmethod
    def parse(cls, text: str) -> "Case":
        """From CELL:B:T:H[:R]. Raises UsageError that says what is wrong."""
        cell, *sizes = text.split(":")
        if cell not in LAYERS:
            raise unknown("cell to measure", cell, LAYERS)
        if len(sizes) not in (3, 4) or not all(size.isdecimal() and 0 < int(size) < 10**7 for size in sizes):
            raise UsageError(f"'--case': expected CELL:B:T:H or CELL:B:T:H:R in whole numbers, got {text!r}")
        return cls(cell, *map(int, sizes))

    @property
    def flops(self) -> int:
        """Operations of the recurrent products of a step: forward, back to the states, and to the weights."""
        return 6 * CELLS[self.cell].gates * self.batch * self.hidden**2 * self.steps * self.replicas


DEFAULT = (*(Case(c, *size) for c in LAYERS for size in SIZES), *(Case(c, 24, 200, 64, 8) for c in LAYERS))
"""Every size for one seed, then eight seeds against eight runs in a row."""


def measure(case: Case, rounds: int, threads: int) -> dict[str, Any]:
    """The row of one case. Times in milliseconds, rates in GFLOP/s, ``flow_cost`` relative to the step without."""
    contenders = _contenders(case, threads)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            times[name].append(_turn(contenders[name]))
        order.reverse()  # nobody always follows the same one
    rate = case.flops / median(times["ms"]) / 1e6
    sgemm = 2 * SGEMM**3 / median(times.pop("ms_sgemm")) / 1e6
    return {
        **vars(case),
        **{name: median(values) for name, values in times.items()},
        "ratio_torch_nn": _ratio(times["ms_torch_nn"], times["ms"]),
        "ratio_python_loop": _ratio(times["ms_python_loop"], times["ms_flow"]),
        "flow_cost": _ratio(times["ms_flow"], times["ms"]) - 1,
        "gflops": rate,
        "share_of_sgemm": rate / sgemm,
        "gflops_sgemm": sgemm,
        "threads": threads,
        "rounds": rounds,
    }


def _ratio(others: Sequence[float], ours: Sequence[float]) -> float:
    """The median over rounds of what one round's pair gives."""
    return median(other / own for other, own in zip(others, ours, strict=True))


def _turn(step: Step) -> float:
    """Milliseconds of a step: the mean over some in a row, behind some that do not count."""
    _repeated(step)
    return _repeated(step)


def _repeated(step: Step) -> float:
    """Milliseconds of a step, the mean over as many as fit into the turn, at least one."""
    start, count = perf_counter(), 0
    while count == 0 or perf_counter() - start < TURN:
        step()
        count += 1
    return 1000 * (perf_counter() - start) / count


def _contenders(case: Case, threads: int) -> dict[str, Step]:
    """By column, a function that makes one training step without the update; the machine's own product at the end."""
    layer_type, cell_type = LAYERS[case.cell]
    layers = [layer_type(INPUTS, case.hidden) for _ in range(case.replicas)]
    shapes = CELLS[case.cell].shapes(INPUTS, case.hidden)
    params = {name: torch.stack([getattr(own, f"{name}_l0").detach() for own in layers]) for name in shapes}
    params = {name: weight.requires_grad_() for name, weight in params.items()}
    x = torch.randn(case.replicas, case.steps, case.batch, INPUTS)
    one, factors = cell_type(INPUTS, case.hidden), torch.randn(2, SGEMM, SGEMM)
    return {
        "ms": _with_threads(1, lambda: fused(case.cell, params, x, None)),
        "ms_flow": _with_threads(1, lambda: fused(case.cell, params, x, Tap(scale=1 / case.batch))),
        "ms_torch_nn": _at_its_best(lambda: in_turn(layered, layers, x), threads),
        "ms_python_loop": _at_its_best(lambda: in_turn(looped, [one] * case.replicas, x), threads),
        "ms_sgemm": _with_threads(threads, lambda: torch.mm(*factors)),
    }


def _with_threads(count: int, step: Step) -> Step:
    """The step with so many threads of torch's."""

    def run() -> None:
        torch.set_num_threads(count)
        step()

    return run


def _at_its_best(step: Step, threads: int) -> Step:
    """The step with one thread or with all, whichever was faster on trial."""
    choices = [_with_threads(count, step) for count in sorted({1, threads})]
    return min(choices, key=lambda choice: min(_turn(choice) for _ in range(2)))


def fused(cell: str, params: Params, x: Tensor, tap: Tap | None) -> None:
    """Ours; with a tap, every sample's norm at every step, and the root mean square of each step read."""
    for weight in params.values():
        weight.grad = None
    cpu.unroll(CELLS[cell], params, x, 1, None, tap).square().mean().backward()  # type: ignore[no-untyped-call]
    if tap:
        tap.log_rms.mean()


def in_turn(step: Callable[[nn.Module, Tensor], None], modules: Sequence[nn.Module], x: Tensor) -> None:
    """One replica after the other."""
    for module, own in zip(modules, x, strict=True):
        step(module, own)


def layered(layer: nn.Module, x: Tensor) -> None:
    """torch.nn's layer."""
    layer.zero_grad(set_to_none=True)
    layer(x)[0][-1].square().mean().backward()


def looped(cell: nn.Module, x: Tensor) -> None:
    """torch.nn's cell step by step, and the gradient of every h_t by retaining it."""
    cell.zero_grad(set_to_none=True)
    state, states = None, []
    for x_t in x:
        state = cell(x_t, state)
        h = state[0] if isinstance(state, tuple) else state
        h.retain_grad()
        states.append(h)
    states[-1].square().mean().backward()
    torch.stack([h.grad.norm(dim=-1) for h in states]).log()


@contextmanager
def prepared() -> Iterator[int]:
    """Numbers too small to be normal count as zero, for all; gives the threads that each side may use.

    Vanishing gradients become such numbers, and torch takes many times longer over them: this is torch at its best.
    The threads that compute inherit the setting from the one that starts them.
    """
    threads = torch.get_num_threads()
    torch.set_flush_denormal(True)
    cpu.take_threads()
    try:
        yield cpu.threads()
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


HEADINGS = (
    ("cell", "cell"),
    ("B, T, H", ""),
    ("replicas", "replicas"),
    ("ms", "ms"),
    ("with flow", "ms_flow"),
    ("torch.nn", "ms_torch_nn"),
    ("Python loop", "ms_python_loop"),
    ("× torch.nn", "ratio_torch_nn"),
    ("× loop", "ratio_python_loop"),
    ("flow costs", "flow_cost"),
    ("GFLOP/s", "gflops"),
    ("of sgemm", "share_of_sgemm"),
)
FORMATS = {
    **dict.fromkeys(("ms", "ms_flow"), "{:.2f}"),
    **dict.fromkeys(("ms_torch_nn", "ms_python_loop"), "{:.1f}"),
    **dict.fromkeys(("ratio_torch_nn", "ratio_python_loop"), "{:.1f}"),
    **dict.fromkeys(("flow_cost", "share_of_sgemm"), "{:.0%}"),
    "gflops": "{:.0f}",
}


def heading() -> str:
    """The first two lines of the table, in Markdown that also reads well in a terminal."""
    words = [words for words, _ in HEADINGS]
    return _line(words) + "\n" + _line(["---", "---", *["---:"] * (len(words) - 2)])


def line(row: dict[str, Any]) -> str:
    """A row of :func:`measure` as a line of the table."""
    sizes = f"{row['batch']}, {row['steps']}, {row['hidden']}"
    return _line([FORMATS.get(key, "{}").format(row[key]) if key else sizes for _, key in HEADINGS])


def _line(cells: Sequence[str]) -> str:
    widths = [12 if words == "B, T, H" else max(len(words), 5) for words, _ in HEADINGS]
    return "| " + " | ".join(f"{text:>{width}}" for text, width in zip(cells, widths, strict=True)) + " |"
