"""A probe's row against nets whose every number is known, and what is made of rows: summaries, words, figures."""

import json
import re
import runpy
import sys
from math import exp, inf, log, nan
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import carried_out, jobs_of, small_card
from torch import nn

from rnngrad import bounds, cli, gradient_flow
from rnngrad.cards import CellSpec
from rnngrad.cells import CELLS
from rnngrad.errors import UsageError
from rnngrad.figures import exponent_convergence, probed_flow, singular_values
from rnngrad.models import Recurrent
from rnngrad.probing import Case, Data, cell_subject, measured, module_subject, stored_run, summary, words
from rnngrad.streams import generator
from rnngrad.theory import gate_path_log_rms, mean_field

X = torch.randn(40, 4, 2, generator=torch.Generator().manual_seed(0))


def net(cell, hidden=6, **weights):
    """A cell with all weights zero but those that are given."""
    model = Recurrent.seeded(CELLS[cell], "default", 2, hidden, 1, 10, [0])
    for name, weight in model.params().items():
        if not name.startswith("readout"):
            weight.zero_()
            weight += weights.get(name, 0.0)
    return model


def rotation(width, seed=1):
    return torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(seed)))[0]


def test_a_scaled_rotation_has_one_number_everywhere():
    """J = a Q at every step: rate, exponents, singular values, prediction and ceiling are all ln a."""
    row = measured(Case(0, net("rnn_identity", weight_hh=0.9 * rotation(6)), X, warmup=10), with_spectrum=True)
    rate = log(0.9)
    assert row["rate"]["log_per_step"] == pytest.approx(rate, abs=1e-6)
    assert not row["rate"]["bent"]
    np.testing.assert_allclose(row["exponents"]["mean"], rate, atol=1e-6)
    assert abs(row["exponents"]["twin_gap"]) < 1e-6
    assert abs(row["exponents"]["drift"]) < 1e-6
    assert row["prediction"]["log_per_step"] == pytest.approx(rate, abs=1e-6)
    assert row["prediction"]["weight_var"] == pytest.approx(0.81, abs=1e-6)
    lags = np.array(row["singular_values"]["lags"])
    found = np.array(row["singular_values"]["log_singular_values"])
    np.testing.assert_allclose(found, rate * np.tile(lags[:, None], 6), atol=1e-5)
    assert (lags[0], lags[-1]) == (1, 40)
    relative = np.array(row["flow"]) - row["flow"][0]
    np.testing.assert_allclose(row["ceiling"], relative, atol=1e-5)
    assert (row["horizon"], row["prediction"]["horizon"]) == (None, None)  # 0.9^39 is 1.6 %


def test_the_horizon_of_a_faster_rotation_is_the_predicted_one():
    row = measured(Case(0, net("rnn_identity", weight_hh=0.5 * rotation(6)), X, warmup=10), with_spectrum=False)
    assert row["horizon"] == row["prediction"]["horizon"] == 7  # 2^-6 = 1.6 %, 2^-7 = 0.8 %
    assert row["grad_first_over_last"] == pytest.approx(39 * log(0.5), abs=1e-5)
    assert row["singular_values"] is None


@pytest.mark.parametrize(("cell", "bias"), [("lstm", 1.5), ("gru", 2.0)])
def test_without_recurrent_weights_the_gates_alone_are_exact(cell, bias):
    """An LSTM's forget and a GRU's update gate are the second of their gates."""
    biases = torch.zeros(CELLS[cell].gates, 6)
    biases[1] = bias
    row = measured(Case(0, net(cell, bias_ih=biases.flatten()), X, warmup=10), with_spectrum=False)
    rate = -log(1 + exp(-bias))
    assert row["prediction"]["theory"] == "gate_path"
    assert row["prediction"]["log_per_step"] == pytest.approx(rate, abs=1e-6)
    assert row["rate"]["log_per_step"] == pytest.approx(rate, abs=1e-6)
    assert row["exponents"]["mean"][0] == pytest.approx(rate, abs=1e-6)
    path = next(bound for bound in row["bounds"] if bound["kind"] == "path")
    assert path["satisfied"] is True
    assert path["log_factor"] == pytest.approx(rate, abs=1e-6)
    assert row["ceiling"] is None


def test_the_prediction_of_a_chrono_net_is_the_path_through_its_own_biases():
    subject = cell_subject(CellSpec("lstm", "chrono", 8), Data(50, 4, 2), range(3, 4))
    case = subject.make(3)
    row = measured(case, with_spectrum=False)
    params = case.module.params()
    forget = (params["bias_ih"] + params["bias_hh"])[0, 8:16].double().numpy()
    np.testing.assert_allclose(row["prediction"]["log_by_lag"], gate_path_log_rms(forget, np.arange(50)), rtol=1e-12)


def test_a_default_rnn_is_predicted_from_its_variances():
    subject = cell_subject(CellSpec("rnn", hidden=64), Data(200, 8, 2), range(1))
    case = subject.make(0)
    row = measured(case, with_spectrum=False)
    own = {name: weight[0].double() for name, weight in case.module.params().items()}
    theory = mean_field(
        "tanh",
        weight_var=64 * float((own["weight_hh"] ** 2).mean()),
        bias_var=float(((own["bias_ih"] + own["bias_hh"]) ** 2).mean()),
        input_var=float(((case.x.double() @ own["weight_ih"].T) ** 2).mean()),
    )
    assert row["prediction"]["chi_1"] == pytest.approx(theory.chi_1, rel=1e-9)
    assert row["rate"]["log_per_step"] == pytest.approx(theory.log_gradient_factor, abs=0.08)
    assert 150 < row["underflow_lag"] <= 199


def test_what_the_upper_layer_of_a_stack_reads_is_the_output_of_the_lower():
    torch.manual_seed(0)
    stack, lower = nn.RNN(2, 5, num_layers=2).double(), nn.RNN(2, 5).double()
    lower.load_state_dict({name: value for name, value in stack.state_dict().items() if name.endswith("_l0")})
    row = measured(Case(0, stack, X.double(), warmup=5), with_spectrum=False)
    with torch.no_grad():
        inputs = lower(X.double())[0] @ stack.weight_ih_l1.T
    assert row["prediction"]["layer"] == 1
    assert row["prediction"]["input_var"] == pytest.approx(float((inputs**2).mean()), rel=1e-9)


def test_of_a_stack_the_last_layer_is_drawn_and_stays_under_its_ceiling():
    torch.manual_seed(0)
    stack = nn.RNN(2, 5, num_layers=2)
    for weight in stack.parameters():
        weight.data *= 0.4
    row = measured(Case(0, stack, X, warmup=5), with_spectrum=False)
    table = gradient_flow(stack, X).table.query("layer == 1")
    np.testing.assert_allclose(row["flow_last_layer"], table.log_rms_per_sample, rtol=1e-12)
    np.testing.assert_allclose(
        row["ceiling"],
        np.min([b.log_at(np.arange(40)) for b in bounds(stack) if b.kind == "ceiling" and b.layer == 1], axis=0),
    )
    assert (np.array(row["flow_last_layer"]) - row["flow_last_layer"][0] <= np.array(row["ceiling"]) + 1e-12).all()
    assert {bound["layer"] for bound in row["bounds"]} == {0, 1}


class Leaky(nn.Module):
    """A net of nobody's: a tuple as state."""

    def __init__(self):
        super().__init__()
        self.w = nn.Linear(7, 5)

    def forward(self, x, state):
        h, m = state if state is not None else (x.new_zeros(len(x), 5),) * 2
        m = 0.9 * m + 0.1 * torch.tanh(self.w(torch.cat([x, h], dim=-1)))
        return m, (torch.tanh(m), m)


def test_of_a_net_of_unknown_cells_what_can_be_measured_is_and_nothing_is_predicted():
    torch.manual_seed(0)
    row = measured(Case(0, Leaky(), X, warmup=5), with_spectrum=True)
    assert (row["bounds"], row["prediction"], row["ceiling"]) == ([], None, None)
    assert row["rate"].keys() >= {"log_per_step", "interval", "bent"}
    assert len(row["singular_values"]["log_singular_values"][0]) == 10
    text = words.sentences(summary("leaky", [row]))
    assert "theorem" not in text
    assert "predict" not in text


def test_batch_first_changes_nothing_but_the_layout():
    torch.manual_seed(0)
    plain, first = nn.GRU(2, 5), nn.GRU(2, 5, batch_first=True)
    first.load_state_dict(plain.state_dict())
    rows = [measured(Data(12, 3, 2).case(7, module), with_spectrum=True) for module in (plain, first)]
    for row in rows:
        row.pop("seconds")
    assert rows[0] == rows[1]


@pytest.mark.parametrize(("task", "cell"), [("adding", "lstm"), ("copy", "rnn")])
def test_a_checkpoint_is_measured_where_its_training_measured_it(tmp_path, task, cell):
    """The stored flow of the last evaluation, at the last weights, on the probe batch of the run's own seed."""
    jobs = jobs_of(small_card(task, cell), [5, 6])
    store = carried_out(jobs, tmp_path)
    run = store.known(jobs[0].keys)[jobs[0].keys[1]]
    _, last = store.flow(run)
    subject = stored_run(store, run)
    store.close()
    (seed,) = subject.seeds
    row = measured(subject.make(seed), with_spectrum=False)
    whole = next(value for name, value in last["flow"].items() if name != "lags")["log_rms_per_sample"]
    assert seed == 6
    np.testing.assert_allclose([row["flow"][lag] for lag in last["flow"]["lags"]], whole, atol=1e-5)


def test_the_seeds_of_a_user_make_differ_and_leave_the_random_state_alone(tmp_path, capsys):
    path = tmp_path / "nets.py"
    path.write_text("import torch\nprint('loading')\ndef make():\n    print('making')\n    return torch.nn.GRU(2, 3)\n")
    before = torch.get_rng_state()
    subject = module_subject(f"{path}:make", Data(8, 2, 2), range(4, 6))
    one, again, other = (subject.make(seed) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.module.weight_hh_l0, again.module.weight_hh_l0)
    assert not torch.equal(one.module.weight_hh_l0, other.module.weight_hh_l0)
    assert not torch.equal(one.x, other.x)
    assert subject.label == "nets.py:make"
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "loading\n" + 3 * "making\n")


BAD_CODE = {
    "syntax": ("def make(:", "raised SyntaxError"),
    "import": ("import nothing_of_that_name", "raised ModuleNotFoundError: No module named"),
    "exit": ("import sys; sys.exit('bye')", "raised SystemExit: bye"),
    "no make": ("def mak(): pass", "unknown function 'make': did you mean 'mak'"),
    "no function": ("make = 3", "make is no function but a int"),
    "raises": ("def make(): raise KeyError('a')", "raised KeyError: 'a'"),
    "argument": ("def make(width): pass", "raised TypeError: make"),
    "no module": ("def make(): return 3", "must return an nn.Module, got int"),
    "depth": ("import torch\ndef make(): return torch.nn.Sequential()", "nn.Sequential, which has layers"),
    "width": ("import torch\ndef make(): return torch.nn.RNN(9, 3)", "a net of 9 inputs: give --inputs 9"),
}


@pytest.mark.parametrize("kind", BAD_CODE)
def test_whatever_a_users_file_does_is_one_line(tmp_path, kind):
    code, pattern = BAD_CODE[kind]
    (tmp_path / "nets.py").write_text(code)
    with pytest.raises(UsageError, match=pattern):
        module_subject(f"{tmp_path / 'nets.py'}:make", Data(8, 2, 2), range(1)).make(0)


def test_data_is_normal_and_of_the_seeds_own_stream():
    case = Data(300, 20, 3).case(9, None)
    assert case.x.shape == (300, 20, 3)
    assert torch.equal(case.x, torch.randn(300, 20, 3, generator=generator(9, "probe")))
    assert (case.warmup, Data(8, 1, 1, warmup=0).case(0, None).warmup) == (75, 0)


def a_row(rate=-0.5, horizon=9, underflow=None, seed=0, ceiling=-0.1):
    """A row of a net of made-up numbers."""
    length = 100
    fitted = {"log_per_step": rate, "interval": (rate - 0.01, rate + 0.01), "first_lag": 10, "last_lag": 89}
    bound = {"layer": 0, "name": "roof", "kind": "ceiling", "assumption": "none", "source": "", "log_prefactor": 0.0}
    return {
        "seed": seed,
        **{"length": length, "batch": 4, "width": 6, "seconds": 1.0},
        "rate": {**fitted, "bent": rate == -0.1, "ends": (2 * rate, rate / 2)},
        "horizon": horizon,
        "underflow_lag": underflow,
        "grad_first_over_last": 99 * rate,
        "log_float32_zero": -103.3,
        "flow": [rate * lag for lag in range(length)],
        "flow_last_layer": None,
        "exponents": {
            "warmup": 25,
            "mean": [rate, -1.0, -inf],
            "standard_error": [0.01, 0.02, 0.0],
            **{"twin": rate, "twin_gap": 1e-9, "drift": -0.001},
            "convergence": [[rate] * 75, [-1.0] * 75, [-inf] * 75],
        },
        "bounds": [{**bound, "log_factor": ceiling, "satisfied": ceiling < 0, "vacuous": ceiling >= 0}],
        "ceiling": [ceiling * lag for lag in range(length)],
        "prediction": None,
        "singular_values": {"lags": [1, 50, 100], "log_singular_values": [[-0.5, -1.0], [-25.0, -50.0], [-50.0, -inf]]},
    }


def test_a_summary_is_medians_and_ranges_and_counts_seeds():
    rates, horizons, ceilings = (-0.6, -0.5, -0.1), (8, 9, None), (0.1, -0.1, -0.2)
    rows = [a_row(r, h, seed=k, ceiling=c) for k, (r, h, c) in enumerate(zip(rates, horizons, ceilings, strict=True))]
    found = summary("net", rows)
    assert [found[f"log_rate{end}"] for end in ("", "_min", "_max")] == [-0.5, -0.6, -0.1]
    assert [found[f"horizon{end}"] for end in ("", "_min", "_max")] == [9, 8, None]
    assert [found[f"underflow_lag{end}"] for end in ("", "_min", "_max")] == [None, None, None]
    assert (found["bent"], found["seeds"], found["seconds"]) == (1, [0, 1, 2], 3.0)
    assert found["exponents"] == [-0.5, -1.0, -inf]
    assert found["exponents_min"] == [-0.6, -1.0, -inf]
    (bound,) = found["bounds"]
    assert (bound["log_factor"], bound["satisfied"], bound["undecided"], bound["vacuous"]) == (-0.1, 2, 0, 1)


SAID = [
    (
        a_row(-0.5),
        "multiplies the gradient by 0.607. At lag 9 less than 1 % of it is left; .*steps it is 10.-21.5 of",
    ),
    (a_row(-0.1), "no single rate: one step back multiplies it by 0.819 at lag 10 and by 0.951 at lag 89"),
    (a_row(0.2, None, ceiling=0.3), "It does not fall under 1 %"),
    (a_row(0.2, None, ceiling=0.3), "No theorem guarantees.*roof, changes by a factor of 1.350 per step"),
    (a_row(-0.5), "A theorem guarantees that it vanishes.*roof, changes by a factor of 0.905 per step"),
    (a_row(-2.0, underflow=52), "From lag 52 on float32 training sees an exact 0: the number format ends there"),
    ({**a_row(), "rate": None, "grad_first_over_last": nan, "underflow_lag": 0}, "too few lags.*0 from the start"),
    ({**a_row(underflow=5), "grad_first_over_last": -inf}, r"From lag 5 on float32 training sees an exact 0\. A"),
]


@pytest.mark.parametrize(("row", "pattern"), SAID, ids=range(len(SAID)))
def test_the_sentences_say_what_was_measured(row, pattern):
    assert re.search(pattern, words.sentences(summary("net", [row])))


def columns_of(table):
    return [[str(cell) for cell in column.cells] for column in table.columns]


def test_the_table_shows_the_range_of_several_seeds_and_no_range_of_one():
    rows = [a_row(-0.6, 8), a_row(-0.5, 9, seed=1), a_row(-0.4, None, seed=2)]
    names, several, one = columns_of(words.table([summary("three", rows), summary("one", rows[:1])]))
    several, one = dict(zip(names, several, strict=True)), dict(zip(names, one, strict=True))
    assert several["gradient per step back"] == "× 0.607 (0.549 – 0.670)"
    assert several["first lag under 1 %"] == "9 (8 – > 99)"
    assert (one["gradient per step back"], one["first lag under 1 %"]) == ("× 0.549", "8")
    assert several["exponent 1"] == "-0.5000 ± 0.01 (-0.600 – -0.400)"
    assert several["exponent 3"] == "-∞"


def test_theorems_that_are_silent_for_one_reason_share_a_line():
    row = measured(Case(0, net("gru"), X, warmup=5), with_spectrum=False)
    theorems, says, *_ = columns_of(words.bounds_table(summary("gru", [row])))
    assert theorems[0] == "leak"
    assert theorems[1].split("\n") == [bound["name"] for bound in row["bounds"][1:]]
    assert says[1:] == ["nothing of this net"]


def labelled(ax):
    return {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}


def test_the_flow_figure_has_the_median_the_range_and_a_ceiling_that_does_not_set_the_axis():
    rows = [a_row(rate, seed=k, ceiling=2.0) for k, rate in enumerate((-0.6, -0.5, -0.4))]
    (ax,) = probed_flow({"net": rows}).axes
    lines = labelled(ax)
    np.testing.assert_allclose(lines["measured"].get_ydata(), -0.5 * np.arange(100) / log(10))
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).y0 == pytest.approx(99 * -0.6 / log(10))
    assert lines["lowest ceiling of any theorem"].get_ydata()[-1] > 80
    assert ax.get_ylim()[1] < 3
    assert "below: exactly 0 in float32" not in lines
    (deep,) = probed_flow({"net": [a_row(-2.0)]}).axes
    zero = labelled(deep)["below: exactly 0 in float32"].get_ydata()[0]
    assert zero == pytest.approx(-103.3 / log(10))


def test_the_flow_figure_says_where_a_gradient_is_exactly_0():
    row = a_row(-0.5)
    row["flow"][60:] = [-inf] * 40
    (ax,) = probed_flow({"net": [row]}).axes
    line = labelled(ax)["measured (exactly 0 at 40 lags)"]
    assert line.get_xdata().tolist() == list(range(60))


def test_the_other_figures_draw_what_is_finite():
    rows = [a_row(-0.5)]
    (ax,) = singular_values({"net": rows}).axes
    values = {line.get_label(): line.get_ydata() * log(10) for line in ax.get_lines()}
    np.testing.assert_allclose(values["$\\sigma_{1}$"], [0.0, -0.5, -25.0, -50.0])
    np.testing.assert_allclose(values["$\\sigma_{2}$"], [0.0, -1.0, -50.0, np.nan])
    (ax,) = exponent_convergence({"net": rows}).axes
    lines = labelled(ax)
    assert np.isnan(lines["$\\lambda_3$"].get_ydata()).all()
    assert lines["$\\lambda_1$ by twin trajectories"].get_xydata().tolist() == [[75, -0.5]]


def run(monkeypatch, *argv):
    monkeypatch.setattr(sys, "argv", ["rnngrad", "probe", *map(str, argv)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


SMALL = ("--lag", 12, "--hidden", 4, "--batch", 3)


def test_the_command_prints_tables_sentences_and_files(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, *SMALL, "--cell", "rnn", "--cell", "lstm:chrono", "--seeds", 2, "--out", tmp_path) == 0
    out, err = capsys.readouterr()
    texts = ("gradient per step back", "pascanu_vanishing", "carousel", "mean field", "twins disagree", "lstm:chrono: ")
    assert all(text in out for text in texts)
    assert err.splitlines()[0] == "probing rnn, lstm:chrono"
    files = [Path(line.removeprefix("wrote ")) for line in out.splitlines() if line.startswith("wrote ")]
    assert sorted(files) == sorted(tmp_path.iterdir())
    kinds = [f"{kind}.{ending}" for kind in ("flow", "singular-values", "exponents") for ending in ("png", "svg")]
    assert [file.name for file in files] == [f"probe-rnn-lstm-chrono-lag12-{kind}" for kind in kinds]
    assert all(file.stat().st_size > 5_000 for file in files)


def test_nets_with_different_numbers_of_exponents_stand_in_one_table(monkeypatch, capsys, tmp_path):
    """A vanilla net of one unit has one exponent, the LSTM beside it two."""
    argv = ["rnngrad", "probe", "--lag", "20", "--hidden", "1", "--seeds", "1", "--out", str(tmp_path), "--quiet"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code in (0, None)
    line = next(line for line in capsys.readouterr().out.splitlines() if "exponent 2" in line)
    assert "–" in line.split("│")[2]


def test_json_is_one_object_per_line_and_nothing_else(monkeypatch, capsys, tmp_path):
    (tmp_path / "nets.py").write_text(
        "import torch\nprint('noise')\nclass Net(torch.nn.GRUCell):\n"
        "    def forward(self, x, h):\n        print('more noise')\n        return super().forward(x, h)\n"
        "def make(): return Net(2, 3)\n"
    )
    out = tmp_path / "out"
    code = run(monkeypatch, *SMALL[:2], "--module", f"{tmp_path}/nets.py:make", "--seeds", 2, "--json", "--out", out)
    text = capsys.readouterr().out
    events = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == ["probe", "probe", "summary", "files"]
    assert [event.get("singular_values") is None for event in events[:2]] == [False, True]
    assert len(events[0]["flow"]) == 12
    assert [Path(file).exists() for file in events[3]["files"]] == 6 * [True]


def test_the_same_command_gives_the_same_numbers(monkeypatch, capsys, tmp_path):
    texts = []
    for _ in range(2):
        assert run(monkeypatch, *SMALL, "--cell", "gru", "--seed", 3, "--json", "--quiet", "--out", tmp_path) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()[:-1]]
        texts.append([{key: value for key, value in row.items() if key != "seconds"} for row in rows])
    assert texts[0] == texts[1]
    assert texts[0][-1]["seeds"] == [3, 4, 5, 6, 7]


def test_the_benchmark_times_both_sides_in_turns():
    script = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "bench_flow.py"))
    module = nn.LSTM(2, 3).double()
    ours, theirs = script["pairs"](module, torch.randn(5, 2, 2, dtype=torch.float64), 3)
    assert len(ours) == len(theirs) == 3
    assert min(ours + theirs) > 0
    script["plain"](module, X.double())
    assert module.weight_hh_l0.grad.abs().sum() > 0
