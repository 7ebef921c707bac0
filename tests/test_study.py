"""Studies: resumption bit for bit, executors, lost workers, failures, and plans that know what is missing."""

import os
import re
import signal
from dataclasses import dataclass, replace

import numpy as np
import pytest
from conftest import carried_out, jobs_of, numbers, small_card

from rnngrad import study
from rnngrad.cards import CellSpec
from rnngrad.jobs import Job, Report, State, Tick
from rnngrad.store import Store
from rnngrad.study.executors import Here, Parallel
from rnngrad.study.executors.dask import Cluster, interrupts_wait
from rnngrad.study.executors.processes import Processes
from rnngrad.study.executors.slice import advance
from rnngrad.study.listening import Everybody
from rnngrad.study.provenance import versions


def weights(store):
    """The bytes of every run's weights."""
    return {run["key"]: (store.path.parent / run["weights"]).read_bytes() for run in store.runs()}


class StopAt(Everybody):
    """Ends the program at a step."""

    def __init__(self, step):
        super().__init__([])
        self.step = step

    def ticked(self, job, tick):
        if tick.step == self.step:
            raise KeyboardInterrupt


@pytest.fixture
def undisturbed(tmp_path, card):
    """The numbers of three seeds of two cells, and their jobs."""
    jobs = jobs_of(two_cells(card), range(3))
    (tmp_path / "whole").mkdir()
    store = carried_out(jobs, tmp_path / "whole")
    found = numbers(store), weights(store)
    store.close()
    return jobs, *found


def two_cells(card):
    return replace(card, cells=(*card.cells, replace(card.cells[0], name="rnn", init="default")))


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize(("value", "stops"), [(0.0, [10]), (0.0, [25, 27, 31]), (1e9, [13])])
def test_an_interrupted_study_ends_with_the_numbers_of_an_undisturbed_one(tmp_path, optimizer, engine, value, stops):
    """Also the probes, the weights, and those of runs that are solved at once and held for fifteen updates more."""
    card = small_card(max_steps=40, optimizer=optimizer)
    jobs = jobs_of(replace(card, stop=replace(card.stop, value=value, hold=15)), engine=engine, probe_every=4)
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = carried_out(jobs, tmp_path / "whole")
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            carried_out(jobs, tmp_path / "cut", [StopAt(stop)])
    cut = Store(tmp_path / "cut" / "rnngrad.db")
    assert {run["status"] for run in cut.runs()} == {"interrupted"}
    cut.close()
    cut = carried_out(jobs, tmp_path / "cut")
    assert numbers(cut) == numbers(whole)
    assert weights(cut) == weights(whole)
    assert not list((tmp_path / "cut" / "checkpoints").iterdir())


def test_a_repeated_study_computes_nothing_and_a_larger_one_what_is_missing(tmp_path, card):
    heard = []

    class Hear(Everybody):
        def started(self, job, step):
            heard.append([run["seed"] for run in job.runs])

    carried_out(jobs_of(card, range(2)), tmp_path, [Hear([])]).close()
    carried_out(jobs_of(card, range(2)), tmp_path, [Hear([])]).close()
    store = carried_out(jobs_of(card, range(4)), tmp_path, [Hear([])])
    assert heard == [[0, 1], [2, 3]]
    assert [run["seed"] for run in store.runs()] == [0, 1, 2, 3]


def test_fewer_seeds_than_were_interrupted_go_on_alone(tmp_path, undisturbed):
    jobs, (runs, *_), _ = undisturbed[0], list(undisturbed[1].values()), undisturbed[2]
    with pytest.raises(KeyboardInterrupt):
        carried_out(jobs, tmp_path, [StopAt(15)])
    some = [job.part(set(job.keys[1:2])) for job in jobs]
    store = carried_out(some, tmp_path)
    for job in some:
        assert {k: numbers(store)["runs"][k] for k in job.keys} == {k: runs[k] for k in job.keys}


def test_what_decides_a_run_s_numbers_decides_its_key_and_nothing_else(card):
    def keys(card, **options):
        return [key for job in jobs_of(card, **options) for key in job.keys]

    own = keys(card)
    assert len(set(own)) == 2
    same = replace(card, task=replace(card.task, title="Other words", claim="None"), published=())
    assert keys(same) == own
    training = [{"lr": 0.5}, {"batch": 9}, {"max_steps": 21}, {"eval_every": 5}, {"clip": 2.0}, {"omega": 1.0}]
    others = [replace(card, training=replace(card.training, **change)) for change in training]
    others += [replace(card, stop=replace(card.stop, **change)) for change in ({"value": 0.5}, {"hold": 1}, {"on": 60})]
    others += [replace(card, problem=replace(card.problem, lag=13)), two_cells(card)]
    others += [replace(card, cells=(CellSpec("lstm", "chrono", 6),)), replace(card, cells=(CellSpec("lstm", "", 7),))]
    every = [keys(other)[-2:] for other in others] + [keys(card, engine="reference"), keys(card, probe_every=1)]
    assert len({key for pair in [own, *every] for key in pair}) == 2 * (1 + len(every))


@pytest.mark.parametrize("make", [lambda: Processes(2), lambda: Cluster(None, 2)], ids=["processes", "dask"])
def test_workers_find_the_same_numbers(tmp_path, undisturbed, make, monkeypatch):
    """In slices of one evaluation each."""
    jobs, expected, bytes_of = undisturbed
    monkeypatch.setattr("rnngrad.study.executors.parallel.SECONDS", 0.0)
    with make() as pool:
        store = carried_out(jobs, tmp_path, executor=Parallel(pool))
    assert numbers(store) == expected
    assert weights(store) == bytes_of


@dataclass(frozen=True)
class Trouble(Job):
    """Runs of three steps, some of which kill their process, or raise, at the last one."""

    fatal: frozenset[int] = frozenset()
    faulty: frozenset[int] = frozenset()

    @property
    def budget(self):
        return 3

    def memory(self, runs):
        return runs

    def part(self, keys):
        return replace(self, runs=tuple(run for run in self.runs if run["key"] in keys))

    def ticks(self, state=None):
        seeds = {run["seed"] for run in self.runs}
        for step in range(int(state.facts["step"]) + 1 if state else 0, 4):
            if step == 3 and seeds & self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            if step == 3 and seeds & self.faulty:
                raise ArithmeticError("one of these is\nfaulty")
            yield Tick(step, tuple(self.reports(step)), lambda step=step: State({}, {"step": step}))

    def reports(self, step):
        status = "finished" if step == 3 else "running"
        for key in self.keys:
            yield Report(
                key, {"status": status, "steps": step}, {"step": step, "scores": {}, "flow": {}, "measures": {}}
            )


def trouble(card, seeds, **what):
    """A job in trouble."""
    (job,) = jobs_of(card, seeds)
    return Trouble(job.runs, **{name: frozenset(own) for name, own in what.items()})


def states(store):
    return {run["seed"]: (run["status"], run["steps"]) for run in store.runs()}


def test_a_run_that_kills_its_worker_three_times_fails_and_its_neighbours_do_not(tmp_path, card, monkeypatch):
    """The other runs of the job go on alone."""
    monkeypatch.setattr("rnngrad.study.executors.parallel.SECONDS", 0.0)
    with Processes(1) as pool:
        store = carried_out([trouble(card, [4, 5], fatal=[5])], tmp_path, executor=Parallel(pool))
    assert states(store) == {4: ("finished", 3), 5: ("failed", 2)}
    (reason,) = (run["reason"] for run in store.runs() if run["seed"] == 5)
    assert reason == "its worker died every time after step 2: WorkerLost: the process ended with exit code -9"


def test_a_run_that_kills_its_dask_worker_three_times_fails(tmp_path, card):
    with Cluster(None, 1) as pool:
        store = carried_out([trouble(card, [5], fatal=[5]), trouble(card, [4])], tmp_path, executor=Parallel(pool))
    assert states(store) == {4: ("finished", 3), 5: ("failed", 0)}
    (reason,) = (run["reason"] for run in store.runs() if run["seed"] == 5)
    assert re.match("its worker died every time at the start: KilledWorker: .* on 3 different workers", reason)
    assert "\n" not in reason


@pytest.mark.parametrize("executor", [Here, lambda: Parallel(Processes(1))], ids=["here", "processes"])
def test_a_run_that_raises_fails_with_the_reason_and_the_next_job_is_computed(tmp_path, card, executor):
    jobs = [trouble(card, [0, 1], faulty=[1]), trouble(card, [7])]
    store = carried_out(jobs, tmp_path, executor=executor())
    failed = ("failed", 2 if executor is Here else 0)
    assert states(store) == {0: failed, 1: failed, 7: ("finished", 3)}
    assert store.runs()[0]["reason"] == "ArithmeticError: one of these is faulty"


def test_a_failed_run_is_tried_again_by_the_next_command(tmp_path, card):
    carried_out([trouble(card, [0], faulty=[0])], tmp_path).close()
    store = carried_out([trouble(card, [0])], tmp_path)
    assert [(run["status"], run["steps"], run["reason"]) for run in store.runs()] == [("finished", 3, None)]


def test_a_truncated_checkpoint_is_told_of_and_its_runs_start_anew(tmp_path, undisturbed):
    jobs, expected, _ = undisturbed
    with pytest.raises(KeyboardInterrupt):
        carried_out(jobs, tmp_path, [StopAt(15)])
    (file,) = (tmp_path / "checkpoints").iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    told = []
    assert study.Checkpoints(tmp_path / "checkpoints").found(told.append) == []
    assert [f"cannot read the checkpoint {file}" in line for line in told] == [True]
    store = Store(tmp_path / "rnngrad.db")
    plan = study.make_plan(jobs, store.ended([key for job in jobs for key in job.keys]), [], room=None)
    study.conduct(plan, Here(), study.Recorder(store, tmp_path))
    assert numbers(store) == expected


def test_a_kill_between_the_rows_and_the_checkpoint_loses_nothing(tmp_path, undisturbed, monkeypatch):
    """The rows are ahead of the checkpoint then; they are measured again."""
    jobs, expected, _ = undisturbed
    write, calls = study.Checkpoints.write, []

    def crash(self, job, state):
        calls.append(state)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(self, job, state)

    monkeypatch.setattr(study.Checkpoints, "write", crash)
    with pytest.raises(KeyboardInterrupt):
        carried_out(jobs, tmp_path)
    assert numbers(carried_out(jobs, tmp_path)) == expected


def test_a_checkpoint_is_replaced_as_a_whole(tmp_path, card):
    """A write that fails half way leaves the earlier one."""
    (job,) = jobs_of(card)
    checkpoints = study.Checkpoints(tmp_path / "checkpoints")
    checkpoints.write(job, State({"a": np.arange(3.0)}, {"step": 10}))
    with pytest.raises(TypeError):
        checkpoints.write(job, State({"a": np.arange(3.0)}, {"step": object()}))
    (found,) = checkpoints.found(pytest.fail)
    assert (found.step, found.keys) == (10, job.keys)
    np.testing.assert_array_equal(found.state().arrays["a"], np.arange(3.0))


def test_a_plan_leaves_no_worker_without_work_and_stays_in_its_room(card):
    (job,) = jobs_of(card, range(10))
    sizes = {
        workers: [len(p.job.keys) for p in study.make_plan([job], (), [], None, workers).portions] for workers in (1, 4)
    }
    assert sizes == {1: [10], 4: [3, 3, 3, 1]}
    room = job.memory(4) + 1
    assert [len(p.job.keys) for p in study.make_plan([job], (), [], room).portions] == [4, 4, 2]


def test_a_slice_ends_where_it_can_be_taken_up_again(card):
    (job,) = jobs_of(card)
    first = advance(job, None, 0.0)
    second = advance(job, first.state, 1e9)
    assert (first.step, second.step, second.state) == (0, 20, None)
    assert [report.snapshot["step"] for report in second.reports] == [10, 10, 20, 20]


def test_the_versions_name_what_computes():
    assert set(versions()) == {"python", "rnngrad", "torch", "numpy", "numba", "threads"}


def test_ctrl_c_waits_until_a_cluster_is_made():
    done = []

    def make():
        with interrupts_wait():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        make()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
