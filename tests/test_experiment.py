"""Experiments: the same numbers from every executor, nothing measured twice, failures kept, older stores."""

import sqlite3
from functools import partial
from itertools import chain as chained

import pytest
import torch
from conftest import batches_of

from rnngrad.depth import chain
from rnngrad.experiment import Experiment, ExperimentRecorder
from rnngrad.measurement import Measurement
from rnngrad.measuring import measuring_job
from rnngrad.store import Store
from rnngrad.study import Everybody, conduct
from rnngrad.study.executors import Here, Parallel
from rnngrad.study.executors.processes import Processes

CPU = torch.device("cpu")


def squares(numbers, broken=()):
    for number in numbers:
        if number in broken:
            raise ArithmeticError(f"no square of {number}")
        yield [Measurement("square", number**2, x=number)]


def squaring(*portions, broken=()):
    """An experiment with a portion for every tuple of numbers."""
    jobs = [measuring_job({"numbers": own}, partial(squares, own, broken), 0, len(own)) for own in portions]
    return Experiment("chain", {"portions": portions}, CPU, "test", jobs)


def carried_out(experiment, store, executor=None, listeners=()):
    recorder = ExperimentRecorder(store, experiment)
    conduct(recorder.plan(), executor or Here(), recorder, listeners)
    recorder.finish()
    return recorder


class Measured(Everybody):
    """The keys of what was measured now; stops the program at one of them."""

    def __init__(self, stop=None):
        super().__init__([])
        self.keys, self.stop = [], stop

    def started(self, job, step):
        if job.keys[0] == self.stop:
            raise KeyboardInterrupt
        self.keys.append(job.keys[0])


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "rnngrad.db")
    yield opened
    opened.close()


def values(store, experiment=1):
    return [n.value for n in store.measurements(experiment)]


class Reversed:
    """An executor whose last portion is the first to come."""

    def carry_out(self, portions, listener):
        Here().carry_out(portions[::-1], listener)


def test_two_workers_measure_what_one_process_does(store):
    jobs = chain.jobs([0.5, 2.0, 3.0], 5, CPU)
    with Processes(2) as pool:
        carried_out(Experiment("chain", {}, CPU, "test", jobs), store, Parallel(pool))
    assert store.measurements(1) == list(chained.from_iterable(batches_of(jobs)))


def test_the_order_of_the_numbers_is_that_of_the_portions(store):
    carried_out(squaring((1, 2), (3,), (4, 5)), store, Reversed())
    assert values(store) == [1, 4, 9, 16, 25]


def test_what_was_interrupted_goes_on_and_what_was_finished_is_not_measured_again(store):
    experiment = squaring((1, 2), (3,), (4, 5))
    keys = list(experiment.places)
    with pytest.raises(KeyboardInterrupt):
        carried_out(experiment, store, listeners=[Measured(stop=keys[1])])
    assert [row["status"] for row in store.experiments()] == ["interrupted"]
    assert values(store) == [1, 4]
    for expected in (keys[1:], []):
        heard = Measured()
        carried_out(experiment, store, listeners=[heard])
        assert heard.keys == expected
    assert [row["status"] for row in store.experiments()] == ["finished"]
    assert values(store) == [1, 4, 9, 16, 25]


def test_a_larger_experiment_takes_over_what_a_smaller_one_measured(store):
    carried_out(squaring((1,), (2,)), store)
    heard, larger = Measured(), squaring((0,), (1,), (2,), (3,))
    carried_out(larger, store, listeners=[heard])
    assert heard.keys == [list(larger.places)[k] for k in (0, 3)]
    assert [row["status"] for row in store.experiments()] == ["finished"] * 2
    assert (values(store, 1), values(store, 2)) == ([1, 4], [0, 1, 4, 9])


def test_a_portion_that_fails_is_kept_with_its_reason_and_tried_again(store):
    recorder = carried_out(squaring((1,), (2, 3), (4,), broken=(3,)), store)
    assert recorder.failures == ["ArithmeticError: no square of 3"]
    assert [row["status"] for row in store.experiments()] == ["interrupted"]
    assert values(store) == [1, 16]
    rows = store._select("SELECT place, reason FROM portions ORDER BY place", [])
    assert [row["reason"] for row in rows] == [None, "ArithmeticError: no square of 3", None]
    assert not carried_out(squaring((1,), (2, 3), (4,)), store).failures
    assert values(store) == [1, 4, 9, 16]
    assert [row["status"] for row in store.experiments()] == ["finished"]


def test_an_experiment_with_other_portions_is_another_one(store):
    """Though its settings are the same: a file of digits that was replaced."""
    first, second = squaring((1,)), squaring((2,))
    carried_out(first, store)
    carried_out(Experiment("chain", first.settings, CPU, "test", second.jobs), store)
    assert (values(store, 1), values(store, 2)) == ([1], [4])


def test_experiments_of_version_4_are_read_upgraded_and_not_continued(tmp_path, store):
    experiment = squaring((2,), (1,))
    carried_out(experiment, store)
    numbers = store.measurements(1)
    store.close()
    path = tmp_path / "rnngrad.db"
    with sqlite3.connect(path) as db:
        db.executescript(
            "DROP TABLE portions; DROP INDEX measurements_portion; "
            "ALTER TABLE measurements DROP COLUMN portion; PRAGMA user_version = 4"
        )
    db.close()
    old = Store(path, create=False)
    assert (old.version, old.measurements(1), old.portions(1)) == (4, numbers, {})
    old.close()
    new = Store(path)
    assert (new.version, new.measurements(1), new.measured(list(experiment.places))) == (5, numbers, {})
    carried_out(experiment, new)
    assert new.measurements(2) == numbers
    new.close()
