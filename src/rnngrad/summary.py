"""From stored rows to the lines of a table. No torch: rows in, numbers and text out."""

import json
from collections.abc import Container, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from math import isinf, isnan, log
from typing import Any

import numpy as np

from .stats import Times, censored_median, kaplan_meier, wilson
from .store import Row

REGULARISER = ("omega", "omega_form")
"""The keys of a card's training that say how it was regularised; older runs have none."""
SHORT = {"max_steps": "budget"}
"""What keys of a card are called in titles."""


@dataclass(frozen=True)
class Line:
    """The runs of one cell, init, width and rate: one line of a table, one panel of a figure."""

    label: str
    runs: list[Row]

    @property
    def times(self) -> Times:
        """Steps to solve. What ended unsolved counts as watched for all of its budget, also where it diverged or failed
        before: it would not have solved it later. What has not ended was watched for as long as it ran.
        """
        unsolved = [r for r in self.runs if r["steps_to_solve"] is None]
        watched = [r["card"]["training"]["max_steps"] if ended(r) else r["steps"] for r in unsolved]
        return Times([r["steps_to_solve"] for r in self.runs if r["steps_to_solve"] is not None], watched)

    def summary(self) -> dict[str, Any]:
        """Counts with their interval, and medians over seeds; every unsolved run is censored, none is dropped.

        ``n`` counts the runs that came to their end, by which ``solved`` is to be divided; ``unfinished`` ones are
        beside them, but in the medians. Steps to solve are those of Kaplan and Meier.
        Gradients are natural logs of first over last. ``horizon`` is None where the median never falls under 1 %.
        """
        first, runs, times = self.runs[0], self.runs, self.times
        trials = [r for r in runs if ended(r)]
        solved = sum(bool(r["solved"]) for r in trials)
        low, high = wilson(solved, len(trials))
        steps = kaplan_meier(times).median
        horizon = censored_median([r["horizon"] for r in runs if r["grad_first_over_last_end"] is not None] or [None])
        tested = [r["held"] for r in runs if r["held"] is not None]
        after = [r["grad_first_over_last_end"] for r in runs if r["grad_first_over_last_end"] is not None]
        return {
            "task": first["task"],
            "protocol": first["protocol"],
            "lag": first["lag"],
            "cell": first["cell"],
            "init": first["init"],
            "hidden": first["hidden"],
            "parameters": first["parameters"],
            "lr": first["lr"],
            "n": len(trials),
            "solved": solved,
            "solved_low": low,
            "solved_high": high,
            "held": sum(tested),
            "tested_again": len(tested),
            "diverged": sum(r["status"] == "diverged" for r in runs),
            "failed": sum(r["status"] == "failed" for r in runs),
            "unfinished": len(runs) - len(trials),
            "steps_to_solve": steps.value,
            "steps_to_solve_low": steps.low,
            "steps_to_solve_high": steps.high,
            "steps_to_solve_min": min(times.events, default=None),
            "steps_to_solve_max": None if times.censored else max(times.events),
            "censored_at": max(times.censored, default=None),
            "test_loss": _median([r["test_loss"] for r in runs]),
            "scores": {name: _median([r["scores"].get(name) for r in runs]) for name in first["scores"]},
            "baselines": first["baselines"],
            "grad_first_over_last_init": _median([r["grad_first_over_last_init"] for r in runs]),
            "grad_first_over_last_end": _median(after),
            "grad_first_over_last_end_min": min(after, default=None),
            "grad_first_over_last_end_max": max(after, default=None),
            "horizon": None if isinf(horizon) else horizon,
            "seconds": max(r["seconds"] for r in runs),
        }


@dataclass(frozen=True)
class Comparison:
    """Runs that differ in cell, init, width, rate and seed alone; ``name`` is unique and fit for a file name.

    ``apart``: the end of the title, which tells it from others of the same problem.
    """

    name: str
    title: str
    lines: list[Line]
    apart: str


def comparisons(runs: Sequence[Row], only: Container[int] | None = None) -> list[Comparison]:
    """The stored runs, or those of some ids alone, grouped by everything that has to be equal for a fair comparison.

    Where a run was repeated, the newest finished one counts, else the newest. Names are unique among all the runs.
    """
    groups: dict[tuple[int, str], list[Row]] = {}
    kinds: dict[str, tuple[str, Row]] = {}
    for run in runs:
        own = only is None or run["id"] in only
        with nullcontext() if own else suppress(LookupError, TypeError, AttributeError):  # others' rows may be damaged
            same = conditions(run)
            if same not in kinds:
                kinds[same] = f"{run['card']['task']['title']} ({run['protocol']})", _settings(same)
            groups.setdefault((run["lag"], same), []).append(run)
    names = unique([(f"{stem(group[0])}-lag{lag}", same) for (lag, same), group in groups.items()])
    result = []
    for name, ((lag, same), group) in zip(names, groups.items(), strict=True):
        group = [run for run in group if only is None or run["id"] in only]
        if not group:
            continue
        first, (kind, settings) = group[0], kinds[same]
        apart = in_title(first) + _differences(settings, [others for other, others in kinds.values() if other == kind])
        title = f"{first['card']['task']['title']}, lag {lag} ({first['protocol']}){apart}"
        result.append(Comparison(name, title, _lines(_newest(group)), apart))
    return result


def unique(names: Sequence[tuple[str, str]]) -> list[str]:
    """The names, each with what it stands for; equal ones are told apart by a few digits of that one's hash."""
    plain = [name for name, _ in names]
    digests = [sha256(content.encode()).hexdigest()[:6] for _, content in names]
    return [n if plain.count(n) == 1 else f"{n}-{digest}" for n, digest in zip(plain, digests, strict=True)]


def in_title(run: Row) -> str:
    """Of a title: the regulariser."""
    added = regulariser(run)
    return f", Ω {added['omega']:g} ({added['omega_form']})" if added else ""


def _differences(own: Row, others: Sequence[Row]) -> str:
    """Of a title: the settings in which some others are different."""
    apart = [name for name, value in own.items() if any(other.get(name) != value for other in others)]
    return "".join(f", {SHORT.get(name, name)} {_plainly(own[name])}" for name in apart)


def _settings(same: str) -> Row:
    """Those of :func:`conditions`, by what a title calls them; Ω apart."""
    task, problem, _, training, stop = json.loads(same)
    own = {name: value for name, value in training.items() if name not in REGULARISER}
    return {"task": task, "problem": problem, **own, **{f"stop.{name}": value for name, value in stop.items()}}


def _plainly(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def stem(run: Row) -> str:
    """Task and protocol, fit for a file name."""
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in run["task"])
    return f"{safe}-{run['protocol']}"


def conditions(run: Row) -> str:
    """Everything but the lag, the cell and its rate, as one text."""
    training = {k: v for k, v in run["card"]["training"].items() if k not in ("lr", "lr_grid", "tuned", *REGULARISER)}
    training |= regulariser(run)
    same = [run["task"], run["problem"], run["protocol"], training, run["card"]["stop"]]
    return json.dumps(same, sort_keys=True)


def regulariser(run: Row) -> Row:
    """The strength and form of the regulariser that a run was trained with; empty if there was none."""
    training = run["card"]["training"]
    return {key: training[key] for key in REGULARISER} if training.get("omega") else {}


def _newest(runs: list[Row]) -> list[Row]:
    newest: dict[tuple[Any, ...], Row] = {}
    for run in runs:
        key = tuple(run[name] for name in ("cell", "init", "hidden", "lr", "seed"))
        known = newest.get(key)
        if known is None or ended(run) or not ended(known):
            newest[key] = run
    return list(newest.values())


def newest_experiments(experiments: Sequence[Row]) -> dict[str, Row]:
    """The newest finished experiment of each name and settings, by a name that is unique and fit for a file."""
    newest: dict[tuple[str, str], Row] = {}
    for row in experiments:
        if row["status"] == "finished":
            newest[row["name"], json.dumps(row["settings"], sort_keys=True)] = row
    return dict(zip(unique(list(newest)), newest.values(), strict=True))


def ended(run: Row) -> bool:
    """Whether the run came to its own end, good or bad; others may yet go on."""
    return run["status"] not in ("running", "interrupted")


def _lines(runs: list[Row]) -> list[Line]:
    lines: dict[tuple[Any, ...], list[Row]] = {}
    for run in runs:
        lines.setdefault((run["cell"], run["init"], run["hidden"], run["lr"]), []).append(run)
    return [Line(label(key, list(lines)), sorted(group, key=lambda r: r["seed"])) for key, group in lines.items()]


def label(key: tuple[Any, ...], keys: Sequence[tuple[Any, ...]]) -> str:
    """Cell and init, and what else is needed to tell the line from its neighbours.

    key, keys: cell, init, hidden and lr of this line, and of all.
    """
    cell, init, hidden, lr = key
    text = cell if init == "default" else f"{cell}:{init}"
    twins = [other for other in keys if other[:2] == key[:2]]
    if len({other[2] for other in twins}) > 1:
        text += f" H={hidden}"
    if len({other[3] for other in twins}) > 1:
        text += f" lr={lr:g}"
    return text


def medians(measures: Sequence[Row]) -> Row:
    """The median over seeds of each measure; null where no seed has a number."""
    names = dict.fromkeys(name for row in measures for name in row)
    numbers = {name: [float(row[name]) for row in measures if row.get(name) is not None] for name in names}
    return {name: _median(values) for name, values in numbers.items()}


def _median(values: Sequence[float | None]) -> float | None:
    """The median of what is there; a value is missing where a run diverged, which the table counts apart."""
    present = [v for v in values if v is not None]
    return float(np.median(present)) if present else None


def power_of_ten(log_value: float | None) -> str:
    """A natural log as a power of ten."""
    if log_value is None or isnan(log_value):
        return "–"
    return "0" if isinf(log_value) else f"10^{log_value / log(10):.1f}"


def rate(row: Row) -> str:
    """Solved of those that ended, with the interval; a dash where none has."""
    if not row["n"]:
        return "–"
    return f"{row['solved']}/{row['n']} [{row['solved_low']:.2f}, {row['solved_high']:.2f}]"


def count(value: float | None, censored_at: int | None) -> str:
    """A number of steps, or that it lies beyond what was observed."""
    return f"> {censored_at:,}" if value is None else f"{value:,.0f}"
