"""Stored trials, grouped by what they are trials of, with a row of results for each milestone of each setting."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean
from typing import Any

from ..stats import Times, kaplan_meier, mean_interval, prediction_interval
from ..store import Row
from ..summary import ended
from .modern import NOT_IN_PAPER, as_trial, criterion, in_paper
from .verdict import NOT_PRINTED, NOT_RUN, UNFINISHED, Published, verdict

TEXT = "text"
MEASURED = (
    *("mean", "low", "high", "predicted_low", "predicted_high", "median", "minimum", "maximum", "ratio"),
    *("test_wrong", "test_error", "test_squared_error", "ns_per_step", "seconds"),
)
"""What a row has no number for until there is a trial."""


@dataclass(frozen=True)
class Rerun:
    """The trials of one setting under one reading, in the order of their seeds."""

    runs: list[Row]

    @property
    def card(self) -> Row:
        """What they are trials of."""
        card: Row = self.runs[0]["card"]
        return card

    @property
    def experiment(self) -> str:
        """The paper's name for it."""
        return str(self.card["experiment"]["name"])

    @property
    def reading(self) -> str:
        """The name of the reading, and the options that were set beside it."""
        return label(self.card["reading"], self.card["options"])

    @property
    def milestones(self) -> list[str]:
        """What a trial passes on its way; at the last one it is solved."""
        return list(self.card["milestones"])

    def times(self, milestone: str) -> Times:
        """Sequences until the milestone; what ended without it was watched until its cap, diverged or not."""
        cap = self.card["training"]["cap"]
        reached = [run["scores"].get("reached", {}).get(milestone) for run in self.runs]
        watched = [cap if ended(run) else run["steps"] for run in self.runs]
        return Times(
            [count for count in reached if count is not None],
            [least for count, least in zip(reached, watched, strict=True) if count is None],
        )

    @property
    def seconds(self) -> float:
        """Of all trials; those of the modern engine train together and share theirs."""
        seconds = [float(run["seconds"]) for run in self.runs]
        return sum(seconds) if in_paper(self.card) else max(seconds)

    def rows(self) -> list[Row]:
        """A row of results for each milestone."""
        return [_result(self, milestone) for milestone in self.milestones]


def is_trial(run: Row) -> bool:
    """Is the stored run a trial of a paper's experiment, and not of a task card?"""
    return "experiment" in run["card"]


def label(reading: str, options: Row) -> str:
    """A reading in words."""
    return ", ".join([reading, *(f"{name}={json.dumps(value)}" for name, value in options.items())])


def reruns(runs: Iterable[Row]) -> list[Rerun]:
    """The trials among stored runs, by setting and reading, those of the paper first; of a seed that was repeated, the
    newest.
    """
    groups: dict[str, dict[int, Row]] = {}
    for run in map(as_trial, filter(is_trial, runs)):
        same = {name: value for name, value in run["card"].items() if name not in ("published", "why")}
        groups.setdefault(json.dumps(same, sort_keys=True), {})[run["seed"]] = run
    found = [Rerun([own[seed] for seed in sorted(own)]) for own in groups.values()]
    return sorted(found, key=lambda own: not in_paper(own.card))


def published_of(card: Row, milestone: str) -> Published:
    """What the paper prints. Where it counts no failure it has none."""
    trials = int(card["experiment"]["trials"])
    mean = printed(card, milestone, "sequences")
    percent = printed(card, milestone, "solved_percent")
    bounded = bool(mean and mean["bound"])
    solved = trials if percent is None else round(trials * percent["value"] / 100)
    return Published(trials, solved, None if mean is None or bounded else mean["value"])


def printed(card: Row, milestone: str, metric: str) -> Row | None:
    """The number that the paper prints for this, bounds only where there is no other."""
    found = [row for row in card["published"] if (row["metric"], row["milestone"]) == (metric, milestone)]
    return min(found, key=lambda row: bool(row["bound"]), default=None)


def not_run(card: Row, estimate: float | None) -> list[Row]:
    """Rows for a setting of which there is no trial, with the seconds that it would take."""
    return [
        {
            **_identity(card, milestone),
            **dict.fromkeys(MEASURED),
            "trials": 0,
            "solved": 0,
            "verdict": NOT_RUN,
            "estimated_seconds": estimate,
        }
        for milestone in card["milestones"]
    ]


def _identity(card: Row, milestone: str) -> Row:
    mean, known = printed(card, milestone, "sequences"), published_of(card, milestone)
    paper = in_paper(card)
    return {
        "experiment": card["experiment"]["name"],
        "setting": card["setting"],
        "milestone": milestone,
        "reading": label(card["reading"], card["options"]),
        "published": None if mean is None else mean["value"],
        "published_bound": "" if mean is None else mean["bound"],
        "published_solved": known.solved if paper else None,
        "published_trials": known.trials if paper else None,
        "in_paper": paper,
        "criterion": None if paper else criterion(card),
        **_published_tests(card, milestone),
    }


def _published_tests(card: Row, milestone: str) -> Row:
    """Wrong test sequences, as a number of those that our nets are tested on, and the printed error."""
    wrong, share = (printed(card, milestone, metric) for metric in ("test_wrong", "test_wrong_fraction"))
    count = wrong["value"] if wrong else share["value"] * card["criterion"]["final"] if share else None
    error = printed(card, milestone, "test_error")
    return {
        "published_wrong": count,
        "published_error": None if error is None else error["value"],
        "published_error_bound": "" if error is None else error["bound"],
    }


def _result(rerun: Rerun, milestone: str) -> Row:
    card, runs = rerun.card, [run for run in rerun.runs if ended(run)]
    times = Rerun(runs).times(milestone) if runs else Times([])
    identity, known = _identity(card, milestone), published_of(card, milestone)
    mean = fmean(times.events) if times.events else None
    low, high = (end if 0 < end < inf else None for end in mean_interval(times.events))
    ours = times.events if in_paper(card) else []  # which predict the paper's mean
    predicted = [end if 0 < end < inf else None for end in prediction_interval(ours, known.solved or 1)]
    return {
        **identity,
        "mean": mean,
        "low": low,
        "high": high,
        "predicted_low": predicted[0],
        "predicted_high": predicted[1],
        "median": kaplan_meier(times).median.value if runs else None,
        "minimum": min(times.events, default=None),
        "maximum": max(times.events, default=None),
        "cap": card["training"]["cap"],
        "solved": len(times.events),
        "trials": len(runs),
        "diverged": sum(run["status"] == "diverged" for run in runs),
        "unfinished": len(rerun.runs) - len(runs),
        "unfinished_after": _furthest(rerun),
        "ratio": mean / known.mean if mean is not None and known.mean else None,
        "verdict": _verdict(rerun, times, len(runs), known, milestone),
        "contradicts": bool(card["contradicts"]),
        **_tests(runs, milestone),
        "ns_per_step": _mean([run["scores"].get("ns_per_step") for run in runs]),
        "seconds": rerun.seconds,
    }


def _verdict(rerun: Rerun, times: Times, trials: int, known: Published, milestone: str) -> str:
    if not trials and _furthest(rerun):
        return UNFINISHED
    if trials and not in_paper(rerun.card):
        return NOT_IN_PAPER
    if not any(printed(rerun.card, milestone, metric) for metric in ("sequences", "solved_percent")):
        return NOT_PRINTED
    return verdict(times.events, trials, known, None if rerun.reading == TEXT else rerun.reading)


def _furthest(rerun: Rerun) -> int | None:
    """The most sequences that a trial has seen which is not at its end; None if there is none."""
    return max((run["steps"] for run in rerun.runs if not ended(run)), default=None)


def _tests(runs: Sequence[Row], milestone: str) -> Row:
    """Means over the trials that were tested at the milestone."""
    tests = [run["scores"]["tests"][milestone] for run in runs if milestone in run["scores"].get("tests", {})]
    names = {"test_wrong": "wrong", "test_error": "mean_absolute", "test_squared_error": "mean_squared"}
    return {name: _mean([test[own] for test in tests]) for name, own in names.items()}


def _mean(values: Sequence[Any]) -> float | None:
    present = [value for value in values if value is not None]
    return fmean(present) if present else None
