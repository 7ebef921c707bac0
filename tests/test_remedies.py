"""rnngrad depth remedies: gradients, theory of batch norm, trainability, resumption, words and figures."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from math import exp, inf, isfinite, log, pi, sqrt

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import batches_of

from rnngrad import cli
from rnngrad.data import digits
from rnngrad.depth import remedies
from rnngrad.depth.remedies import Protocol, Recipe, expected, grid, initial_gradients, measure_net
from rnngrad.depth.trainability import CLIP, THRESHOLD, best_outcomes, descend, sample_losses
from rnngrad.errors import UsageError
from rnngrad.figures import remedies_gradient, remedies_growth, remedies_training
from rnngrad.findings import remedies as finding
from rnngrad.flow.layers import layer_norms
from rnngrad.measurement import Measurement
from rnngrad.models import FeedForward
from rnngrad.stats import t_interval
from rnngrad.store import Store
from rnngrad.theory import batch_norm_factor
from rnngrad.theory.activations import ACTIVATIONS

SMALL = Protocol(width=8, seeds=2, epochs=2)


@pytest.fixture(scope="module")
def pixels():
    return remedies._tensors(digits(), torch.device("cpu"))


@pytest.mark.parametrize(("depth", "init"), [(20, "he"), (100, "he"), (20, "gaussian_0.25")])
def test_batch_norm_with_relu_makes_gradients_grow_by_about_1_2_a_layer(depth, init):
    """Width 128, batch 256, whatever the weights' variance; 20 layers at either end feel the ends and are left out."""
    model = FeedForward.seeded((64, *[128] * (depth + 40), 10), "relu", init, [0], normalisation="batch")
    x = torch.randn(1, 256, 64, generator=torch.Generator().manual_seed(0))
    logs = layer_norms(model, x, lambda outputs: outputs.square().sum(-1)).log_rms().squeeze()
    rate = exp((logs[depth + 20] - logs[20]) / depth)
    assert 1.1 < rate < 1.3
    assert rate == pytest.approx(batch_norm_factor("relu"), rel=0.02)


def test_coupled_samples_share_one_log_scale():
    """Samples keep their proportions: over 100 layers all grow by 10⁸ together, and none is rescaled apart."""
    model = FeedForward.seeded((20, *[60] * 100, 3), "relu", "he", [0], normalisation="batch")
    x = torch.randn(1, 40, 20, generator=torch.Generator().manual_seed(0))
    found = layer_norms(model, x, lambda outputs: outputs.square().sum(-1)).per_sample[:, 0, :, 0]
    assert (found[100] - found[1]).min() > 8
    assert (found.amax(dim=1) - found.amin(dim=1)).max() < 12


def test_the_factor_of_batch_norm_in_closed_form_and_by_sampling():
    assert batch_norm_factor("relu") == pytest.approx(sqrt(pi / (pi - 1)))
    assert batch_norm_factor("identity") == pytest.approx(1)
    assert all(batch_norm_factor(name) > 1 for name in ACTIVATIONS if name != "identity")
    u = np.random.default_rng(0).standard_normal(1_000_000)
    tanh = np.tanh(u)
    assert batch_norm_factor("tanh") == pytest.approx(sqrt(np.mean((1 - tanh**2) ** 2) / tanh.var()), rel=5e-3)


def test_the_interval_is_students():
    assert t_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 4.302653 / sqrt(3), 2 + 4.302653 / sqrt(3)))
    assert np.isnan(t_interval([1.0])).all()


def test_the_ratio_is_of_the_hidden_layers_and_agrees_with_autograd(pixels):
    """Of one digit alone, whose own gradient with respect to z is that of the bias."""
    x, labels = (part[:100] for part in pixels)
    recipe = Recipe("tanh", "glorot", "plain", 4)
    found = initial_gradients(recipe, 16, x[:1].expand(100, -1), labels[:1].expand(100))
    model = recipe.model(16, [3]).to(torch.float64)
    theta = model.theta.clone().requires_grad_()
    params = model.params(theta)
    loss = sample_losses(model.pre_activations(params, x[:1].double().unsqueeze(0))[-1], labels[:1].unsqueeze(0)).sum()
    first, last = torch.autograd.grad(loss, [params["bias_1"], params["bias_4"]])
    assert float(found["log_first"][3]) == pytest.approx(float(first.norm().log()), abs=1e-9)
    assert float(found["log_first_over_last"][3]) == pytest.approx(float((first.norm() / last.norm()).log()), abs=1e-9)
    assert float(found["loss"][3]) == pytest.approx(float(loss.detach()))


def test_vanishing_plain_sigmoids_fall_at_the_rate_of_theory(pixels):
    recipe = Recipe("sigmoid", "glorot", "plain", 20)
    logs = initial_gradients(recipe, 64, *pixels)["log_first_over_last"]
    assert float(logs.mean()) / 19 == pytest.approx(log(expected(recipe, 64)["chi_1"]) / 2, rel=0.03)


def test_what_theory_says_of_each_remedy():
    assert expected(Recipe("relu", "he", "plain", 9), 64) == {"chi_1": 1, "depth_scale": inf}
    assert expected(Recipe("tanh", "gaussian_0.25", "plain", 9), 64)["depth_scale"] == pytest.approx(1 / log(4))
    chaotic = expected(Recipe("tanh", "gaussian_4_0.05", "plain", 9), 64)
    assert chaotic["chi_1"] == pytest.approx(1.3424, abs=1e-4)
    assert chaotic["depth_scale"] < 1 / log(chaotic["chi_1"]) * 3
    norm = expected(Recipe("relu", "he", "batch_norm", 9), 64)
    assert norm["chi_1"] == pytest.approx(pi / (pi - 1))
    assert expected(Recipe("relu", "he", "residual", 9), 64) == {"chi_1": pytest.approx(2)}


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_residual_nets_grow_at_the_rate_of_theory(activation, pixels):
    """Ten nets of width 64: the log of first over last within 8 %, of ReLUs and of units that saturate."""
    recipe = Recipe(activation, "he", "residual", 20)
    measured = float(initial_gradients(recipe, 64, *pixels)["log_first_over_last"].mean())
    assert measured == pytest.approx(19 * log(expected(recipe, 64)["chi_1"]) / 2, rel=0.08)


def test_a_shallow_net_trains_and_a_seed_does_not_depend_on_its_neighbours(pixels):
    recipe = Recipe("tanh", "glorot", "plain", 2)
    together = descend(recipe.model(16, [4, 5, 6]), *pixels, [4, 5, 6], 0.1, 4, None)
    alone = descend(recipe.model(16, [5]), *pixels, [5], 0.1, 4, None)
    assert together[1] == alone[0]
    assert all(outcome.trained and outcome.loss < THRESHOLD < log(10) for outcome in together)
    assert all(10 <= outcome.updates <= 40 for outcome in together)


def test_what_diverges_is_kept_and_clipping_mends_it(pixels):
    recipe = Recipe("prelu", "he", "residual", 10)
    model = recipe.model(64, [0])
    (lost,) = best_outcomes(model, *pixels, [0], (0.1,), 10, None)
    assert (lost.loss, lost.updates, lost.trained) == (inf, 10, False)
    (mended,) = best_outcomes(model, *pixels, [0], (0.1,), 10, CLIP)
    assert mended.trained


def test_the_best_rate_is_kept_and_the_next_is_tried_only_where_needed(pixels):
    model = Recipe("tanh", "glorot", "plain", 2).model(16, [0])
    (found,) = best_outcomes(model, *pixels, [0], (1e-9, 0.1, 1e9), 5, None)
    assert (found.rate, found.trained) == (0.1, True)
    (none,) = best_outcomes(model, *pixels, [0], (1e-9, 1e9), 1, None)
    assert none.rate == 1e-9
    assert 2 < none.loss < 3


def test_the_numbers_of_a_net_and_clipping_only_where_the_gradient_explodes(pixels):
    calm = measure_net(Recipe("tanh", "glorot", "plain", 3), SMALL, *pixels)
    wild = measure_net(Recipe("relu", "gaussian_4", "residual", 12), SMALL, *pixels)
    counts = {name: sum(n.quantity == name for n in calm) for name in {n.quantity for n in calm}}
    assert counts == {
        **{"log_first_over_last": 10, "log_first": 10, "loss": 10, "chi_1": 1, "depth_scale": 1},
        **{"training_loss": 2, "training_rate": 2, "training_updates": 2},
    }
    assert {n.quantity for n in wild} - set(counts) == {"clipped_loss", "clipped_rate", "clipped_updates"}
    assert {(n.variant, n.hidden_layers) for n in wild} == {("relu gaussian_4 residual", 12)}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((["tahn"], ["he"], [5]), "did you mean 'tanh'"),
        ((["tanh"], ["hee"], [5]), "did you mean 'he'"),
        ((["tanh"], ["chain_1.1"], [5]), "its weights are not random"),
        ((["tanh"], ["gaussian_0"], [5]), "give a positive variance"),
        ((["tanh"], ["he"], [5, 0]), "at least 2"),
    ],
)
def test_what_no_net_can_have_is_refused(names, message):
    with pytest.raises(UsageError, match=message):
        grid(*names)


@pytest.mark.parametrize(
    "words", [["--depth", "0"], ["--activation", "rleu"], ["--width", "-3"], ["--data", "none.npz"]]
)
def test_the_command_refuses_in_one_line(words, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["rnngrad", "depth", "remedies", *words, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "rnngrad.db").exists()


GRID = (["tanh"], ["he", "glorot"], [2, 3])
WORDS = ["depth", "remedies", "--width", "8", "--activation", "tanh"]
WORDS += ["--init", "he", "--init", "glorot", "--depth", "2", "--depth", "3"]
NETS = 12
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def stored(path):
    """Every number of the store's only experiment, and its status."""
    store = Store(path)
    (experiment,) = store.experiments()
    numbers = store.measurements(experiment["id"])
    store.close()
    return numbers, experiment["status"]


def net_count(path):
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(path) as db:
            found = db.execute("SELECT count(DISTINCT variant || hidden_layers) FROM measurements").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    db.close()
    return found


def test_a_killed_command_goes_on_where_it_was(tmp_path):
    """kill -9 after a few nets; repeated, the command measures the others, and ends with the numbers of one go."""
    database = tmp_path / "rnngrad.db"
    words = [*WORDS, "--out", str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-m", "rnngrad", *words, "--quiet"], env={**os.environ, **ONE_THREAD})
    while net_count(database) < 3 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before, status = stored(database)
    kept = net_count(database)
    assert status == "running"
    assert 3 <= kept < NETS
    again = CliRunner().invoke(cli.command, [*words, "--json"])
    assert f"{kept} of {NETS} portions are in the store already" in again.stderr
    after, status = stored(database)
    assert status == "finished"
    assert after[: len(before)] == before
    whole = batches_of(remedies.jobs(grid(*GRID), Protocol(width=8), digits(), torch.device("cpu")))
    assert after == [number for batch in whole for number in batch]
    assert sum('"event": "net"' in line for line in again.stdout.splitlines()) == NETS


SETTINGS = {
    **{"width": 64, "seeds": 1, "rates": [0.1, 0.01], "epochs": 10, "threshold": 1.15, "clip": 1.0, "batch": 100},
}


def numbers_of(variant, depth, log_ratio, loss, clipped=None, **theory):
    found = [
        Measurement("log_first_over_last", log_ratio + d, k, depth, variant=variant) for k, d in enumerate((-1, 1))
    ]
    values = {"log_first": log_ratio, "loss": 2.3, "training_loss": loss, **theory}
    values |= {} if clipped is None else {"clipped_loss": clipped}
    return found + [Measurement(name, value, 0, depth, variant=variant) for name, value in values.items()]


@pytest.fixture
def rows():
    numbers = [
        *numbers_of("sigmoid glorot plain", 2, -2, 1.0, chi_1=0.06, depth_scale=0.4),
        *numbers_of("sigmoid glorot plain", 20, -27.0, 2.31, chi_1=0.06, depth_scale=0.4),
        *numbers_of("relu he plain", 20, 0.0, 0.9, chi_1=1.0, depth_scale=inf),
        *numbers_of("relu he batch_norm", 20, 19 * log(1.21), 0.9, 0.9, chi_1=1.467, depth_scale=2.6),
        *numbers_of("relu he residual", 20, 6.6, inf, 0.8),
    ]
    return finding.rows(SETTINGS, numbers)


def test_the_rows_and_what_they_say(rows):
    nets = {(row["activation"], row["remedy"], row["depth"]): row for row in rows if row["event"] == "net"}
    norm = nets["relu", "batch_norm", 20]
    assert norm["per_layer"] == pytest.approx(1.21)
    assert (norm["low"], norm["high"]) == pytest.approx(t_interval([norm["mean"] - 1, norm["mean"] + 1]))
    assert [finding.is_trained(row) for row in nets.values()] == [True, False, True, True, False]
    trained, vanished, growth, clipped, scale = finding.sentences(rows)
    assert "plain 2/3 (1/2 at 20 layers), batch norm 1/1" in trained
    assert "sigmoid, glorot, plain, 20 hidden layers: first/last 10^-11.7" in vanished
    assert "2.30 before training and 2.31 after" in vanished
    assert "1.210 per layer" in growth
    assert "have 1.211" in growth
    assert "2 nets have a gradient that grows" in clipped
    assert "1 train as they are, 1 diverge at every rate. With the" in clipped
    assert "clipped at 1, 2 train, 1 of them only so" in clipped
    assert "has 5.0 ξ layers" in scale
    assert "50.0 ξ" in scale
    table = finding.table(rows)
    assert table[1][:4] == ["sigmoid", "glorot", "10^-11.7", "2"]
    assert len({len(line) for line in table}) == 1


def test_seeds_without_any_gradient_are_counted_apart():
    numbers = numbers_of("relu he plain", 20, 3.0, 2.3, chi_1=1.0, depth_scale=inf)
    numbers += [Measurement("log_first_over_last", value, 2, 20, variant="relu he plain") for value in (-inf, None)]
    row, _ = finding.rows(SETTINGS, numbers)
    assert (row["dead"], row["mean"]) == (2, 3.0)
    dead = [n._replace(value=-inf) if n.quantity == "log_first_over_last" else n for n in numbers]
    rows = finding.rows(SETTINGS, dead)
    assert (rows[0]["dead"], np.isnan(rows[0]["mean"])) == (4, True)
    assert finding.sentences(rows)
    assert finding.table(rows)[1][2] == "–"
    assert "dead" in [text.get_text() for text in remedies_gradient("title", rows).axes[0].texts]
    assert remedies_growth("title", rows).axes


def test_the_maps_show_every_net_in_words(rows):
    nets = sum(row["event"] == "net" for row in rows)
    for figure, words in ((remedies_gradient, ["-11.7", "0.0", "+2.9"]), (remedies_training, ["∞ c", "2.3", "0.9"])):
        axes = figure("title", rows).axes
        texts = [text.get_text() for ax in axes[:3] for text in ax.texts if text.get_zorder() == 6]
        assert len(texts) == nets
        assert set(words) <= set(texts)
        assert axes[0].get_xscale() == "log"
        assert [ax.get_title() for ax in axes[:3]] == ["plain", "batch norm", "residual"]


def test_the_frame_surrounds_what_trains_and_the_scale_is_drawn_or_pointed_at(rows):
    plain, norm, residual = remedies_training("title", rows).axes[:3]
    black = [sum(line.get_color() == "black" for line in ax.lines) for ax in (plain, norm, residual)]
    assert black == [8, 4, 0]
    orange = [line for line in plain.lines if line.get_color() == "#d55e00"]
    assert [line.get_marker() for line in orange] == ["<", ">"]
    (bar,) = [line for line in norm.lines if line.get_color() == "#d55e00"]
    assert list(bar.get_xdata()) == [2.6, 2.6] or bar.get_marker() == "<"


def test_the_figure_of_growth_has_the_rates_and_the_theory(rows):
    axes = remedies_growth("title", rows).axes
    assert [ax.get_title() for ax in axes] == ["sigmoid, glorot", "relu, he"]
    drawn = [float(y) for line in axes[1].lines for y in line.get_ydata()]
    assert any(y == pytest.approx(1.21) for y in drawn)
    assert any(y == pytest.approx(sqrt(1.467)) for y in drawn)
    assert all(isfinite(y) for y in drawn)


def test_the_default_grid_is_a_part_of_the_whole():
    default = set(grid(remedies.ACTIVATIONS, remedies.INITS, remedies.DEPTHS, remedies.NORMALISED_INITS))
    whole = set(grid(remedies.ALL_ACTIVATIONS, remedies.ALL_INITS, remedies.ALL_DEPTHS))
    assert default < whole
    assert (len(default), len(whole)) == (288, 990)
    assert replace(next(iter(default)), depth=100) in default
