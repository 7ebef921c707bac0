"""The speed table: every contender does the same work, and the row says what was measured."""

import json
import sys

import pytest
import torch
from torch import nn

from rnngrad import bench, cli
from rnngrad.bench import Case
from rnngrad.cells import CELLS
from rnngrad.engine import Tap

COLUMNS = (
    *("cell", "batch", "steps", "hidden", "replicas", "ms", "ms_flow", "ms_torch_nn", "ms_python_loop"),
    *("ratio_torch_nn", "ratio_python_loop", "flow_cost", "gflops", "share_of_sgemm"),
)


@pytest.fixture(scope="module")
def row():
    return bench.measure(Case("gru", 5, 7, 6, 2), rounds=1, threads=1)


def test_a_row_has_every_column_and_its_ratios_follow_from_its_times(row):
    assert set(COLUMNS) <= set(row)
    assert row["ratio_torch_nn"] == pytest.approx(row["ms_torch_nn"] / row["ms"])
    assert row["ratio_python_loop"] == pytest.approx(row["ms_python_loop"] / row["ms_flow"])
    assert row["flow_cost"] == pytest.approx(row["ms_flow"] / row["ms"] - 1)
    assert row["gflops"] == pytest.approx(6 * 3 * 5 * 6**2 * 7 * 2 / row["ms"] / 1e6)
    assert row["share_of_sgemm"] == pytest.approx(row["gflops"] / row["gflops_sgemm"])


def test_the_median_is_over_the_rounds_pairs():
    assert bench._ratio([2.0, 9.0, 40.0], [1.0, 3.0, 10.0]) == 3.0


@pytest.mark.parametrize("cell", bench.LAYERS)
def test_the_contenders_compute_the_same_gradients(cell):
    layer_type, cell_type = bench.LAYERS[cell]
    layer, one = layer_type(bench.INPUTS, 6), cell_type(bench.INPUTS, 6)
    one.load_state_dict({name.removesuffix("_l0"): weight for name, weight in layer.state_dict().items()})
    params = {name: getattr(layer, f"{name}_l0").detach()[None].requires_grad_() for name in CELLS[cell].shapes(2, 6)}
    x = torch.randn(9, 5, bench.INPUTS)
    bench.layered(layer, x)
    bench.looped(one, x)
    bench.fused(cell, params, x[None], Tap(scale=1 / 5))
    for name, ours in params.items():
        torch.testing.assert_close(getattr(one, name).grad, getattr(layer, f"{name}_l0").grad, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(ours.grad[0], getattr(layer, f"{name}_l0").grad, rtol=1e-4, atol=1e-6)


def test_replicas_run_in_a_row(monkeypatch):
    seen = []
    bench.in_turn(lambda module, x: seen.append((module, x.item())), ["a", "b"], torch.tensor([1.0, 2.0]))
    assert seen == [("a", 1.0), ("b", 2.0)]


def test_torch_gets_the_number_of_threads_that_suits_it():
    counts = []
    with bench.prepared():
        bench._at_its_best(lambda: counts.append(torch.get_num_threads()), 2)
    assert set(counts) == {1, 2}


def test_the_command_prints_the_table_or_json(monkeypatch, capsys):
    for options in ([], ["--json"]):
        argv = ["rnngrad", "bench", "--rounds", "1", "--case", "rnn:4:5:3", "--case", "lstm:4:5:3:2", *options]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code in (0, None)
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("|") for line in lines[:4]] == [13] * 4
    rows = [json.loads(line) for line in lines[4:]]
    assert [(row["cell"], row["replicas"]) for row in rows] == [("rnn", 1), ("lstm", 2)]


def test_the_default_table_has_every_cell_at_every_size():
    assert len(bench.DEFAULT) == 3 * 4 + 3
    assert all(isinstance(make(2, 3), nn.Module) for layers in bench.LAYERS.values() for make in layers)
