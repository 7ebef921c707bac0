"""What befalls a store's file, in words that say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and repeat the command",
    sqlite3.SQLITE_BUSY: "another program has locked it: repeat the command when that one has ended",
    sqlite3.SQLITE_READONLY: "it is read-only: copy it to where it can be written",
    sqlite3.SQLITE_CANTOPEN: "its folder cannot be written, or it is no file: copy it, and its -wal file, elsewhere",
    sqlite3.SQLITE_IOERR: "the disk did not take or give the data: look for space, quota and file size limit",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a copy",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file, or its head is damaged: name another file or restore a copy",
}
"""By SQLite's primary result code; what was committed before is kept in every case."""


class StoreFault(sqlite3.Error):
    """What befell a store, in one line that names it; the command prints the line and exits with 1."""


def in_words(error: sqlite3.Error) -> str:
    """What SQLite says, and what to do."""
    said = shorten(str(error), 200)
    code = getattr(error, "sqlite_errorcode", None)  # none of an error that Python found
    advice = ADVICE.get(sqlite3.SQLITE_CORRUPT if "decode to UTF-8" in said else (code or 0) & 0xFF)
    return f"{said} ({advice})" if advice else said


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Whatever befalls the store at ``path`` meanwhile is raised as StoreFault."""
    try:
        yield
    except StoreFault:
        raise
    except sqlite3.Error as error:
        raise StoreFault(f"the store {path}: {in_words(error)}") from error
