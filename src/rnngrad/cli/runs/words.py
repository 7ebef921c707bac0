"""Rows of runs as lines of text."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ...store import Row

LISTED = (
    *("id", "task", "cell", "init", "lag", "lr", "seed", "status", "solved", "steps", "steps_to_solve", "test_loss"),
)
EVENT = (
    *("id", "key", "created_at", "task", "problem", "protocol", "cell", "init", "hidden", "parameters", "lr", "seed"),
    *("lag", "length", "minimal_lag", "status", "reason", "solved", "held", "steps", "steps_to_solve", "diverged_at"),
    *("test_loss", "grad_first_over_last_init", "grad_first_over_last_end", "horizon", "seconds", "device", "engine"),
)
"""The columns of the table and of the JSON lines."""
HEADINGS = ("id", "task", "cell", "lag", "lr", "seed", "status", "solved", "steps", "steps to solve", "test loss")
TEXTS = ("task", "cell", "status", "solved", "not finished")
TRUTHS = ("solved", "held")
GROUPS = ("task", "lag", "cell", "lr", "runs", "solved", "not finished", "newest id")
OPEN = ("running", "interrupted")
MANY = 200
"""Rows that a terminal is given one by one, at most."""


def event(row: Row) -> Row:
    """A run's row with truth values for numbers."""
    return row | {name: None if row[name] is None else bool(row[name]) for name in TRUTHS}


def listed(rows: Sequence[Row]) -> str:
    """A line for every run, below the headings."""
    return aligned([HEADINGS, *map(_line, rows)])


def summed(rows: Sequence[Row]) -> str:
    """A line for every task, lag, cell and rate, below the headings; what to do to see more, below that."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["lag"], _cell(row), row["lr"]), []).append(row)
    lines = [_sum(key, groups[key]) for key in sorted(groups)]
    rest = f"{len(rows):,} runs. Filter them, or `rnngrad runs | less`, to see each."
    return f"{aligned([GROUPS, *lines])}\n{rest}"


def interrupted(row: Row) -> Row:
    """The status of an interrupted run in words that say what to do; nothing of another."""
    return {"status": "interrupted: the same command goes on with it"} if row["status"] == "interrupted" else {}


def note(rows: Sequence[Row]) -> str:
    """What to do about interrupted runs; nothing where there are none."""
    count = sum(row["status"] == "interrupted" for row in rows)
    return f"{count:,} interrupted: the same command, which `rnngrad runs show ID` has, goes on" if count else ""


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines below their headings as columns, numbers to the right."""
    lines = [[printable(text) for text in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    form = "  ".join(f"{{:{'<' if heading in TEXTS else '>'}{n}}}" for heading, n in zip(lines[0], widths, strict=True))
    return "\n".join(form.format(*line).rstrip() for line in lines)


def fields(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Everything in a nested row by its path, as ``card.training.lr``."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from fields(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            parts = (fields(item, f"{prefix}{name}.{k}.") for k, item in enumerate(value, 1))
            yield from chain.from_iterable(parts)
        else:
            yield prefix + name, number(value) if isinstance(value, float) else "–" if value is None else str(value)


def number(value: float | None, digits: int = 6) -> str:
    """In a few digits."""
    return "–" if value is None else f"{value:.{digits}g}"


def printable(text: str) -> str:
    """Without what would steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def _cell(row: Row) -> str:
    return f"{row['cell']}:{row['init']}"


def _line(row: Row) -> Sequence[str]:
    return (
        *(str(row["id"]), row["task"], _cell(row), str(row["lag"]), number(row["lr"]), str(row["seed"]), row["status"]),
        *("yes" if row["solved"] else "not yet" if row["status"] in OPEN else "no", f"{row['steps']:,}"),
        *("–" if row["steps_to_solve"] is None else f"{row['steps_to_solve']:,}", number(row["test_loss"], 3)),
    )


def _sum(key: tuple[Any, ...], rows: Sequence[Row]) -> Sequence[str]:
    task, lag, cell, lr = key
    open_ = Counter(row["status"] for row in rows if row["status"] != "finished")
    solved = f"{sum(row['solved'] for row in rows)}/{len(rows)}"
    rest = ", ".join(f"{count} {status}" for status, count in open_.items()) or "–"
    return task, str(lag), cell, number(lr), str(len(rows)), solved, rest, str(max(row["id"] for row in rows))
