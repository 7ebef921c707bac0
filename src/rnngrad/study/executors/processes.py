"""Worker processes on this machine, with nothing but the standard library."""

import multiprocessing
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from queue import SimpleQueue

from ...jobs import Job, State
from .slice import Slice, advance


class WorkerLost(Exception):
    """A worker process ended before it answered."""


class Worker:
    """A process that computes one slice after another. It ends when this process does."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *order: object) -> object:
        """What the process answers. Raises WorkerLost if it does not."""
        try:
            self.connection.send(order)
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            raise WorkerLost(f"the process ended with exit code {self.process.exitcode}") from None

    def end(self) -> None:
        """Kills the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


class Processes:
    """A pool of worker processes; a lost one is replaced. A context manager."""

    patience = 3
    losses = (WorkerLost,)

    def __init__(self, count: int, own_gpu: bool = False) -> None:
        self.own_gpu = own_gpu
        self._closing = False
        self._workers = {Worker() for _ in range(count)}
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._threads = ThreadPoolExecutor(count)  # each waits for one worker's answer
        for worker in self._workers:
            self._idle.put(worker)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing = True
        for worker in list(self._workers):
            worker.process.kill()  # whoever waits for its answer learns that there will be none
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.end()

    def slots(self) -> int:
        return len(self._workers)

    def submit(self, job: Job, state: State | None, seconds: float) -> "Future[Slice]":
        return self._threads.submit(self._compute, job, state, seconds)

    def _compute(self, job: Job, state: State | None, seconds: float) -> Slice:
        worker = self._idle.get()
        try:
            answer = worker.ask(job, state, seconds, self.own_gpu)
        except WorkerLost:
            if not self._closing:
                self._workers.discard(worker)
                worker = Worker()
                self._workers.add(worker)
            raise
        finally:
            self._idle.put(worker)
        if isinstance(answer, Slice):
            return answer
        assert isinstance(answer, BaseException)
        raise answer


def _serve(connection: Connection) -> None:
    """Answers orders until the other end is closed. Ctrl-C is for the process that gives them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            answer: object = advance(*order)
        except Exception as error:  # whatever it is, it is an answer: the other end records it
            answer = error
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)
