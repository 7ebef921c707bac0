"""What a study measures, also for TensorBoard. Needs the extra ``tensorboard``."""

from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UsageError
from .jobs import Job, Report, Row, Tick

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


class TensorBoard:
    """Listens to a study and writes scalars: losses, scores, gradient and horizon, and the flow at some lags.

    A run's events are in FOLDER/TASK-PROTOCOL-lagLAG/CELL-INIT-lrRATE/seedSEED. The flow at lag k is the natural log of
    the gradient's root mean square k steps before the end, of the whole state.
    """

    def __init__(self, folder: Path) -> None:
        """``folder``: of the store. Raises UsageError if TensorBoard is not installed."""
        if find_spec("tensorboard") is None:
            raise UsageError("--log tensorboard: install rnngrad with the extra `tensorboard`, rnngrad[tensorboard]")
        self.folder = folder / FOLDER
        self._writers: dict[str, SummaryWriter] = {}

    def started(self, job: Job, step: int | None) -> None:
        """What was logged beyond the step is going to be measured again, and is hidden."""
        from torch.utils.tensorboard import SummaryWriter  # two seconds, which only those wait who ask for it

        for run in job.runs:
            self._close(run["key"])
            beyond = 0 if step is None else step + 1
            self._writers[run["key"]] = SummaryWriter(str(self.folder / _name(run)), purge_step=beyond)

    def ticked(self, job: Job, tick: Tick) -> None:
        for report in tick.reports:
            writer, step = self._writers[report.key], report.snapshot["step"]
            for name, value in _scalars(report).items():
                if value is not None and isfinite(value):
                    writer.add_scalar(name, value, step)
            writer.flush()

    def ended(self, job: Job) -> None:
        for key in job.keys:
            self._close(key)

    def failed(self, job: Job, reason: str) -> None:
        self.ended(job)

    def _close(self, key: str) -> None:
        if key in self._writers:
            self._writers.pop(key).close()


def _name(run: Row) -> str:
    parts = (
        f"{run['task']}-{run['protocol']}-lag{run['lag']}",
        f"{run['cell']}-{run['init']}-lr{run['lr']:g}",
        f"seed{run['seed']}",
    )
    return "/".join(part.replace("/", "-") for part in parts)


def _scalars(report: Report) -> dict[str, float | None]:
    row = report.snapshot
    scalars = {
        "loss/train": row["train_loss"],
        "loss/test": row["test_loss"],
        **{f"score/{name}": value for name, value in row["scores"].items()},
        "gradient/log first over last": row["grad_first_over_last"],
        "gradient/horizon": row["horizon"],
    }
    return scalars | _flow(row["flow"])


def _flow(flow: Row) -> dict[str, float | None]:
    """At lags 0, 1, 2, 4, 8, …; of the whole state, which comes first."""
    if not flow:
        return {}
    whole = next(values for name, values in flow.items() if name != "lags")["log_rms_per_sample"]
    return {f"flow/lag {lag:06d}": value for lag, value in zip(flow["lags"], whole, strict=True) if not lag & (lag - 1)}
