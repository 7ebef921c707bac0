"""An experiment's numbers to the store, as they are measured."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import torch

from .measurement import Measurement
from .store import Store
from .study.provenance import device_name, versions


@dataclass(frozen=True)
class Experiment:
    """``numbers`` yields them in batches, some of which may be empty.

    ``settings``: what was chosen, as text and numbers; two experiments of one name and equal settings are the same.
    ``earlier``: the id in the store of one that is to be continued, see :func:`resumable`.
    """

    name: str
    settings: Mapping[str, Any]
    device: torch.device
    command: str
    numbers: Iterator[list[Measurement]]
    earlier: int | None = None

    def record(self, store: Store, watch: Callable[[], None]) -> int:
        """Measures and writes, calling ``watch`` after every batch; returns the experiment's id in the store.

        Whatever ends it early, Ctrl-C included, leaves what was measured in the store, marked as interrupted.
        """
        experiment = store.add_experiment(self._row()) if self.earlier is None else self.earlier
        (spent,) = (row["seconds"] for row in store.experiments() if row["id"] == experiment)
        began, status = monotonic() - spent, "interrupted"
        try:
            for batch in self.numbers:
                if batch:
                    with store.transaction():
                        store.add_measurements(experiment, batch)
                        store.update_experiment(experiment, {"seconds": monotonic() - began})
                watch()
            status = "finished"
        finally:
            store.update_experiment(experiment, {"status": status, "seconds": monotonic() - began})
        return experiment

    def _row(self) -> dict[str, Any]:
        return {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": self.name,
            "settings": dict(self.settings),
            "device": device_name(self.device),
            "versions": versions(),
            "command": self.command,
            "status": "running",
            "seconds": 0.0,
        }


def resumable(store: Store, name: str, settings: Mapping[str, Any]) -> int | None:
    """The id of the newest experiment of that name and these settings, finished or not; None if there is none.

    A batch is in the store as a whole or not at all, also after the program was killed.
    """
    same = [row["id"] for row in store.experiments() if (row["name"], row["settings"]) == (name, settings)]
    return max(same, default=None)
