"""``rnngrad runs export``: the rows of runs as a file for other programs."""

import csv
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ...errors import UsageError, unknown
from ...store import Row, declared
from ...store.rows import read
from ...store.schema import SCHEMA_VERSION
from ..shared import json_line
from .group import looked_at, runs, selecting, selection, store_option
from .words import TRUTHS, event

COLUMNS = declared.tables(SCHEMA_VERSION)["runs"]
Writer = Callable[[Path, Iterator[Row]], None]
ROWS_AT_ONCE = 1000
"""In a row group of Parquet, and in memory."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What is the disk's fault and not the name's."""


@runs.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@store_option
@selecting
def export(file: Path, path: Path, **wanted: Sequence[Any]) -> None:
    """Write the runs with all their columns to FILE.csv, FILE.jsonl or FILE.parquet.

    Versions, baselines, scores and the resolved card are objects in JSON lines, and JSON as text in the others. FILE
    is there as a whole or not at all. Parquet needs pyarrow: pip install 'rnngrad[parquet]'.
    """
    write = _writer(file)
    count = 0

    def counted(rows: Iterable[Row]) -> Iterator[Row]:
        nonlocal count
        for count, row in enumerate(rows, 1):  # noqa: B007  # read below
            yield event(row)

    with looked_at(path) as store:
        where = selection(store, **wanted).query()
        with closing(read(store, "runs", list(COLUMNS), *where)) as rows:
            whole(file, lambda partial: write(partial, counted(rows)))
    click.echo(f"wrote {count:,} runs to {file}")


def _writer(file: Path) -> Writer:
    """What writes such a file. Raises UsageError for an ending that says no form, and a folder that is not there."""
    if not file.suffix:
        raise UsageError(f"cannot export to {file}: its ending says the form, so give it one of {', '.join(WRITERS)}")
    if file.suffix.lower() not in WRITERS:
        raise UsageError(f"cannot export to {file}: {unknown('ending', file.suffix, WRITERS)}")
    if not file.parent.is_dir():
        raise UsageError(f"cannot write {file}: there is no folder {file.parent}")
    return WRITERS[file.suffix.lower()]


def whole(file: Path, write: Callable[[Path], None]) -> None:
    """Writes the file under another name, and gives it its own when it is complete.

    Raises UsageError for a name that cannot be written, and OSError where the disk does not take it.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        write(partial)
        os.replace(partial, file)
    except OSError as error:
        _remove(partial)
        why = os.strerror(error.errno) if error.errno else str(error)  # its own words would name the other file
        if error.errno in FULL:
            raise OSError(error.errno, why, str(file)) from None
        raise UsageError(f"cannot write {file}: {why}; choose another place") from None
    except BaseException:
        _remove(partial)
        raise


def _remove(partial: Path) -> None:
    with suppress(OSError):  # of a folder that does not even let look into it
        partial.unlink(missing_ok=True)


def _csv(file: Path, rows: Iterator[Row]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(_flat(row).values() for row in rows)


def _json_lines(file: Path, rows: Iterator[Row]) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{json_line(row)}\n" for row in rows)


def _parquet(file: Path, rows: Iterator[Row]) -> None:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow: pip install 'rnngrad[parquet]', or name a file that ends in .csv or .jsonl"
        ) from None
    types = {"INTEGER": pyarrow.int64(), "REAL": pyarrow.float64(), "TEXT": pyarrow.string()}
    kinds = {name: pyarrow.bool_() if name in TRUTHS else types[column.kind] for name, column in COLUMNS.items()}
    form = pyarrow.schema(list(kinds.items()))
    with ParquetWriter(file, form) as writer:
        while batch := [_flat(row) for row in islice(rows, ROWS_AT_ONCE)]:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=form))


def _flat(row: Row) -> Row:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}


WRITERS: dict[str, Writer] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
