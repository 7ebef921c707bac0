"""Table and figure of a comparison, again and again, from its rows."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..figures import depth_and_time
from ..figures.style import save
from ..side_by_side import Row
from .findings import horizon_table, sentences, title, width_table

STEM = "depth-and-time"


def read(path: Path) -> list[Row]:
    """The rows of a file that ``rnngrad compare`` wrote. Raises UsageError for another one."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if "setting" not in {row["event"] for row in rows}:
            raise KeyError("setting")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} holds no rows of `rnngrad compare` ({error})") from None
    return rows


def draw(rows: Sequence[Row], out: Path) -> list[Path]:
    """Writes tables and words (Markdown) and the figure (PNG and SVG) into ``out``; returns their paths."""
    page = out / f"{STEM}.md"
    page.write_text(markdown(rows), encoding="utf-8")
    return [page, *save(depth_and_time(title(rows), rows), out / STEM)]


def markdown(rows: Sequence[Row]) -> str:
    """Both tables and the words."""
    tables = [_table(lines) for lines in (horizon_table(rows), width_table(rows))]
    words = "\n".join(f"- {sentence}" for sentence in sentences(rows))
    return "\n\n".join([f"**{title(rows)}**", *tables, words]) + "\n"


def _table(lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(lines[0])
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))
