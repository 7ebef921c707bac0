"""The matrix of readings of a store's trials, as files."""

from dataclasses import dataclass, field
from pathlib import Path

from ..figures import reading_ratios
from ..figures.style import save
from ..reruns import Matrix, matrix_caption, matrix_lines, matrix_sentences
from ..store import Row
from ..tables import in_markdown

NAME = "hs97-readings"


@dataclass(frozen=True)
class Readings:
    """What several readings of the same settings come to, side by side."""

    matrix: Matrix
    name: str = NAME
    title: str = "Readings: every setting that was read in several ways"
    rows: list[Row] = field(default_factory=list)
    """None of its own: they are the experiments'."""
    wrong: list[Row] = field(default_factory=list)

    @property
    def lines(self) -> list[list[str]]:
        """The table."""
        return matrix_lines(self.matrix)

    @property
    def caption(self) -> str:
        """How it is to be read."""
        return matrix_caption()

    @property
    def sentences(self) -> list[str]:
        """What it comes to."""
        return matrix_sentences(self.matrix)

    @property
    def markdown(self) -> str:
        """All of it."""
        return in_markdown(self.title, self.lines, self.sentences, self.caption)


def draw_readings(found: Readings, out: Path) -> list[Path]:
    """Writes the table (Markdown) and the figure (PNG and SVG) into ``out``; returns their paths."""
    table, own = out / f"{found.name}.md", found.matrix
    table.write_text(found.markdown, encoding="utf-8")
    settings = {
        name: {reading: own.cells[name, reading] for reading in own.readings if (name, reading) in own.cells}
        for name in own.settings
    }
    return [table, *save(reading_ratios(found.title, settings), out / found.name)]
