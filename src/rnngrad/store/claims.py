"""Which command computes which runs, where several write to one store."""

import fcntl
import os
import re
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

FILE = "claims.lock"
DIGITS = 12
KEY = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
FLOCK, ORDER = ("qqihh", (2, 3, 4, 0, 1)) if sys.platform == "darwin" else ("hhqqi4x", (0, 1, 2, 3, 4))
"""C's ``struct flock``, and in which order it has type, whence, start, length and process."""
TYPE = ORDER.index(0)


class Claims:
    """Locks on single bytes of a file, one a run, which the system gives back however a process ends."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / FILE).open("ab")

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that no other process has claimed; this one keeps them until it closes the claims."""
        return {key for key in keys if self._claimed(_byte(key))}

    def close(self) -> None:
        """Gives all of them back."""
        self._file.close()

    def _claimed(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        return True


class Claimed:
    """Looks at the claims of other processes and takes none, not even for a moment.

    A process has one or the other: the system gives back all that it has claimed when it closes the file once.
    """

    def __init__(self, folder: Path) -> None:
        self._file: BinaryIO | None
        try:
            self._file = (folder / FILE).open("rb")
        except OSError:  # nobody has computed anything here, as beside a copy of a store
            self._file = None

    def __call__(self, key: Any) -> bool:
        """Whether another process has claimed the run of a key; of what is no key, nothing is known that denies it."""
        if not isinstance(key, str) or not KEY.match(key):
            return True
        if self._file is None:
            return False
        told = fcntl.fcntl(self._file, fcntl.F_GETLK, struct.pack(FLOCK, *_lock(_byte(key))))
        kind: int = struct.unpack(FLOCK, told)[TYPE]
        return kind != fcntl.F_UNLCK

    def close(self) -> None:
        """Looks no more."""
        if self._file is not None:
            self._file.close()


def _byte(key: str) -> int:
    return int(key[:DIGITS], 16)


def _lock(byte: int) -> list[int]:
    """The fields of the lock that is asked about: of one byte, against everybody."""
    fields = [fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0]
    return [fields[k] for k in ORDER]
