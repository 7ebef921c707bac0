"""What experiments found, as files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from ..figures import (
    depth_chain,
    depth_factors,
    depth_glorot,
    depth_nielsen,
    remedies_gradient,
    remedies_growth,
    remedies_training,
)
from ..figures.style import save
from ..findings import FINDINGS
from ..findings.base import Row
from ..store import Store
from ..summary import newest_experiments
from ..tables import in_markdown

FIGURES: dict[str, dict[str, Callable[[str, Sequence[Row]], Figure]]] = {
    "nielsen": {"": depth_nielsen},
    "glorot": {"": depth_glorot},
    "chain": {"": depth_chain},
    "factors": {"": depth_factors},
    "remedies": {"-gradient": remedies_gradient, "-training": remedies_training, "-growth": remedies_growth},
}
"""The figures of an experiment's title and rows, by its name, and by what is added to that of the file."""


@dataclass(frozen=True)
class Found:
    """What an experiment of the store, of some ``kind``, found; ``name`` is unique there and fit for a file name."""

    kind: str
    name: str
    title: str
    rows: list[Row]
    printed: list[Row]
    lines: list[list[str]]
    sentences: list[str]

    @property
    def markdown(self) -> str:
        """Table and sentences."""
        return in_markdown(self.title, self.lines, self.sentences)


def found(store: Store, only: int | None = None) -> Iterator[Found]:
    """What every experiment found, or that of one id; of a repeated experiment, the newest that was finished."""
    for name, experiment in newest_experiments(store.experiments()).items():
        if only not in (None, experiment["id"]):
            continue
        finding, settings = FINDINGS[experiment["name"]], experiment["settings"]
        rows = finding.rows(settings, store.measurements(experiment["id"]))
        texts = finding.title(settings), rows, finding.printed(rows), finding.table(rows), finding.sentences(rows)
        yield Found(experiment["name"], name, *texts)


def draw_found(found: Found, out: Path) -> list[Path]:
    """Writes an experiment's table (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    table = out / f"{found.name}.md"
    table.write_text(found.markdown, encoding="utf-8")
    paths = [table]
    for ending, figure in FIGURES[found.kind].items():
        paths += save(figure(found.title, found.rows), out / f"{found.name}{ending}")
    return paths
