"""What does gradient_flow cost? Its time over that of one plain forward and backward pass, both in float64, in pairs.

    python benchmarks/bench_flow.py

B 32, T 200, H 64, ten inputs; torch's and the engine's number of threads is that of OMP_NUM_THREADS. Medians over 15
pairs, of which the two sides take turns to go first.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

import rnngrad
from rnngrad.engine import cpu

BATCH, STEPS, HIDDEN, INPUTS, PAIRS = 32, 200, 64, 10, 15


def plain(module: nn.Module, x: Tensor) -> None:
    """One forward pass, and one backward pass from the last output."""
    module.zero_grad(set_to_none=True)
    module(x)[0][-1].sum().backward()


def pairs(module: nn.Module, x: Tensor, count: int = PAIRS) -> tuple[list[float], list[float]]:
    """Seconds of gradient_flow and of the plain pass, as often as asked for, behind one pair that does not count."""
    sides: list[Callable[[], object]] = [lambda: rnngrad.gradient_flow(module, x), lambda: plain(module, x)]
    times: list[list[float]] = [[], []]
    for turn in range(count + 1):
        for side in (0, 1) if turn % 2 else (1, 0):
            begin = perf_counter()
            sides[side]()
            times[side].append(perf_counter() - begin)
    return times[0][1:], times[1][1:]


def main() -> None:
    """Prints the table."""
    torch.manual_seed(0)
    cpu.prepare()
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    print(f"B {BATCH}, T {STEPS}, H {HIDDEN}, float64, {torch.get_num_threads()} threads, {PAIRS} pairs\n")
    print("| module | gradient_flow, ms | plain, ms | ratio | lowest – highest |\n| --- | ---: | ---: | ---: | ---: |")
    for make in (nn.RNN, nn.LSTM, nn.GRU):
        ours, theirs = pairs(make(INPUTS, HIDDEN).double(), x)
        ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
        low, high = min(ratios), max(ratios)
        times = f"{1000 * median(ours):.1f} | {1000 * median(theirs):.1f}"
        print(f"| nn.{make.__name__} | {times} | {median(ratios):.2f} | {low:.2f} – {high:.2f} |")


if __name__ == "__main__":
    main()
