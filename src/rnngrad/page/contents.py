"""What stands on the page of a store, and in which order."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..report import FIGURES, Found, Readings, Rerunning, Swept
from ..store import Store
from ..summary import Comparison
from ..tables import caption, headings, rows, sentences
from . import captions, outcomes
from .provenance import Made, provenance
from .published import published
from .section import Section
from .slider import Film, films

TITLES = 3
"""Titles of cards and experiments that a page's title holds."""


@dataclass(frozen=True)
class Contents:
    """A page. ``claims`` are the cards' sentences, each with its paper; ``rebuild`` is the command that draws it again.

    ``films`` are the flow profiles over training that its slider goes through.
    """

    title: str
    claims: list[tuple[str, str]]
    sections: list[Section]
    made: list[Made]
    rebuild: str
    films: list[Film] = field(default_factory=list)


def contents(
    store: Store,
    found: Sequence[Comparison],
    swept: Sequence[Swept],
    again: Sequence[Rerunning | Readings],
    experiments: Sequence[Found],
    files: Sequence[Path],
    command: Sequence[str],
) -> Contents:
    """The page of some comparisons, sweeps, reruns and experiments of a store, whose figures are among ``files``."""
    runs = [run for comparison in found for line in comparison.lines for run in line.runs]
    cards = list({run["card"]["task"]["name"]: run["card"]["task"] for run in runs}.values())
    experiments_again = [own for own in again if isinstance(own, Rerunning)]
    cards += [own.settings[0].card["experiment"] for own in experiments_again]
    runs += [run for own in experiments_again for setting in own.settings for run in setting.runs]
    made_of = runs + (store.experiments() if experiments else [])
    return Contents(
        title=_title([*(card["title"] for card in cards), *(own.title for own in experiments)]),
        claims=[(card["claim"], card["paper"]) for card in cards if card["claim"]],
        sections=sections(found, swept, again, experiments, files),
        made=provenance(made_of),
        rebuild=shlex.join(command),
        films=films(found, store),
    )


def sections(
    found: Sequence[Comparison],
    swept: Sequence[Swept],
    again: Sequence[Rerunning | Readings],
    experiments: Sequence[Found],
    files: Sequence[Path],
) -> list[Section]:
    """Everything with a heading, from the summary to the single run."""
    return [
        *(section for own in swept for section in _swept(own, files)),
        *(section for comparison in found for section in (_compared(comparison, files), *published(comparison))),
        *(_again(own, files) for own in again),
        *(section for own in experiments for section in _found(own, files)),
        *outcomes.sections(found),
    ]


def _swept(swept: Swept, files: Sequence[Path]) -> list[Section]:
    """The figures stand with the first table; the tests between cells, many and small, are folded."""
    pictures = captions.pictures(swept.name, captions.OF_LAGS, files)
    return [
        Section(part.title, part.lines, part.caption, part.sentences, () if k else pictures, folded=k > 1)
        for k, part in enumerate(swept.parts)
    ]


def _compared(comparison: Comparison, files: Sequence[Path]) -> Section:
    return Section(
        comparison.title,
        [headings(comparison), *rows(comparison)],
        caption(comparison),
        sentences(comparison),
        captions.pictures(comparison.name, captions.OF_RUNS, files),
    )


def _again(own: Rerunning | Readings, files: Sequence[Path]) -> Section:
    known = captions.OF_READINGS if isinstance(own, Readings) else captions.OF_RERUNS
    pictures = captions.pictures(own.name, known, files)
    return Section(own.title, own.lines, own.caption, own.sentences, pictures)


def _found(own: Found, files: Sequence[Path]) -> list[Section]:
    """The figures stand with the last table, as the sentences do."""
    known = {ending: captions.OF_EXPERIMENTS[own.kind + ending] for ending in FIGURES[own.kind]}
    pictures = captions.pictures(own.name, known, files)
    return [
        Section(part.title, part.lines, part.caption, part.sentences, pictures if part is own.parts[-1] else ())
        for part in own.parts
    ]


def _title(titles: Sequence[str]) -> str:
    titles = list(dict.fromkeys(titles))
    more = f" and {len(titles) - TITLES} more" if len(titles) > TITLES else ""
    return ", ".join(titles[:TITLES]) + more
