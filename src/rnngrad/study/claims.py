"""Which command computes which runs, where several write to one store."""

import fcntl
from collections.abc import Iterable
from pathlib import Path

DIGITS = 12


class Claims:
    """Locks on single bytes of a file, one a run, which the system gives back however a process ends."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "claims.lock").open("ab")

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that no other process has claimed; this one keeps them until it closes the claims."""
        return {key for key in keys if self._claimed(int(key[:DIGITS], 16))}

    def close(self) -> None:
        """Gives all of them back."""
        self._file.close()

    def _claimed(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        return True
