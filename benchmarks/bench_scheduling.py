"""What a run costs beside its computing: empty runs, recorded like any other, in this process and on workers.

Each run is a job of its own that reports twice, at its start and its end, with rows, weights and a checkpoint. Compared
with the bounds that the project sets itself: 20 ms in this process, 100 ms with Dask.

    python benchmarks/bench_scheduling.py [--runs 200]
"""

import argparse
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from rnngrad import cards, study
from rnngrad.jobs import Job, Report, State, Tick
from rnngrad.store import Store
from rnngrad.study.executors import Here, Parallel
from rnngrad.study.executors.dask import Cluster
from rnngrad.study.executors.processes import Processes

BOUNDS = {"this process": 20, "2 processes": None, "Dask, 2 workers": 100}
POOLS = {"this process": nullcontext, "2 processes": lambda: Processes(2), "Dask, 2 workers": lambda: Cluster(None, 2)}


@dataclass(frozen=True)
class Empty(Job):
    """Runs that compute nothing."""

    budget = 1

    def memory(self, runs):
        return 0

    def part(self, keys):
        return Empty(tuple(run for run in self.runs if run["key"] in keys))

    def ticks(self, state=None):
        for step, status in enumerate(("running", "finished")):
            snapshot = {"step": step, "scores": {}, "flow": {}, "measures": {}}
            reports = tuple(Report(key, {"status": status, "steps": step}, snapshot) for key in self.keys)
            yield Tick(step, reports, lambda step=step: State({}, {"step": step}))


def seconds(runs: int, pool) -> float:
    """The time of so many empty runs, started workers apart; checks that all are in the store."""
    grid = study.Grid(cards.load("adding"), [200], [], range(runs), "cpu", "bench")
    job = Empty(grid.jobs()[0].runs)
    with TemporaryDirectory() as folder, pool() as workers:
        store = Store(Path(folder) / "rnngrad.db")
        jobs = [job.part({key}) for key in job.keys]
        if workers:
            Parallel(workers).carry_out(study.make_plan(jobs[:2], (), [], None).portions, study.Everybody([]))
        began = perf_counter()
        study.conduct(
            study.make_plan(jobs, (), [], None),
            Parallel(workers) if workers else Here(),
            study.Recorder(store, Path(folder)),
        )
        spent = perf_counter() - began
        assert len(store.ended(job.keys)) == runs
        store.close()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    for name, pool in POOLS.items():
        bound = f"at most {BOUNDS[name]}" if BOUNDS[name] else "no bound"
        print(f"{name:16} {1000 * seconds(runs, pool) / runs:7.1f} ms a run ({bound})", flush=True)


if __name__ == "__main__":
    main()
