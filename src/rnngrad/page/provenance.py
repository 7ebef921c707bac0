"""How the rows were made: commands, seeds, versions, devices, times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..store import Row

COMMANDS = 40
"""Commands that a page shows, at most."""


@dataclass(frozen=True)
class Made:
    """A command as it was typed, or what is to be said of those not shown, and facts about what came of it."""

    command: str
    facts: list[str]


def provenance(rows: Iterable[Row]) -> list[Made]:
    """One entry per command of runs and experiments, oldest first; of very many commands, the first ones."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["command"], []).append(row)
    made = [Made(command, _facts(own)) for command, own in list(groups.items())[:COMMANDS]]
    hidden = len(groups) - COMMANDS
    return made + ([Made("", [f"and {hidden:,} more commands, in the store's column of that name"])] * (hidden > 0))


def _facts(rows: Sequence[Row]) -> list[str]:
    """A command may have been repeated on another day, machine or version: all of them are named."""
    days = sorted({row["created_at"][:10] for row in rows})
    seeds = sorted({row["seed"] for row in rows if "seed" in row})
    versions = dict.fromkeys(", ".join(f"{k} {v}" for k, v in row["versions"].items()) for row in rows)
    devices = dict.fromkeys(row["device"] for row in rows)
    engines = dict.fromkeys(row["engine"] for row in rows if "engine" in row)
    return [
        *([f"{len(rows):,} runs, seeds {ranges(seeds)}"] if seeds else []),
        days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
        f"{_seconds(rows):,.0f} s",
        f"on {', '.join(devices)}" + (f", engine {', '.join(engines)}" if engines else ""),
        *versions,
    ]


def _seconds(rows: Sequence[Row]) -> float:
    """Seeds that train together share their time: the longest of each cell, added up. Trials of a paper go alone."""
    longest: dict[tuple[object, ...], float] = {}
    for row in rows:
        alone = row["seed"] if row.get("engine") == "hs97" else None
        key = (*(row.get(name) for name in ("task", "protocol", "lag", "cell", "init", "hidden", "lr")), alone)
        longest[key] = max(longest.get(key, 0.0), row["seconds"])
    return sum(longest.values())


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as text, neighbours as a range: 0–9, 12."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in spans)
