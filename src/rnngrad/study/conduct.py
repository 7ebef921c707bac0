"""A plan, carried out."""

from collections.abc import Sequence

from .executors import Executor
from .listening import Everybody, Listener, Recording
from .plan import Plan


def conduct(plan: Plan, executor: Executor, recorder: Recording, listeners: Sequence[Listener] = ()) -> None:
    """Computes what the plan lacks; the recorder hears of everything first.

    Whatever ends it early, Ctrl-C included, leaves the store with everything up to the last evaluation, the runs that
    had begun marked as interrupted, and the checkpoints from which the same plan goes on.
    """
    try:
        executor.carry_out(plan.portions, Everybody([recorder, *listeners]))
    except BaseException:
        recorder.interrupt()
        raise
