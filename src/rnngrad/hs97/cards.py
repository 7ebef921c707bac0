"""Cards of the paper's experiments: problem, net, learning and criterion, what was published, and what may be read
in another way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import UsageError, unknown
from ..schema import build, build_all, known_keys, tables_of
from .criteria import CRITERIA
from .machine import Reading
from .nets import Net
from .options import Tables, changed, owners
from .problems import PROBLEMS97
from .readings import COMMON, TEXT, NamedReading
from .setup import Setup, Training

METRICS = (
    "sequences",
    "solved_percent",
    "least",
    "most",
    "test_wrong",
    "test_wrong_fraction",
    "test_error",
    "failures",
)
"""What a published number is: sequences until a milestone (mean, least, most), trials solved, tests, failed trials."""


@dataclass(frozen=True)
class Experiment:
    """What the card is about. ``trials``: the paper's number per setting; ``reading``: of the card as it stands."""

    name: str = field(metadata={"pattern": r"\w[\w.-]{0,19}"})
    title: str = field(metadata={"pattern": ".+"})
    paper: str = field(metadata={"pattern": ".+"})
    claim: str = field(metadata={"pattern": ".+"})
    trials: int = field(metadata={"least": 1})
    reading: str = field(default=TEXT, metadata={"choices": (TEXT,)})


@dataclass(frozen=True)
class Setting:
    """One row of the paper's tables: the options in which it differs from the card, and its number of weights."""

    name: str = field(metadata={"pattern": r"\w[\w.-]{0,29}"})
    weights: int = field(metadata={"least": 1})
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A number that the paper prints, and where. Without a setting it is ``method``'s, which is not re-run here.

    ``printed_as``: the statistic that the paper calls it where that is in doubt.
    """

    metric: str = field(metadata={"choices": METRICS})
    value: float
    source: str = field(metadata={"pattern": ".+"})
    setting: str = ""
    method: str = "LSTM"
    milestone: str = "solved"
    bound: str = field(default="", metadata={"choices": ("", "<", ">")})
    printed_as: str = field(default="", metadata={"choices": ("", "mean squared error")})
    note: str = ""


@dataclass(frozen=True)
class Modern:
    """A row that the paper does not have: a cell of today, trained on the same problem as the task card has it.

    ``cell`` is NAME or NAME:INIT; all but protocol and lag is the task card's, and so is what counts as solved, but
    for ``stop_value``, the value of its rule where the protocol scales the targets in another way.
    """

    name: str = field(metadata={"pattern": r"modern-[\w.-]{1,30}"})
    task: str
    protocol: str
    lag: int = field(metadata={"least": 1})
    cell: str
    stop_value: float | None = field(default=None, metadata={"above": 0})


@dataclass(frozen=True)
class Card97:
    """A card, checked. ``tables``: [problem], [net], [machine], [training] and [criterion] as they stand in it."""

    experiment: Experiment
    tables: Tables
    settings: tuple[Setting, ...]
    published: tuple[Published, ...]
    own_readings: tuple[NamedReading, ...]
    modern: tuple[Modern, ...] = ()

    @property
    def readings(self) -> dict[str, NamedReading]:
        """The alternatives to the text's reading that the card names, and those that every card has."""
        return {reading.name: reading for reading in (*COMMON, *self.own_readings)}

    def classes(self) -> dict[str, type]:
        """The class of each table. Raises UsageError for a problem or criterion that there is not."""
        return {
            "problem": _kind("problem", self.tables, PROBLEMS97),
            "net": Net,
            "machine": Reading,
            "training": Training,
            "criterion": _kind("criterion", self.tables, CRITERIA),
        }

    def setting(self, name: str) -> Setting:
        """Raises UsageError if the paper has none of that name."""
        settings = {setting.name: setting for setting in self.settings}
        if name not in settings:
            known = (*settings, *(row.name for row in self.modern))
            raise unknown(f"setting of experiment {self.experiment.name}", name, known)
        return settings[name]

    def reading(self, names: str) -> tuple[NamedReading, ...]:
        """The readings that are joined by + in ``names``, none for the text's. Raises UsageError for unknown ones."""
        chosen = [] if names == TEXT else names.split("+")
        for name in chosen:
            if name == TEXT:
                raise UsageError(f"reading '{names}': '{TEXT}' stands alone, and other readings differ from it")
            if name not in self.readings:
                raise unknown(f"reading of experiment {self.experiment.name}", name, (TEXT, *self.readings))
        return tuple(self.readings[name] for name in chosen)

    def contradicts(self, setup: Setup) -> bool:
        """Does its reading go against the text, or an option beside it that no reading of what is left open sets?

        A cap does not: after how many sequences we stop is ours to say.
        """
        filled = [one.set.items() for one in self.readings.values() if not one.contradicts]
        text, owner = self.resolve(setup.setting), owners(self.classes())
        own = {key: value for key, value in setup.options.items() if getattr(getattr(text, owner[key]), key) != value}
        by_hand = [key for key, value in own.items() if not any((key, value) in one for one in filled)]
        return any(one.contradicts for one in self.reading(setup.reading)) or bool({*by_hand} - {"cap"})

    def expected_steps(self, setting: str) -> float:
        """Time steps of a trial that takes as many sequences as the paper's did on average, or the bound it gives."""
        published = [p.value for p in self.published if p.setting == setting and p.metric == "sequences"]
        return max(published) * self.resolve(setting).problem.mean_steps

    def resolve(self, setting: str, reading: str = TEXT, options: Mapping[str, Any] | None = None) -> Setup:
        """What a trial of that setting is, under the reading (or several, joined by +), with the options over both.

        Raises UsageError for unknown names, and for values that are impossible or do not fit each other.
        """
        given = dict(options or {})
        classes, tables = self.classes(), self.tables
        for change in (self.setting(setting).set, *(one.set for one in self.reading(reading)), given):
            tables = changed(tables, classes, change)
        where = f"hs97/{self.experiment.name}, setting '{setting}'"
        built: dict[str, Any] = {
            name: build(cls, _plain(tables, name), f"{where}, [{name}]") for name, cls in classes.items()
        }
        setup = Setup(self.experiment.name, setting, reading, given, **built)
        try:
            setup.check()
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
        return setup

    def check(self) -> None:
        """Does every setting resolve, with its published number of weights, and every reading fit some setting?"""
        if not self.settings:
            raise UsageError("no [[setting]] table; a card needs at least one")
        for setting in self.settings:
            setup = self.resolve(setting.name)
            if setup.topology().count != setting.weights:
                raise UsageError(
                    f"setting '{setting.name}': its net has {setup.topology().count} weights, not {setting.weights}"
                )
            self._check_milestones(setting.name, setup)
        names = [setting.name for setting in self.settings] + [row.name for row in self.modern]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"setting '{twice[0]}' stands in it twice")
        for reading in self.readings:
            self.fitting(reading)
        for row in self.published:
            if row.setting:
                self.setting(row.setting)

    def fitting(self, reading: str) -> tuple[str, ...]:
        """The settings that can be read so (BPTT has no update per step). Raises UsageError if there is none."""
        fitting, refusal = [], UsageError("")
        for setting in self.settings:
            try:
                self.resolve(setting.name, reading)
                fitting.append(setting.name)
            except UsageError as error:
                refusal = error
        if not fitting:
            raise refusal
        return tuple(fitting)

    def _check_milestones(self, setting: str, setup: Setup) -> None:
        for row in self.published:
            if row.setting == setting and row.milestone not in setup.criterion.milestones:
                raise UsageError(
                    unknown(f"milestone of setting '{setting}'", row.milestone, setup.criterion.milestones)
                )


def _kind(table: str, tables: Tables, known: Mapping[str, type]) -> type:
    kind = str(tables[table].get("kind"))
    if kind not in known:
        raise unknown(f"kind of [{table}]", kind, known)
    return known[kind]


def _plain(tables: Tables, name: str) -> dict[str, Any]:
    return {key: value for key, value in tables.get(name, {}).items() if key != "kind"}


def shipped() -> dict[str, Path]:
    """The paper's experiments, by name."""
    folder = Path(str(resources.files("rnngrad") / "tasks" / "hs97"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str) -> Card97:
    """The card of an experiment by its name, such as 4 or hs97/4, or by the path of a file that ends in .toml.

    Raises UsageError that names the key, the file and what was expected.
    """
    if name.endswith(".toml"):
        return read(Path(name))
    short = name.removeprefix("hs97/")
    if short not in shipped():
        raise unknown("experiment of hs97", short, shipped())
    return read(shipped()[short])


TABLES = ("problem", "net", "machine", "training", "criterion")


def read(path: Path) -> Card97:
    """Read and check one card."""
    tables = tables_of(path)
    known_keys(tables, ("experiment", *TABLES, "setting", "published", "reading", "modern"), f"{path}")
    for name in TABLES:
        if not isinstance(tables.get(name, {}), dict) or (name in ("problem", "criterion") and name not in tables):
            raise UsageError(f"{path}, [{name}]: expected a table")
    card = Card97(
        experiment=build(Experiment, tables.get("experiment"), f"{path}, [experiment]"),
        tables={name: tables.get(name, {}) for name in TABLES},
        settings=build_all(Setting, tables.get("setting"), f"{path}, [[setting]]"),
        published=build_all(Published, tables.get("published", []), f"{path}, [[published]]"),
        own_readings=build_all(NamedReading, tables.get("reading", []), f"{path}, [[reading]]"),
        modern=build_all(Modern, tables.get("modern", []), f"{path}, [[modern]]"),
    )
    try:
        card.check()
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return card
