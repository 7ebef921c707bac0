"""From TOML tables to frozen dataclasses: every key known, of its field's type and in the bounds of its metadata.

Bounds: ``choices``, ``pattern`` (a regular expression), ``least``, ``above``; of a list or table they hold per item.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import UsageError, unknown

T = TypeVar("T")
LONGEST = 300
LARGEST = 1e9
"""No number of a card is larger: what is, is a slip of the keyboard."""


def tables_of(path: Path) -> dict[str, Any]:
    """The tables of a card's file. Raises UsageError if it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the card {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of numbers too long, of brackets too deep
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def known_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raises UsageError for the first key that is not known."""
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', key, known)}")


def build_all(cls: type[T], tables: Any, where: str) -> tuple[T, ...]:
    """A dataclass for each table of a TOML array of tables."""
    if not isinstance(tables, list):
        raise UsageError(f"{where}: expected at least one [[…]] table, got {tables!r}")
    return tuple(build(cls, table, f"{where} {k}") for k, table in enumerate(tables, 1))


def build(cls: type[T], table: Any, where: str) -> T:
    """The dataclass from a TOML table, every key known, of the right type and in its bounds."""
    if not isinstance(table, dict):
        raise UsageError(f"{where}: expected a table, got {'nothing' if table is None else repr(table)}")
    specs = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    known_keys(table, tuple(specs), where)
    hints = get_type_hints(cls)
    for key, spec in specs.items():
        if key not in table and spec.default is MISSING and spec.default_factory is MISSING:
            raise UsageError(f"{where}: key '{key}' is missing")
    try:
        values = {key: typed(hints[key], value, f"{where}, '{key}'") for key, value in table.items()}
        for key, value in values.items():
            check_bounds(specs[key].metadata, value, f"{where}, '{key}'")
        return cls(**values)
    except UsageError as error:
        raise UsageError(str(error) if str(error).startswith(where) else f"{where}: {error}") from None


def each_once(values: Sequence[T], where: str) -> Sequence[T]:
    """The values. Raises UsageError for the first that is there again."""
    again = next((value for k, value in enumerate(values) if value in values[:k]), None)
    if again is not None:
        raise UsageError(f"{where}: {again} is there more than once: give each once")
    return values


def typed(hint: Any, value: Any, where: str) -> Any:
    """The value as the field's type has it; an integer is a number, a boolean is not. A type X | None asks for X."""
    if get_origin(hint) is UnionType:
        hint = next(kind for kind in get_args(hint) if kind is not NoneType)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where}: expected a list, got {value!r}")
        return tuple(typed(get_args(hint)[0], item, where) for item in value)
    if get_origin(hint) is Mapping:
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        return {key: typed(get_args(hint)[1], item, f"{where}, '{key}'") for key, item in value.items()}
    return value if hint is Any else _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    """A text of one line, a number of sensible size, or a boolean."""
    if hint is str and isinstance(value, str) and not (value.isprintable() and len(value) <= LONGEST):
        raise UsageError(f"{where}: expected a text of one line and at most {LONGEST} characters, got {value!r:.60}")
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    accepted = (int, float) if hint is float else (hint,)
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, accepted):
        raise UsageError(f"{where}: expected {names[hint]}, got {value!r}")
    if hint is not str and not abs(value) <= LARGEST:
        raise UsageError(f"{where}: expected a number within ±{LARGEST:,.0f}, got {str(value)[:20]}")
    return hint(value)


def check_bounds(bounds: Mapping[str, Any], value: Any, where: str) -> None:
    """Raises UsageError if the value, or one of those that it holds, is outside what the field's metadata allows."""
    if isinstance(value, tuple | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            check_bounds(bounds, item, where)
        return
    if "choices" in bounds and value not in bounds["choices"]:
        raise UsageError(f"{where}: {unknown('value', str(value), map(str, bounds['choices']))}")
    if "pattern" in bounds and not re.fullmatch(bounds["pattern"], value):
        raise UsageError(f"{where}: expected a text like {bounds['pattern']!r}, got {value!r}")
    if "least" in bounds and value < bounds["least"]:
        raise UsageError(f"{where}: expected at least {bounds['least']}, got {value!r}")
    if "above" in bounds and value <= bounds["above"]:
        raise UsageError(f"{where}: expected more than {bounds['above']}, got {value!r}")
