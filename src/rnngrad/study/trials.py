"""What a rerun asks for: experiments of the paper, their settings, a reading."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UsageError
from ..hs97.cards import Card97, load, shipped
from ..hs97.readings import TEXT
from .modern import modern_setting
from .settings import Asked, PaperSetting

PAPER = "hs97"


def asked(names: Sequence[str], reading: str = TEXT, options: Mapping[str, Any] | None = None) -> list[Asked]:
    """The settings of all experiments that are named, the cheapest first; each once.

    A name is ``hs97`` (all), ``hs97/4`` (an experiment), ``hs97/4/T100`` (one of its settings), or the path of a card.
    Under a reading that does not fit all settings of an experiment, those that it fits; rows that the paper does not
    have are among them where neither a reading nor an option is asked for, since it applies to the paper alone.
    Raises UsageError for a name, reading or option that there is not.
    """
    found: dict[tuple[str, str], Asked] = {}
    for name in names:
        for card, settings in _named(name):
            for setting in settings or _fitting(card, reading, options):
                found[card.experiment.name, setting] = _asked(card, setting, reading, options)
    return sorted(found.values(), key=lambda one: one.work)


def _named(name: str) -> list[tuple[Card97, Sequence[str]]]:
    """Cards with the settings that were named; none for all."""
    if name == PAPER:
        return [(load(short), ()) for short in shipped()]
    if name.endswith(".toml"):
        return [(load(name), ())]
    experiment, _, setting = name.removeprefix(f"{PAPER}/").partition("/")
    return [(load(experiment), (setting,) if setting else ())]


def _fitting(card: Card97, reading: str, options: Mapping[str, Any] | None) -> list[str]:
    card.reading(reading)
    beside = [] if reading != TEXT or options else [row.name for row in card.modern]
    return [*card.fitting(reading), *beside]


def _asked(card: Card97, setting: str, reading: str, options: Mapping[str, Any] | None) -> Asked:
    rows = {row.name: row for row in card.modern}
    if setting not in rows:
        return PaperSetting(card, card.resolve(setting, reading, options))
    if reading != TEXT or options:
        name = f"{PAPER}/{card.experiment.name}/{setting}"
        raise UsageError(f"{name} is not in the paper: leave out '--reading' and '--set', which say how it is read")
    return modern_setting(card, rows[setting])
