"""The table of a comparison, for the terminal and in Markdown."""

import re
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from .summary import Comparison, Line, count, ended, power_of_ten, rate

ACTIVE = re.compile(r"[\\`|*<$\r\n]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])|(?<=\S)~|~(?=\S)|&(?=#?\w+;)")
"""What Markdown acts on: not an underscore inside a word, nor a bracket that no link follows."""
INERT = {"<": "&lt;", "&": "&amp;", "\r": " ", "\n": " "}
"""In place of what a backslash does not calm."""
SIDE_BY_SIDE = 4
"""Cells that the terminal shows as columns, at most."""


def terminal_table(comparison: Comparison) -> Table:
    """Did each cell solve the problem, when, and how far back does its gradient reach?

    A few cells stand side by side, which fits a narrow terminal; many stand one below the other.
    """
    return on_terminal(comparison.title, turned([headings(comparison), *rows(comparison)]), caption(comparison))


def turned(lines: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Headings and lines; a few lines become columns, the headings the first of them."""
    return [list(column) for column in zip(*lines, strict=True)] if len(lines) <= 1 + SIDE_BY_SIDE else lines


def markdown_table(comparison: Comparison) -> str:
    """The same as Markdown, with its title and caption."""
    lines = [headings(comparison), *rows(comparison)]
    return in_markdown(comparison.title, lines, sentences(comparison), caption(comparison))


def on_terminal(title: str, lines: Sequence[Sequence[str]], caption: str = "") -> Table:
    """Headings and lines, the first column to the left."""
    words = Text(caption) if caption else None  # as text, not as markup
    table = Table(title=Text(title), caption=words, title_justify="left", caption_justify="left")
    for k, heading in enumerate(lines[0]):
        table.add_column(Text(heading), justify="right" if k else "left", overflow="fold")
    for row in lines[1:]:
        table.add_row(*map(Text, row))
    return table


def in_markdown(title: str, lines: Sequence[Sequence[str]], sentences: Sequence[str], caption: str = "") -> str:
    """Headings and lines, if any, as a table, between its title and what there is to say."""
    ruled = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]] if lines else []
    table = "\n".join("| " + " | ".join(escaped(cell) for cell in line) + " |" for line in ruled)
    words = "\n".join(f"- {escaped(sentence)}" for sentence in sentences)
    blocks = [f"**{escaped(title)}**", table, escaped(caption), words]
    return "\n\n".join(block for block in blocks if block) + "\n"


def sentences(comparison: Comparison) -> list[str]:
    """The outcome of each cell in words."""
    return [_sentence(line) for line in comparison.lines]


def _sentence(line: Line) -> str:
    summary = line.summary()
    return f"{line.label}: {_success(summary)}. {_reach(summary)}"


def _success(summary: dict[str, Any]) -> str:
    open_ = summary["unfinished"]
    if not summary["n"]:
        return f"none of {open_} seeds has ended yet; the same command goes on with those that were interrupted"
    beside = f", beside {open_} that {'has' if open_ == 1 else 'have'} not ended" if open_ else ""
    return f"{summary['solved']} of {summary['n']} seeds solved it{beside}"


def _reach(summary: dict[str, Any]) -> str:
    before, after = summary["grad_first_over_last_init"], summary["grad_first_over_last_end"]
    if before is None:
        return "No gradient was measured."
    when = "at the last evaluation so far" if summary["unfinished"] else "after it"
    all_diverged = after is None and summary["diverged"] == summary["n"]
    end = f"{'none' if after is None else power_of_ten(after)} {when}{', where all runs diverged' * all_diverged}"
    return f"The gradient at the first step was {power_of_ten(before)} of the last step's before training and {end}."


def caption(comparison: Comparison) -> str:
    """What the numbers are to be compared with: the closed-form baselines, and what has been published."""
    run = comparison.lines[0].runs[0]
    forget = ", ".join(f"{name} {value:.4g}" for name, value in run["baselines"].items())
    text = f"Medians over seeds. Test loss of predictors that forget: {forget}."
    for known in run["card"]["published"]:
        if known["lag"] == run["lag"] and known["protocol"] == run["protocol"]:
            text += f" Published, {known['cell']}: {known['metric']} {known['value']:g} ({known['source']})."
    if not all(ended(run) for line in comparison.lines for run in line.runs):
        text += " Unfinished runs are no part of the rate; elsewhere their last evaluation so far stands for the end."
    return text


def headings(comparison: Comparison) -> list[str]:
    """Of the columns."""
    return [
        *("cell", "weights", "lr", "solved [95 %]", "steps to solve", "holds", "test loss"),
        *comparison.lines[0].runs[0]["scores"],
        *("first/last gradient, before", "first/last gradient, after", "  lowest – highest seed"),
        *("horizon after (1 %)", "seconds"),
    ]


def rows(comparison: Comparison) -> list[list[str]]:
    """One per line of the comparison, as text."""
    scores = list(comparison.lines[0].runs[0]["scores"])
    return [_row(line, scores) for line in comparison.lines]


def _row(line: Line, scores: list[str]) -> list[str]:
    s = line.summary()
    return [
        line.label,
        f"{s['parameters']:,}",
        _rate(line),
        _solved(s),
        _steps(s),
        f"{s['held']}/{s['tested_again']}" if s["tested_again"] else "–",
        "–" if s["test_loss"] is None else f"{s['test_loss']:.3g}",
        *("–" if s["scores"].get(name) is None else f"{s['scores'][name]:.3f}" for name in scores),
        power_of_ten(s["grad_first_over_last_init"]),
        power_of_ten(s["grad_first_over_last_end"]),
        _spread(s),
        "–" if s["grad_first_over_last_end"] is None else count(s["horizon"], line.runs[0]["length"] - 1),
        f"{s['seconds']:.0f}",
    ]


def _solved(summary: dict[str, Any]) -> str:
    text = rate(summary)
    broken = [f"{summary[what]} {what}" for what in ("diverged", "failed", "unfinished") if summary[what]]
    return ", ".join([text, *broken])


def _steps(summary: dict[str, Any]) -> str:
    """Median and range, or the fastest where some did not; an unsolved run only needs more than it was given."""
    fastest = summary["steps_to_solve_min"]
    median = count(summary["steps_to_solve"], summary["censored_at"])
    if fastest is None:
        return median
    slowest = summary["steps_to_solve_max"]
    return f"{median} (fastest {fastest:,})" if slowest is None else f"{median} ({fastest:,} – {slowest:,})"


def _spread(summary: dict[str, Any]) -> str:
    """The lowest and the highest seed's gradient after training."""
    low, high = (summary[f"grad_first_over_last_end_{end}"] for end in ("min", "max"))
    return "–" if low is None else f"{power_of_ten(low)} – {power_of_ten(high)}"


def _rate(line: Line) -> str:
    """The learning rate, marked where the card has tuned others and not this one."""
    run = line.runs[0]
    tuned = run["card"]["training"]["tuned"]
    return f"{run['lr']:g}" + (" (not tuned)" if tuned and f"{run['cell']}:{run['init']}" not in tuned else "")


def escaped(text: str) -> str:
    """One line of Markdown that shows the text as it stands, in a table too; what is inert stays as it is."""
    return ACTIVE.sub(lambda found: INERT.get(found[0], f"\\{found[0]}"), text)
