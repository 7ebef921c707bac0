"""Every initialisation against the law that its paper states, and the random streams that it draws from."""

from math import log, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from rnngrad.cells import CELLS, INITS, initialise
from rnngrad.cells.inits import canonical, find
from rnngrad.errors import UsageError
from rnngrad.streams import STREAMS, drawn_length, generator

INPUTS, H, OUTPUTS, LENGTH = 3, 64, 2, 200
FITTING = {
    "default": list(CELLS),
    "orthogonal": list(CELLS),
    "identity": ["rnn", "rnn_relu", "rnn_sigmoid", "rnn_identity"],
    "forget_bias_1": ["lstm"],
    "chrono": ["lstm"],
}
PAIRS = [(init, cell) for init, cells in FITTING.items() for cell in cells]
MISFITS = [(init, cell) for init, cells in FITTING.items() for cell in CELLS if cell not in cells]
fitting = pytest.mark.parametrize(("init", "cell"), PAIRS)
every_cell = pytest.mark.parametrize("cell", CELLS)


def draw(init, cell, hidden=H, length=LENGTH, seed=0, inputs=INPUTS):
    return initialise(init, CELLS[cell], inputs, hidden, OUTPUTS, length, torch.Generator().manual_seed(seed))


def gate_bias(params, cell, gate):
    """The gate's whole bias, b_ih + b_hh, by a gate order that is torch's and not the cell's word."""
    order = {"lstm": "ifgo", "gru": "rzn"}[cell]
    total = (params["bias_ih"].double() + params["bias_hh"].double()).chunk(len(order))
    return total[order.index(gate)].numpy()


def assert_uniform(weight, bound):
    assert kstest(weight.double().numpy().ravel(), "uniform", args=(-bound, 2 * bound)).pvalue > 1e-4
    assert weight.abs().max() <= bound


def test_every_init_is_tested_for_its_fit():
    assert list(FITTING) == list(INITS)


@fitting
def test_shapes_types_and_names_are_the_cells_and_a_readouts(init, cell):
    params = draw(init, cell)
    expected = CELLS[cell].shapes(INPUTS, H) | {"readout_weight": (OUTPUTS, H), "readout_bias": (OUTPUTS,)}
    assert {name: tuple(p.shape) for name, p in params.items()} == expected
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in params.values())


@fitting
def test_a_seed_fixes_the_weights_whatever_the_global_state(init, cell):
    torch.manual_seed(1)
    first = draw(init, cell)
    torch.manual_seed(2)
    second = draw(init, cell)
    assert all(torch.equal(first[name], second[name]) for name in first)


@fitting
def test_another_seed_gives_other_weights_and_the_global_state_stays(init, cell):
    before = torch.get_rng_state()
    first, second = draw(init, cell), draw(init, cell, seed=1)
    assert not torch.equal(first["weight_ih"], second["weight_ih"])
    assert not torch.equal(first["readout_weight"], second["readout_weight"])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("init", "cell"), MISFITS)
def test_an_init_that_does_not_fit_is_refused_by_name(init, cell):
    known = init.removesuffix("_1")
    with pytest.raises(UsageError, match=rf"init '{known}\S*' does not fit cell '{cell}': it needs "):
        draw(init, cell)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("chron", "chrono"), ("ortogonal", "orthogonal"), ("Default", "default"), ("forget_bias", "forget_bias_1")],
)
def test_an_unknown_init_is_refused_with_the_nearest_name(name, nearest):
    with pytest.raises(UsageError, match=rf"unknown init '{name}': did you mean '{nearest}'\?"):
        find(name)


@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "1e2", "1.", "--1", "1\n"])
def test_a_forget_bias_that_is_no_plain_number_is_unknown(value):
    with pytest.raises(UsageError, match="unknown init"):
        find(f"forget_bias_{value}")


@every_cell
def test_default_is_torchs_uniform_law_everywhere(cell):
    for name, weight in draw("default", cell).items():
        if not name.startswith("readout"):
            assert_uniform(weight, 1 / sqrt(H))


@every_cell
def test_defaults_recurrent_variance_is_one_over_three_h(cell):
    """Var U[-b, b] = b²/3; the standard error of the mean square of N such draws is b² √(4/45 / N)."""
    weight = draw("default", cell)["weight_hh"].double()
    error = sqrt(4 / 45 / weight.numel()) / H
    assert weight.square().mean().item() == pytest.approx(1 / (3 * H), abs=4.5 * error)


@fitting
def test_the_readout_is_uniform_whatever_the_init(init, cell):
    seeds = range(10)
    drawn = [draw(init, cell, seed=seed, hidden=16) for seed in seeds]
    assert_uniform(torch.cat([p["readout_weight"].flatten() for p in drawn]), 1 / 4)
    assert all(p["readout_bias"].abs().max() <= 1 / 4 for p in drawn)


@every_cell
def test_orthogonal_is_orthogonal_in_every_gate_block(cell):
    params = draw("orthogonal", cell)
    blocks = params["weight_hh"].double().split(H)
    assert len(blocks) == CELLS[cell].gates
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(H, dtype=torch.float64), rtol=0, atol=2e-6)
    assert len({block.numpy().tobytes() for block in blocks}) == len(blocks)


@every_cell
def test_orthogonals_biases_are_zero_and_its_inputs_default(cell):
    params = draw("orthogonal", cell)
    assert not params["bias_ih"].any()
    assert not params["bias_hh"].any()
    assert_uniform(params["weight_ih"], 1 / sqrt(H))


@pytest.mark.parametrize("cell", FITTING["identity"])
def test_identity_is_the_irnn(cell):
    params = draw("identity", cell, inputs=50)
    assert torch.equal(params["weight_hh"], torch.eye(H))
    assert not params["bias_ih"].any()
    assert not params["bias_hh"].any()
    assert kstest(params["weight_ih"].double().numpy().ravel(), "norm", args=(0, 0.001)).pvalue > 1e-4


@pytest.mark.parametrize(("name", "value"), [("1", 1), ("0", 0), ("-2", -2), ("2.5", 2.5), ("1.0", 1)])
def test_forget_bias_is_the_forget_gates_whole_bias(name, value):
    params, plain = draw(f"forget_bias_{name}", "lstm"), draw("default", "lstm")
    assert (gate_bias(params, "lstm", "f") == value).all()
    for gate in "igo":
        np.testing.assert_array_equal(gate_bias(params, "lstm", gate), gate_bias(plain, "lstm", gate))
    for name in ("weight_ih", "weight_hh", "readout_weight", "readout_bias"):
        assert torch.equal(params[name], plain[name])


def test_the_lstms_own_default_is_forget_bias_1():
    assert CELLS["lstm"].default_init == "forget_bias_1"


@pytest.mark.parametrize("length", [3, 20, 2000])
def test_chronos_forget_bias_is_the_log_of_a_uniform_memory(length):
    bias = gate_bias(draw("chrono", "lstm", hidden=700, length=length), "lstm", "f")
    assert kstest(bias, lambda b: np.clip((np.exp(b) - 1) / (length - 2), 0, 1)).pvalue > 1e-3
    assert bias.min() >= 0
    assert bias.max() <= log(length - 1) + 1e-6


def test_chronos_input_gate_bias_is_the_forget_gates_reversed():
    params, plain = draw("chrono", "lstm"), draw("default", "lstm")
    np.testing.assert_array_equal(gate_bias(params, "lstm", "i"), -gate_bias(params, "lstm", "f"))
    for gate in "go":
        np.testing.assert_array_equal(gate_bias(params, "lstm", gate), gate_bias(plain, "lstm", gate))


@pytest.mark.parametrize("length", [1, 2])
def test_chrono_refuses_a_lag_that_holds_no_memory(length):
    with pytest.raises(UsageError, match=rf"'chrono' needs a lag of at least 3.* got {length}"):
        draw("chrono", "lstm", length=length)


def test_streams_of_one_seed_and_of_two_seeds_all_differ():
    first = {generator(seed, stream).initial_seed() for seed in range(50) for stream in STREAMS}
    assert len(first) == 50 * len(STREAMS)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_fixed_by_its_seed_and_name(stream):
    torch.manual_seed(1)
    first = torch.rand(8, generator=generator(3, stream))
    torch.manual_seed(2)
    assert torch.equal(torch.rand(8, generator=generator(3, stream)), first)


def test_drawing_from_one_stream_does_not_move_another():
    train, test = generator(0, "train"), generator(0, "test")
    before = test.get_state()
    torch.rand(100, generator=train)
    assert torch.equal(test.get_state(), before)


def test_a_single_length_is_always_drawn():
    assert {drawn_length(range(7, 8), "train", step) for step in range(20)} == {7}


@pytest.mark.parametrize("stream", ["train", "test"])
def test_drawn_lengths_are_uniform_and_reach_both_ends(stream):
    lengths = range(20, 31)
    drawn = [drawn_length(lengths, stream, step) for step in range(5000)]
    assert set(drawn) == set(lengths)
    assert chisquare(np.bincount(drawn)[20:]).pvalue > 1e-3


def test_neighbouring_drawn_lengths_are_independent():
    drawn = np.array([drawn_length(range(4), "train", step) for step in range(4001)])
    pairs = np.bincount(4 * drawn[:-1] + drawn[1:], minlength=16)
    assert chisquare(pairs).pvalue > 1e-3


def test_a_drawn_length_depends_on_stream_and_index_alone():
    def drawn(stream, *index):
        return [drawn_length(range(1000), stream, step, *index) for step in range(20)]

    np.random.seed(1)
    first = drawn("train")
    np.random.seed(2)
    assert drawn("train") == first
    assert drawn("test") != first
    assert drawn("test", 100) != drawn("test", 200)


@every_cell
def test_gaussian_has_the_variances_of_its_name(cell):
    """Var of N(0, v) draws is v with a relative standard error of √(2/N)."""
    params = draw("gaussian_1.5_0.05_0.3", cell, hidden=256, inputs=16)
    for name, variance in {"weight_hh": 1.5 / 256, "bias_ih": 0.05, "weight_ih": 0.3 / 16}.items():
        weight = params[name].double()
        assert weight.square().mean().item() == pytest.approx(variance, rel=4.5 * sqrt(2 / weight.numel()))
    assert not params["bias_hh"].any()


def test_gaussian_has_one_spelling_and_no_negative_variance():
    assert canonical("gaussian_1.500000000_0_00.050") == "gaussian_1.5_0_0.05"
    assert canonical("gaussian_10_0_0") == "gaussian_10_0_0"
    with pytest.raises(UsageError, match="a variance must be 0 or more"):
        find("gaussian_1_-1_0")
    with pytest.raises(UsageError, match=r"unknown init 'gaussian_1': .*gaussian_V_B_I"):
        find("gaussian_1")
