"""How the runs ended: counted, failures and unfinished ones too, and one by one where they are few."""

from collections import Counter
from collections.abc import Sequence

from ..store import Row
from ..summary import Comparison, Line, count, ended, power_of_ten
from .section import Section

STATUSES = ("finished", "diverged", "failed", "interrupted", "running")
SINGLE = 300
"""Runs that a page lists one by one, at most."""
COLUMNS = (
    *("problem", "cell", "lr", "seed", "status", "updates", "solved", "steps to solve", "test loss"),
    *("first/last gradient, before", "first/last gradient, after", "horizon after (1 %)", "seconds"),
)


def sections(found: Sequence[Comparison]) -> list[Section]:
    """How many runs ended how, and each run, or where to find them; nothing where there are none."""
    lines = [(comparison, line) for comparison in found for line in comparison.lines]
    return [_counted(lines), _single(lines)] if lines else []


def _counted(lines: Sequence[tuple[Comparison, Line]]) -> Section:
    headings = ["problem", "cell", "runs", *STATUSES, "solved"]
    rows = [[comparison.title, line.label, *_counts(line.runs)] for comparison, line in lines]
    total = Counter(run["status"] for _, line in lines for run in line.runs)
    failures = dict.fromkeys(run["reason"] for _, line in lines for run in line.runs if run.get("reason"))
    said = ", ".join(f"{total[status]:,} {status}" for status in STATUSES if total[status])
    reasons = [f"A run failed: {reason}" for reason in list(failures)[:10]]
    unsolved = "A run that diverged or failed counts as unsolved; none is left out."
    caption = f"{total.total():,} runs: {said}. {unsolved}{_unfinished(total)}"
    return Section("How the runs ended", [headings, *rows], caption, reasons)


def _unfinished(total: Counter[str]) -> str:
    text = ""
    if total["interrupted"] or total["running"]:
        text += " One that is running or interrupted has not ended, and is no part of the rates."
    if total["interrupted"]:
        text += " What is interrupted goes on from its last checkpoint when its command is repeated."
    return text


def _counts(runs: Sequence[Row]) -> list[str]:
    ends = Counter(run["status"] for run in runs)
    return [f"{len(runs):,}", *(f"{ends[status]:,}" for status in STATUSES), f"{sum(r['solved'] for r in runs):,}"]


def _single(lines: Sequence[tuple[Comparison, Line]]) -> Section:
    runs = sum(len(line.runs) for _, line in lines)
    if runs > SINGLE:
        said = f"{runs:,} runs are too many to list here: the command rnngrad runs lists, filters and exports them."
        return Section("Every run", sentences=[said])
    rows = [[c.title, line.label, *_run(run)] for c, line in lines for run in line.runs]
    return Section("Every run", [COLUMNS, *rows], folded=True)


def _run(run: Row) -> list[str]:
    return [
        f"{run['lr']:g}",
        f"{run['seed']}",
        run["status"],
        f"{run['steps']:,}",
        "yes" if run["solved"] else "no" if ended(run) else "not yet",
        "–" if run["steps_to_solve"] is None else f"{run['steps_to_solve']:,}",
        "–" if run["test_loss"] is None else f"{run['test_loss']:.3g}",
        power_of_ten(run["grad_first_over_last_init"]),
        power_of_ten(run["grad_first_over_last_end"]),
        "–" if run["grad_first_over_last_end"] is None else count(run["horizon"], run["length"] - 1),
        f"{run['seconds']:.0f}",
    ]
