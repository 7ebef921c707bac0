"""What experiments found, as files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from ..figures import (
    depth_and_time,
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
from ..findings.depth_and_time import width_table
from ..store import Store
from ..summary import newest_experiments
from ..tables import in_markdown
from .lags import Part

FIGURES: dict[str, dict[str, Callable[[str, Sequence[Row]], Figure]]] = {
    "nielsen": {"": depth_nielsen},
    "glorot": {"": depth_glorot},
    "chain": {"": depth_chain},
    "factors": {"": depth_factors},
    "remedies": {"-gradient": remedies_gradient, "-training": remedies_training, "-growth": remedies_growth},
    "depth-and-time": {"": depth_and_time},
}
"""The figures of an experiment's title and rows, by its name, and by what is added to that of the file."""
MORE: dict[str, tuple[str, Callable[[Sequence[Row]], list[list[str]]]]] = {
    "depth-and-time": ("rates by width", width_table),
}
"""The second table of an experiment, where there is one: what it shows, and its lines."""


@dataclass(frozen=True)
class Found:
    """What an experiment of the store, of some ``kind``, found; ``name`` is unique there and fit for a file name."""

    kind: str
    name: str
    title: str
    rows: list[Row]
    printed: list[Row]
    parts: list[Part]
    sentences: list[str]

    @property
    def markdown(self) -> str:
        """Tables and sentences."""
        return "\n".join(in_markdown(part.title, part.lines, part.sentences) for part in self.parts)


def found(store: Store, only: int | None = None) -> Iterator[Found]:
    """What every experiment found, or that of one id; of a repeated experiment, the newest that was finished."""
    for name, experiment in newest_experiments(store.experiments()).items():
        if only not in (None, experiment["id"]):
            continue
        finding, settings = FINDINGS[experiment["name"]], experiment["settings"]
        rows = finding.rows(settings, store.measurements(experiment["id"]))
        title, sentences = finding.title(settings), finding.sentences(rows)
        tables = [(title, finding.table(rows))]
        if experiment["name"] in MORE:
            what, lines = MORE[experiment["name"]]
            tables.append((f"{title}: {what}", lines(rows)))
        parts = [Part(*own, sentences=sentences if own is tables[-1] else ()) for own in tables]
        yield Found(experiment["name"], name, title, rows, finding.printed(rows), parts, sentences)


def draw_found(found: Found, out: Path) -> list[Path]:
    """Writes an experiment's table (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    table = out / f"{found.name}.md"
    table.write_text(found.markdown, encoding="utf-8")
    paths = [table]
    for ending, figure in FIGURES[found.kind].items():
        paths += save(figure(found.title, found.rows), out / f"{found.name}{ending}")
    return paths
