"""The store: transactions, crashes, interruption, and figures that come from its rows alone."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from conftest import carried_out, jobs_of, small_card
from safetensors.torch import load_file

from rnngrad import cli, report
from rnngrad.store import Store
from rnngrad.store.schema import SCHEMA_VERSION
from rnngrad.study.listening import Everybody
from rnngrad.summary import comparisons
from rnngrad.tables import markdown_table

CARD = """
[task]
name = "mine"
title = "My own card"
[problem]
name = "adding"
protocol = "arjovsky"
lag = 30
[training]
lr = 1e-3
batch = 8
clip = 1.0
max_steps = {steps}
eval_every = 5
[stop]
rule = "loss_below"
value = 0.0
on = 20
hold = 5
[[cell]]
name = "lstm"
hidden = 4
"""


def recorded(tmp_path, card, seeds=range(2), **options):
    """Trains the card into a store; returns it."""
    return carried_out(jobs_of(card, seeds, **options), tmp_path)


def test_a_run_explains_itself(tmp_path, card):
    store = recorded(tmp_path, card)
    run = store.runs()[1]
    assert (run["task"], run["cell"], run["init"], run["seed"]) == ("adding", "lstm", "forget_bias_1", 1)
    assert (run["device"], run["engine"]) == ("cpu", planned_engine())
    assert set(run["versions"]) == {"python", "rnngrad", "torch", "numpy", "numba", "threads"}
    assert run["card"]["problem"]["lag"] == run["lag"] == card.problem.lag
    assert run["status"] == "finished"
    history = store.history(run["id"])
    assert [h["step"] for h in history] == [0, 10, 20]
    assert history[-1]["test_loss"] == run["test_loss"]
    assert history[0]["grad_first_over_last"] == run["grad_first_over_last_init"]
    first, last = store.flow(run["id"])
    assert (first["step"], last["step"]) == (0, 20)
    assert first["flow"]["lags"] == list(range(card.problem.lag))
    weights = load_file(tmp_path / run["weights"])
    assert sum(w.numel() for w in weights.values()) == run["parameters"]


def planned_engine():
    """The engine that the default run takes for an LSTM on the CPU."""
    return jobs_of(small_card())[0].ensemble().engine.name


def test_the_store_opens_with_plain_sqlite(tmp_path, card):
    recorded(tmp_path, card).close()
    with sqlite3.connect(tmp_path / "rnngrad.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("SELECT count(*) FROM runs WHERE status = 'finished'").fetchone() == (2,)
        assert db.execute("SELECT json_array_length(flow, '$.lags') FROM snapshots").fetchone() == (12,)
    db.close()


def half_done(store):
    """A transaction whose second write is refused."""
    with store.transaction():
        store.update_run(1, {"steps": 12345})
        store.update_run(2, {"status": "no such status"})


def test_every_probe_is_in_the_store_and_the_figure_takes_it(tmp_path, card):
    """Every third update from the first on."""
    store = recorded(tmp_path, card, probe_every=3)
    for run in store.runs():
        probes = store._select("SELECT * FROM probes WHERE run = ? ORDER BY step", [run["id"]])
        assert [probe["step"] for probe in probes] == list(range(0, run["steps"], 3))
        assert {probe["batch"] for probe in probes} == {"training"}
        assert all(set(probe["flow"]) == {"lags", "hc", "h", "c"} for probe in probes)
        assert [g["step"] for g in store.gradients(run["id"])] == [probe["step"] for probe in probes]
        assert store.gradients(run["id"])[1]["grad_first_over_last"] == probes[1]["grad_first_over_last"]


def test_without_probes_the_gradients_are_the_evaluations(tmp_path, card):
    store = recorded(tmp_path, card)
    history = store.history(1)
    assert [g["grad_first_over_last"] for g in store.gradients(1)] == [h["grad_first_over_last"] for h in history]


def aged(store, version):
    """The store as an older version would have left it."""
    for table in ("portions", "measurements", "experiments"):
        store._db.execute(f"DROP TABLE {table}")
    store._db.execute("DROP INDEX runs_key")
    for column in ("key", "reason"):
        store._db.execute(f"ALTER TABLE runs DROP COLUMN {column}")
    if version < 3:
        store._db.execute("ALTER TABLE snapshots DROP COLUMN measures")
    if version < 2:
        store._db.execute("DROP TABLE probes")
    store._db.execute(f"PRAGMA user_version = {version}")


def with_keys(runs):
    """The rows as version 4 has them."""
    return [run | {"key": None, "reason": None} for run in runs]


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_of_an_older_version_is_read_as_it_is_and_written_after_an_upgrade(tmp_path, card, version):
    store = recorded(tmp_path, card)
    aged(store, version)
    runs = store.runs()
    store.close()
    old = Store(tmp_path / "rnngrad.db", create=False)
    assert (old.runs(), old.version) == (runs, version)
    assert old.gradients(1) == [{k: h[k] for k in ("step", "grad_first_over_last")} for h in old.history(1)]
    assert old.measures(1) == []
    (comparison,) = comparisons(old.runs())
    assert not [file for file in report.draw(comparison, old, tmp_path) if "measures" in file.name]
    old.close()
    new = Store(tmp_path / "rnngrad.db")
    assert (new.runs(), new.version) == (with_keys(runs), SCHEMA_VERSION)
    new.add_probe({"run": 1, "step": 3, "batch": "training", "grad_first_over_last": -1.0, "horizon": 2, "flow": {}})
    assert new.gradients(1) == [{"step": 3, "grad_first_over_last": -1.0}]
    assert new.measures(1) == []
    new.add_snapshot({"run": 1, "step": 99, "scores": {}, "flow": {}, "measures": {"rho_h": 0.5}})
    assert new.measures(1) == [{"step": 99, "measures": {"rho_h": 0.5}}]
    new.close()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_store_that_is_made_has_the_columns_of_one_that_was_upgraded(tmp_path, card, version):
    store = recorded(tmp_path, card)
    query = "SELECT m.name, c.name AS part FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
    made = store._select(query, [])
    aged(store, version)
    store.close()
    assert Store(tmp_path / "rnngrad.db")._select(query, []) == made


def test_an_upgrade_keeps_the_snapshots_and_their_ties(tmp_path, card):
    store = recorded(tmp_path, card)
    before = [store.history(run["id"]) for run in store.runs()]
    aged(store, 3)
    store.close()
    new = Store(tmp_path / "rnngrad.db")
    assert [new.history(run["id"]) for run in new.runs()] == before
    assert new._select("PRAGMA foreign_key_check", []) == []
    with pytest.raises(sqlite3.IntegrityError):
        new.add_snapshot({"run": 12345, "step": 0, "scores": {}, "flow": {}, "measures": {}})
    new.close()


def test_every_evaluation_has_its_measures_in_the_store(tmp_path, card):
    store = recorded(tmp_path, card)
    for run in store.runs():
        rows = store.measures(run["id"])
        assert [row["step"] for row in rows] == [0, 10, 20]
        assert {"rho_f", "sigma_max_o", "omega_norms", "saturated_c", "exponent"} <= set(rows[0]["measures"])
        assert all(-10 < value < 10 for row in rows for value in row["measures"].values())


def test_a_regularised_run_is_another_comparison_and_says_so(tmp_path, card):
    """A run from before there was a regulariser is one without it."""
    store = recorded(tmp_path, card)
    run = store.runs()[0]
    training = run["card"]["training"]
    old = {key: value for key, value in training.items() if not key.startswith("omega")}
    before, regular = (
        run | {"id": 7, "seed": 7, "card": run["card"] | {"training": changed}}
        for changed in (old, training | {"omega": 2.0, "omega_form": "squares"})
    )
    plain, other = comparisons([run, before, regular])
    assert len(plain.lines[0].runs) == 2
    assert plain.title == "Adding problem, lag 12 (arjovsky)"
    assert other.title == "Adding problem, lag 12 (arjovsky), Ω 2 (squares)"


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_the_run_records_which_engine_it_was(tmp_path, card, engine):
    assert {run["engine"] for run in recorded(tmp_path, card, engine=engine).runs()} == {engine}


def test_a_transaction_is_whole_or_nothing(tmp_path, card):
    store = recorded(tmp_path, card)
    with pytest.raises(sqlite3.IntegrityError):
        half_done(store)
    assert store.runs()[0]["steps"] == 20


def test_the_figure_follows_a_stored_row(tmp_path, card):
    """Rebuilt from the same rows a figure has the same bytes; edit one row and it has others."""
    store = recorded(tmp_path, card)

    def svgs():
        files = [f for c in comparisons(store.runs()) for f in report.draw(c, store, tmp_path) if f.suffix == ".svg"]
        return {f.name: f.read_bytes() for f in files}

    before = svgs()
    assert len(before) == 3
    assert svgs() == before
    with store.transaction():
        store._db.execute("UPDATE snapshots SET test_loss = 7 WHERE run = 1 AND step = 10")
    after = svgs()
    assert after["adding-arjovsky-lag12-learning.svg"] != before["adding-arjovsky-lag12-learning.svg"]
    assert after["adding-arjovsky-lag12-flow.svg"] == before["adding-arjovsky-lag12-flow.svg"]
    flow = json.dumps({"lags": list(range(12)), "hc": {"log_rms_per_sample": [-float(k) for k in range(12)]}})
    with store.transaction():
        store._db.execute("UPDATE snapshots SET flow = ? WHERE run = 1 AND step = 20", [flow])
    assert svgs()["adding-arjovsky-lag12-flow.svg"] != before["adding-arjovsky-lag12-flow.svg"]
    assert svgs()["adding-arjovsky-lag12-measures.svg"] == before["adding-arjovsky-lag12-measures.svg"]
    measures = json.dumps({"rho_i": 7.0, "saturated_i": None, "exponent": "-inf"})
    with store.transaction():
        store._db.execute("UPDATE snapshots SET measures = ? WHERE run = 1 AND step = 20", [measures])
    assert svgs()["adding-arjovsky-lag12-measures.svg"] != before["adding-arjovsky-lag12-measures.svg"]


def test_a_second_command_under_other_conditions_overwrites_no_file(tmp_path, card):
    """Its name tells the two apart, also where a row of the first was damaged meanwhile."""
    store = recorded(tmp_path, card)
    first = {run["id"] for run in store.runs()}
    other = replace(card, training=replace(card.training, batch=4))
    carried_out(jobs_of(other, [0]), tmp_path).close()
    second = {run["id"] for run in store.runs()} - first
    ((before,), (after,)) = (comparisons(store.runs(), ids) for ids in (first, second))
    (alone,) = comparisons([run for run in store.runs() if run["id"] in first])
    assert len({before.name, after.name, alone.name}) == 3
    assert after.name.startswith(f"{alone.name}-")
    assert {run["id"] for line in after.lines for run in line.runs} == second
    store.update_run(1, {"card": {}})
    assert [found.name for found in comparisons(store.runs(), second)] == [after.name]


def test_a_repeated_run_counts_once_and_a_finished_one_before_an_interrupted_one(tmp_path, card):
    store = recorded(tmp_path, card)
    copies = store.runs()
    for copy in copies:
        row = {k: v for k, v in copy.items() if k not in ("id", "key")} | {"status": "interrupted", "steps": 1}
        store.add_run(row)
    (comparison,) = comparisons(store.runs())
    assert [run["id"] for run in comparison.lines[0].runs] == [1, 2]


def test_runs_under_other_conditions_are_not_compared(tmp_path, card):
    """A larger budget is another comparison, with a file name of its own."""
    store = recorded(tmp_path, card)
    run = store.runs()[0]
    other = run | {"card": run["card"] | {"training": run["card"]["training"] | {"max_steps": 99}}}
    found = comparisons([run, other])
    assert len(found) == len({c.name for c in found}) == 2


def start(tmp_path, steps=100_000):
    """The command on a long run, in a process of its own, once it has stored some evaluations."""
    card, out = tmp_path / "mine.toml", tmp_path / "out"
    card.write_text(CARD.format(steps=steps))
    command = [sys.executable, "-m", "rnngrad", "task", str(card), "--out", str(out), "--seeds", "2", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if stored_steps(out) >= 20:
            return process, out
        time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate())


def stored_steps(out):
    if not (out / "rnngrad.db").exists():
        return -1
    db = sqlite3.connect(out / "rnngrad.db", timeout=30)
    try:
        return db.execute("SELECT coalesce(max(step), -1) FROM snapshots").fetchone()[0]
    except sqlite3.OperationalError:  # the file is there and its tables are not, yet
        return -1
    finally:
        db.close()


def test_ctrl_c_keeps_everything_up_to_the_last_evaluation_and_exits_130(tmp_path):
    process, out = start(tmp_path)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1].startswith("rnngrad: interrupted")
    events = [json.loads(line) for line in stdout.splitlines()]
    runs = [event for event in events if event["event"] == "run"]
    assert [run["status"] for run in runs] == ["interrupted"] * 2
    store = Store(out / "rnngrad.db")
    assert all(run["steps"] == store.history(run["id"])[-1]["step"] >= 20 for run in store.runs())


def test_kill_9_keeps_everything_up_to_the_last_evaluation(tmp_path, capsys, monkeypatch):
    process, out = start(tmp_path)
    process.kill()
    process.communicate()
    store = Store(out / "rnngrad.db")
    for run in store.runs():
        assert run["status"] == "running"
        assert run["steps"] == store.history(run["id"])[-1]["step"] >= 20
        assert load_file(out / "weights" / f"run-{run['id']}.safetensors")
    monkeypatch.setattr(sys, "argv", ["rnngrad", "report", "--store", str(out / "rnngrad.db"), "--json"])
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code
    summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-2]
    assert (summary["n"], summary["unfinished"], summary["solved"]) == (0, 2, 0)


def test_json_is_the_only_thing_on_stdout(tmp_path, capsys, monkeypatch):
    card = tmp_path / "mine.toml"
    card.write_text(CARD.format(steps=10))
    out = tmp_path / "out"
    monkeypatch.setattr(
        sys, "argv", ["rnngrad", "task", str(card), "--out", str(out), "--json", "--cell", "rnn", "--cell", "gru"]
    )
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["run"] * 10 + ["summary"] * 2 + ["files"]
    promised = "task cell init seed lag solved held steps_to_solve steps test_loss baseline horizon seconds"
    gradients = {"grad_first_over_last_init", "grad_first_over_last_end"}
    assert set(promised.split()) | gradients <= set(events[0])
    assert events[0]["baseline"] == pytest.approx(1 / 6)
    assert {"rho_h", "sigma_max_h", "omega_norms", "saturated_h", "exponent"} <= set(events[0]["measures_end"])
    summary = events[10]["measures_end"]
    assert summary["rho_h"] == pytest.approx(sorted(e["measures_end"]["rho_h"] for e in events[:5])[2])
    assert all((tmp_path / file).exists() for file in events[-1]["files"])
    assert [e["seed"] for e in events[:5]] == [0, 1, 2, 3, 4]


def test_a_gradient_of_exactly_zero_counts_as_the_lowest(tmp_path, card):
    """Dropping it would flatter the cell."""
    store = recorded(tmp_path, card, seeds=range(3))
    with store.transaction():
        store.update_run(1, {"grad_first_over_last_end": float("-inf")})
        store.update_run(2, {"grad_first_over_last_end": float("-inf")})
        store.update_run(3, {"grad_first_over_last_end": -1.0})
    (comparison,) = comparisons(store.runs())
    summary = comparison.lines[0].summary()
    assert summary["grad_first_over_last_end"] == float("-inf")
    assert "| 0 | 0 – 10^-0.4 |" in markdown_table(comparison)


def test_two_commands_may_make_one_store_at_the_same_moment(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store(tmp_path / "rnngrad.db").runs(), range(8)))
    assert stores == [[]] * 8


@pytest.mark.parametrize(
    "damage",
    ["card = '{'", "card = '{}'", "steps_to_solve = NULL, solved = 1", "problem = 'x'", "baselines = 'null'"],
)
def test_a_row_that_no_one_wrote_is_one_line(tmp_path, card, monkeypatch, capsys, damage):
    store = recorded(tmp_path, card)
    with store.transaction():
        store._db.execute(f"UPDATE runs SET {damage} WHERE id = 1")
    store.close()
    monkeypatch.setattr(sys, "argv", ["rnngrad", "report", "--store", str(tmp_path / "rnngrad.db")])
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert done.value.code == 2
    assert capsys.readouterr().err.startswith("rnngrad: the store")


def test_a_title_with_markup_and_mathematics_is_shown_as_it_stands(tmp_path, card, monkeypatch, capsys):
    title = r"[bold]hey[/red] | <b> $\frac{a}$ 100%"
    recorded(tmp_path, replace(card, task=replace(card.task, title=title))).close()
    monkeypatch.setattr(sys, "argv", ["rnngrad", "report", "--store", str(tmp_path / "rnngrad.db")])
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code
    assert title in capsys.readouterr().out


def test_an_interrupted_study_counts_its_runs(tmp_path, card):
    """A crash in the second cell leaves the first cell's runs finished and its own marked."""
    two = replace(card, cells=(card.cells[0], replace(card.cells[0], name="rnn", init="default")))

    class Crash(Everybody):
        def ticked(self, job, tick):
            if job.spec.name == "rnn" and tick.step == 15:
                raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        carried_out(jobs_of(two, [0]), tmp_path, [Crash([])])
    store = Store(tmp_path / "rnngrad.db")
    assert [(run["cell"], run["status"], run["steps"]) for run in store.runs()] == [
        ("lstm", "finished", 20),
        ("rnn", "interrupted", 10),
    ]


def test_a_second_command_leaves_the_runs_to_the_first(tmp_path, capsys, monkeypatch):
    """It says so and shows what there is; other runs it computes."""
    process, out = start(tmp_path)
    argv = ["rnngrad", "task", str(tmp_path / "mine.toml"), "--out", str(out), "--seeds", "2", "--json"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as done:
        cli.main()
    stdout, stderr = capsys.readouterr()
    assert not done.value.code
    assert "2 are left to another command, which computes them" in " ".join(stderr.split())
    assert {json.loads(line)["status"] for line in stdout.splitlines()[:2]} == {"running"}
    steps = stored_steps(out)
    while stored_steps(out) == steps:
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    process.communicate()
