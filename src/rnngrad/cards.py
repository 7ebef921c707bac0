"""Task cards: TOML files that say what is trained on what, until when, and what has been published about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from .cells import CELLS, initialise
from .cells.inits import canonical
from .errors import UsageError, unknown
from .flow import FORMS, Omega
from .problems import PROBLEMS, Problem
from .schema import build, build_all, check_bounds, known_keys, tables_of, typed
from .stopping import SCORES, StopRule
from .streams import generator
from .training import OPTIMIZERS

T = TypeVar("T")
KEYS = {"steps": "max_steps", "lags": "lag", "lrs": "lr"}
"""The keys of flags that have another name."""


@dataclass(frozen=True)
class Task:
    """What the card is about. ``claim`` is one sentence that its runs can support or refute."""

    name: str = field(metadata={"pattern": r"\w[\w.-]{0,59}"})
    title: str = field(metadata={"pattern": ".+"})
    paper: str = ""
    claim: str = ""


@dataclass(frozen=True)
class ProblemSpec:
    """Which generator, under which protocol, at which nominal length."""

    name: str = field(metadata={"choices": PROBLEMS})
    protocol: str
    lag: int = field(metadata={"least": 1})


@dataclass(frozen=True)
class Training:
    """How every cell is trained. ``tuned`` gives cells (NAME:INIT) their own rate from ``lr_grid``; others take lr.

    ``omega`` is the strength of Pascanu's regulariser in the form ``omega_form``; 0 for none.
    """

    lr: float = field(metadata={"above": 0})
    batch: int = field(metadata={"least": 1})
    clip: float = field(metadata={"above": 0})
    max_steps: int = field(metadata={"least": 1})
    eval_every: int = field(metadata={"least": 1})
    optimizer: str = field(default="adam", metadata={"choices": OPTIMIZERS})
    lr_grid: tuple[float, ...] = field(default=(), metadata={"above": 0})
    tuned: Mapping[str, float] = field(default_factory=dict, metadata={"above": 0})
    omega: float = field(default=0.0, metadata={"least": 0})
    omega_form: str = field(default="norms", metadata={"choices": FORMS})


@dataclass(frozen=True)
class CellSpec:
    """One line of the comparison: a cell, its initialisation and its hidden width."""

    name: str = field(metadata={"choices": CELLS})
    init: str = ""
    hidden: int = field(default=32, metadata={"least": 1})

    def __post_init__(self) -> None:
        if self.name not in CELLS:
            raise unknown("cell", self.name, CELLS)
        if not self.init:
            object.__setattr__(self, "init", CELLS[self.name].default_init)
        object.__setattr__(self, "init", canonical(self.init))

    @property
    def label(self) -> str:
        """NAME:INIT, as the command line takes it."""
        return f"{self.name}:{self.init}"

    @classmethod
    def parse(cls, text: str, hidden: int) -> "CellSpec":
        """From NAME or NAME:INIT. Raises UsageError for unknown names."""
        name, colon, init = text.partition(":")
        if colon and not init:
            raise UsageError(f"cell '{text}': an initialisation goes behind the colon; leave it out for the default")
        return cls(name, init, hidden)


@dataclass(frozen=True)
class Published:
    """A number that somebody printed, shown beside ours at its lag and protocol; its source must have been read."""

    cell: str
    protocol: str
    lag: int
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class Card:
    """A task card, checked."""

    task: Task
    problem: ProblemSpec
    training: Training
    stop: StopRule
    cells: tuple[CellSpec, ...]
    published: tuple[Published, ...] = ()

    def make_problem(self) -> Problem:
        """The card's generator. Raises UsageError for a protocol or lag that it does not have."""
        return PROBLEMS[self.problem.name](self.problem.protocol, self.problem.lag)

    def rate(self, cell: CellSpec) -> float:
        """The learning rate of a cell: its tuned one, else the card's."""
        tuned = {CellSpec.parse(label, cell.hidden).label: rate for label, rate in self.training.tuned.items()}
        return tuned.get(cell.label, self.training.lr)

    def regulariser(self) -> Omega | None:
        """What is added to the training loss, if anything."""
        return Omega(self.training.omega, self.training.omega_form) if self.training.omega else None

    def check(self) -> None:
        """What no single table can tell: do the parts fit each other? Raises UsageError if they do not."""
        problem = self.make_problem()
        score = SCORES[self.stop.rule]
        if score not in problem.score_names:
            fitting = [f"'{rule}'" for rule, read in SCORES.items() if read in problem.score_names]
            raise UsageError(
                f"stop rule '{self.stop.rule}' does not fit problem '{problem.name}': use {' or '.join(fitting)}"
            )
        if score != "loss" and self.stop.value > 1:
            raise UsageError(f"[stop], 'value': expected at most 1 for a share like {score}, got {self.stop.value!r}")
        if not self.cells:
            raise UsageError("no [[cell]] table; a card needs at least one cell")
        for spec in self.cells:
            initialise(spec.init, CELLS[spec.name], 1, 1, 1, problem.lag, generator(0, "init"))
        for label in self.training.tuned:
            CellSpec.parse(label, hidden=1)

    def as_dict(self) -> dict[str, Any]:
        """The resolved card, as it is stored with every run."""
        return asdict(self)


def shipped() -> dict[str, Path]:
    """The cards that come with rnngrad, by name."""
    folder = Path(str(resources.files("rnngrad") / "tasks"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str) -> Card:
    """A card by its name, or by the path of a user's own file (it ends in .toml).

    Raises UsageError that names the key, the file and what was expected.
    """
    if not name.endswith(".toml"):
        if name not in shipped():
            raise UsageError(f"{unknown('task', name, shipped())}; the path of a card of your own ends in .toml")
        return read(shipped()[name])
    return read(Path(name))


def read(path: Path) -> Card:
    """Read and check one card."""
    tables = tables_of(path)
    known_keys(tables, ("task", "problem", "training", "stop", "cell", "published"), f"{path}")
    card = Card(
        task=build(Task, tables.get("task"), f"{path}, [task]"),
        problem=build(ProblemSpec, tables.get("problem"), f"{path}, [problem]"),
        training=build(Training, tables.get("training"), f"{path}, [training]"),
        stop=build(StopRule, tables.get("stop"), f"{path}, [stop]"),
        cells=build_all(CellSpec, tables.get("cell"), f"{path}, [[cell]]"),
        published=build_all(Published, tables.get("published", []), f"{path}, [[published]]"),
    )
    try:
        card.check()
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return card


def override(table: T, **flags: Any) -> T:
    """The table with the command's flags in place of its own values where they are given, checked like a card's.

    A flag has its key's name, - for _, but for those of ``KEYS``. Raises UsageError that names it.
    """
    specs = {f.name: f for f in fields(table)}  # type: ignore[arg-type]
    hints = get_type_hints(type(table))
    given = {}
    for flag, value in flags.items():
        key = KEYS.get(flag, flag)
        if value is not None:
            where = f"'--{flag.replace('_', '-')}'"
            given[key] = typed(hints[key], value, where)
            check_bounds(specs[key].metadata, given[key], where)
    return replace(table, **given)  # type: ignore[type-var]
