"""A file of rows, one JSON object a line, each on the disk as soon as it is known."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import UsageError

Row = dict[str, Any]


class RowFile:
    """Appends rows and reads them back. What a killed program left of its last line is cut off."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError for a file that cannot be read, or has a line that is no JSON object."""
        self.path = path
        try:
            self._cut_off_the_torn_line()
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            self.rows = [_parsed(line) for line in text.splitlines()]
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read the rows in {path}: {error}; move the file away or choose another") from None

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds a row; it is on the disk when this returns. Raises ValueError for NaN and infinity, which JSON lacks."""
        line = json.dumps(row, allow_nan=False) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(dict(row))

    def _cut_off_the_torn_line(self) -> None:
        if self.path.exists():
            content = self.path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.truncate(self.path, whole)


def _parsed(line: str) -> Row:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"a line is no JSON object: {line[:40]}")
    return row
