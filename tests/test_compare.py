"""Time beside depth: theory against measured rates, tied against redrawn weights, and words that carry the rows."""

import json
import shutil
from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import batches_of

from rnngrad import cli, report
from rnngrad.cells import CELLS
from rnngrad.comparison import Setting, jobs
from rnngrad.comparison.bit import draw, feed_forward, layered, recurrent
from rnngrad.comparison.over_time import Unrolled, batch_normalised, redrawn, time_norms
from rnngrad.comparison.rates import log_rates, probe, width_rows
from rnngrad.comparison.remedies import PAIRS
from rnngrad.errors import UsageError
from rnngrad.figures import depth_and_time
from rnngrad.findings import depth_and_time as findings
from rnngrad.flow.layers import layer_norms
from rnngrad.models import FeedForward
from rnngrad.side_by_side import by_width, chosen, correlation, horizon, learners, numbers_of, relative, rows_of
from rnngrad.store import Store
from rnngrad.streams import generator
from rnngrad.theory import mean_field

SMALL = Setting(width=6, length=10, seeds=(0, 1, 2), widths=(4,), updates=2)
ENTRY = Path(__file__).parents[1] / "reports" / "depth-and-time"


@pytest.fixture(scope="module")
def rows():
    return measured(SMALL)


def measured(setting):
    """The rows of a comparison, through the store's numbers."""
    numbers = [number for batch in batches_of(jobs(setting)) for number in batch]
    return findings.rows(setting.columns, numbers)


def rates(net, setting):
    return np.array(log_rates(time_norms(net, probe(setting)), setting.seeds))


@pytest.mark.parametrize(("activation", "bias_var"), [("tanh", 0.05), ("relu", 0.05), ("sigmoid", 0.05)])
def test_mlp_matrices_as_steps_give_the_mlps_numbers(activation, bias_var):
    """The layers of the compared MLP as the steps of a recurrent net of the same cell: equal to 1e-12."""
    setting = replace(SMALL, activation=activation, bias_var=bias_var)
    mlp, bits = feed_forward(setting), probe(setting)
    by_depth = layer_norms(mlp, layered(setting, bits.x), bits.losses, "h")
    params = mlp.to(torch.float64).params()
    last = setting.length + 1
    scale = (setting.input_var / setting.weight_var) ** 0.5

    def weights(t):
        """Layer t; the first reads x, scaled as the MLP's, and no h; the later ones read h and no x."""
        own = params[f"weight_{t}"]
        read = {"weight_ih": scale * own, "weight_hh": torch.zeros(3, 6, 6, dtype=torch.float64)}
        hand_on = {"weight_ih": torch.zeros(3, 6, 8, dtype=torch.float64), "weight_hh": own}
        bias = {"bias_ih": params[f"bias_{t}"], "bias_hh": torch.zeros(3, 6, dtype=torch.float64)}
        out = {"readout_weight": params[f"weight_{last}"], "readout_bias": params[f"bias_{last}"]}
        return {**(read if t == 1 else hand_on), **bias, **out}

    cell = CELLS[setting.cell]
    by_time = time_norms(Unrolled(cell, weights, cell.step), bits)
    torch.testing.assert_close(by_depth.per_sample, by_time.per_sample, rtol=0, atol=1e-12)
    torch.testing.assert_close(by_depth.of_mean, by_time.of_mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_mean_field_gives_the_rate_of_redrawn_weights_at_width_500(activation):
    """½ ln χ_1 within 0.02 a step: 1/(2 · 500) of finite width, and what two seeds and 20 steps scatter."""
    setting = Setting(activation=activation, weight_var=1.5, width=500, length=25, seeds=(0, 1))
    expected = mean_field(activation, weight_var=1.5, bias_var=0.05, input_var=0.01).log_gradient_factor
    assert rates(redrawn(setting, 500), setting).mean() == pytest.approx(expected, abs=0.02)


def test_mean_field_gives_the_rate_of_layers_at_width_300():
    setting = Setting(width=300, length=25, seeds=(0, 1))
    norms = layer_norms(feed_forward(setting), layered(setting, probe(setting).x), probe(setting).losses, "h")
    expected = mean_field("tanh", weight_var=1.0, bias_var=0.05).log_gradient_factor
    assert np.mean(log_rates(norms, setting.seeds)) == pytest.approx(expected, abs=0.02)


def test_tied_weights_go_with_the_spectral_radius_of_the_mean_step():
    """Where biases and not the input move the units: over seeds, and for each to a tenth of what they differ by."""
    own = by_width(
        width_rows(Setting(weight_var=0.5, width=16, length=150, input_var=1e-6, seeds=tuple(range(12))), 16)
    )[16]
    assert correlation(own) > 0.98
    error = np.median(np.abs(own["tied"] - own["log_jacobian_radius"]))
    assert error < 0.1 * np.ptp(own["tied"])


def test_seeds_of_tied_weights_part_further_and_less_so_the_wider_they_are():
    setting = Setting(seeds=tuple(range(12)))
    spreads = {}
    for width in (16, 128):
        own = by_width(width_rows(setting, width))[width]
        spreads[width] = own["tied"].std(), own["redrawn"].std()
        assert spreads[width][0] > 2 * spreads[width][1]
    assert spreads[128][0] < spreads[16][0] / 2


def test_redrawn_weights_differ_from_step_to_step_and_seed_to_seed_and_come_again():
    net = redrawn(SMALL, 6)
    first, again, other = (net.weights(t)["weight_hh"] for t in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).any()
    assert not torch.isclose(first[0], first[1]).any()


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_the_input_adds_its_variance_to_the_first_pre_activations(activation):
    """In both nets: z_1 has variance input_var + bias_var, with a relative standard error of 2 %."""
    setting = Setting(activation=activation, input_var=0.3, width=400, seeds=tuple(range(20)))
    bits = draw([generator(seed, "probe") for seed in setting.seeds], 1, 20)
    mlp = FeedForward.seeded((8, 400, 1), activation, setting.layer_init, setting.seeds)
    z = mlp.pre_activations(mlp.params(), layered(setting, bits.x))[0]
    rnn = recurrent(setting)
    a = rnn.cell.project(rnn.params(), bits.x)
    assert float(z.square().mean()) == pytest.approx(0.35, rel=0.08)
    assert float(a.square().mean()) == pytest.approx(0.35, rel=0.08)


def test_batch_normalised_steps_have_mean_0_and_variance_1_before_the_activation():
    setting = replace(SMALL, width=20)
    net, bits = batch_normalised(recurrent(setting), "tanh"), probe(setting)
    x = bits.x
    params = net.weights(1)
    h = net.step(params, net.cell.project(params, x[:, :1])[:, 0], torch.zeros(3, 32, 20, dtype=torch.float64))
    u = h.atanh()
    torch.testing.assert_close(u.mean(dim=1), torch.zeros(3, 20, dtype=torch.float64), rtol=0, atol=1e-8)
    torch.testing.assert_close(u.var(dim=1, correction=0), torch.ones(3, 20, dtype=torch.float64), rtol=0.01, atol=0)


def test_the_carousel_keeps_its_gradient_and_orthogonal_layers_theirs():
    pairs, setting = {pair.name: pair for pair in PAIRS}, replace(SMALL, width=32, length=60)
    carousel = pairs["a way around"].time.norms(setting, probe(setting)).log_rms()[..., 0]
    assert (carousel - carousel[0] > np.log(0.01)).all()
    layers = pairs["orthogonal"].depth.norms(setting, probe(setting)).log_rms()[..., 0]
    assert ((layers[-1] - layers[0]).abs() < 0.5).all()


def test_a_net_that_can_learn_the_bit_learns_it():
    setting = Setting(length=10, width=16, seeds=(0, 1, 2), widths=(2,), updates=200)
    found = measured(setting)
    for net in ("mlp", "rnn"):
        assert learners(found, net) == {0, 1, 2}
        assert all(row["loss"] < 0.4 for row in chosen(found, event="training", net=net))


def test_every_row_is_there(rows):
    flows = {(row["net"], row["moment"]) for row in chosen(rows, event="flow")}
    assert flows == {("mlp", "init"), ("redrawn", "init"), ("rnn", "init"), ("mlp", "trained"), ("rnn", "trained")}
    assert {row["width"] for row in chosen(rows, event="rate")} == {4, 6}
    assert {row["pair"] for row in chosen(rows, event="remedy")} == {pair.name for pair in PAIRS}
    lengths = {len(row["log_rms_per_sample"]) for row in rows if row["event"] in ("flow", "remedy")}
    assert lengths == {10}


def test_the_first_pair_is_the_plain_nets(rows):
    for over, net in (("depth", "mlp"), ("time", "rnn")):
        plain = chosen(rows, event="remedy", pair="plain", over=over)
        assert [row["log_rms_per_sample"] for row in plain] == [
            row["log_rms_per_sample"] for row in chosen(rows, event="flow", net=net, moment="init")
        ]


def test_the_words_carry_the_numbers_of_the_rows(rows):
    text = " ".join(findings.sentences(rows))
    own = by_width(rows)[4]
    for name in ("tied", "redrawn", "log_jacobian_radius"):
        assert f"{own[name].mean():.4f} ± {own[name].std(ddof=1):.4f}" in text
    assert f"spread {own['tied'].std() / own['redrawn'].std():.1f} times as far" in text
    assert f"{mean_field('tanh', 1.0, 0.05, 0.01).log_gradient_factor:.4f}" in text
    ceiling = chosen(rows, event="ceiling", name="pascanu_vanishing")[0]
    assert f"pascanu_vanishing {exp(ceiling['log_factor']):.3g}" in text
    assert f"After training MLPs: {len(learners(rows, 'mlp'))} of 3" in text


def test_the_table_carries_the_horizons():
    def row(pair, over, fall):
        logs = [-fall * lag for lag in range(10)]
        shared = {"event": "remedy", "pair": pair, "over": over, "net": f"{pair} {over}", "state": "h", "seed": 0}
        return {**shared, "log_rate": -fall, "log_rms_per_sample": logs}

    found = [row("plain", "depth", 1.0), row("plain", "time", 0.1)]
    assert (horizon(found[0]), horizon(found[1])) == (5, float("inf"))
    assert horizon({"log_rms_per_sample": [0.0, -1.0, -np.inf]}) == 2
    assert np.isneginf(relative({"log_rms_per_sample": [-np.inf, -np.inf]})).all()
    others = [
        {"event": "setting", "length": 10},
        *({**row("", "time", 0.5), "event": "flow", "net": net, "moment": "trained"} for net in ("mlp", "rnn")),
        {**row("", "time", 0.5), "event": "flow", "net": "redrawn"},
        *({"event": "theory", "name": f"sqrt_chi_1 over {over}", "log_factor": -0.5} for over in ("depth", "time")),
    ]
    table = findings.table([*found, *others])
    assert table[1] == ["plain", "plain depth", "h", "5", "0.368", "plain time", "h", "> 9", "0.905"]
    assert table[-1][3] == "9"


def test_one_seed_and_dead_units_are_told_and_drawn():
    """ReLU nets so narrow that some gradients are exactly 0."""
    setting = Setting("relu", width=2, length=12, seeds=(0,), widths=(2,), updates=1)
    found = measured(setting)
    assert any(-np.inf in row["log_rms_per_sample"] for row in chosen(found, event="remedy"))
    assert findings.sentences(found)
    assert depth_and_time("title", found).axes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "tahn"}, "did you mean 'tanh'"),
        ({"weight_var": -1.0}, "weight_var is a variance: it must be 0 or more"),
        ({"bias_var": float("nan")}, "bias_var is a variance"),
        ({"input_var": 0.0}, "must be above 0"),
        ({"width": 1}, "at least 2"),
        ({"widths": (0,)}, "at least 2"),
        ({"length": 9}, "length must be at least 10"),
    ],
)
def test_what_no_net_can_have_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Setting(**options)


def test_a_size_beyond_memory_is_refused_before_anything_is_drawn():
    with pytest.raises(UsageError, match=r"GiB.*--width"):
        jobs(Setting(width=10**6))


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr("sys.argv", ["rnngrad", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0, *capsys.readouterr()


WORDS = ("--width", "4", "--widths", "4", "--length", "10", "--seeds", "2", "--updates", "1", "--quiet")


def test_the_command_writes_rows_tables_and_figure_and_prints_json_and_report_does_so_again(
    tmp_path, monkeypatch, capsys
):
    code, out, err = run(monkeypatch, capsys, "compare", *WORDS, "--out", str(tmp_path), "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    drawn = {f"depth-and-time.{kind}" for kind in ("md", "png", "svg")}
    assert {path.name for path in tmp_path.iterdir()} == drawn | {"rnngrad.db"}
    assert [line["event"] for line in lines if line["event"] in ("setting", "files")] == ["setting", "files"]
    assert len(chosen(lines, event="remedy")) == 2 * 2 * len(PAIRS)
    before = {name: (tmp_path / name).read_bytes() for name in drawn}
    code, again, _ = run(monkeypatch, capsys, "report", "--store", str(tmp_path / "rnngrad.db"), "--json")
    assert (code, again) == (0, out)
    assert {name: (tmp_path / name).read_bytes() for name in drawn} == before


def test_an_interrupted_command_says_how_to_go_on_and_does(tmp_path, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rnngrad.comparison.measure.train", interrupted)
        code, out, err = run(monkeypatch, capsys, "compare", *WORDS, "--out", str(tmp_path))
    count = len(jobs(Setting(widths=(4,), width=4, length=10)))
    assert (code, out) == (130, "")
    said = f"{count - 2} of {count} portions are in the store {tmp_path / 'rnngrad.db'}: repeat"
    assert said in " ".join(err.split())
    code, out, err = run(monkeypatch, capsys, "compare", *WORDS[:-1], "--out", str(tmp_path))
    assert code == 0
    assert f"{count - 2} of {count} portions are in the store already" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--width", "-3"], "a width must be at least 2"),
        (["--widths", "32,x"], "--widths: whole numbers with commas between"),
        (["--activation", "softplus"], "unknown activation 'softplus'"),
        (["--seeds", "0"], "'--seeds'"),
        (["--weight-var", "inf"], "weight_var is a variance"),
    ],
)
def test_wrong_words_are_one_line(words, message, tmp_path, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "compare", *words, "--out", str(tmp_path / "new"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "new").exists()


def test_a_row_comes_out_of_the_store_as_it_went_in():
    row = {"event": "remedy", "over": "time", "pair": "a way around", "net": "LSTM, carousel (f = 1)", "state": "hc"}
    row |= {"seed": 3, "log_rate": None, "log_rms_per_sample": [0.5, -np.inf]}
    ceiling = {"event": "ceiling", "name": "hochreiter_global", "log_factor": 1.5, "vacuous": 2, "of": 10}
    numbers = [n for own in (row, ceiling) for n in numbers_of(own)]
    stored = [n._replace(value=None if np.isnan(n.value) else float(n.value)) for n in numbers]
    assert rows_of(stored) == [row, ceiling]
    assert json.dumps(rows_of(stored)) == json.dumps([row, ceiling])


def test_the_readmes_rates_are_the_ledgers(tmp_path):
    shutil.copy(ENTRY / "rnngrad.db", tmp_path)
    store = Store(tmp_path / "rnngrad.db", create=False)
    (found,) = report.found(store)
    store.close()
    lines = findings.width_table(found.rows)
    readme = (ENTRY.parents[1] / "README.md").read_text(encoding="utf-8")
    assert len(lines) == 4
    assert all(f"| {' | '.join(line)} |" in readme for line in lines)
