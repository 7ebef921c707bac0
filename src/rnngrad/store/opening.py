"""The connection to a store's file."""

import os
import sqlite3
from pathlib import Path

TIMEOUT = 30.0
"""Seconds that are waited for another program's lock."""


def connect(path: Path, create: bool) -> sqlite3.Connection:
    """Opens the file, which is made if it is new and ``create`` says so."""
    frozen = not create and _is_frozen(path)
    target = f"{path.absolute().as_uri()}?immutable=1" if frozen else str(path)
    return sqlite3.connect(target, timeout=TIMEOUT, isolation_level=None, uri=frozen)


def _is_frozen(path: Path) -> bool:
    """Whether nobody can be writing: a store on a medium that is read-only, whose writers all have ended.

    SQLite would want to write beside it even to read: https://sqlite.org/wal.html#readonly. The -wal file is there
    while a writer is.
    """
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
