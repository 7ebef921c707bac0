"""What the whole program claims, at its own size: minutes of training, so only under the slow marker."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rnngrad import cards
from rnngrad.cards import CellSpec
from rnngrad.cells import CELLS
from rnngrad.engine import choose, cpu
from rnngrad.ensemble import Ensemble

pytestmark = pytest.mark.slow


def solved(lag, cell, seeds, steps):
    """How many seeds solve adding at that lag under the shipped card, and the ensemble."""
    card = cards.load("adding")
    card = replace(card, problem=replace(card.problem, lag=lag), training=replace(card.training, max_steps=steps))
    spec = CellSpec.parse(cell, hidden=32)
    here = torch.device("cpu")
    ensemble = Ensemble(card, spec, range(seeds), here, choose(CELLS[spec.name], torch.float32, here))
    last = {}
    for snapshots in ensemble.run():
        last |= {s.replica: s for s in snapshots}
    return sum(s.outcome.solved_at is not None for s in last.values()), last


def test_the_lstm_solves_lag_200_in_nine_seeds_of_ten_and_its_gradient_arrives():
    count, last = solved(200, "lstm", seeds=10, steps=3000)
    assert count >= 9
    arrived = [s for s in last.values() if s.outcome.solved_at is not None]
    assert all(s.flow.log_first_over_last > -7 for s in arrived)


def test_chrono_solves_lag_1000_in_four_seeds_of_five():
    count, _ = solved(1000, "lstm:chrono", seeds=5, steps=3000)
    assert count >= 4


def test_the_vanilla_net_gets_no_gradient_through_200_steps_at_initialisation():
    _, last = solved(200, "rnn", seeds=5, steps=1)
    assert all(s.flow.log_first_over_last < -80 for s in last.values())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak memory where Linux has it")
def test_a_sequence_of_100000_steps_fits_into_a_gigabyte():
    """An LSTM of 64 units on 16 sequences, forward and back with the flow: the whole process, torch included."""
    code = (
        "import torch\n"
        "from rnngrad.cells import CELLS\n"
        "from rnngrad.engine import Tap, cpu\n"
        "lstm, tap = CELLS['lstm'], Tap()\n"
        "params = {name: (0.1 * torch.randn(1, *s)).requires_grad_() for name, s in lstm.shapes(2, 64).items()}\n"
        "cpu.unroll(lstm, params, torch.rand(1, 100_000, 16, 2), 1, None, tap).sum().backward()\n"
        "assert tap.log_rms.isfinite().any(), 'nothing was heard'\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    cpu.prepare()  # here, not there: compiling takes memory of its own
    kib = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert kib * 1024 < 1e9
