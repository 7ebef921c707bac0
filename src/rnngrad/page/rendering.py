"""A page's files: README.md, and index.html with everything inside."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.colors import to_hex

from ..errors import UsageError
from ..figures.style import PALETTE
from ..tables import escaped
from .contents import Contents
from .section import Section
from .slider import ZERO
from .sorting import sort_keys
from .svg import inline

README, INDEX = "README.md", "index.html"
MARK = "Written by rnngrad report"
"""In the first lines of what may be written over."""
POWER = re.compile(r"10\^(-?\d+(?:\.\d+)?)")
LIGHTER = 0.35
"""How far the figures' colours are from white in the dark, where they would be too dim."""


@dataclass(frozen=True)
class Cell:
    """One field of a table: its text, and what it is sorted by, if not by its text. ``wordy``: its column has words."""

    text: Markup
    key: float | None
    wordy: bool


def refuse_foreign(folder: Path) -> None:
    """Raises UsageError if a page in the folder would take the place of a file that is not one of ours."""
    for path in (folder / README, folder / INDEX):
        if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace")[:500]:
            raise UsageError(f"{path} was not written by `rnngrad report`: move it away, or choose another --out")


def write(contents: Contents, folder: Path) -> list[Path]:
    """Writes both files beside the figures; returns their paths."""
    paths = [folder / README, folder / INDEX]
    for path, text in zip(paths, (markdown(contents), html(contents, folder)), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def markdown(contents: Contents) -> str:
    """README.md: the same tables and sentences, and links to the figures."""
    environment = _environment(autoescape=False)  # Markdown: the template escapes by its own filter
    return environment.get_template("README.md.j2").render(page=contents, mark=MARK, index=INDEX)


def html(contents: Contents, folder: Path) -> str:
    """index.html: it needs no other file and no network, and its only script is the one that its policy names."""
    environment = _environment(autoescape=True)
    script = _source(environment, "page.js")
    data = {"films": contents.films, "zero": ZERO}
    return environment.get_template("index.html.j2").render(
        page=contents,
        mark=MARK,
        data=data,
        script=script,
        policy=f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}",
        style=_source(environment, "page.css"),
        hues={"light": [to_hex(colour) for colour in PALETTE], "dark": [_lighter(colour) for colour in PALETTE]},
        figure=lambda stem, prefix: inline(folder / f"{stem}.svg", prefix),
        table=fields,
    )


def fields(section: Section) -> list[list[Cell]]:
    """The rows of a section's table, each text with its key."""
    body = section.lines[1:]
    keys = [sort_keys(column) for column in zip(*body, strict=True)]
    return [
        [Cell(powers(text), own[k] if own else None, own is None) for text, own in zip(row, keys, strict=True)]
        for k, row in enumerate(body)
    ]


def powers(text: str) -> Markup:
    """The text, escaped, with its powers of ten raised."""
    return Markup(POWER.sub(lambda found: f"10<sup>{found[1].replace('-', '−')}</sup>", str(escape(text))))


def fence(text: str) -> str:
    """A row of backticks that is longer than any in the text: it can be told from what it encloses."""
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    return "`" * max(3, longest + 1)


def _lighter(colour: Sequence[float]) -> str:
    red, green, blue = (1 - (1 - part) * (1 - LIGHTER) for part in colour)
    return to_hex((red, green, blue))


def _environment(autoescape: bool) -> Environment:
    loader = PackageLoader("rnngrad.page")
    environment = Environment(
        loader=loader, autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"md": escaped, "fence": fence, "powers": powers}
    return environment


def _source(environment: Environment, name: str) -> Markup:
    """A file of ours as it stands."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
