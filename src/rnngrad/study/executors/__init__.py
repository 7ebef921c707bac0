"""Where jobs are computed: in this process, in workers on this machine, or on a Dask cluster."""

from .base import Executor
from .here import Here
from .parallel import Parallel
from .pools import cluster, local_pool

__all__ = ["Executor", "Here", "Parallel", "cluster", "local_pool"]
