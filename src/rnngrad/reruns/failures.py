"""Where trials fail: what the nets of those that their cap left unsolved get wrong, by kinds of sequences."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..store import Row
from .rows import TEXT, Rerun

SHOWN = 4
"""Kinds that a sentence names, at most, of those that one thing tells apart."""


def where_wrong(rerun: Rerun) -> list[Row]:
    """A row for each set of sequences, with empty ``way`` and ``kind``, and for each kind of them: ``wrong``, ``all``.

    Both are sums over the unsolved ``trials`` that were looked at; older ones were not.
    """
    counted = [run["scores"]["wrong"] for run in rerun.runs if "wrong" in run["scores"]]
    about = {"experiment": rerun.experiment, "setting": rerun.card["setting"], "reading": rerun.reading}
    sums: dict[tuple[str, str, str], list[int]] = {}
    for trial in counted:
        for place, (wrong, total) in _counts(trial).items():
            own = sums.setdefault(place, [0, 0])
            own[0], own[1] = own[0] + wrong, own[1] + total
    names = ("set", "way", "kind", "wrong", "all")
    return [
        {**about, "trials": len(counted), **dict(zip(names, (*place, *own), strict=True))}
        for place, own in sums.items()
    ]


def failures(settings: Sequence[Rerun]) -> list[str]:
    """A sentence for each setting that has unsolved trials which were looked at."""
    return [_sentence(rows) for rows in map(where_wrong, settings) if rows]


def _counts(trial: Mapping[str, Any]) -> dict[tuple[str, str, str], Sequence[int]]:
    counts: dict[tuple[str, str, str], Sequence[int]] = {}
    for name, own in trial.items():
        counts[name, "", ""] = (own["wrong"], own["sequences"])
        counts |= {(name, way, kind): n for way, kinds in own["kinds"].items() for kind, n in kinds.items()}
    return counts


def _sentence(rows: Sequence[Row]) -> str:
    first = rows[0]
    name = first["setting"] + ("" if first["reading"] == TEXT else f", {first['reading']}")
    trials = f"{first['trials']} unsolved trial" + ("s" if first["trials"] > 1 else "")
    totals = [row for row in rows if not row["way"]]
    wrong = ", ".join(f"{_of(row)} {row['set']}" for row in totals)
    said = f"{name}: wrong at the end of {trials}: {wrong} sequences"
    ways = dict.fromkeys(row["way"] for row in rows if row["way"]) if any(row["wrong"] for row in totals) else {}
    return "; ".join([said, *(f"by {way}: {_by(way, rows)}" for way in ways)]) + "."


def _by(way: str, rows: Sequence[Row]) -> str:
    """The kinds with the most mistakes, of all sets together."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        if row["way"] == way:
            own = sums.setdefault(row["kind"], [0, 0])
            own[0], own[1] = own[0] + row["wrong"], own[1] + row["all"]
    worst = sorted((own[0], own[1], kind) for kind, own in sums.items() if own[0])[::-1]
    said = [f"{wrong:,} of {total:,} {kind}" for wrong, total, kind in worst[:SHOWN]]
    return ", ".join([*said, *([f"{len(worst) - SHOWN} other kinds"] * (len(worst) > SHOWN))])


def _of(row: Row) -> str:
    return f"{row['wrong']:,} of {row['all']:,}"
