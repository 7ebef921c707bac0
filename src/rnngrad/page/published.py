"""Numbers that somebody printed, beside those measured here."""

from ..store import Row
from ..summary import Comparison, Line
from ..tables import headings, rows
from .section import Section

MEASURED = ("solved [95 %]", "steps to solve", "test loss")
"""Columns of the comparison's table that a published number is read beside."""


def published(comparison: Comparison) -> list[Section]:
    """The card's published numbers at the runs' lag and protocol, beside the cells of the same name; or nothing."""
    run = comparison.lines[0].runs[0]
    known = [n for n in run["card"]["published"] if (n["lag"], n["protocol"]) == (run["lag"], run["protocol"])]
    if not known:
        return []
    columns = [*MEASURED, *run["scores"]]
    lines = [["published for", "what", "published", "here", *columns]]
    lines += [line for number in known for line in _beside(number, comparison, columns)]
    sources = [f"Source for {number['cell']}: {number['source']}." for number in known]
    return [Section(f"Published beside measured: {comparison.title}", lines, "", list(dict.fromkeys(sources)))]


def _beside(number: Row, comparison: Comparison, columns: list[str]) -> list[list[str]]:
    """One line per cell of ours with the name of the published one, or one that says that there is none."""
    said = [number["cell"], number["metric"], f"{number['value']:g}"]
    where = [headings(comparison).index(column) for column in columns]
    pairs = zip(comparison.lines, rows(comparison), strict=True)
    ours = [[line.label, *(row[k] for k in where)] for line, row in pairs if _same_cell(number, line)]
    return [[*said, *own] for own in ours or [["–"] * (1 + len(columns))]]


def _same_cell(number: Row, line: Line) -> bool:
    """A published cell is named like ours, with what is particular about it behind a comma or an initialisation."""
    name: str = number["cell"].replace(",", ":").split(":")[0].strip()
    return name == str(line.runs[0]["cell"])
