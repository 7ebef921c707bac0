"""How fast is a training step? The fused CPU engine beside torch.nn and the Python loop, in one process, in turns.

    python benchmarks/bench_engine.py                     the table of the README, about five minutes on two free cores
    python benchmarks/bench_engine.py --json --rounds 3 --case lstm:64:200:64
    OMP_NUM_THREADS=1 python benchmarks/bench_engine.py   one thread each

A step is forward and backward from the last step's h. The Python loop is what people do to see ∂L/∂h_t: torch cells,
every h_t retaining its gradient, and its norm. Medians of rounds; in every round each contender runs once.

Gradients that vanish become denormal numbers, on which torch is many times slower; that is what its users pay.
--flush lets torch round them to zero, which leaves the difference of the arithmetic alone.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

from rnngrad.cells import CELLS, Params
from rnngrad.engine import Tap, cpu

INPUTS = 2
SIZES = [(64, 200, 64), (24, 200, 128), (64, 200, 128), (16, 1000, 32)]
LAYERS = {"rnn": (nn.RNN, nn.RNNCell), "lstm": (nn.LSTM, nn.LSTMCell), "gru": (nn.GRU, nn.GRUCell)}

Step = Callable[[], None]


def sgemm_rate(repeats: int = 11) -> float:
    """GFLOP/s of a 1024³ float32 product with torch's threads."""
    a, b = torch.randn(2, 1024, 1024)
    times = []
    for _ in range(repeats):
        start = perf_counter()
        torch.mm(a, b)
        times.append(perf_counter() - start)
    return 2 * 1024**3 / median(times) / 1e9


def contenders(cell: str, batch: int, steps: int, hidden: int, replicas: int, loop: bool) -> dict[str, Step]:
    """By column, a function that makes one training step without the update."""
    layer_type, cell_type = LAYERS[cell]
    layers = [layer_type(INPUTS, hidden) for _ in range(replicas)]
    names = CELLS[cell].shapes(INPUTS, hidden)
    weights = {name: torch.stack([getattr(layer, f"{name}_l0").detach() for layer in layers]) for name in names}
    params = {name: weight.requires_grad_() for name, weight in weights.items()}
    x = torch.randn(replicas, steps, batch, INPUTS)
    chosen: dict[str, Step] = {
        "ms": lambda: fused(cell, params, x, None),
        "ms_flow": lambda: fused(cell, params, x, Tap(scale=1 / batch)),
        "ms_torch_nn": lambda: [layered(layer, x[r]) for r, layer in enumerate(layers)] and None,
    }
    if loop:
        one = cell_type(INPUTS, hidden)
        chosen["ms_python_loop"] = lambda: [looped(one, x[r]) for r in range(replicas)] and None
    return chosen


def fused(cell: str, params: Params, x: Tensor, tap: Tap | None) -> None:
    for weight in params.values():
        weight.grad = None
    cpu.unroll(CELLS[cell], params, x, 1, None, tap).square().mean().backward()
    if tap:
        tap.log_rms.mean()


def layered(layer: nn.Module, x: Tensor) -> None:
    layer.zero_grad(set_to_none=True)
    layer(x)[0][-1].square().mean().backward()


def looped(cell: nn.Module, x: Tensor) -> None:
    """The gradient of every h_t by retaining it."""
    cell.zero_grad(set_to_none=True)
    state, states = None, []
    for x_t in x:
        state = cell(x_t, state)
        h = state[0] if isinstance(state, tuple) else state
        h.retain_grad()
        states.append(h)
    states[-1].square().mean().backward()
    torch.stack([h.grad.norm(dim=-1) for h in states]).log()


def measured(
    cell: str, batch: int, steps: int, hidden: int, replicas: int, rounds: int, loop: bool
) -> dict[str, object]:
    """The row of one case."""
    steps_of = contenders(cell, batch, steps, hidden, replicas, loop)
    times: dict[str, list[float]] = {name: [] for name in steps_of}
    for number in range(rounds + 1):
        for name, step in steps_of.items():
            start = perf_counter()
            step()
            if number > 0:  # the first warms up: compiles, allocates
                times[name].append(1000 * (perf_counter() - start))
    ms = {name: median(values) for name, values in times.items()}
    rate, flops = sgemm_rate(), 6 * CELLS[cell].gates * batch * hidden**2 * steps * replicas
    return {
        "cell": cell, "batch": batch, "steps": steps, "hidden": hidden, "replicas": replicas,
        "threads": torch.get_num_threads(),
        **ms,
        "ratio_torch_nn": ms["ms_torch_nn"] / ms["ms"],
        "ratio_python_loop": ms.get("ms_python_loop", float("nan")) / ms["ms_flow"],
        "flow_cost": median(f / m for f, m in zip(times["ms_flow"], times["ms"], strict=True)) - 1,
        "gflops": flops / ms["ms"] / 1e6,
        "share_of_sgemm": flops / ms["ms"] / 1e6 / rate,
    }  # fmt: skip


def cases(words: list[str]) -> list[tuple[str, int, int, int, int]]:
    """The cases named cell:batch:steps:hidden[:replicas], or the README's."""
    if not words:
        return [(c, *size, 1) for c in LAYERS for size in SIZES] + [(c, 24, 200, 64, 8) for c in LAYERS]
    split = [word.split(":") for word in words]
    return [(w[0], int(w[1]), int(w[2]), int(w[3]), int(w[4]) if len(w) > 4 else 1) for w in split]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object per case and nothing else")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", action="append", default=[], help="cell:batch:steps:hidden[:replicas], repeatable")
    parser.add_argument("--flush", action="store_true", help="denormal numbers are zero for all contenders")
    parser.add_argument("--no-loop", action="store_true", help="leave out the Python loop")
    arguments = parser.parse_args()
    torch.set_flush_denormal(arguments.flush)
    if not arguments.json:
        print("| cell | (B, T, H) | R | ms | with flow | torch.nn | loop | × nn | × loop | flow | GFLOP/s | of sgemm |")
        print("|---" * 12 + "|")
    for case in cases(arguments.case):
        row = measured(*case, rounds=arguments.rounds, loop=not arguments.no_loop)
        if arguments.json:
            print(json.dumps(row), flush=True)
            continue
        loop = row.get("ms_python_loop", float("nan"))
        print(
            f"| {case[0]} | {case[1:4]} | {case[4]} | {row['ms']:.2f} | {row['ms_flow']:.2f} "
            f"| {row['ms_torch_nn']:.1f} | {loop:.1f} | {row['ratio_torch_nn']:.1f} | {row['ratio_python_loop']:.1f} "
            f"| {row['flow_cost']:+.1%} | {row['gflops']:.0f} | {row['share_of_sgemm']:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
