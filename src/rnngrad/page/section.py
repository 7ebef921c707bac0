"""What a page is made of: a heading, a table as lines of text, sentences, figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..tables import in_markdown


@dataclass(frozen=True)
class Picture:
    """A figure that lies beside the page as ``stem``.png and ``stem``.svg; ``caption`` says what is to be seen."""

    stem: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One part of a page. ``lines``, a table's headings and rows or nothing, are hidden at first if ``folded``."""

    heading: str
    lines: Sequence[Sequence[str]] = ()
    caption: str = ""
    sentences: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    folded: bool = False

    @property
    def markdown(self) -> str:
        """Heading, table, caption and sentences; the same text as the table's own file."""
        return in_markdown(self.heading, self.lines, self.sentences, self.caption)
