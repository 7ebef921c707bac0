"""What befalls a store's file, in words that say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and repeat the command",
    sqlite3.SQLITE_BUSY: "another program has locked it: repeat the command when that one has ended",
    sqlite3.SQLITE_READONLY: "it is read-only: copy it to where it can be written",
    sqlite3.SQLITE_CANTOPEN: "its folder cannot be written, or it is no file: copy it, and its -wal file, elsewhere",
    sqlite3.SQLITE_IOERR: "the disk did not take or give the data: look for space, quota and file size limit",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a copy, or save what is left with `sqlite3 FILE .recover`",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file, or its head is damaged: name another file or restore a copy",
}
"""By SQLite's primary result code; what was committed before is kept in every case."""


class StoreFault(sqlite3.Error):
    """What befell a store, in one line that names it; the command prints the line and exits with 1."""


def in_words(error: sqlite3.Error) -> str:
    """What SQLite says, and what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # of Python's own errors there is none
    advice = ADVICE.get(code & 0xFF)
    return f"{error} ({advice})" if advice else str(error)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Whatever befalls the store at ``path`` meanwhile is raised as StoreFault."""
    try:
        yield
    except StoreFault:
        raise
    except sqlite3.Error as error:
        raise StoreFault(f"the store {path}: {in_words(error)}") from error
