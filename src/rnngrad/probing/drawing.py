"""The figures of a probe, written to files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..figures import exponent_convergence, probed_flow, singular_values
from ..figures.style import save
from ..store import Row

LONGEST_STEM = 80


def draw(found: Mapping[str, Sequence[Row]], out: Path) -> list[Path]:
    """Gradient by lag, singular values by lag and the exponents' convergence, PNG and SVG; returns the paths.

    found: the rows of every subject's seeds, under its label.
    """
    stem = out / _stem(list(found), next(iter(found.values()))[0]["length"])
    figures = {"flow": probed_flow(found), "singular-values": singular_values(found)}
    figures["exponents"] = exponent_convergence(found)
    return [path for name, figure in figures.items() for path in save(figure, stem.with_name(f"{stem.name}-{name}"))]


def _stem(labels: Sequence[str], length: int) -> str:
    """A file name that says what is in the figure."""
    names = re.sub(r"[^\w-]+", "-", "-".join(labels))
    return f"probe-{names[:LONGEST_STEM]}-lag{length}"
