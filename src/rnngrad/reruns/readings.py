"""The matrix of readings: every setting that was read in several ways beside the readings that were tried of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..store import Row
from .rows import TEXT, Rerun
from .words import measured

JOIN = "+"
"""Between the names of readings that are taken together."""
AGAINST = "†"
"""Marks a reading that contradicts the text."""
ANOTHER = "′"
"""Marks a setting whose trials are of another version of its card."""


@dataclass(frozen=True)
class Matrix:
    """``cells``: by setting and reading the results at the last milestone, with a trial at its end at least.

    ``settings`` and ``readings`` are the names along both sides; the text's reading comes first, joined ones last.
    ``reasons``: what each reading does, and why.
    """

    settings: list[str]
    readings: list[str]
    cells: dict[tuple[str, str], Row]
    reasons: dict[str, str]

    @property
    def tried(self) -> list[str]:
        """The readings beside the text's."""
        return [reading for reading in self.readings if reading != TEXT]


def matrix(settings: Sequence[Rerun]) -> Matrix | None:
    """Of those settings that were tried under two readings at least; None if there is none.

    A setting with options given beside the reading, such as another cap, is a setting of its own.
    """
    cells: dict[tuple[str, str], Row] = {}
    for own in settings:
        name, row = _name(own), own.rows()[-1]
        while (name, own.card["reading"]) in cells:
            name += ANOTHER
        if row["trials"]:
            cells[name, own.card["reading"]] = row
    named = [name for name, _ in cells]
    often = (name for name in dict.fromkeys(named) if named.count(name) > 1)
    several = sorted(often, key=lambda name: name.split()[0])  # by experiment
    cells = {place: row for place, row in cells.items() if place[0] in several}
    readings = dict.fromkeys(reading for _, reading in cells)
    reasons = {own.card["reading"]: own.card["why"] for own in settings if own.card["reading"] in readings}
    return Matrix(several, sorted(readings, key=_place), cells, reasons) if several else None


def matrix_lines(found: Matrix) -> list[list[str]]:
    """Headings, then a line for each name of the longer side, which goes down the page."""
    if len(found.settings) > len(found.readings):
        body = [[name, *(_cell(found, name, reading) for reading in found.readings)] for name in found.settings]
        return [["setting", *found.readings], *body]
    body = [[reading, *(_cell(found, name, reading) for name in found.settings)] for reading in found.readings]
    return [["reading", *found.settings], *body]


def matrix_caption() -> str:
    """How it is to be read."""
    return (
        "Trials solved of all that came to their end; mean sequences of those that solved it, with the 95 % interval "
        "of a log-normal's mean, and its ratio to the published mean; the cap after which a trial counts as unsolved. "
        f"{AGAINST}: a reading that contradicts the text; {ANOTHER}: another version of the card. Empty: not tried. "
        "Where there are several milestones, the last one."
    )


def matrix_sentences(found: Matrix) -> list[str]:
    """How many readings were tried, of what; and of each setting which comes nearest to the paper."""
    count, settings = _many(len(found.tried), "reading"), _many(len(found.settings), "setting")
    return [
        f"{count} beside the text's tried, of {settings}.",
        *(_tried(found, name) for name in found.settings),
        *_reasons(found),
    ]


def _reasons(found: Matrix) -> list[str]:
    """What each reading changes, and joined ones where a part of them has not been tried alone."""
    said: list[str] = []
    explained: set[str] = set()
    for reading in found.tried:
        if not explained.issuperset(reading.split(JOIN)):
            said.append(f"{reading}: {found.reasons[reading]}.")
            explained.update(reading.split(JOIN))
    return said


def _name(rerun: Rerun) -> str:
    options = rerun.card["options"].items()
    return ", ".join([f"{rerun.experiment} {rerun.card['setting']}", *(f"{k}={json.dumps(v)}" for k, v in options)])


def _place(reading: str) -> tuple[bool, int]:
    """Order of readings; those of the same place stay as they were found."""
    return reading != TEXT, reading.count(JOIN)


def _tried(found: Matrix, name: str) -> str:
    own = {reading: found.cells[name, reading] for reading in found.readings if (name, reading) in found.cells}
    most = max(row["solved"] / row["trials"] for row in own.values())
    best = [f"{r} ({row['solved']}/{row['trials']})" for r, row in own.items() if row["solved"] / row["trials"] == most]
    text = "" if TEXT in own else "; the text's is not among these trials"
    said = "none solved it" if not most else f"most often solved under {', '.join(best)}"
    count = _many(len(own) - (TEXT in own), "reading")
    return f"{name}: {count} tried beside the text's, {said}{text}."


def _cell(found: Matrix, setting: str, reading: str) -> str:
    row = found.cells.get((setting, reading))
    if row is None:
        return ""
    ratio = "" if row["ratio"] is None else f", × {row['ratio']:.2f}"
    mean = "" if row["mean"] is None else f"; {measured(row)}{ratio}"
    return f"{row['solved']}/{row['trials']}{AGAINST if row['contradicts'] else ''}{mean}; cap {row['cap']:,}"


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("s" if count != 1 else "")
