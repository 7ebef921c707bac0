"""The fused CPU engine against the reference: values, gradients, independence of replicas, errors."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnngrad.cells import CELLS as ALL_CELLS
from rnngrad.cells import Cell, Params
from rnngrad.engine import Tap, choose, cpu, reference
from rnngrad.engine.cpu.arguments import CELLS as KNOWN
from rnngrad.errors import UsageError

# R, T, B, I, H, keep: one of everything; H off the vector width; B off the tile; many inputs; loss at every step.
SHAPES = [
    (1, 1, 1, 1, 1, 1),
    (2, 7, 3, 2, 5, 7),
    (7, 9, 21, 3, 20, 1),
    (1, 40, 33, 2, 33, 12),
    (3, 30, 16, 40, 70, 3),
]
CELLS = {name: ALL_CELLS[name] for name in KNOWN}
FORMAT = "R{}-T{}-B{}-I{}-H{}-keep{}".format


def problem(cell: Cell, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Params, Tensor, Tensor]:
    """Random weights, inputs (R, T, B, I) and initial state of a (R, T, B, I, H, keep)."""
    generator = torch.Generator().manual_seed(hash(shape) % 1000)
    replicas, steps, batch, inputs, hidden, _ = shape

    def draw(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=dtype)

    params = {name: draw(replicas, *size) * hidden**-0.5 for name, size in cell.shapes(inputs, hidden).items()}
    return params, draw(replicas, steps, batch, inputs), draw(replicas, batch, cell.state_width(hidden))


def results(engine, cell: Cell, params: Params, x: Tensor, state: Tensor, keep: int) -> dict[str, Tensor]:
    """The kept h and the gradients of a random linear loss with respect to everything."""
    leaves = {name: w.detach().clone().requires_grad_() for name, w in (params | {"x": x, "state": state}).items()}
    out = engine.unroll(cell, {name: leaves[name] for name in params}, leaves["x"], keep, leaves["state"])
    weights = torch.randn(out.shape[1:], generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    (out * weights).sum().backward()
    return {"out": out.detach()} | {name: leaf.grad for name, leaf in leaves.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: FORMAT(*shape))
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_fused_equals_reference(name, shape, dtype, tolerance):
    cell, keep = CELLS[name], shape[-1]
    inputs = problem(cell, shape, dtype)
    ours, truth = results(cpu, cell, *inputs, keep), results(reference, cell, *inputs, keep)
    for key, want in truth.items():
        scale = max(want.abs().max().item(), 1e-30)
        assert (ours[key] - want).abs().max().item() <= tolerance * scale, key


def tapped(engine, cell: Cell, params: Params, x: Tensor, state: Tensor, keep: int) -> Tap:
    """The tap after the backward pass of a mean over the batch."""
    tap = Tap(scale=1 / x.shape[2], mean=True)
    leaves = {name: w.detach().clone().requires_grad_() for name, w in params.items()}
    out = engine.unroll(cell, leaves, x, keep, state, tap)
    weights = torch.randn(out.shape[1:], generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    (out * weights).sum(dim=(0, 1, 3)).mean().backward()
    return tap


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: FORMAT(*shape))
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_adjoint_norms_equal_the_references(name, shape, dtype, tolerance):
    inputs = problem(CELLS[name], shape, dtype)
    ours, truth = (tapped(engine, CELLS[name], *inputs, shape[-1]) for engine in (cpu, reference))
    for key in ("log_norms", "log_rms", "log_norm_of_mean"):
        torch.testing.assert_close(getattr(ours, key), getattr(truth, key).double(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_samples_without_a_gradient_hide_no_other(name):
    """A sample whose gradient is exactly zero stays at the power of two where it began, far above the others."""
    params, x, state = problem(CELLS[name], (1, 3000, 9, 2, 16, 1), torch.float32)
    params = {key: (0.3 * weight).requires_grad_() for key, weight in params.items()}
    tap = Tap(mean=True)
    cpu.unroll(CELLS[name], params, x, 1, state, tap)[:, :, 4].sum().backward()
    only = tap.log_norms[:, :, 4]
    assert only[0, 0, 0] < -800
    assert (tap.log_norms[:, :, [0, 8]] == -torch.inf).all()
    torch.testing.assert_close(tap.log_rms, only - 0.5 * math.log(9))
    torch.testing.assert_close(tap.log_norm_of_mean, only - math.log(9))


def test_a_second_backward_gives_the_same_gradients_though_others_ran_in_between():
    params, x, state = problem(CELLS["gru"], (2, 30, 9, 2, 16, 1), torch.float64)
    leaves = {key: weight.requires_grad_() for key, weight in params.items()}
    loss = cpu.unroll(CELLS["gru"], leaves, x, 1, state).square().sum()
    first = torch.autograd.grad(loss, list(leaves.values()), retain_graph=True)
    torch.autograd.grad(cpu.unroll(CELLS["gru"], leaves, -x, 1, state).sum(), list(leaves.values()))
    second = torch.autograd.grad(loss, list(leaves.values()))
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))


def test_lag_zero_of_c_has_no_norm():
    cell, shape = CELLS["lstm"], (2, 5, 4, 3, 6, 1)
    norms = tapped(cpu, cell, *problem(cell, shape, torch.float32), 1).log_norms
    assert (norms[:, -1, :, 2] == -torch.inf).all()
    assert torch.equal(norms[:, -1, :, 0], norms[:, -1, :, 1])
    assert norms[:, :-1].isfinite().all()


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_no_lag_is_too_long_for_the_norms(name):
    cell, lag = CELLS[name], 3000
    params, x, state = problem(cell, (1, lag, 8, 2, 16, 1), torch.float32)
    params = {key: 0.3 * weight for key, weight in params.items()}
    norms = tapped(cpu, cell, params, x, state, 1).log_norms[0, :, :, 0].mean(dim=1)
    assert norms.isfinite().all()
    first, second = norms[lag // 2] - norms[0], norms[-1] - norms[lag // 2]
    assert norms[0] < -800
    assert abs(first / second - 1) < 0.05


@pytest.mark.parametrize("name", CELLS)
def test_a_tap_changes_no_bit(name):
    cell, shape = CELLS[name], (2, 30, 19, 3, 20, 1)
    params, x, state = problem(cell, shape, torch.float32)
    gradients = []
    for tap in (None, Tap(mean=True)):
        leaf = params["weight_hh"].clone().requires_grad_()
        cpu.unroll(cell, params | {"weight_hh": leaf}, x, 1, state, tap).square().sum().backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("name", CELLS)
def test_gradcheck(name):
    cell = CELLS[name]
    params, x, state = problem(cell, (2, 4, 3, 2, 3, 2), torch.float64)

    def function(x, state, *weights):
        return cpu.unroll(cell, dict(zip(params, weights, strict=True)), x, 2, state)

    leaves = [tensor.requires_grad_() for tensor in (x, state, *params.values())]
    assert torch.autograd.gradcheck(function, leaves)


@pytest.mark.parametrize("name", CELLS)
def test_a_replicas_bits_do_not_depend_on_its_neighbours(name):
    cell, shape = CELLS[name], (7, 12, 21, 3, 21, 2)
    params, x, state = problem(cell, shape, torch.float32)
    together = results(cpu, cell, params, x, state, 2)
    for k in (0, 3, 6):
        own = slice(k, k + 1)
        alone = results(cpu, cell, {name: w[own] for name, w in params.items()}, x[own], state[own], 2)
        for key, value in alone.items():
            assert torch.equal(value, together[key][own]), key


@pytest.mark.parametrize("name", CELLS)
def test_every_run_has_the_same_bits(name):
    cell, shape = CELLS[name], (2, 30, 40, 3, 40, 5)
    inputs = problem(cell, shape, torch.float32)
    first, second = results(cpu, cell, *inputs, 5), results(cpu, cell, *inputs, 5)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


@pytest.mark.parametrize("name", CELLS)
def test_nan_stays_in_its_replica(name):
    cell, shape = CELLS[name], (3, 6, 9, 2, 5, 1)
    params, x, state = problem(cell, shape, torch.float32)
    clean = results(cpu, cell, params, x, state, 1)
    x[1, 2, 4, 0] = float("nan")
    dirty = results(cpu, cell, params, x, state, 1)
    for key, value in dirty.items():
        assert torch.equal(value[0], clean[key][0]), key
        assert torch.equal(value[2], clean[key][2]), key
    assert dirty["out"][1, 0, 4].isnan().all()
    assert not dirty["out"][1, 0, 3].isnan().any()
    assert dirty["weight_hh"][1].isnan().any()


@pytest.mark.parametrize("name", CELLS)
def test_no_grad_gives_the_same_output_and_forgets_the_steps(name):
    cell = CELLS[name]
    params, x, state = problem(cell, (2, 50, 9, 2, 21, 3), torch.float32)
    with torch.no_grad():
        plain = cpu.unroll(cell, params, x, 3, state)
    leaf = params["weight_hh"].clone().requires_grad_()
    out = cpu.unroll(cell, params | {"weight_hh": leaf}, x, 3, state)
    assert torch.equal(plain, out.detach())
    assert out.grad_fn.room[1][0].shape[2] == 51
    assert not plain.requires_grad


@pytest.mark.parametrize("keep", [1, 50])
@pytest.mark.parametrize("name", CELLS)
def test_segments_give_the_same_gradients_and_norms(name, keep):
    cell = CELLS[name]
    params, x, state = problem(cell, (2, 50, 19, 3, 20, keep), torch.float64)
    found = []
    for limit in (cpu.LIMIT, 1_000_000, 1):
        leaves = {key: w.clone().requires_grad_() for key, w in (params | {"x": x, "state": state}).items()}
        tap = Tap(mean=True)
        weights = {key: leaves[key] for key in params}
        out = cpu.unroll(cell, weights, leaves["x"], keep, leaves["state"], tap, limit)
        out.square().sum().backward()
        found.append([out.detach(), tap.log_norms, tap.log_norm_of_mean, *(leaf.grad for leaf in leaves.values())])
    assert len(out.grad_fn.plan.segments) == 50
    for cut in found[1:]:
        for one, other in zip(found[0], cut, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_memory_is_bounded_and_known_before():
    lstm = CELLS["lstm"]
    assert cpu.kept_bytes(lstm, 1, 100_000, 16, 2, 64) < 400 * 2**20
    assert cpu.kept_bytes(lstm, 1, 1000, 16, 2, 64) < cpu.kept_bytes(lstm, 1, 2000, 16, 2, 64) < 100 * 2**20
    params, x, state = problem(lstm, (2, 100, 19, 3, 20, 1), torch.float32)
    out = cpu.unroll(lstm, params | {"bias_hh": params["bias_hh"].requires_grad_()}, x, 1, state)
    taken = sum(part.numel() * part.element_size() for part in out.grad_fn.room[1])
    estimate = cpu.kept_bytes(lstm, 2, 100, 19, 3, 20)
    assert taken <= estimate <= 1.5 * taken


def test_inputs_need_not_be_contiguous():
    cell = CELLS["lstm"]
    params, x, state = problem(cell, (2, 5, 4, 3, 6, 5), torch.float64)
    want = results(cpu, cell, params, x, state, 5)
    strided = {name: w.movedim(0, -1).contiguous().movedim(-1, 0) for name, w in params.items()}
    leaf = x.transpose(1, 2).contiguous().transpose(1, 2).requires_grad_()
    out = cpu.unroll(cell, strided, leaf, 5, state.movedim(0, 1).contiguous().movedim(0, 1))
    assert torch.equal(out, want["out"])
    grad = torch.ones(1, dtype=x.dtype).expand(out.shape)
    out.backward(grad)
    assert leaf.grad.isfinite().all()


def test_only_what_is_asked_for_gets_a_gradient():
    cell = CELLS["gru"]
    params, x, _ = problem(cell, (1, 5, 4, 3, 6, 1), torch.float32)
    leaf = params["bias_hh"].requires_grad_()
    cpu.unroll(cell, params, x, 1).sum().backward()
    truth = leaf.grad.clone()
    leaf.grad = None
    reference.unroll(cell, params, x, 1).sum().backward()
    assert torch.allclose(truth, leaf.grad, rtol=1e-4, atol=1e-6)
    assert x.grad is None


def test_choose_takes_it_where_it_can():
    for name, cell in CELLS.items():
        assert choose(cell, torch.float32, torch.device("cpu")).name == "cpu", name
    assert choose(ALL_CELLS["rnn_sigmoid"], torch.float32, torch.device("cpu")).name == "reference"
    assert choose(CELLS["rnn"], torch.float16, torch.device("cpu")).name == "reference"
    assert choose(CELLS["rnn"], torch.float32, torch.device("meta")).name == "reference"


def test_an_engine_can_be_named_and_says_what_it_cannot_run():
    here = torch.device("cpu")
    assert choose(CELLS["rnn"], torch.float32, here, "reference") is reference
    assert choose(CELLS["rnn"], torch.float32, here, "cpu") is cpu
    with pytest.raises(UsageError, match=r"engine 'cpu' cannot run cell 'rnn' in torch\.float16 on cpu: use 'auto'"):
        choose(CELLS["rnn"], torch.float16, here, "cpu")
    with pytest.raises(UsageError, match="unknown engine 'cpuu': did you mean 'cpu'"):
        choose(CELLS["rnn"], torch.float32, here, "cpuu")


WRONG = {
    "x": lambda a: a | {"x": a["x"][0]},
    "x: every size": lambda a: a | {"x": a["x"][:, :, :0]},
    "keep": lambda a: a | {"keep": 6},
    "keep: expected a whole number": lambda a: a | {"keep": 0},
    "x: expected float32 or float64": lambda a: a | {"x": a["x"].half()},
    "x: expected a dense tensor on the cpu": lambda a: a | {"x": a["x"].to("meta")},
    "x: expected a dense tensor": lambda a: a | {"x": a["x"].to_sparse()},
    "x: expected a tensor, got list": lambda a: a | {"x": a["x"].tolist()},
    "state": lambda a: a | {"state": a["state"][..., :-1]},
    "state: expected torch.float32": lambda a: a | {"state": a["state"].double()},
    "weight_ih": lambda a: a | {"params": a["params"] | {"weight_ih": a["params"]["weight_ih"][..., :-1]}},
    "weight_hh": lambda a: a | {"params": a["params"] | {"weight_hh": a["params"]["weight_hh"][:1]}},
    "bias_ih": lambda a: a | {"params": a["params"] | {"bias_ih": a["params"]["bias_ih"].double()}},
    "params: 'bias_hh' is missing": lambda a: a | {"params": {k: w for k, w in a["params"].items() if k != "bias_hh"}},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments_are_named(message):
    cell = CELLS["lstm"]
    params, x, state = problem(cell, (2, 5, 4, 3, 6, 5), torch.float32)
    arguments = WRONG[message]({"params": params, "x": x, "keep": 5, "state": state})
    with pytest.raises(UsageError, match=f"^{message}") as caught:
        cpu.unroll(cell, **arguments)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_wrong_shape_is_an_error_and_no_crash(data):
    cell = CELLS[data.draw(st.sampled_from(list(CELLS)))]
    sizes = data.draw(st.tuples(*[st.integers(1, 4)] * 5))
    params, x, state = problem(cell, (*sizes, 1), torch.float32)
    tensors = params | {"x": x, "state": state}
    name = data.draw(st.sampled_from(list(tensors)))
    right = list(tensors[name].shape)
    wrong = data.draw(st.lists(st.integers(0, 5), min_size=0, max_size=5))
    arguments = tensors | {name: torch.zeros(wrong)}
    weights = {key: arguments[key] for key in params}
    if name == "x" and len(wrong) == 4 and wrong[0] == right[0] and wrong[2:] == right[2:] and wrong[1] > 0:
        cpu.unroll(cell, weights, arguments["x"], 1, arguments["state"])  # only the length differs
    elif wrong == right:
        cpu.unroll(cell, weights, arguments["x"], 1, arguments["state"])
    else:
        with pytest.raises(UsageError):
            cpu.unroll(cell, weights, arguments["x"], 1, arguments["state"])


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(CELLS)),
    st.tuples(*(st.integers(1, most) for most in (3, 12, 40, 5, 40))),
    st.floats(0, 1),
    st.sampled_from([1, 10**5, cpu.LIMIT]),
)
def test_fused_equals_reference_over_random_shapes(name, sizes, share, limit):
    cell, keep = CELLS[name], max(1, round(share * sizes[1]))
    inputs = problem(cell, (*sizes, keep), torch.float64)
    ours, truth = results(LimitedEngine(limit), cell, *inputs, keep), results(reference, cell, *inputs, keep)
    for key, want in truth.items():
        torch.testing.assert_close(ours[key], want, rtol=1e-9, atol=1e-10 * max(1.0, want.abs().max().item()), msg=key)


class LimitedEngine:
    """The fused engine with a memory limit of its own."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def unroll(self, cell, params, x, keep, state):
        return cpu.unroll(cell, params, x, keep, state, limit=self.limit)


def test_callers_in_several_threads_do_not_disturb_each_other():
    cell, shape = CELLS["lstm"], (2, 30, 40, 3, 40, 5)
    inputs = problem(cell, shape, torch.float32)
    want = results(cpu, cell, *inputs, 5)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: results(cpu, cell, *inputs, 5), range(8)):
            for key, value in want.items():
                assert torch.equal(got[key], value), key


def test_importing_the_engine_does_not_import_numba():
    code = "import sys, rnngrad.engine; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unwritable_cache_folder_is_survived(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    code = (
        "import numba; numba.config.CACHE_DIR = sys.argv[1]\n"
        "from rnngrad.engine.cpu import compiled\n"
        "def f(x): x[0] = 1\n"
        "compiled.kernel(f)\n"
    )
    blocked = str(tmp_path / "file" / "inside")
    assert subprocess.run([sys.executable, "-c", "import sys\n" + code, blocked], check=False).returncode == 0


def test_a_full_disk_is_survived(tmp_path):
    """No file may grow beyond nothing: the code cannot be kept, and the kernel runs all the same."""
    code = (
        "import resource, signal, sys, numba, numpy\n"
        "numba.config.CACHE_DIR = sys.argv[1]\n"
        "from rnngrad.engine.cpu import compiled\n"
        "def f(x): x[0] = 1\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "x = numpy.zeros(1)\n"
        "compiled.kernel(f)(x)\n"
        "sys.exit(int(x[0] != 1))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


def test_what_is_ready_takes_no_time_to_compile():
    cpu.prepare()
    assert cpu.prepare() == 0.0
