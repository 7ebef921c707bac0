"""What a paper's experiments, run again, show, as files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from ..figures import Course, carousel_flow, failed_blocks, inside_blocks, trial_errors, trials_until_solved
from ..figures.style import save
from ..reruns import (
    TEXT,
    Rerun,
    caption,
    failures,
    in_paper,
    lines,
    matrix,
    not_run,
    reruns,
    sentences,
    statistics_in_words,
    where_wrong,
)
from ..stats import Times
from ..store import Row, Store
from ..summary import ended, unique
from ..tables import in_markdown
from .readings import Readings, draw_readings

Seen = dict[str, Any]
DRAWN = 3
"""Readings of a setting that an experiment's figures show; the matrix of readings shows all."""


@dataclass(frozen=True)
class Rerunning:
    """The settings and readings of one experiment; ``name`` is unique in the store and fit for a file name.

    ``missing``: rows of settings that were asked for and have no trial yet.
    """

    name: str
    title: str
    settings: list[Rerun]
    missing: list[Row] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """A row of results for each milestone of each setting."""
        return [row for setting in self.settings for row in setting.rows()] + self.missing

    @property
    def lines(self) -> list[list[str]]:
        """The table."""
        return lines(self.rows)

    @property
    def caption(self) -> str:
        """How it is to be read."""
        return caption(self.rows)

    @property
    def sentences(self) -> list[str]:
        """What it comes to."""
        own = self.settings
        some = f"The figures show {DRAWN} readings of a setting: the text's, and those that were solved most often."
        left_out = [some] * (len(drawn(own)) < len(own))
        return [*sentences(self.rows), *statistics_in_words(own), *left_out, *failures(drawn(own))]

    @property
    def wrong(self) -> list[Row]:
        """What unsolved trials get wrong: a row for each kind of sequences of each setting."""
        return [row for setting in self.settings for row in where_wrong(setting)]

    @property
    def markdown(self) -> str:
        """All of it."""
        return in_markdown(self.title, self.lines, self.sentences, self.caption)


def rerunning(runs: Sequence[Row], missing: Sequence[tuple[Row, float | None]] = ()) -> list[Rerunning | Readings]:
    """What the trials among stored runs are trials of, an experiment each; before them all readings, if several.

    missing: the cards of settings without a trial, with the seconds that it would take.
    """
    settings = reruns(runs)
    abouts = [card["experiment"] for card in (*(own.card for own in settings), *(card for card, _ in missing))]
    cards = {about["name"]: about for about in sorted(abouts, key=lambda about: str(about["name"]))}
    names = unique([(f"hs97-{_safe(name)}", json.dumps(about)) for name, about in cards.items()])
    several = matrix(settings)
    experiments = [
        Rerunning(
            file,
            f"Experiment {about['name']}: {about['title']}",
            [own for own in settings if own.experiment == name],
            [row for card, seconds in missing if card["experiment"]["name"] == name for row in not_run(card, seconds)],
        )
        for file, (name, about) in zip(names, cards.items(), strict=True)
    ]
    return [*([Readings(several)] if several else []), *experiments]


def drawn(settings: Sequence[Rerun]) -> list[Rerun]:
    """Of each setting no more than DRAWN readings: the text's first, then those that were solved most often."""
    shown: dict[str, list[int]] = {}
    for place in sorted(range(len(settings)), key=lambda place: _least_solved(settings[place])):
        shown.setdefault(settings[place].card["setting"], []).append(place)
    return [settings[place] for place in sorted(p for several in shown.values() for p in several[:DRAWN])]


def draw_reruns(found: Rerunning | Readings, store: Store, out: Path) -> list[Path]:
    """Writes an experiment's table (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    if isinstance(found, Readings):
        return draw_readings(found, out)
    table = out / f"{found.name}.md"
    table.write_text(found.markdown, encoding="utf-8")
    paths = [table]
    begun = [setting for setting in drawn(found.settings) if any(run["steps"] for run in setting.runs)]
    if begun:
        paths += save(trials_until_solved(found.title, _times(begun), _published(begun)), out / f"{found.name}-trials")
    if courses := _courses(begun, store):
        means = {setting: list(own.values()) for setting, own in _published(begun).items()}
        title = f"{found.title}: running error"
        paths += save(trial_errors(title, courses, means), out / f"{found.name}-errors")
    seen = {_name(setting): flows for setting in begun if in_paper(setting.card) and (flows := _seen(setting, store))}
    solved = {_name(setting) for setting in begun if any(run["solved"] for run in setting.runs)}
    blocks = {name: flows[0] for name, flows in seen.items() if name in solved and "states" in flows[0]}
    if blocks:
        title = f"{found.title}: inside a net that solved it"
        paths += save(inside_blocks(title, blocks), out / f"{found.name}-inside")
    if lost := {_name(setting): one for setting in begun if (one := _failed(setting, store))}:
        paths += save(failed_blocks(f"{found.title}: inside a net that fails", lost), out / f"{found.name}-failed")
    if seen:
        paths += save(carousel_flow(f"{found.title}: gradient flow", seen), out / f"{found.name}-flow")
    return paths


def _least_solved(setting: Rerun) -> tuple[bool, float, float]:
    row = setting.rows()[-1]
    return setting.card["reading"] != TEXT, -row["solved"] / max(1, row["trials"]), row["mean"] or inf


def _safe(task: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in task)


def _name(setting: Rerun) -> str:
    return str(setting.card["setting"]) + ("" if setting.reading == TEXT else f", {setting.reading}")


def _lines(setting: Rerun, settings: Sequence[Rerun]) -> dict[str, str]:
    """The name of the line of each milestone; the reading is named where the figure shows another than the text's."""
    reading = [setting.reading] if any(own.reading != TEXT for own in settings) else []
    several = len(setting.milestones) > 1
    return {name: ", ".join([*([name] if several else []), *reading]) or "trials" for name in setting.milestones}


def _times(settings: Sequence[Rerun]) -> dict[str, dict[str, Times]]:
    times: dict[str, dict[str, Times]] = {}
    for own in settings:
        named = {line: own.times(milestone) for milestone, line in _lines(own, settings).items()}
        times.setdefault(own.card["setting"], {}).update(named)
    return times


def _published(settings: Sequence[Rerun]) -> dict[str, dict[str, float]]:
    """The means that the paper prints, not its bounds."""
    means: dict[str, dict[str, float]] = {}
    for own in settings:
        for row in own.rows():
            if row["published"] and not row["published_bound"]:
                means.setdefault(row["setting"], {})[_lines(own, settings)[row["milestone"]]] = row["published"]
    return means


def _courses(settings: Sequence[Rerun], store: Store) -> dict[str, dict[str, list[Course]]]:
    """The paper's own nets, where a trial was looked at more than once: by setting and reading."""
    found: dict[str, dict[str, list[Course]]] = {}
    several = any(own.reading != TEXT for own in settings)
    for own in settings:
        courses = [_course(run, store.history(run["id"])) for run in own.runs if in_paper(own.card)]
        if any(len(course.sequences) > 1 for course in courses):
            found.setdefault(own.card["setting"], {})[own.reading if several else "trials"] = courses
    return found


def _course(run: Row, history: Sequence[Row]) -> Course:
    known = [row for row in history if row["train_loss"] is not None]
    solved = bool(run["solved"]) if ended(run) else None
    return Course([row["step"] for row in known], [row["train_loss"] for row in known], solved)


def _seen(setting: Rerun, store: Store) -> list[Seen]:
    """What was recorded inside the nets at their end: of those that solved it, or of all if none has."""
    solved = [run for run in setting.runs if run["solved"]] or setting.runs
    ends = [store.flow(run["id"]) for run in solved]
    return [end[1]["flow"] for end in ends if end]


def _failed(setting: Rerun, store: Store) -> Seen | None:
    """The sequence that was recorded of the first unsolved trial that has one."""
    ends = (store.flow(run["id"]) for run in setting.runs if not run["solved"])
    return next((end[1]["flow"]["failed"] for end in ends if end and "failed" in end[1]["flow"]), None)
