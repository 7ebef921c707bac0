"""Workers of a Dask cluster, on this machine or anywhere. Needs the extra ``cluster``."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from logging import CRITICAL
from signal import SIGINT, default_int_handler, getsignal, signal
from threading import current_thread, main_thread

import dask.config
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from ...ensemble import NUMERICS
from ...errors import UsageError
from ...jobs import Job, State
from . import shielded
from .slice import Slice, advance

PATIENCE = "10s"
SETTINGS = {
    "distributed.scheduler.allowed-failures": 2,  # the third worker that dies of a slice is the last
    "distributed.admin.large-graph-warning-threshold": "1GB",  # a state is as large as it is
}


class Cluster:
    """The workers of a Dask scheduler. A context manager.

    Dask itself computes a slice again elsewhere when its worker is lost, and gives it up after so many losses as its
    scheduler's ``allowed-failures`` says.
    """

    patience = 1
    losses = (KilledWorker,)

    def __init__(self, address: str | None, workers: int = 0, own_gpu: bool = False) -> None:
        """Connects to the scheduler at the address, or makes a cluster of so many workers on this machine.

        Raises UsageError if there is no scheduler, or its workers have another rnngrad.
        """
        self.own_gpu = own_gpu
        self._open = ExitStack()
        self._open.enter_context(dask.config.set(SETTINGS))
        target = address or self._local(workers)
        try:
            self._client = self._open.enter_context(Client(target, timeout=PATIENCE))  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TimeoutError) as error:
            self._open.close()
            raise UsageError(
                f"--scheduler {address}: no Dask scheduler answers there ({error}); start one with `dask scheduler` "
                "and give the address that it prints, such as tcp://host:8786"
            ) from None
        self._executor = self._client.get_executor(pure=False)

    def _local(self, workers: int) -> LocalCluster:
        try:
            with interrupts_wait():
                made: LocalCluster = self._open.enter_context(
                    LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=workers,
                        threads_per_worker=1,
                        memory_limit=0,
                        dashboard_address="127.0.0.1:0",  # whatever port is free
                        silence_logs=CRITICAL,
                        preload=shielded.__name__,
                    )
                )
        except KeyboardInterrupt:
            self._open.close()
            raise
        return made

    def __enter__(self) -> "Cluster":
        try:
            self._agree()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._executor.shutdown(wait=False)
        self._open.close()

    def slots(self) -> int:
        return sum(self._client.nthreads().values())

    def submit(self, job: Job, state: State | None, seconds: float) -> "Future[Slice]":
        future: Future[Slice] = self._executor.submit(advance, job, state, seconds, self.own_gpu)
        return future

    def _agree(self) -> None:
        """All workers that are there compute what this process would; one that dies meanwhile is passed over."""
        for worker, theirs in self._client.run(identity, on_error="return").items():
            if isinstance(theirs, ImportError) or (isinstance(theirs, str) and theirs != identity()):
                raise UsageError(
                    f"worker {worker} has {theirs if isinstance(theirs, str) else 'no rnngrad'}, this command "
                    f"{identity()}: install the same rnngrad everywhere"
                )


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Ctrl-C is heard once the block is over: Dask cannot close half a cluster."""
    before = getsignal(SIGINT)
    if before is not default_int_handler or current_thread() is not main_thread():
        yield  # nobody here hears it
        return
    pressed: list[int] = []
    signal(SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal(SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def identity() -> str:
    """What must be the same everywhere for runs to have the same numbers."""
    return f"rnngrad {version('rnngrad')}, numerics {NUMERICS}"
