"""Which pool of workers."""

from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...errors import UsageError
from .processes import Processes

if TYPE_CHECKING:
    from .dask import Cluster


def local_pool(workers: int, own_gpu: bool) -> "AbstractContextManager[Cluster | Processes]":
    """Worker processes on this machine: a Dask cluster where Dask is installed, else processes of our own."""
    if find_spec("distributed") is None:
        return Processes(workers, own_gpu)
    from .dask import Cluster

    return Cluster(None, workers, own_gpu)


def cluster(address: str, own_gpu: bool) -> "AbstractContextManager[Cluster]":
    """The workers of a running Dask scheduler. Raises UsageError if Dask is not installed or nothing answers."""
    if find_spec("distributed") is None:
        raise UsageError("--scheduler needs Dask: install rnngrad with the extra `cluster`, rnngrad[cluster]")
    from .dask import Cluster

    return Cluster(address, own_gpu=own_gpu)
