"""Errors that a person caused and a person can mend: one line, what is wrong and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(ValueError):
    """What was asked for is impossible or misspelt; the command prints the message and exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that no registry has, with the nearest match and the whole list."""
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return UsageError(f"unknown {kind} '{name}': {hint}known are {', '.join(names)}")
